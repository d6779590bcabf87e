//! TLS to databases, in a process without a cryptography provider (rule T11).

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use authcore::store::{SessionStore as _, StoreErrorKind};
use authcore_sql::{MySqlStore, PostgresStore};
use authcore_tests::{mysql, postgres};
use rustls::crypto::CryptoProvider;

#[tokio::test]
async fn t11_a_process_without_a_provider_needs_none() {
    assert!(CryptoProvider::get_default().is_none());
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");

    let (_server, url, pem) = postgres::Server::start_with_tls();
    std::fs::write(&authority, pem).unwrap();
    let trusting = format!("{url}&sslrootcert={}", authority.display());
    let store = PostgresStore::builder(&trusting).connect_and_migrate().await.unwrap();
    assert!(store.list(&"user-42".parse().unwrap()).await.unwrap().is_empty());
    // A server whose authority is not trusted is refused.
    let error = PostgresStore::connect(&url).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error:?}");

    let (_server, url, pem) = mysql::Server::start_with_tls();
    std::fs::write(&authority, pem).unwrap();
    let trusting = format!("{url}&ssl-ca={}", authority.display());
    let store = MySqlStore::builder(&trusting).connect_and_migrate().await.unwrap();
    assert!(store.list(&"user-42".parse().unwrap()).await.unwrap().is_empty());
    let error = MySqlStore::connect(&url).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error:?}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_if_tls_is_required() {
    let server = postgres::Server::start(&[]);
    let error = PostgresStore::connect(&format!("{}?sslmode=require", server.url())).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error:?}");
    assert!(error.to_string().contains("TLS"), "{error:?}");
    let server = mysql::Server::start(&["--skip-ssl"]);
    let error = MySqlStore::connect(&format!("{}?ssl-mode=REQUIRED", server.url())).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error:?}");
    assert!(error.to_string().contains("TLS"), "{error:?}");
}
