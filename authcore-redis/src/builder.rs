//! From a URL to a store that is known to work.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::RedisStore;
use crate::connection::{Connection, Link};
use crate::error::{DATABASE_OF_CLUSTER, of_call, of_connecting};
use crate::keys::Prefix;
use crate::node::{Node, Reconnecting};
use crate::server::{self, Eviction, Mode};
use crate::url::{self, Protocol};
use authcore::store::{StoreError, StoreErrorKind};
use redis::aio::ConnectionManager;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisResult,
};

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

/// Longer ones are mistakes, and overflow what they are added to.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

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
            longest_reconnect_pause: Duration::from_millis(200),
            eviction: Eviction::Refused,
            #[cfg(feature = "tls")]
            root_certificates: None,
        }
    }

    /// Sets what all keys begin with: 1 to 64 printable ASCII characters, without spaces and `{}*?[]\` (rule
    /// S12). The default is `authcore:`. Applications that share a server take one each.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Sets how long one call may take, in all, before it is `Unavailable` (rule S13). The default is one
    /// second.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long one attempt to connect may take. The default is two seconds.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the longest pause between two attempts to connect again after the connection was lost. The
    /// default is 200 milliseconds, and the first pauses are shorter.
    ///
    /// While the attempts fail, calls fail at once. So this is how long calls may still fail after the server
    /// is back.
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
    /// A dropped record logs somebody out. A dropped index is worse: `logout_everywhere` no longer finds the
    /// sessions that stood in it, and they stay.
    pub const fn allow_eviction(mut self) -> Self {
        self.eviction = Eviction::Allowed;
        self
    }

    /// Connects, and asks the server whether it is one that this store can use.
    ///
    /// # Errors
    ///
    /// `Misconfigured` if the URL or prefix is invalid, the server refuses the user or password, or the server
    /// is not Redis, is older than 6.2, is a replica or may evict keys. `Unavailable` if the server cannot be
    /// reached.
    pub async fn connect(self) -> Result<RedisStore, StoreError> {
        let prefix = Prefix::new(&self.prefix)?;
        let timeouts = [self.timeout, self.connect_timeout, self.longest_reconnect_pause];
        if timeouts.iter().any(|timeout| timeout.is_zero() || *timeout > LONGEST_TIMEOUT) {
            let context = "a timeout or pause of zero, or above a day";
            return Err(StoreError::new(StoreErrorKind::Misconfigured, context));
        }
        self.check_certificates()?;
        let link = match &self.source {
            Source::Ready(link) => link.clone(),
            Source::Url(urls) => self.open(urls).await?,
        };
        let connection = Connection { link, timeout: self.timeout, outage: Arc::default() };
        if matches!(self.source, Source::Ready(_)) {
            connection.check(&prefix, self.eviction).await?;
        }
        Ok(RedisStore { connection, prefix })
    }

    async fn open(&self, urls: &str) -> Result<Link, StoreError> {
        let urls = url::split(urls)?;
        let nodes = urls.into_iter().map(|(url, protocol)| self.node(url, protocol));
        let nodes: Vec<ConnectionInfo> = nodes.collect::<RedisResult<_>>().map_err(of_connecting)?;
        if nodes.iter().any(|node| matches!(node.addr(), redis::ConnectionAddr::TcpTls { .. })) {
            install_tls_provider();
        }
        let mode = self.first_answer(&nodes).await?;
        match (mode, &nodes[..]) {
            (Mode::Cluster, nodes) if nodes.iter().any(|node| node.redis_settings().db() != 0) => {
                Err(DATABASE_OF_CLUSTER)
            }
            (Mode::Cluster, _) => self.cluster(nodes).await.map(Link::Cluster).map_err(of_connecting),
            (Mode::Node, [node]) => {
                let client = self.client(node.clone()).map_err(of_connecting)?;
                let node = Reconnecting::connect(client, self.connect_timeout, self.longest_reconnect_pause);
                node.await.map(|node| Link::Node(Node::Own(node))).map_err(of_connecting)
            }
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

    fn node(&self, url: &str, protocol: Protocol) -> RedisResult<ConnectionInfo> {
        let node = url.into_connection_info()?.set_tcp_settings(self.tcp_settings());
        // By this protocol a connection that the server has closed is noticed at once, not by the next write
        // that fails.
        let protocol = match protocol {
            Protocol::Named => node.redis_settings().protocol(),
            Protocol::Default => ProtocolVersion::RESP3,
        };
        let settings = node.redis_settings().clone().set_protocol(protocol);
        Ok(node.set_redis_settings(settings))
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
    fn check_certificates(&self) -> Result<(), StoreError> {
        let is_pem = |pem: &[u8]| pem.windows(27).any(|part| part == b"-----BEGIN CERTIFICATE-----");
        if self.root_certificates.as_deref().is_none_or(is_pem) {
            return Ok(());
        }
        Err(StoreError::new(StoreErrorKind::Misconfigured, "the root certificates are no PEM"))
    }

    #[cfg(not(feature = "tls"))]
    fn check_certificates(&self) -> Result<(), StoreError> {
        let by_tls = |url: &str| url.trim().starts_with("rediss:") || url.trim().starts_with("valkeys:");
        match &self.source {
            Source::Url(urls) if urls.split(',').any(by_tls) => {
                Err(StoreError::new(StoreErrorKind::Misconfigured, "rediss:// needs the feature `tls`"))
            }
            _ => Ok(()),
        }
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

    async fn cluster(&self, nodes: Vec<ConnectionInfo>) -> RedisResult<ClusterConnection> {
        let protocol = nodes.first().map_or(ProtocolVersion::RESP3, |node| node.redis_settings().protocol());
        let builder: ClusterClientBuilder = ClusterClient::builder(nodes)
            .use_protocol(protocol)
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

/// Takes a connection of the host's; its own options for connecting again hold. The driver's manager gives up
/// for good when a server answers a new connection with an error: a store that is built from a URL does not.
impl From<ConnectionManager> for RedisStoreBuilder {
    fn from(connection: ConnectionManager) -> Self {
        Self::from(Source::Ready(Link::Node(Node::Host(connection))))
    }
}

/// Takes a connection of the host's, which must have been built with `retries(0)`: the driver would send
/// writes again that may have taken effect (rule S16), and this store does itself what is safe.
impl From<ClusterConnection> for RedisStoreBuilder {
    fn from(connection: ClusterConnection) -> Self {
        Self::from(Source::Ready(Link::Cluster(connection)))
    }
}

impl Connection {
    async fn check(&self, prefix: &Prefix, eviction: Eviction) -> Result<(), StoreError> {
        let asked = async {
            match &self.link {
                Link::Node(Node::Host(manager)) => {
                    server::check(&mut manager.clone(), eviction).await.map(drop)
                }
                // It was asked before it was connected to.
                Link::Node(Node::Own(_)) => Ok(()),
                // Each node would answer for itself; whether it works at all is what can be asked of all.
                Link::Cluster(cluster) => {
                    let mut cluster = cluster.clone();
                    let key = prefix.partition(0);
                    redis::cmd("GET").arg(key.records()).exec_async(&mut cluster).await.map_err(of_call)
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

/// The host's provider of cryptography if it has installed one, else ours (rule T11): the driver takes the
/// process's, and panics without one.
#[cfg(feature = "tls")]
fn install_tls_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread was faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(not(feature = "tls"))]
const fn install_tls_provider() {}
