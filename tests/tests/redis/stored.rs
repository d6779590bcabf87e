//! The keys in the server, and how the store reads keys that something else has changed.

use authcore::clock::{Clock as _, ManualClock, SystemClock};
use authcore::store::{SessionRecord, SessionStore as _, StoreErrorKind};
use authcore::{
    Auth, Device, Error, Login, MemoryStore, Realm, RefreshTokens, ServerSessions, SessionKind,
    SessionPolicy, Subject,
};
use authcore_redis::RedisStore;
use authcore_tests::redis::{Server, fresh_prefix};
use redis::Value;

fn text(value: Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).unwrap(),
        Value::SimpleString(text) => text,
        other => panic!("{other:?}"),
    }
}

fn number(value: Value) -> i64 {
    if let Value::Int(number) = value { number } else { panic!("{value:?}") }
}

fn all_keys(server: &Server) -> Vec<String> {
    let mut keys: Vec<String> = redis::from_redis_value(server.ask(&["KEYS", "*"])).unwrap();
    keys.sort();
    keys
}

async fn store(server: &Server) -> RedisStore {
    RedisStore::connect(&server.url()).await.unwrap()
}

fn sessions(store: &RedisStore) -> Auth {
    Auth::with_sessions(ServerSessions::builder(store.clone()).build().unwrap())
}

fn login(subject: &str) -> Login {
    Login::new(subject).unwrap()
}

#[tokio::test]
async fn the_layout_is_the_documented_one() {
    let server = Server::start(&[]);
    let store = store(&server).await;
    let auth = sessions(&store);
    let issued = auth.login(login("user-42")).await.unwrap();
    let id = issued.principal().session_id().unwrap();
    let tag = format!("authcore:{{{:04x}}}", id.partition());
    let (record, index) = (format!("{tag}{id}"), format!("{tag}:user-42"));
    let mut expected = [record.clone(), index.clone()];
    expected.sort();
    assert_eq!(all_keys(&server), expected);
    assert_eq!(text(server.ask(&["TYPE", &index])), "zset");
    assert_eq!(
        text(server.ask(&["ZRANGE", &index, "0", "0"]).into_sequence().unwrap().remove(0)),
        id.to_string()
    );

    // The record ends with the session, a week later, by the server's own clock; the index not before it, and
    // in whole seconds.
    let week = 7 * 24 * 3600 * 1000;
    for (key, end) in [(&record, week), (&index, week + 1000)] {
        let lives = number(server.ask(&["PTTL", key]));
        assert!((end - 6_000..=end).contains(&lives), "{key} lives {lives} ms");
    }
    assert!(number(server.ask(&["PEXPIRETIME", &index])) >= number(server.ask(&["PEXPIRETIME", &record])));
    let _ = auth.logout(issued.credential().expose()).await.unwrap();
    assert!(all_keys(&server).is_empty(), "an index ends with its last session");
}

/// Only the index of a subject of a realm has a NUL in its name. The removal of a session leaves nothing,
/// with every kind of credential.
#[tokio::test]
async fn a12_the_layout_of_realms_is_the_documented_one() {
    let server = Server::start(&[]);
    let store = store(&server).await;
    let key = authcore::jwt::Key::hmac("k1", authcore::jwt::Algorithm::HS256, &[7; 32]).unwrap();
    let jwt = authcore::jwt::Jwt::builder(authcore::jwt::KeyRing::new(key))
        .issuer("https://a.example")
        .audience("api");
    let refresh =
        RefreshTokens::builder(store.clone()).kind(SessionKind::REMEMBERED, SessionPolicy::remembered());
    let refresh = refresh.kind(SessionKind::API_KEY, SessionPolicy::api_key()).build().unwrap();
    let unnamed = Auth::with_hybrid(jwt.build().unwrap(), refresh).unwrap();
    for auth in [unnamed.clone(), unnamed.in_realm(&Realm::new("tenant-7").unwrap())] {
        let subject = Subject::new("user-42").unwrap().in_realm(auth.realm());
        let index = format!("authcore:{{{:04x}}}:{}", subject.partition(), subject.key());
        let named = || login("user-42").device(Device::unknown().with_label("ci"));
        let mut ids = Vec::new();
        for issued in [
            auth.login(login("user-42")).await.unwrap(),
            auth.login(login("user-42").kind(SessionKind::REMEMBERED)).await.unwrap(),
            auth.create_api_key(named()).await.unwrap(),
        ] {
            ids.push(issued.principal().session_id().unwrap());
        }
        while let Some(id) = ids.pop() {
            let record = |id: &authcore::SessionId| format!("authcore:{{{:04x}}}{id}", id.partition());
            let mut expected: Vec<_> = ids.iter().chain([&id]).map(record).chain([index.clone()]).collect();
            expected.sort();
            assert_eq!(all_keys(&server), expected);
            assert_eq!(number(server.ask(&["ZCARD", &index])), ids.len() as i64 + 1);
            assert!(store.remove(id).await.unwrap());
        }
        assert!(all_keys(&server).is_empty(), "the index goes with the last session");
    }
}

