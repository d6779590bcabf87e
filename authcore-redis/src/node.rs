//! The connection to a single node.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::aio::{ConnectionManager, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, ProtocolVersion, PushInfo, PushKind, RedisError,
    RedisResult, ServerErrorKind, Value,
};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error;

/// The first pause between two attempts to connect again; the next ones double up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// How old a connection must be before it is replaced because of what the server answers.
const PACE: Duration = Duration::from_millis(200);

/// A connection that is made again after it was lost.
#[derive(Clone)]
pub(crate) enum Node {
    /// The host's, by its own options.
    Host(ConnectionManager),
    Own(Arc<Reconnecting>),
}

impl Node {
    pub(crate) async fn answer(&self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Host(manager) => {
                manager.clone().send_packed_command(command).await.and_then(Value::extract_error)
            }
            Self::Own(own) => own.answer(command).await,
        }
    }
}

/// A connection that a task makes again in the background. While the attempts fail, calls fail at once.
pub(crate) struct Reconnecting {
    client: Client,
    connect_timeout: Duration,
    longest_pause: Duration,
    /// How many connections there were.
    count: AtomicU64,
    state: watch::Sender<State>,
}

enum State {
    Up(Up),
    Lost {
        /// Of the last attempt to connect again; none while the first one runs, for which calls wait.
        error: Option<RedisError>,
        /// Whether a task makes attempts. It ends with its runtime, and then a call on another one starts it
        /// again.
        is_attempted: bool,
    },
}

#[derive(Clone)]
struct Up {
    connection: MultiplexedConnection,
    /// Tells it from those before and after it.
    number: u64,
    made_at: Instant,
}

impl Reconnecting {
    /// Connects for the first time.
    pub(crate) async fn connect(
        client: Client,
        connect_timeout: Duration,
        longest_pause: Duration,
    ) -> RedisResult<Arc<Self>> {
        let (state, _) = watch::channel(State::Lost { error: None, is_attempted: false });
        let this = Arc::new(Self { client, connect_timeout, longest_pause, count: AtomicU64::new(0), state });
        let up = this.attempt().await?;
        this.state.send_replace(State::Up(up));
        Ok(this)
    }

    async fn answer(self: &Arc<Self>, command: &Cmd) -> RedisResult<Value> {
        let mut up = match self.current() {
            Some(Ok(up)) => up,
            Some(Err(error)) => {
                // A caller that tries again and again without a pause would keep the task that connects from
                // its turn.
                tokio::task::yield_now().await;
                return Err(error);
            }
            None => self.wait().await?,
        };
        let answer = up.connection.send_packed_command(command).await.and_then(Value::extract_error);
        if let Err(error) = &answer {
            self.look_at(error, &up);
        }
        answer
    }

    /// The connection, or why there is none; nothing if calls are to wait for one.
    fn current(&self) -> Option<RedisResult<Up>> {
        match &*self.state.borrow() {
            State::Up(up) => Some(Ok(up.clone())),
            State::Lost { error: Some(error), is_attempted: true } => Some(Err(error.clone())),
            State::Lost { .. } => None,
        }
    }

    /// Waits for the first attempt to connect again.
    #[cold]
    async fn wait(self: &Arc<Self>) -> RedisResult<Up> {
        let mut changes = self.state.subscribe();
        loop {
            if let Some(current) = self.current() {
                return current;
            }
            let is_first = self.state.send_if_modified(|state| match state {
                State::Lost { is_attempted: is_attempted @ false, .. } => {
                    *is_attempted = true;
                    true
                }
                _ => false,
            });
            if is_first {
                self.connect_again(Duration::ZERO);
            }
            if changes.changed().await.is_err() {
                return Err((ErrorKind::Io, "the connection was given up").into());
            }
        }
    }

    /// Replaces a connection that is of no more use.
    #[cold]
    fn look_at(self: &Arc<Self>, error: &RedisError, up: &Up) {
        if error.is_unrecoverable_error() || (wants_another(error) && up.made_at.elapsed() >= PACE) {
            self.lost(up.number, Some(error));
        }
    }

    /// Begins to connect again, unless that has been done since this connection.
    fn lost(self: &Arc<Self>, number: u64, because: Option<&RedisError>) {
        let mut pause = Duration::ZERO;
        let was_current = self.state.send_if_modified(|state| match state {
            State::Up(up) if up.number == number => {
                let error = if up.made_at.elapsed() < FIRST_PAUSE {
                    // A server, or what is before it, that takes connections and drops them is not to be
                    // asked all the time.
                    pause = self.first_pause();
                    because.cloned()
                } else {
                    None
                };
                *state = State::Lost { error, is_attempted: true };
                true
            }
            _ => false,
        });
        if was_current {
            self.connect_again(pause);
        }
    }

    fn connect_again(self: &Arc<Self>, mut pause: Duration) {
        let this = Arc::downgrade(self);
        let end = EndOfAttempts(Weak::clone(&this));
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            let _end = end;
            loop {
                tokio::time::sleep(pause).await;
                // Not while it sleeps, so that it ends with the store.
                let Some(this) = this.upgrade() else { return };
                match this.attempt().await {
                    Ok(up) => {
                        this.state.send_replace(State::Up(up));
                        return;
                    }
                    Err(error) => {
                        this.state.send_replace(State::Lost { error: Some(error), is_attempted: true });
                    }
                }
                let longer = if pause.is_zero() { this.first_pause() } else { pause * 2 };
                pause = shortened(longer.min(this.longest_pause));
            }
        });
    }
}

impl Reconnecting {
    async fn attempt(self: &Arc<Self>) -> RedisResult<Up> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let mut config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            // That of the call covers it, and the time that a new connection takes.
            .set_response_timeout(None);
        let protocol = self.client.get_connection_info().redis_settings().protocol();
        if protocol != ProtocolVersion::RESP2 {
            // So that a connection which the server has closed is made again before a call needs it.
            let this = Arc::downgrade(self);
            config = config.set_push_sender(move |push: PushInfo| {
                if push.kind == PushKind::Disconnection
                    && let Some(this) = this.upgrade()
                {
                    this.lost(number, None);
                }
                Ok::<_, redis::aio::SendError>(())
            });
        }
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Up { connection, number, made_at: Instant::now() })
    }

    fn first_pause(&self) -> Duration {
        FIRST_PAUSE.min(self.longest_pause)
    }
}

/// Tells calls when the attempts end, also with their runtime.
struct EndOfAttempts(Weak<Reconnecting>);

impl Drop for EndOfAttempts {
    fn drop(&mut self) {
        let Some(this) = self.0.upgrade() else { return };
        this.state.send_if_modified(|state| match state {
            State::Lost { is_attempted: is_attempted @ true, .. } => {
                *is_attempted = false;
                true
            }
            _ => false,
        });
    }
}

/// Half of it to all of it, so that the processes of an application do not all connect at the same moment.
fn shortened(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() as u32;
    pause.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// Whether the way to the server is what is wrong, or the server is no longer the one to ask.
fn wants_another(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::AuthenticationFailed
        | ErrorKind::Parse
        | ErrorKind::Client
        | ErrorKind::InvalidClientConfig
        | ErrorKind::UnexpectedReturnType
        | ErrorKind::RESP3NotSupported
        | ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown) => true,
        _ => matches!(error::code(error), Some("READONLY" | "NOAUTH" | "WRONGPASS")),
    }
}
