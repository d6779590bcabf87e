//! The constructors of the store, and its builder.

use std::fmt;
use std::time::Duration;

use authcore::store::StoreError;
use redis::aio::ConnectionManager;
use redis::cluster_async::ClusterConnection;

use crate::cluster::Cluster;
use crate::connect::ConnectOptions;
use crate::connection::{Connection, DriverConnection};
use crate::error::call_error;
use crate::keys::Prefix;
use crate::server_info::{self, Eviction};
use crate::single_node::SingleNode;
use crate::store::RedisStore;

impl RedisStore {
    /// Connects to the server at `url` with the default options; see [`RedisStore::builder`].
    ///
    /// # Errors
    ///
    /// As [`RedisStoreBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder(url).connect().await
    }

    /// Returns a builder of a store that connects to the server at `url`.
    ///
    /// The URL is `redis://[user][:password@]host[:port][/database]`, or begins with `rediss://` for TLS. For
    /// a Cluster it is one or several such URLs with commas between them; the store finds the other nodes.
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder::new(Source::Url(url.to_owned()))
    }

    /// Returns a builder of a store that uses the application's connection to a single node.
    ///
    /// The connection reconnects by its own options, and [`connect_timeout`],
    /// [`max_reconnect_delay`] and the root certificates of the builder have no effect. The driver's
    /// connection manager stops reconnecting for good once a server answers a new connection with an error. A
    /// store that is built from a URL does not.
    ///
    /// [`connect_timeout`]: RedisStoreBuilder::connect_timeout
    /// [`max_reconnect_delay`]: RedisStoreBuilder::max_reconnect_delay
    pub fn with_connection_manager(connection: ConnectionManager) -> RedisStoreBuilder {
        RedisStoreBuilder::new(Source::Manager(connection))
    }

    /// Returns a builder of a store that uses the application's connection to a Cluster.
    ///
    /// The connection must have been built with [`retries(0)`]. Otherwise the driver sends writes again that
    /// may have taken effect (rule S16); the store itself retries what is safe. The root certificates and
    /// [`max_reconnect_delay`] of the builder have no effect. Set [`connect_timeout`] to that of the
    /// connection: it bounds how long a call waits for the first node that can be reached again.
    ///
    /// [`retries(0)`]: redis::cluster::ClusterClientBuilder::retries
    /// [`connect_timeout`]: RedisStoreBuilder::connect_timeout
    /// [`max_reconnect_delay`]: RedisStoreBuilder::max_reconnect_delay
    pub fn with_cluster_connection(connection: ClusterConnection) -> RedisStoreBuilder {
        RedisStoreBuilder::new(Source::Cluster(connection))
    }
}

/// Builds a [`RedisStore`].
#[must_use]
pub struct RedisStoreBuilder {
    source: Source,
    prefix: String,
    options: ConnectOptions,
}

/// The URL to connect to, or a connection of the application.
enum Source {
    Url(String),
    Manager(ConnectionManager),
    Cluster(ClusterConnection),
}

impl RedisStoreBuilder {
    fn new(source: Source) -> Self {
        Self {
            source,
            prefix: Prefix::DEFAULT.to_owned(),
            options: ConnectOptions {
                timeout: Duration::from_secs(1),
                connect_timeout: Duration::from_secs(2),
                max_reconnect_delay: Duration::from_millis(200),
                eviction: Eviction::Refused,
                #[cfg(feature = "tls")]
                root_certificates: None,
            },
        }
    }

    /// Sets the prefix of all keys: 1 to 64 printable ASCII characters, without spaces and `{}*?[]\` (rule
    /// S12). The default is `authcore:`. Applications that share a server need different prefixes.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Sets how long one call may take in all before it is `Unavailable` (rule S13). The default is one
    /// second.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Sets how long one attempt to connect may take. The default is two seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = timeout;
        self
    }

    /// Sets the longest delay between two attempts to reconnect to a single node. The default is 200
    /// milliseconds, and the first delays are shorter.
    ///
    /// While the attempts fail, calls fail at once. This delay is therefore also how long calls may go on
    /// failing once the server is back.
    pub fn max_reconnect_delay(mut self, delay: Duration) -> Self {
        self.options.max_reconnect_delay = delay;
        self
    }

    /// Sets the authorities that `rediss://` trusts instead of the system's, as PEM.
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.options.root_certificates = Some(pem.into());
        self
    }

    /// Accepts a server that may drop keys when its memory is full.
    ///
    /// # Security
    ///
    /// A dropped record logs its user out. A dropped index is worse: `logout_everywhere` no longer finds the
    /// sessions that it listed, and they stay valid.
    pub fn allow_eviction(mut self) -> Self {
        self.options.eviction = Eviction::Allowed;
        self
    }

    /// Connects, and checks that the store can use the server.
    ///
    /// # Errors
    ///
    /// `Misconfigured` if the URL, the prefix, a timeout or a certificate is invalid, the server refuses the
    /// user or password, or it is not Redis, is older than 6.2, is a replica or may evict keys.
    /// `Unavailable` if the server cannot be reached.
    pub async fn connect(self) -> Result<RedisStore, StoreError> {
        let Self { source, prefix, options } = self;
        let prefix = Prefix::new(&prefix)?;
        options.check()?;
        let driver = match source {
            Source::Url(urls) => options.connect(&urls).await?,
            Source::Manager(connection) => {
                let mut asked = connection.clone();
                end_within(options.timeout, server_info::check(&mut asked, options.eviction)).await?;
                DriverConnection::SingleNode(SingleNode::Managed(connection))
            }
            Source::Cluster(connection) => {
                end_within(options.timeout, check_cluster(connection.clone(), &prefix)).await?;
                let cluster = Cluster::new(connection, options.timeout, options.connect_timeout);
                DriverConnection::Cluster(cluster)
            }
        };
        Ok(RedisStore::new(Connection::new(driver, options.timeout), prefix))
    }
}

/// Checks that the Cluster answers. Its nodes differ in their `INFO`, so that is not asked for.
async fn check_cluster(mut connection: ClusterConnection, prefix: &Prefix) -> Result<(), StoreError> {
    let partition = prefix.partition(0);
    redis::cmd("GET").arg(partition.record_prefix()).exec_async(&mut connection).await.map_err(call_error)
}

async fn end_within<T>(
    timeout: Duration,
    check: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(timeout, check).await {
        Ok(outcome) => outcome,
        Err(_) => Err(StoreError::unavailable("Redis did not answer in time")),
    }
}

impl fmt::Debug for RedisStoreBuilder {
    /// Leaves out the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("timeout", &self.options.timeout)
            .field("connect_timeout", &self.options.connect_timeout)
            .finish_non_exhaustive()
    }
}
