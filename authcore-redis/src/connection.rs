//! The one connection of a store: how commands travel, and when one is sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error;
use crate::node::Node;
use crate::script::Script;
use authcore::store::{StoreError, StoreErrorKind};
use redis::aio::ConnectionLike;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::time::Instant;
use tokio::time::error::Elapsed;

/// A multiplexed connection that recovers by itself, and how long a call may take on it.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) link: Link,
    pub(crate) timeout: Duration,
    /// Whether no node of a Cluster could be reached, and none has answered since.
    pub(crate) outage: Arc<AtomicBool>,
}

#[derive(Clone)]
pub(crate) enum Link {
    Node(Node),
    Cluster(ClusterConnection),
}

/// Whether a command may be sent again when its answer was lost (rule S16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Writes,
}

/// What to do about an error.
enum Remedy {
    /// Certainly nothing was done: again, after a moment.
    Again,
    /// Certainly nothing was done: again at this node, which takes the slot over (`ASK`).
    Ask(String, u16),
    /// Give up.
    None,
}

/// The first pause before a command is sent again, in a Cluster whose slots or masters change; the next ones
/// double up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LAST_PAUSE: Duration = Duration::from_millis(100);

/// How long a call waits for a Cluster of which no node can be reached, unless one before it did in vain: the
/// driver connects again in the background, which takes less after a cut.
const PATIENCE: Duration = Duration::from_millis(100);

impl Connection {
    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self.link, Link::Cluster(_))
    }

    /// The bytes of one key: what every verification waits for, and so without the room that rarer ways need.
    pub(crate) async fn get(&self, key: &[u8]) -> Result<Value, StoreError> {
        let deadline = self.deadline();
        let sent = tokio::time::timeout_at(deadline, self.get_once(key));
        match sent.await {
            Ok(Ok(value)) => {
                self.end_outage();
                Ok(value)
            }
            Ok(Err(error)) => {
                let again = async { self.again(&get(key), Effect::Reads, Err(error)).await };
                Box::pin(in_time(deadline, again)).await
            }
            Err(elapsed) => Err(late(elapsed)),
        }
    }

    async fn get_once(&self, key: &[u8]) -> RedisResult<Value> {
        match &self.link {
            Link::Node(node) => node.answer(&get(key)).await,
            Link::Cluster(cluster) => {
                let route = Route::with_key(key, SlotAddr::Master);
                let route = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
                cluster.clone().route_command(get(key), route).await?.extract_error()
            }
        }
    }

    /// The answer of a script.
    pub(crate) async fn run(
        &self,
        script: &Script,
        effect: Effect,
        keys: &[String],
        args: &[&[u8]],
    ) -> Result<Value, StoreError> {
        self.run_until(self.deadline(), script, effect, keys, args).await
    }

    /// As [`Connection::run`], for a call that takes several.
    pub(crate) async fn run_until(
        &self,
        deadline: Instant,
        script: &Script,
        effect: Effect,
        keys: &[String],
        args: &[&[u8]],
    ) -> Result<Value, StoreError> {
        let run = async {
            let by_digest = self.send(&script.by_digest(keys, args), effect).await;
            match by_digest {
                // Certainly not run, so it may be sent again.
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    self.send(&script.by_text(keys, args), effect).await
                }
                done => done,
            }
        };
        in_time(deadline, run).await
    }

    /// When a call that begins now must have ended (rule S13).
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    async fn send(&self, command: &Cmd, effect: Effect) -> RedisResult<Value> {
        let outcome = match &self.link {
            Link::Node(node) => node.answer(command).await,
            Link::Cluster(cluster) => answer(&mut cluster.clone(), command).await,
        };
        self.again(command, effect, outcome).await
    }

    /// Sends a command again after an error, if that cannot do anything twice.
    async fn again(&self, command: &Cmd, effect: Effect, outcome: RedisResult<Value>) -> RedisResult<Value> {
        match (&self.link, &outcome) {
            // The server closes connections that are idle; the next one is on its way.
            (Link::Node(node), Err(error)) if effect == Effect::Reads && error.is_connection_dropped() => {
                node.answer(command).await
            }
            (Link::Node(_), _) => outcome,
            (Link::Cluster(cluster), _) => self.follow(&mut cluster.clone(), command, effect, outcome).await,
        }
    }

    /// Sends a command to a Cluster as often as certainly nothing was done, until the call's time is over or
    /// no node can be reached.
    async fn follow(
        &self,
        cluster: &mut ClusterConnection,
        command: &Cmd,
        effect: Effect,
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
                if self.outage.load(Ordering::Relaxed) || since.elapsed() >= PATIENCE {
                    self.outage.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            } else {
                unreachable_since = None;
                self.end_outage();
            }
            outcome = match remedy(&error, effect) {
                Remedy::None => return Err(error),
                Remedy::Ask(host, port) => ask(cluster, command, host, port).await,
                Remedy::Again => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                    answer(cluster, command).await
                }
            };
        }
    }

    /// Some node answered.
    fn end_outage(&self) {
        if self.outage.load(Ordering::Relaxed) {
            self.outage.store(false, Ordering::Relaxed);
        }
    }
}

