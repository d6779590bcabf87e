//! From a URL to a store that is known to work.

use std::fmt;
use std::time::Duration;

use authcore::{StoreError, StoreErrorKind};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo as _, RedisResult};

use crate::RedisStore;
use crate::connection::{Connection, Link};
use crate::error::{of_call, of_connecting};
use crate::keys::Prefix;
use crate::server::{self, Eviction, Mode};

/// Builds a [`RedisStore`].
#[must_use]
pub struct RedisStoreBuilder {
    source: Source,
    prefix: String,
    timeout: Duration,
    connect_timeout: Duration,
    longest_reconnect_pause: Duration,
    eviction: Eviction,
    #[cfg(feature = "tls")]
    root_certificates: Option<Vec<u8>>,
}

enum Source {
    /// Of one node, or of several of one Cluster with commas between them.
    Url(String),
    Ready(Link),
}

impl RedisStoreBuilder {
    pub(crate) fn new(url: &str) -> Self {
        Self::from(Source::Url(url.to_owned()))
    }

    fn from(source: Source) -> Self {
        Self {
            source,
            prefix: Prefix::DEFAULT.to_owned(),
            timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(2),
            longest_reconnect_pause: Duration::from_secs(1),
            eviction: Eviction::Refused,
            #[cfg(feature = "tls")]
            root_certificates: None,
        }
    }

    /// Sets what all keys begin with: 1 to 64 printable ASCII characters, without spaces and `{}*?[]\` (rule S12). The
    /// default is `authcore:`. Applications that share a server take one each.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Sets how long one call may take, in all, before it is `Unavailable` (rule S13). The default is one second.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long one attempt to connect may take. The default is two seconds.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the longest pause between two attempts to connect again after the connection was lost. The default is one
    /// second; the first pauses are shorter.
    pub const fn longest_reconnect_pause(mut self, pause: Duration) -> Self {
        self.longest_reconnect_pause = pause;
        self
    }

    /// Trusts these authorities for `rediss://`, as PEM, instead of the system's.
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Takes a server that may drop keys when its memory is full.
    ///
    /// # Security
    ///
    /// A dropped record logs somebody out. A dropped index is worse: `logout_everywhere` no longer finds the sessions
    /// that stood in it, and they stay.
    pub const fn allow_eviction(mut self) -> Self {
        self.eviction = Eviction::Allowed;
        self
    }

    /// Connects, and asks the server whether it is one that this store can use.
    ///
    /// # Errors
    ///
    /// `Misconfigured` for what is no URL, for a refused user or password, for a server that is no Redis, is older than
    /// 6.2, is a replica or may evict keys, and for a prefix that is none. `Unavailable` if the server cannot be reached.
    pub async fn connect(self) -> Result<RedisStore, StoreError> {
        let prefix = Prefix::new(&self.prefix)?;
        if self.timeout.is_zero() || self.connect_timeout.is_zero() {
            return Err(StoreError::new(StoreErrorKind::Misconfigured, "a timeout of zero"));
        }
        let link = match &self.source {
            Source::Ready(link) => link.clone(),
            Source::Url(urls) => self.open(urls).await?,
        };
        let connection = Connection { link, timeout: self.timeout };
        if matches!(self.source, Source::Ready(_)) {
            connection.check(self.eviction).await?;
        }
        Ok(RedisStore { connection, prefix })
    }

    async fn open(&self, urls: &str) -> Result<Link, StoreError> {
        let nodes: Vec<ConnectionInfo> = urls
            .split(',')
            .map(|url| self.node(url.trim()))
            .collect::<RedisResult<_>>()
            .map_err(of_connecting)?;
        if nodes.iter().any(|node| matches!(node.addr(), redis::ConnectionAddr::TcpTls { .. })) {
            install_tls_provider();
        }
        let mode = self.first_answer(&nodes).await?;
        match (mode, &nodes[..]) {
            (Mode::Cluster, _) => self.cluster(nodes).await.map(Link::Cluster).map_err(of_connecting),
            (Mode::Node, [node]) => self.manager(node.clone()).await.map(Link::Node).map_err(of_connecting),
            (Mode::Node, _) => Err(StoreError::new(
                StoreErrorKind::Misconfigured,
                "several servers are named, and they are no Cluster",
            )),
        }
    }

