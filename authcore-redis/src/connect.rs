//! Connections that are made from a URL.

use std::time::Duration;

use authcore::store::{StoreError, StoreErrorKind};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisResult,
};

use crate::cluster::Cluster;
use crate::connection::DriverConnection;
use crate::error::{DATABASE_IN_CLUSTER, connect_error};
use crate::server_info::{self, Eviction, ServerMode};
use crate::single_node::{Reconnecting, SingleNode};
use crate::url::{self, ProtocolChoice};

/// How to connect.
pub(crate) struct ConnectOptions {
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_reconnect_delay: Duration,
    pub(crate) eviction: Eviction,
    #[cfg(feature = "tls")]
    pub(crate) root_certificates: Option<Vec<u8>>,
}

/// A timeout that is longer is a mistake, and could overflow the clock.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

impl ConnectOptions {
    /// Refuses options that cannot take effect (rule S18).
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let misconfigured = |context| Err(StoreError::new(StoreErrorKind::Misconfigured, context));
        let durations = [self.timeout, self.connect_timeout, self.max_reconnect_delay];
        if durations.iter().any(|duration| duration.is_zero() || *duration > MAX_TIMEOUT) {
            return misconfigured("a timeout or delay is zero or longer than a day");
        }
        #[cfg(feature = "tls")]
        if !self.root_certificates.as_deref().is_none_or(is_pem) {
            return misconfigured("the root certificates are not in PEM format");
        }
        Ok(())
    }

    /// Connects to the node or the Cluster that these URLs name, with commas between them.
    pub(crate) async fn connect(&self, urls: &str) -> Result<DriverConnection, StoreError> {
        let urls = url::split(urls)?;
        if cfg!(not(feature = "tls")) && urls.iter().any(|(url, _)| url::is_tls(url)) {
            return Err(StoreError::new(
                StoreErrorKind::Misconfigured,
                "`rediss://` needs the feature `tls` of authcore-redis, which is off",
            ));
        }
        let nodes = urls.into_iter().map(|(url, protocol)| self.connection_info(url, protocol));
        let nodes: Vec<ConnectionInfo> = nodes.collect::<RedisResult<_>>().map_err(connect_error)?;
        if nodes.iter().any(|node| matches!(node.addr(), redis::ConnectionAddr::TcpTls { .. })) {
            install_crypto_provider();
        }
        match (self.detect_mode(&nodes).await?, &nodes[..]) {
            (ServerMode::Cluster, nodes) if nodes.iter().any(|node| node.redis_settings().db() != 0) => {
                Err(DATABASE_IN_CLUSTER)
            }
            (ServerMode::Cluster, _) => {
                let connection = self.connect_cluster(nodes).await.map_err(connect_error)?;
                Ok(DriverConnection::Cluster(Cluster::new(connection, self.timeout, self.connect_timeout)))
            }
            (ServerMode::SingleNode, [node]) => {
                let client = self.client(node.clone()).map_err(connect_error)?;
                let node = Reconnecting::connect(client, self.connect_timeout, self.max_reconnect_delay);
                let node = node.await.map_err(connect_error)?;
                Ok(DriverConnection::SingleNode(SingleNode::Reconnecting(node)))
            }
            (ServerMode::SingleNode, _) => Err(StoreError::new(
                StoreErrorKind::Misconfigured,
                "the URL names several servers, and they are not a Cluster: name one",
            )),
        }
    }

    /// Returns how the first node that answers runs, or the error of the last node if none answers.
    async fn detect_mode(&self, nodes: &[ConnectionInfo]) -> Result<ServerMode, StoreError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.connect_timeout));
        let mut outcome = Err(StoreError::new(StoreErrorKind::Misconfigured, "the URL names no server"));
        for node in nodes {
            let answer = async {
                let client = self.client(node.clone()).map_err(connect_error)?;
                let connection = client.get_multiplexed_async_connection_with_config(&config);
                let mut connection = connection.await.map_err(connect_error)?;
                server_info::check(&mut connection, self.eviction).await
            };
            outcome = answer.await;
            if !matches!(&outcome, Err(error) if error.kind() == StoreErrorKind::Unavailable) {
                break;
            }
        }
        outcome
    }

    fn connection_info(&self, url: &str, protocol: ProtocolChoice) -> RedisResult<ConnectionInfo> {
        let node = url.into_connection_info()?.set_tcp_settings(self.tcp_settings());
        let protocol = match protocol {
            ProtocolChoice::Explicit => node.redis_settings().protocol(),
            // With this protocol the driver notices at once when the server closes a connection. With the
            // older one, only the next write that fails would tell.
            ProtocolChoice::Default => ProtocolVersion::RESP3,
        };
        let settings = node.redis_settings().clone().set_protocol(protocol);
        Ok(node.set_redis_settings(settings))
    }

    /// Ends a connection whose other end has disappeared without closing it (rule S14).
    fn tcp_settings(&self) -> TcpSettings {
        use redis::io::tcp::socket2::TcpKeepalive;

        let limit = self.timeout.max(self.connect_timeout) * 2;
        let keepalive = TcpKeepalive::new().with_time(limit.max(Duration::from_secs(10)));
        let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
        #[cfg(target_os = "linux")]
        let settings = settings.set_user_timeout(limit);
        settings
    }

    fn client(&self, node: ConnectionInfo) -> RedisResult<Client> {
        #[cfg(feature = "tls")]
        if let Some(certificates) = self.certificates() {
            return Client::build_with_tls(node, certificates);
        }
        Client::open(node)
    }

    async fn connect_cluster(&self, nodes: Vec<ConnectionInfo>) -> RedisResult<ClusterConnection> {
        let protocol = nodes.first().map_or(ProtocolVersion::RESP3, |node| node.redis_settings().protocol());
        let builder: ClusterClientBuilder = ClusterClient::builder(nodes)
            .use_protocol(protocol)
            // The driver would also send writes again that may have taken effect (rule S16).
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

    #[cfg(feature = "tls")]
    fn certificates(&self) -> Option<redis::TlsCertificates> {
        let root_cert = self.root_certificates.clone()?;
        Some(redis::TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
    }
}

#[cfg(feature = "tls")]
fn is_pem(text: &[u8]) -> bool {
    const MARK: &[u8] = b"-----BEGIN CERTIFICATE-----";
    text.windows(MARK.len()).any(|part| part == MARK)
}

/// Installs ring as rustls' provider of cryptography, unless the application has installed one (rule T11).
/// The driver uses the provider of the process, and panics without one.
#[cfg(feature = "tls")]
fn install_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread has installed one in the meantime.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(not(feature = "tls"))]
fn install_crypto_provider() {}
