//! TLS to the server, in a process without a provider of cryptography (rule T11).

#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use authcore::store::{SessionStore as _, StoreErrorKind};
use authcore_redis::RedisStore;
use authcore_tests::redis::Server;
use rustls::crypto::CryptoProvider;

#[tokio::test]
async fn t11_a_process_without_a_provider_gets_ours() {
    assert!(CryptoProvider::get_default().is_none());
    let (server, url, authority) = Server::start_with_tls();
    let store = RedisStore::builder(&url).root_certificates(authority).connect().await.unwrap();
    assert!(store.list(&"user-42".parse().unwrap()).await.unwrap().is_empty());
    assert!(CryptoProvider::get_default().is_some());

    // Without its authority, the server is not trusted.
    let error = RedisStore::connect(&url).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    drop(server);
}
