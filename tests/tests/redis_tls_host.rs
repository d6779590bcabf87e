//! TLS to the server, in a process whose application has installed its own provider of cryptography (rule
//! T11).

#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use authcore::store::SessionStore as _;
use authcore_redis::RedisStore;
use authcore_tests::redis::Server;
use rustls::crypto::CryptoProvider;

#[tokio::test]
async fn t11_the_hosts_provider_stays() {
    let mut own = rustls::crypto::ring::default_provider();
    own.cipher_suites.truncate(3);
    own.install_default().unwrap();
    let (server, url, authority) = Server::start_with_tls();
    let store = RedisStore::builder(&url).root_certificates(authority).connect().await.unwrap();
    assert!(store.list(&"user-42".parse().unwrap()).await.unwrap().is_empty());
    assert_eq!(CryptoProvider::get_default().unwrap().cipher_suites.len(), 3);
    drop(server);
}