/// A record and an index as the previous release wrote them (rule S9).
#[tokio::test]
async fn s9_the_records_of_the_previous_release_are_read() {
    let server = Server::start(&[]);
    let store = store(&server).await;
    let subject: Subject = "user-42".parse().unwrap();
    let mut golden = vec![1, 0, 0, 0, 0, 0, 0, 0, 7];
    let id = authcore::SessionId::generate(&subject).unwrap();
    golden.extend(id.as_bytes());
    golden.extend([0, 0, 0, 3]);
    for millis in 10..15 {
        golden.extend([0, 0, 0, 0, 0, 0, 0, millis]);
    }
    golden.extend([0, 7, 0, 16, 0]);
    golden.extend([2; 32]);
    golden.extend(b"user-42{\"role\":\"admin\"}");
    let tag = format!("authcore:{{{:04x}}}", id.partition());
    let (record, index) = (format!("{tag}{id}"), format!("{tag}:user-42"));
    // The client of the tests sends text, so each byte is sent as two digits, which the script decodes.
    let hex: String = golden.iter().map(|byte| format!("{byte:02x}")).collect();
    let script = "return redis.call('SET', KEYS[1], (string.gsub(ARGV[1], '..', function(digits)
                  return string.char(tonumber(digits, 16)) end)))";
    server.ask(&["EVAL", script, "1", &record, &hex]);
    server.ask(&["ZADD", &index, "4000000000", &id.to_string()]);
    let read = store.load(id).await.unwrap().unwrap();
    assert_eq!(read.as_bytes(), golden);
    assert_eq!(store.list(&subject).await.unwrap().len(), 1);
    let mut parts = read.to_parts();
    parts.version = parts.version.next();
    parts.idle_expires_at = parts.last_seen_at.plus(std::time::Duration::from_secs(60));
    parts.expires_at = parts.idle_expires_at;
    let next = SessionRecord::from_parts(&parts).unwrap();
    assert_eq!(next.as_bytes()[0], 1, "a record without new fields stays in the previous format");
    assert_eq!(
        store.replace(&next, read.version()).await.unwrap(),
        authcore::store::ReplaceOutcome::Replaced
    );
    assert!(store.remove(id).await.unwrap());
    assert!(all_keys(&server).is_empty());
}

