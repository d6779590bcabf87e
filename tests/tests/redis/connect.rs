//! Errors of `RedisStoreBuilder::connect`, which say what is wrong with a URL or a server.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use authcore::store::{SessionStore as _, StoreErrorKind};
use authcore_redis::{RedisStore, RedisStoreBuilder};
use authcore_tests::ClosedPort;
use authcore_tests::redis::{Cluster, Server};

async fn refused(builder: RedisStoreBuilder) -> (StoreErrorKind, String) {
    let start = Instant::now();
    let error = builder.connect().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(60), "S13: {:?}", start.elapsed());
    (error.kind(), error.to_string())
}

async fn refused_url(url: &str) -> (StoreErrorKind, String) {
    let second = Duration::from_secs(1);
    refused(RedisStore::builder(url).connect_timeout(second)).await
}

/// Starts a server that answers every request with these bytes; returns its URL.
fn impostor(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 1024];
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(answer);
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn s18_an_invalid_url_is_misconfigured() {
    for url in
        ["", "localhost", "http://127.0.0.1", "redis://", "redis://127.0.0.1:x", "redis://127.0.0.1/x", ","]
    {
        let (kind, text) = refused_url(url).await;
        assert_eq!(kind, StoreErrorKind::Misconfigured, "{url}: {text}");
        assert!(text.contains("URL"), "{url}: {text}");
    }
    let secret = "hunter2";
    for url in [
        "redis://127.0.0.1:1?protocol=hunter2",
        "unix:///run/redis.sock?user=a&pass=s3&hunter2",
        "rediss://:hunter2@127.0.0.1:1/#insecure",
    ] {
        let error = RedisStore::connect(url).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error:?}");
        assert!(!format!("{error:?} {error}").contains(secret), "S10: {error:?}");
    }
}

/// The servers would be connected to if the URLs were accepted.
#[tokio::test]
async fn s18_a_url_with_a_setting_that_cannot_take_effect_is_refused() {
    let (server, cluster) = (Server::start(&[]), Cluster::start(0));
    for url in [format!("{}?ssl=true", server.url()), format!("{}?tls=on", cluster.urls())] {
        let error = RedisStore::connect(&url).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error:?}");
        assert!(error.to_string().contains("does not know the URL parameter"), "{error:?}");
        assert!(error.to_string().contains("begin the URL with `rediss://`"), "{error:?}");
    }
    let (kind, text) = refused_url(&format!("{}/2", cluster.nodes()[0].url())).await;
    assert_eq!(kind, StoreErrorKind::Misconfigured);
    assert!(text.contains("a Cluster has only one"), "{text}");
    let (kind, text) = refused_url(&format!("{}/999999", server.url())).await;
    assert_eq!(kind, StoreErrorKind::Misconfigured);
    assert!(text.contains("no database with the number"), "{text}");
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_unavailable() {
    let closed = ClosedPort::new();
    for url in [format!("redis://127.0.0.1:{}", closed.number()), "redis://no-such-host.invalid".to_owned()] {
        let (kind, text) = refused_url(&url).await;
        assert_eq!(kind, StoreErrorKind::Unavailable, "{text}");
        assert!(text.contains("could not be reached"), "{text}");
    }
}

#[tokio::test]
async fn s13_a_host_that_does_not_answer_is_unavailable() {
    let (kind, text) = refused_url(&impostor(b"")).await;
    assert_eq!(kind, StoreErrorKind::Unavailable, "{text}");
}

