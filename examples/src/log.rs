//! The log of `authcore-axum` for a request. It contains the reason of a refusal, which the response does
//! not.

use std::error::Error;
use std::fmt::{Debug, Write as _};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// A tracing subscriber that passes each log line to `write`.
pub fn lines(write: impl Fn(String) + Send + Sync + 'static) -> Dispatch {
    Dispatch::new(Lines(write))
}

/// Returns the router with a layer that passes the log lines of its requests to `log`.
pub fn logging(router: Router, log: Dispatch) -> Router {
    router.layer(middleware::from_fn_with_state(log, answer))
}

async fn answer(State(log): State<Dispatch>, request: Request, next: Next) -> Response {
    next.run(request).with_subscriber(log).await
}

struct Lines<W>(W);

impl<W: Fn(String) + Send + Sync + 'static> Subscriber for Lines<W> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("authcore") && *metadata.level() <= Level::DEBUG
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        (self.0)(format!("{} {}{}", event.metadata().level(), line.message, line.fields));
    }

    // No spans are used.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, ", {name}: {value:?}"),
        };
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
