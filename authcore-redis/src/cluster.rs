//! The connection to a Cluster: which errors it retries, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::ConnectionLike as _;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::time::Instant;

use crate::command::{self, Access};
use crate::error;

/// The pause before the first retry, while slots move or a replica takes over. Later pauses double, up to
/// [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// A connection to all nodes of a Cluster. The driver reconnects to its nodes in the background.
#[derive(Clone)]
pub(crate) struct Cluster {
    connection: ClusterConnection,
    max_outage: Duration,
    /// Whether a call has given up because it reached no node, and no node has answered since.
    is_outage: Arc<AtomicBool>,
}

/// What to do about an error.
enum Retry {
    /// The command had no effect, or is a read: send it again after a pause.
    Resend,
    /// The command had no effect: send it to this node, which takes the slot over (`ASK`).
    ResendTo { host: String, port: u16 },
    /// The error is final.
    No,
}

impl Cluster {
    /// A call that reaches no node waits this long for the driver to reconnect: as long as one attempt to
    /// connect may take, and at most half of the call's own time, so that it can still be served.
    pub(crate) fn new(connection: ClusterConnection, timeout: Duration, connect_timeout: Duration) -> Self {
        Self { connection, max_outage: connect_timeout.min(timeout / 2), is_outage: Arc::default() }
    }

    /// Sends a `GET`, without a copy of the command and without a search for its key.
    pub(crate) async fn get(&self, key: &[u8]) -> RedisResult<Value> {
        let route = Route::with_key(key, SlotAddr::Master);
        let route = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
        let answer =
            self.connection.clone().route_command(command::get(key), route).await?.extract_error()?;
        self.end_outage();
        Ok(answer)
    }

    /// Sends a command once.
    pub(crate) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        self.connection.clone().req_packed_command(command).await?.extract_error()
    }

    /// Sends a command again for as long as it certainly had no effect, until no node can be reached. The
    /// caller ends the call at its deadline.
    pub(crate) async fn retry(
        &self,
        command: &Cmd,
        access: Access,
        mut outcome: RedisResult<Value>,
    ) -> RedisResult<Value> {
        let mut pause = FIRST_PAUSE;
        let mut unreachable_since = None;
        loop {
            let error = match outcome {
                Ok(value) => {
                    self.end_outage();
                    return Ok(value);
                }
                Err(error) => error,
            };
            if is_unreachable(&error) {
                let since: Instant = *unreachable_since.get_or_insert_with(Instant::now);
                if self.is_outage.load(Ordering::Relaxed) || since.elapsed() >= self.max_outage {
                    self.is_outage.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            } else {
                unreachable_since = None;
                self.end_outage();
            }
            outcome = match classify(&error, access) {
                Retry::No => return Err(error),
                Retry::ResendTo { host, port } => self.send_asking(command, host, port).await,
                Retry::Resend => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(MAX_PAUSE);
                    self.send(command).await
                }
            };
        }
    }

    /// Sends a command to the node that takes its slot over.
    async fn send_asking(&self, command: &Cmd, host: String, port: u16) -> RedisResult<Value> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("ASKING").add_command(command.clone());
        let node = SingleNodeRoutingInfo::ByAddress { host, port };
        let mut answers = self.connection.clone().route_pipeline(pipeline, 0, 2, node).await?;
        match answers.pop() {
            Some(answer) if answers.len() == 1 => answer.extract_error(),
            _ => Err((ErrorKind::Client, "a pipeline of two commands has not two answers").into()),
        }
    }

    /// Notes that a node answered.
    fn end_outage(&self) {
        // Without the check, every call would write to memory that all threads share.
        if self.is_outage.load(Ordering::Relaxed) {
            self.is_outage.store(false, Ordering::Relaxed);
        }
    }
}

/// Allows a retry of reads, and of writes that certainly had no effect (rule S16).
fn classify(error: &RedisError, access: Access) -> Retry {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Ask) => {
            match error.redirect_node().and_then(|(node, _)| split_address(node)) {
                Some((host, port)) => Retry::ResendTo { host, port },
                None => Retry::Resend,
            }
        }
        ErrorKind::Server(
            ServerErrorKind::Moved
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::ReadOnly,
        )
        | ErrorKind::ClusterConnectionNotFound => Retry::Resend,
        _ if error::is_migrating(error) || error::code(error) == Some("READONLY") => Retry::Resend,
        ErrorKind::Io if access == Access::Read => Retry::Resend,
        _ => Retry::No,
    }
}

/// Returns whether perhaps no node can be reached. If only one node is down, another one answers the next
/// attempt and says which node has the slots now.
fn is_unreachable(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::ClusterConnectionNotFound)
}

fn split_address(node: &str) -> Option<(String, u16)> {
    let (host, port) = node.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_error(line: &str) -> RedisError {
        match redis::parse_redis_value(line.as_bytes()).and_then(Value::extract_error) {
            Ok(value) => panic!("{line} is {value:?}"),
            Err(error) => error,
        }
    }

    #[test]
    fn s16_only_what_had_no_effect_is_sent_again() {
        for line in [
            "-MOVED 7 10.0.0.1:7000\r\n",
            "-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
            "-CLUSTERDOWN Hash slot not served\r\n",
            "-LOADING Redis is loading the dataset in memory\r\n",
            "-READONLY You can't write against a read only replica.\r\n",
            "-ERR Script attempted to access a non local key in a cluster node script: abc\r\n",
            "-ERR Error running script (call to f_ab): @user_script:12: -READONLY You can't write against a \
             read only replica.\r\n",
        ] {
            assert!(matches!(classify(&server_error(line), Access::Write), Retry::Resend), "{line}");
        }
        for line in
            ["-OOM command not allowed\r\n", "-ERR unknown command\r\n", "-NOSCRIPT No matching script\r\n"]
        {
            assert!(matches!(classify(&server_error(line), Access::Write), Retry::No), "{line}");
        }
        let dropped = || RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert!(matches!(classify(&dropped(), Access::Write), Retry::No));
        assert!(matches!(classify(&dropped(), Access::Read), Retry::Resend));
    }

    #[test]
    fn a_slot_that_moves_is_asked_for_at_its_new_node() {
        let retry = classify(&server_error("-ASK 7 fe80::1:7000\r\n"), Access::Write);
        assert!(matches!(retry, Retry::ResendTo { host, port: 7000 } if host == "fe80::1"));
    }
}