    /// What the first node that answers says of itself; the error of the last if none does.
    async fn first_answer(&self, nodes: &[ConnectionInfo]) -> Result<Mode, StoreError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.connect_timeout));
        let mut outcome = Err(StoreError::new(StoreErrorKind::Misconfigured, "no server is named"));
        for node in nodes {
            let connected = async {
                let client = self.client(node.clone()).map_err(of_connecting)?;
                let connecting = client.get_multiplexed_async_connection_with_config(&config);
                let mut link = connecting.await.map_err(of_connecting)?;
                server::check(&mut link, self.eviction).await
            };
            outcome = connected.await;
            if !matches!(&outcome, Err(error) if error.kind() == StoreErrorKind::Unavailable) {
                break;
            }
        }
        outcome
    }

    fn node(&self, url: &str) -> RedisResult<ConnectionInfo> {
        Ok(url.into_connection_info()?.set_tcp_settings(self.tcp_settings()))
    }

    /// A connection whose other end is gone without a word ends after a while (rule S14).
    fn tcp_settings(&self) -> TcpSettings {
        use redis::io::tcp::socket2::TcpKeepalive;

        let patience = self.timeout.max(self.connect_timeout) * 2;
        let settings = TcpSettings::default().set_nodelay(true);
        let settings =
            settings.set_keepalive(TcpKeepalive::new().with_time(patience.max(Duration::from_secs(10))));
        #[cfg(target_os = "linux")]
        let settings = settings.set_user_timeout(patience);
        settings
    }

    #[cfg(feature = "tls")]
    fn certificates(&self) -> Option<redis::TlsCertificates> {
        let root_cert = self.root_certificates.clone()?;
        Some(redis::TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
    }

    fn client(&self, node: ConnectionInfo) -> RedisResult<Client> {
        #[cfg(feature = "tls")]
        if let Some(certificates) = self.certificates() {
            return Client::build_with_tls(node, certificates);
        }
        Client::open(node)
    }

    async fn manager(&self, node: ConnectionInfo) -> RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            // Ours covers it, and the time that a new connection takes.
            .set_response_timeout(None)
            .set_min_delay(self.longest_reconnect_pause.min(Duration::from_millis(50)))
            .set_max_delay(self.longest_reconnect_pause);
        ConnectionManager::new_with_config(self.client(node)?, config).await
    }

    async fn cluster(&self, nodes: Vec<ConnectionInfo>) -> RedisResult<ClusterConnection> {
        let builder: ClusterClientBuilder = ClusterClient::builder(nodes)
            // Sends again what may have taken effect (rule S16); we know better.
            .retries(0)
            .connection_timeout(self.connect_timeout)
            .response_timeout(self.timeout)
            .overall_response_timeout(None)
            .tcp_settings(self.tcp_settings());
        #[cfg(feature = "tls")]
        let builder = match self.certificates() {
            Some(certificates) => builder.certs(certificates),
            None => builder,
        };
        builder.build()?.get_async_connection().await
    }
}

/// Takes a connection of the host's; its own options for connecting again hold.
impl From<ConnectionManager> for RedisStoreBuilder {
    fn from(connection: ConnectionManager) -> Self {
        Self::from(Source::Ready(Link::Node(connection)))
    }
}

/// Takes a connection of the host's, which must have been built with `retries(0)`: the driver would send writes again
/// that may have taken effect (rule S16), and this store does itself what is safe.
impl From<ClusterConnection> for RedisStoreBuilder {
    fn from(connection: ClusterConnection) -> Self {
        Self::from(Source::Ready(Link::Cluster(connection)))
    }
}

impl Connection {
    async fn check(&self, eviction: Eviction) -> Result<(), StoreError> {
        let asked = async {
            match &self.link {
                Link::Node(node) => server::check(&mut node.clone(), eviction).await.map(drop),
                // Each node would answer for itself; whether it works at all is what can be asked of all.
                Link::Cluster(cluster) => {
                    let mut cluster = cluster.clone();
                    redis::cmd("GET").arg("authcore:").exec_async(&mut cluster).await.map_err(of_call)
                }
            }
        };
        match tokio::time::timeout(self.timeout, asked).await {
            Ok(checked) => checked,
            Err(_) => Err(StoreError::unavailable("Redis did not answer in time")),
        }
    }
}

impl fmt::Debug for RedisStoreBuilder {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// The host's provider of cryptography if it has installed one, else ours (rule T11): the driver takes the process's, and
/// panics without one.
#[cfg(feature = "tls")]
fn install_tls_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread was faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(not(feature = "tls"))]
const fn install_tls_provider() {}
