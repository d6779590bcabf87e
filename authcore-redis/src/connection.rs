//! The connection of a store, and how long a call may take on it.

use std::time::Duration;

use authcore::store::{StoreError, StoreErrorKind};
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value};
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use crate::cluster::Cluster;
use crate::command::{self, Access};
use crate::error::call_error;
use crate::script::Script;
use crate::single_node::SingleNode;

/// A multiplexed connection that recovers by itself, and how long a call may take on it.
#[derive(Clone)]
pub(crate) struct Connection {
    driver: DriverConnection,
    timeout: Duration,
}

#[derive(Clone)]
pub(crate) enum DriverConnection {
    SingleNode(SingleNode),
    Cluster(Cluster),
}

impl Connection {
    pub(crate) fn new(driver: DriverConnection, timeout: Duration) -> Self {
        Self { driver, timeout }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.driver, DriverConnection::Cluster(_))
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns the time by which a call that begins now must have ended (rule S13).
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Returns the bytes of one key.
    ///
    /// Every verification waits for this, so its future has no room for a retry: a retry has a future of its
    /// own, on the heap.
    pub(crate) async fn get(&self, key: &[u8]) -> Result<Value, StoreError> {
        let deadline = self.deadline();
        match tokio::time::timeout_at(deadline, self.get_once(key)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let retry = async { self.retry(&command::get(key), Access::Read, Err(error)).await };
                Box::pin(end_by(deadline, retry)).await
            }
            Err(elapsed) => Err(timed_out(elapsed)),
        }
    }

    async fn get_once(&self, key: &[u8]) -> RedisResult<Value> {
        match &self.driver {
            DriverConnection::SingleNode(node) => node.send(&command::get(key)).await,
            DriverConnection::Cluster(cluster) => cluster.get(key).await,
        }
    }

    /// Runs a script and returns its answer.
    pub(crate) async fn run(
        &self,
        script: &Script,
        access: Access,
        keys: &[String],
        args: &[&[u8]],
    ) -> Result<Value, StoreError> {
        self.run_until(self.deadline(), script, access, keys, args).await
    }

    /// Runs a script as [`Connection::run`] does, for a call that runs several.
    pub(crate) async fn run_until(
        &self,
        deadline: Instant,
        script: &Script,
        access: Access,
        keys: &[String],
        args: &[&[u8]],
    ) -> Result<Value, StoreError> {
        let run = async {
            match self.send(&script.evalsha(keys, args), access).await {
                // The server did not know the script and so did not run it.
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    self.send(&script.eval(keys, args), access).await
                }
                outcome => outcome,
            }
        };
        end_by(deadline, run).await
    }

    async fn send(&self, command: &Cmd, access: Access) -> RedisResult<Value> {
        let outcome = match &self.driver {
            DriverConnection::SingleNode(node) => node.send(command).await,
            DriverConnection::Cluster(cluster) => cluster.send(command).await,
        };
        self.retry(command, access, outcome).await
    }

    /// Sends a command again after an error, if that cannot do anything twice.
    async fn retry(&self, command: &Cmd, access: Access, outcome: RedisResult<Value>) -> RedisResult<Value> {
        match &self.driver {
            DriverConnection::SingleNode(node) => node.retry(command, access, outcome).await,
            DriverConnection::Cluster(cluster) => cluster.retry(command, access, outcome).await,
        }
    }
}

/// Ends a call at its deadline (rule S13). The call may still take effect, as one whose answer was lost.
async fn end_by(
    deadline: Instant,
    call: impl Future<Output = RedisResult<Value>>,
) -> Result<Value, StoreError> {
    match tokio::time::timeout_at(deadline, call).await {
        Ok(answer) => answer.map_err(call_error),
        Err(elapsed) => Err(timed_out(elapsed)),
    }
}

fn timed_out(elapsed: Elapsed) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "Redis did not answer in time").with_source(elapsed)
}