#[tokio::test]
async fn a_server_other_than_redis_is_misconfigured() {
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-OpenSSH\r\n", b"220 mail ESMTP\r\n"] {
        let (kind, text) = refused_url(&impostor(answer)).await;
        assert_eq!(kind, StoreErrorKind::Misconfigured, "{text}");
        assert!(text.contains("Redis protocol"), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_misconfigured() {
    let server = Server::start(&["--requirepass", "right"]);
    for url in [server.url(), format!("redis://:wrong@127.0.0.1:{}", server.port())] {
        let (kind, text) = refused_url(&url).await;
        assert_eq!(kind, StoreErrorKind::Misconfigured, "{text}");
        assert!(text.contains("refused the user or password"), "{text}");
    }
    RedisStore::connect(&format!("redis://:right@127.0.0.1:{}", server.port())).await.unwrap();
}

#[tokio::test]
async fn replicas_and_servers_that_evict_are_refused() {
    let master = Server::start(&[]);
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", master.port())]);
    let (kind, text) = refused_url(&replica.url()).await;
    assert_eq!(kind, StoreErrorKind::Misconfigured);
    assert!(text.contains("replica"), "{text}");

    let evicting = Server::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let (kind, text) = refused_url(&evicting.url()).await;
    assert_eq!(kind, StoreErrorKind::Misconfigured);
    assert!(text.contains("evict"), "{text}");
    RedisStore::builder(&evicting.url()).allow_eviction().connect().await.unwrap();
}

#[tokio::test]
async fn several_servers_that_are_not_a_cluster_are_refused() {
    let (one, two) = (Server::start(&[]), Server::start(&[]));
    let (kind, text) = refused_url(&format!("{},{}", one.url(), two.url())).await;
    assert_eq!(kind, StoreErrorKind::Misconfigured);
    assert!(text.contains("not a Cluster"), "{text}");
}

#[tokio::test]
async fn one_node_of_a_cluster_is_enough_and_one_may_be_down() {
    let cluster = Cluster::start(0);
    let whole = RedisStore::connect(&cluster.urls()).await.unwrap();
    let by_one = RedisStore::connect(&cluster.nodes()[1].url()).await.unwrap();
    let closed = ClosedPort::new();
    let urls = format!("redis://127.0.0.1:{},{}", closed.number(), cluster.nodes()[2].url());
    let one_down = RedisStore::connect(&urls).await.unwrap();
    for number in 0..20 {
        let subject: authcore::Subject = format!("user-{number}").parse().unwrap();
        for store in [&whole, &by_one, &one_down] {
            assert!(store.list(&subject).await.unwrap().is_empty());
        }
    }
    assert!(format!("{by_one:?}").contains("cluster: true"));
}

#[tokio::test]
async fn s12_prefixes_and_timeouts_are_checked() {
    let server = Server::start(&[]);
    let builder = || RedisStore::builder(&server.url());
    for builder in [builder().prefix("a{b}"), builder().prefix("a\n"), builder().prefix("")] {
        let (kind, text) = refused(builder).await;
        assert_eq!(kind, StoreErrorKind::Misconfigured);
        assert!(text.contains("prefix"), "{text}");
    }
    for duration in [Duration::ZERO, Duration::MAX, Duration::from_secs(100_000)] {
        for builder in [
            builder().timeout(duration),
            builder().connect_timeout(duration),
            builder().max_reconnect_delay(duration),
        ] {
            let (kind, text) = refused(builder).await;
            assert_eq!(kind, StoreErrorKind::Misconfigured);
            assert!(text.contains("timeout"), "{text}");
        }
    }
    let (kind, text) = refused(builder().root_certificates("garbage")).await;
    assert_eq!(kind, StoreErrorKind::Misconfigured);
    assert!(text.contains("PEM"), "{text}");
}

#[tokio::test]
async fn a_connection_of_the_application_is_used() {
    let server = Server::start(&[]);
    let client = authcore_redis::redis::Client::open(server.url()).unwrap();
    let manager = client.get_connection_manager().await.unwrap();
    let store = RedisStore::with_connection_manager(manager).prefix("mine:").connect().await.unwrap();
    assert!(store.list(&"user-42".parse().unwrap()).await.unwrap().is_empty());

    let cluster = Cluster::start(0);
    let nodes: Vec<_> = cluster.nodes().iter().map(Server::url).collect();
    let client = authcore_redis::redis::cluster::ClusterClient::builder(nodes).retries(0).build().unwrap();
    let connection = client.get_async_connection().await.unwrap();
    let store = RedisStore::with_cluster_connection(connection).connect().await.unwrap();
    assert!(store.list(&"user-42".parse().unwrap()).await.unwrap().is_empty());
}

/// A user of the server needs no commands other than the documented ones.
#[tokio::test]
async fn the_documented_commands_suffice() {
    use authcore::{Auth, Login, ServerSessions, SessionPolicy};

    let server = Server::start(&[]);
    let commands = "get set getrange exists del zadd zrem zrange zcard zscore zremrangebyscore expireat eval \
                    evalsha time info";
    let commands: Vec<_> = commands.split(' ').map(|command| format!("+{command}")).collect();
    let mut user = vec!["ACL", "SETUSER", "app", "on", ">secret", "~authcore:*", "-@all"];
    user.extend(commands.iter().map(String::as_str));
    server.ask(&user);
    {
        let url = format!("redis://app:secret@127.0.0.1:{}", server.port());
        let store = RedisStore::connect(&url).await.unwrap();
        let policy = SessionPolicy::new().with_max_sessions_per_subject(2);
        let auth =
            Auth::with_sessions(ServerSessions::builder(store.clone()).policy(policy).build().unwrap());
        let login = || async {
            // Among sessions that began at the same moment, the limit may end the last one (rule A7).
            tokio::time::sleep(Duration::from_millis(30)).await;
            auth.login(Login::new("user-42").unwrap()).await
        };
        let (_, two, three) = (login().await.unwrap(), login().await.unwrap(), login().await.unwrap());
        let principal = auth.authenticate(three.credential().expose()).await.unwrap();
        assert_eq!(auth.sessions_of(&principal).await.unwrap().len(), 2);
        let renewed = auth.renew(&principal).await.unwrap();
        let principal = auth.authenticate(renewed.credential().expose()).await.unwrap();
        assert_eq!(auth.logout_others(&principal).await.unwrap().sessions.len(), 1);
        assert!(auth.authenticate(two.credential().expose()).await.is_err());
        assert_eq!(auth.logout(renewed.credential().expose()).await.unwrap().sessions.len(), 1);
        assert!(auth.admin().revoke_all(&"user-42".parse().unwrap()).await.unwrap().sessions.is_empty());
        // The user may not read the keys of another application.
        let other = RedisStore::builder(&url).prefix("other:").connect().await.unwrap();
        let error = other.list(&"user-42".parse().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error:?}");
    }
    server.ask(&["ACL", "SETUSER", "app", "-info"]);
    let (kind, text) = refused_url(&format!("redis://app:secret@127.0.0.1:{}", server.port())).await;
    assert_eq!(kind, StoreErrorKind::Misconfigured);
    assert!(text.contains("INFO"), "{text}");
}
