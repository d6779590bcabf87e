//! The connection to a single node.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::time::Instant;

use crate::error;

/// How soon after one another connections are made anew.
const PACE: Duration = Duration::from_millis(200);

/// A connection that the driver's manager keeps up, and that is made anew where the manager would not: it connects again
/// only after errors of input and output, and stays with a master that has become a replica.
#[derive(Clone)]
pub(crate) struct Node {
    current: Arc<RwLock<Current>>,
    /// How it was made; nothing for a connection of the host's, which is left as it is.
    origin: Option<Arc<(Client, ConnectionManagerConfig)>>,
}

struct Current {
    manager: ConnectionManager,
    made_at: Instant,
}

impl Node {
    pub(crate) async fn connect(client: Client, config: ConnectionManagerConfig) -> RedisResult<Self> {
        let manager = ConnectionManager::new_with_config(client.clone(), config.clone()).await?;
        Ok(Self { origin: Some(Arc::new((client, config))), ..Self::from(manager) })
    }

    pub(crate) fn manager(&self) -> ConnectionManager {
        self.current.read().unwrap_or_else(PoisonError::into_inner).manager.clone()
    }

    pub(crate) async fn answer(&self, command: &Cmd) -> RedisResult<Value> {
        let answer = self.manager().send_packed_command(command).await;
        let answer = answer.and_then(Value::extract_error);
        if let Err(error) = &answer
            && wants_another(error)
        {
            self.make_anew();
        }
        answer
    }

    #[cold]
    fn make_anew(&self) {
        let Some(origin) = &self.origin else { return };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.made_at.elapsed() < PACE {
            return;
        }
        // Connects when it is first used, and by itself from then on.
        if let Ok(manager) = ConnectionManager::new_lazy_with_config(origin.0.clone(), origin.1.clone()) {
            *current = Current { manager, made_at: Instant::now() };
        }
    }
}

impl From<ConnectionManager> for Node {
    fn from(manager: ConnectionManager) -> Self {
        Self { current: Arc::new(RwLock::new(Current { manager, made_at: Instant::now() })), origin: None }
    }
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
