//! The connection to a single node, which is made again when it is lost.

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

use crate::command::Access;
use crate::error;

/// The delay before the second attempt to reconnect. Later delays double, up to the configured maximum.
const FIRST_DELAY: Duration = Duration::from_millis(50);

/// The age from which a connection is replaced because of an error that the server answers.
const MIN_AGE: Duration = Duration::from_millis(200);

/// A connection to a single node.
#[derive(Clone)]
pub(crate) enum SingleNode {
    /// The application's connection, which reconnects by its own options.
    Managed(ConnectionManager),
    Reconnecting(Arc<Reconnecting>),
}

impl SingleNode {
    /// Sends a command once.
    pub(crate) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Managed(manager) => {
                manager.clone().send_packed_command(command).await.and_then(Value::extract_error)
            }
            Self::Reconnecting(connection) => connection.send(command).await,
        }
    }

    /// Sends a read once more if the connection was dropped: the server closes idle connections, and the next
    /// connection is on its way.
    pub(crate) async fn retry(
        &self,
        command: &Cmd,
        access: Access,
        outcome: RedisResult<Value>,
    ) -> RedisResult<Value> {
        match outcome {
            Err(error) if access == Access::Read && error.is_connection_dropped() => self.send(command).await,
            outcome => outcome,
        }
    }
}

/// A connection that a task makes again in the background. While its attempts fail, calls fail at once.
pub(crate) struct Reconnecting {
    client: Client,
    connect_timeout: Duration,
    max_delay: Duration,
    next_number: AtomicU64,
    state: watch::Sender<State>,
}

enum State {
    Connected(Established),
    /// The first attempt to reconnect is under way, and calls wait for it.
    Connecting,
    /// The last attempt to reconnect failed with this error, and so do calls. The attempts go on.
    Failing(RedisError),
    /// No task reconnects, because the runtime of the last one has ended. The next call starts one.
    Abandoned,
}

/// A connection, and what tells it from those before and after it.
#[derive(Clone)]
struct Established {
    connection: MultiplexedConnection,
    number: u64,
    made_at: Instant,
}

impl Reconnecting {
    /// Connects for the first time.
    pub(crate) async fn connect(
        client: Client,
        connect_timeout: Duration,
        max_delay: Duration,
    ) -> RedisResult<Arc<Self>> {
        let (state, _) = watch::channel(State::Abandoned);
        let next_number = AtomicU64::new(0);
        let this = Arc::new(Self { client, connect_timeout, max_delay, next_number, state });
        let established = this.attempt().await?;
        this.set_unless_connected(State::Connected(established));
        Ok(this)
    }

    async fn send(self: &Arc<Self>, command: &Cmd) -> RedisResult<Value> {
        let mut established = match self.current() {
            Some(Ok(established)) => established,
            Some(Err(error)) => {
                // A caller that retries in a loop without a pause would otherwise starve the task that
                // reconnects.
                tokio::task::yield_now().await;
                return Err(error);
            }
            None => self.wait().await?,
        };
        let sent = established.connection.send_packed_command(command).await;
        let answer = sent.and_then(Value::extract_error);
        if let Err(error) = &answer {
            self.replace_after(error, &established);
        }
        answer
    }

    /// Returns the connection or the reason why there is none, and `None` while calls have to wait for one.
    fn current(&self) -> Option<RedisResult<Established>> {
        match &*self.state.borrow() {
            State::Connected(established) => Some(Ok(established.clone())),
            State::Failing(error) => Some(Err(error.clone())),
            State::Connecting | State::Abandoned => None,
        }
    }

    /// Waits for the first attempt to reconnect, and starts it if no task does.
    #[cold]
    async fn wait(self: &Arc<Self>) -> RedisResult<Established> {
        let mut changes = self.state.subscribe();
        loop {
            if let Some(current) = self.current() {
                return current;
            }
            let was_abandoned = self.state.send_if_modified(|state| {
                let is_abandoned = matches!(state, State::Abandoned);
                if is_abandoned {
                    *state = State::Connecting;
                }
                is_abandoned
            });
            if was_abandoned {
                self.reconnect(Duration::ZERO);
            }
            if changes.changed().await.is_err() {
                return Err((ErrorKind::Io, "the store was dropped").into());
            }
        }
    }

