//! TLS to databases, in a process that has installed a cryptography provider (rule T11).

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use authcore::store::SessionStore as _;
use authcore_sql::PostgresStore;
use authcore_tests::postgres::Server;
use rustls::crypto::CryptoProvider;

#[tokio::test]
async fn t11_the_hosts_provider_stays() {
    let mut own = rustls::crypto::ring::default_provider();
    own.cipher_suites.truncate(3);
    own.install_default().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    let (_server, url, pem) = Server::start_with_tls();
    std::fs::write(&authority, pem).unwrap();
    let url = format!("{url}&sslrootcert={}", authority.display());
    let store = PostgresStore::builder(&url).connect_and_migrate().await.unwrap();
    assert!(store.list(&"user-42".parse().unwrap()).await.unwrap().is_empty());
    assert_eq!(CryptoProvider::get_default().unwrap().cipher_suites.len(), 3);
}
