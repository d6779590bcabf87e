//! A page on which the three strategies can be tried side by side: real requests of a real browser, and what the server
//! did for each.
//!
//! | module | what it is |
//! | --- | --- |
//! | `apps` | the three applications: one guard and one protected route for each strategy |
//! | `counted` | a store that notes who called what |
//! | `log` | the lines that `authcore-axum` logs for a request |
//! | `envelope` | an answer together with what the server did for it |
//! | `held` | what the browser's request carried, with secrets shortened |
//! | `clients` | simulated clients: the second device and the thief |
//! | `lab` | the routes that only the page uses |
//! | `assets` | the page itself |
//!
//! The routes that the page tries are those of `authcore-axum`, unchanged. What is of the playground stands under
//! `/<strategy>/auth/lab`, where the refresh cookie goes too.

mod apps;
mod assets;
mod clients;
mod counted;
mod envelope;
mod held;
mod lab;
mod log;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use authcore::SystemClock;
use authcore::password::PasswordHasher;
use axum::{Router, middleware};
use tokio::net::TcpListener;

use self::apps::Strategy;
use crate::server::{listen, parse_port, port_or_default};
use crate::stores::{STORES, StoreChoice};

type Failure = Box<dyn Error + Send + Sync>;

/// Runs the playground until Ctrl-C.
pub async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("playground: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let Some(Options { port, store }) = Options::parse(std::env::args().skip(1))? else {
        println!("{}", help());
        return Ok(());
    };
    let listener = listen(port).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = router(&store).await?;
    println!("playground: listening on {url}, until Ctrl-C\n\nOpen that address in a browser.");
    tokio::select! {
        served = serve(listener, app) => served?,
        // Without a handler for it, Ctrl-C ends the process at once, which is fine too.
        _ = tokio::signal::ctrl_c() => println!("\nplayground: stopped"),
    }
    Ok(())
}

/// Serves it until the future is dropped.
///
/// # Errors
///
/// If the listener fails.
pub async fn serve(listener: TcpListener, app: Router) -> Result<(), Failure> {
    // With the addresses of the clients: the throttle of logins and the list of devices want them.
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}

/// The page and the three applications.
///
/// # Errors
///
/// If the store cannot be opened.
pub async fn router(store: &StoreChoice) -> Result<Router, Failure> {
    let hasher = PasswordHasher::builder().build()?;
    let mut router = assets::routes();
    for strategy in Strategy::ALL {
        let namespace = format!("authcore_playground_{}", strategy.name());
        let store = store.open(&namespace, SystemClock).await?;
        router = router.merge(apps::app(strategy, store, hasher.clone()).await?);
    }
    Ok(router.layer(middleware::from_fn(envelope::wrap)).layer(middleware::from_fn(assets::restrict)))
}

fn help() -> String {
    format!(
        "A page on which the three strategies of authcore can be tried with a browser.\n\n\
         Usage: cargo run -p authcore-examples --bin playground -- [options]\n\n  \
         --port <number>  the port on 127.0.0.1, 3000 unless AUTHCORE_PORT says otherwise; 0 takes a free one\n  \
         --store <store>  {STORES}\n  \
         --help           this text"
    )
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    port: u16,
    store: StoreChoice,
}

impl Options {
    /// `None` if help is asked for.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let (mut port, mut store) = (None, StoreChoice::default());
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_default();
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--port" => port = Some(parse_port("--port", &value())?),
                "--store" => store = StoreChoice::parse(&value())?,
                other => {
                    return Err(format!("unknown argument {other}; there are --port, --store and --help"));
                }
            }
        }
        Ok(Some(Self { port: port_or_default(port)?, store }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_command_line_has_a_port_and_a_store() {
        let expected = Options { port: 0, store: StoreChoice::Sqlite("a.db".to_owned()) };
        assert_eq!(parse("--port 0 --store sqlite:a.db"), Ok(Some(expected)));
        assert_eq!(parse("--port 1 --help"), Ok(None));
        for bad in ["--port", "--port x", "--store", "--store x", "--what"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