    /// Replaces a connection after an error that says that it is of no more use.
    #[cold]
    fn replace_after(self: &Arc<Self>, error: &RedisError, established: &Established) {
        let is_old = || established.made_at.elapsed() >= MIN_AGE;
        if error.is_unrecoverable_error() || (needs_new_connection(error) && is_old()) {
            self.replace(established.number, Some(error));
        }
    }

    /// Starts to reconnect, unless that connection has been replaced before.
    fn replace(self: &Arc<Self>, number: u64, reason: Option<&RedisError>) {
        let mut delay = Duration::ZERO;
        let was_current = self.state.send_if_modified(|state| match state {
            State::Connected(established) if established.number == number => {
                let mut next = State::Connecting;
                // A server or a balancer that accepts connections and drops them is not to be flooded with
                // attempts.
                if established.made_at.elapsed() < FIRST_DELAY {
                    delay = self.first_delay();
                    if let Some(reason) = reason {
                        next = State::Failing(reason.clone());
                    }
                }
                *state = next;
                true
            }
            _ => false,
        });
        if was_current {
            self.reconnect(delay);
        }
    }

    /// Spawns the task that attempts to connect until it succeeds or the store is dropped.
    fn reconnect(self: &Arc<Self>, mut delay: Duration) {
        let this = Arc::downgrade(self);
        let guard = ReconnectGuard(Weak::clone(&this));
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            let guard = guard;
            loop {
                tokio::time::sleep(delay).await;
                // Not held during the sleep, so that the task ends with the store.
                let Some(this) = this.upgrade() else { return };
                match this.attempt().await {
                    Ok(established) => return guard.succeed(State::Connected(established)),
                    Err(error) => this.set_unless_connected(State::Failing(error)),
                }
                let longer = if delay.is_zero() { this.first_delay() } else { delay * 2 };
                delay = with_jitter(longer.min(this.max_delay));
            }
        });
    }

    async fn attempt(self: &Arc<Self>) -> RedisResult<Established> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let mut config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            // The timeout of each call covers its answer, and the time that a new connection takes.
            .set_response_timeout(None);
        let protocol = self.client.get_connection_info().redis_settings().protocol();
        if protocol != ProtocolVersion::RESP2 {
            // A connection that the server has closed is replaced before a call needs it.
            let this = Arc::downgrade(self);
            config = config.set_push_sender(move |push: PushInfo| {
                if push.kind == PushKind::Disconnection
                    && let Some(this) = this.upgrade()
                {
                    this.replace(number, None);
                }
                Ok::<_, redis::aio::SendError>(())
            });
        }
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Established { connection, number, made_at: Instant::now() })
    }

    fn set_unless_connected(&self, next: State) {
        self.state.send_if_modified(|state| {
            let is_connected = matches!(state, State::Connected(_));
            if !is_connected {
                *state = next;
            }
            !is_connected
        });
    }

    fn first_delay(&self) -> Duration {
        FIRST_DELAY.min(self.max_delay)
    }
}

/// Belongs to the task that reconnects, and notes when it ends without a connection, as it does when its
/// runtime is shut down.
struct ReconnectGuard(Weak<Reconnecting>);

impl ReconnectGuard {
    /// Sets the state in which the task leaves the connection.
    ///
    /// The guard is disarmed first: the new connection may be lost again before the task has ended, and the
    /// state is then that of another task.
    fn succeed(mut self, state: State) {
        if let Some(this) = std::mem::take(&mut self.0).upgrade() {
            this.set_unless_connected(state);
        }
    }
}

impl Drop for ReconnectGuard {
    fn drop(&mut self) {
        let Some(this) = self.0.upgrade() else { return };
        this.state.send_if_modified(|state| {
            let is_reconnecting = matches!(state, State::Connecting | State::Failing(_));
            if is_reconnecting {
                *state = State::Abandoned;
            }
            is_reconnecting
        });
    }
}

/// Returns half of the delay to all of it, so that the processes of an application do not all connect at the
/// same moment.
fn with_jitter(delay: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() as u32;
    delay.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// Returns whether the connection is at fault, or leads to a server that is no longer the right one.
fn needs_new_connection(error: &RedisError) -> bool {
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