/// A record expires by itself and not too early (rule S6). A write to an index removes its expired entries.
#[tokio::test]
async fn s6_the_server_drops_what_has_expired() {
    let server = Server::start(&[]);
    let store = store(&server).await;
    let policy = |millis| {
        let end = std::time::Duration::from_millis(millis);
        let policy = SessionPolicy::new().with_idle_timeout(end).with_absolute_timeout(end);
        Auth::with_sessions(ServerSessions::builder(store.clone()).policy(policy).build().unwrap())
    };
    // Only until the first lifetime has passed can a missing key be too early. A lifetime must be long enough
    // for three logins on a busy machine.
    const LIFE: u64 = 3000;
    let (short, long) = (policy(LIFE), policy(600_000));
    let begun = std::time::Instant::now();
    let _ = short.login(login("short")).await.unwrap();
    let _ = short.login(login("both")).await.unwrap();
    let stays = long.login(login("both")).await.unwrap();
    loop {
        let (keys, age) = (all_keys(&server).len(), begun.elapsed());
        assert!(keys == 5 || age.as_millis() >= u128::from(LIFE), "{keys} keys of 5 are left after {age:?}");
        // The short sessions and the index of one are gone.
        if keys == 2 {
            break;
        }
        assert!(age.as_secs() < 120, "{keys} keys are left after {age:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let subject: Subject = "both".parse().unwrap();
    assert_eq!(store.list(&subject).await.unwrap().len(), 1);
    let id = stays.principal().session_id().unwrap();
    let index = format!("authcore:{{{:04x}}}:both", id.partition());
    let _ = long.login(login("both")).await.unwrap();
    assert_eq!(number(server.ask(&["ZCARD", &index])), 2, "the entry of the expired one was pruned");
}

/// A value that cannot be read is corrupt, and no other session is affected (rule S9).
#[tokio::test]
async fn s9_foreign_and_truncated_values_are_corrupt() {
    let server = Server::start(&[]);
    let store = store(&server).await;
    let auth = sessions(&store);
    let neighbour = auth.login(login("user-42")).await.unwrap();
    let subject: Subject = "user-42".parse().unwrap();
    for damage in ["cut", "foreign", "empty", "list", "set"] {
        let issued = auth.login(login("user-42")).await.unwrap();
        let id = issued.principal().session_id().unwrap();
        let key = format!("authcore:{{{:04x}}}{id}", id.partition());
        let record = store.load(id).await.unwrap().unwrap();
        match damage {
            "cut" => server.ask(&[
                "EVAL",
                "return redis.call('SET', KEYS[1], redis.call('GETRANGE', KEYS[1], 0, 90))",
                "1",
                &key,
            ]),
            "foreign" => server.ask(&["SET", &key, "a value of another application"]),
            "empty" => server.ask(&["SET", &key, ""]),
            "list" => {
                server.ask(&["DEL", &key]);
                server.ask(&["RPUSH", &key, "x"])
            }
            _ => {
                server.ask(&["DEL", &key]);
                server.ask(&["SADD", &key, "x"])
            }
        };
        let loaded = store.load(id).await.unwrap_err();
        assert_eq!(loaded.kind(), StoreErrorKind::Corrupt, "{damage}: {loaded:?}");
        assert_eq!(store.list(&subject).await.unwrap_err().kind(), StoreErrorKind::Corrupt, "{damage}");
        let verified = auth.authenticate(issued.credential().expose()).await.unwrap_err();
        assert!(
            matches!(&verified, Error::Store(error) if error.kind() == StoreErrorKind::Corrupt),
            "{verified:?}"
        );
        auth.authenticate(neighbour.credential().expose()).await.unwrap();
        let other = auth.login(login("user-43")).await.unwrap();
        auth.authenticate(other.credential().expose()).await.unwrap();
        // A value that is not a record is not overwritten, and each of them can be removed.
        let replaced = store.replace(&record, record.version()).await;
        assert!(
            damage == "cut" || !matches!(replaced, Ok(authcore::store::ReplaceOutcome::Replaced)),
            "{damage}: {replaced:?}"
        );
        assert!(store.remove(id).await.unwrap(), "{damage}");
        assert!(store.load(id).await.unwrap().is_none());
    }
    assert_eq!(store.list(&subject).await.unwrap().len(), 1);
}

/// A foreign value under the name of an index does not keep a session alive, and is not removed.
#[tokio::test]
async fn s9_a_foreign_index_keeps_no_session_alive() {
    let server = Server::start(&[]);
    let store = store(&server).await;
    let auth = sessions(&store);
    let issued = auth.login(login("user-42")).await.unwrap();
    let id = issued.principal().session_id().unwrap();
    let index = format!("authcore:{{{:04x}}}:user-42", id.partition());
    server.ask(&["SET", &index, "mine"]);
    assert!(store.remove(id).await.unwrap());
    assert!(auth.authenticate(issued.credential().expose()).await.is_err());
    let subject: Subject = "user-42".parse().unwrap();
    assert_eq!(store.list(&subject).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    assert!(auth.login(login("user-42")).await.is_err());
    let all: Vec<_> = all_keys(&server);
    assert_eq!(all, [index], "a login that fails leaves nothing");
}

/// No error of the store and no `Debug` output shows a secret (rule S10).
#[tokio::test]
async fn s10_nothing_secret_is_shown() {
    let server = Server::start(&["--requirepass", "hunter2"]);
    let url = format!("redis://:hunter2@127.0.0.1:{}", server.port());
    let builder = RedisStore::builder(&url);
    assert!(!format!("{builder:?}").contains("hunter2"));
    let store = builder.connect().await.unwrap();
    assert!(!format!("{store:?}").contains("hunter2"));
    let auth = sessions(&store);
    let claims = serde_json::json!({ "note": "between us" });
    let issued = auth.login(login("user-42").claims(&claims).unwrap()).await.unwrap();
    drop(server);
    for error in [
        auth.authenticate(issued.credential().expose()).await.unwrap_err(),
        auth.login(login("user-42").claims(&claims).unwrap()).await.unwrap_err(),
        auth.logout(issued.credential().expose()).await.unwrap_err(),
    ] {
        let shown = format!("{error:?} {error}");
        for secret in ["hunter2", "between us", &issued.credential().expose()[4..]] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(
            matches!(&error, Error::Store(error) if error.kind() == StoreErrorKind::Unavailable),
            "{shown}"
        );
    }
}

/// Returns how often a server has run a command. Commands of scripts count too.
fn calls(server: &Server, command: &str) -> u64 {
    let Value::BulkString(stats) = server.ask(&["INFO", "commandstats"]) else { panic!("no statistics") };
    let stats = String::from_utf8(stats).unwrap();
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")).map(str::to_owned));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn round_trips_are_few() {
    let server = Server::start(&[]);
    let store = RedisStore::builder(&server.url()).prefix(&fresh_prefix()).connect().await.unwrap();
    let auth = sessions(&store);
    let key = authcore::jwt::Key::generate("k1", authcore::jwt::Algorithm::HS256).unwrap();
    let jwt = authcore::jwt::Jwt::builder(authcore::jwt::KeyRing::new(key))
        .issuer("https://a.example")
        .audience("api");
    let refresh = RefreshTokens::builder(store.clone()).build().unwrap();
    let clock = ManualClock::new(SystemClock.now());
    let hybrid = Auth::with_hybrid(jwt.build().unwrap(), refresh).unwrap().with_clock(clock.clone());
    // From here on, the server knows the scripts.
    let known = hybrid.login(login("user-1")).await.unwrap();
    // Old enough to be rotated (rule R11).
    clock.advance(std::time::Duration::from_secs(60));
    let _ = hybrid.refresh(known.refresh_token().unwrap().expose()).await.unwrap();
    let _ = hybrid.admin().revoke_all(&"user-1".parse().unwrap()).await.unwrap();
    let issued = auth.login(login("user-42")).await.unwrap();
    let access = hybrid.login(login("user-43")).await.unwrap();

    let trips = || calls(&server, "evalsha") + calls(&server, "eval");
    let (scripts, reads) = (trips(), calls(&server, "get"));
    auth.authenticate(issued.credential().expose()).await.unwrap();
    assert_eq!((trips() - scripts, calls(&server, "get") - reads), (0, 1), "a verification is one GET");
    clock.advance(std::time::Duration::from_secs(60));
    let scripts = trips();
    let _ = auth.login(login("user-44")).await.unwrap();
    assert_eq!(trips() - scripts, 2, "login");
    let (scripts, reads) = (trips(), calls(&server, "get"));
    let _ = hybrid.refresh(access.refresh_token().unwrap().expose()).await.unwrap();
    assert_eq!((trips() - scripts, calls(&server, "get") - reads), (1, 1), "refresh");

    let unlimited = SessionPolicy::new().without_session_limit();
    let unlimited = ServerSessions::builder(store.clone()).policy(unlimited).build().unwrap();
    let unlimited = Auth::with_sessions(unlimited);
    let subject: Subject = "many".parse().unwrap();
    let logins = (0..1000).map(|_| unlimited.login(login("many")));
    futures_util::future::try_join_all(logins).await.unwrap();
    let scripts = trips();
    assert_eq!(unlimited.admin().revoke_all(&subject).await.unwrap().sessions.len(), 1000);
    assert_eq!(trips() - scripts, 1, "logout everywhere");
    assert!(store.list(&subject).await.unwrap().is_empty());
}

/// The contract says how a refresh session behaves. This test only checks that it leaves no key behind.
#[tokio::test]
async fn a_refresh_session_leaves_no_key_behind() {
    let server = Server::start(&[]);
    let store = store(&server).await;
    let key = || authcore::jwt::Key::hmac("k1", authcore::jwt::Algorithm::HS256, &[7; 32]).unwrap();
    let jwt = || {
        authcore::jwt::Jwt::builder(authcore::jwt::KeyRing::new(key()))
            .issuer("https://a.example")
            .audience("api")
    };
    let in_redis =
        Auth::with_hybrid(jwt().build().unwrap(), RefreshTokens::builder(store).build().unwrap()).unwrap();
    let in_memory = RefreshTokens::builder(MemoryStore::new()).build().unwrap();
    let in_memory = Auth::with_hybrid(jwt().build().unwrap(), in_memory).unwrap();
    let issued = in_redis.login(login("user-42")).await.unwrap();
    assert_eq!(all_keys(&server).len(), 2);
    // Another store does not know the session.
    assert!(matches!(
        in_memory.refresh(issued.refresh_token().unwrap().expose()).await,
        Err(Error::Unauthenticated(_))
    ));
    let next = in_redis.refresh(issued.refresh_token().unwrap().expose()).await.unwrap();
    assert_eq!(next.principal().session_id(), issued.principal().session_id());
    let _ = in_redis.logout(next.refresh_token().unwrap().expose()).await.unwrap();
    assert!(all_keys(&server).is_empty());
}