/// A command by its key alone, made in the room that it takes.
fn get(key: &[u8]) -> Cmd {
    let mut command = Cmd::with_capacity(2, key.len() + "GET".len());
    command.arg("GET").arg(key);
    command
}

/// Every call ends (rule S13). One that was given up may still take effect, as one whose answer was lost.
async fn in_time(
    deadline: Instant,
    call: impl Future<Output = RedisResult<Value>>,
) -> Result<Value, StoreError> {
    match tokio::time::timeout_at(deadline, call).await {
        Ok(answer) => answer.map_err(error::of_call),
        Err(elapsed) => Err(late(elapsed)),
    }
}

fn late(elapsed: Elapsed) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "Redis did not answer in time").with_source(elapsed)
}

async fn answer(link: &mut impl ConnectionLike, command: &Cmd) -> RedisResult<Value> {
    link.req_packed_command(command).await?.extract_error()
}

/// Sends a command to the node that takes its slot over.
async fn ask(cluster: &mut ClusterConnection, command: &Cmd, host: String, port: u16) -> RedisResult<Value> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("ASKING").add_command(command.clone());
    let node = SingleNodeRoutingInfo::ByAddress { host, port };
    let mut answers = cluster.route_pipeline(pipeline, 0, 2, node).await?;
    match answers.pop() {
        Some(answer) if answers.len() == 1 => answer.extract_error(),
        _ => Err((ErrorKind::Client, "two commands, and not two answers").into()),
    }
}

/// Only what certainly had no effect is sent again, and reads (rule S16).
fn remedy(error: &RedisError, effect: Effect) -> Remedy {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Ask) => {
            match error.redirect_node().and_then(|(node, _)| address(node)) {
                Some((host, port)) => Remedy::Ask(host, port),
                None => Remedy::Again,
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
        | ErrorKind::ClusterConnectionNotFound => Remedy::Again,
        _ if error::is_migrating(error) || error::code(error) == Some("READONLY") => Remedy::Again,
        ErrorKind::Io if effect == Effect::Reads => Remedy::Again,
        _ => Remedy::None,
    }
}

/// Whether perhaps no node of a Cluster can be reached. If it is one that is down, another answers the next
/// attempt, and says who has its slots.
fn is_unreachable(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::ClusterConnectionNotFound)
}

fn address(node: &str) -> Option<(String, u16)> {
    let (host, port) = node.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(line: &str) -> RedisError {
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
            "-ERR Error running script (call to f_ab): @user_script:12: -READONLY You can't write against a read only replica.\r\n",
        ] {
            assert!(matches!(remedy(&server(line), Effect::Writes), Remedy::Again), "{line}");
        }
        for line in
            ["-OOM command not allowed\r\n", "-ERR unknown command\r\n", "-NOSCRIPT No matching script\r\n"]
        {
            assert!(matches!(remedy(&server(line), Effect::Writes), Remedy::None), "{line}");
        }
        let dropped = || RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert!(matches!(remedy(&dropped(), Effect::Writes), Remedy::None));
        assert!(matches!(remedy(&dropped(), Effect::Reads), Remedy::Again));
    }

    #[test]
    fn a_slot_on_its_way_is_asked_for_where_it_goes() {
        let remedy = remedy(&server("-ASK 7 fe80::1:7000\r\n"), Effect::Writes);
        assert!(matches!(remedy, Remedy::Ask(host, 7000) if host == "fe80::1"));
    }
}
