//! What the feature `serde` writes and reads.

#![cfg(feature = "serde")]

use std::time::Duration;

use authcore::clock::ManualClock;
use authcore::{
    Auth, Device, Login, MemoryStore, RevocationEffect, ServerSessions, SessionId, SessionKind, Timestamp,
};
use serde_json::{Value, from_value, json, to_value};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_123);

#[tokio::test]
async fn sessions_and_revocations_are_written_without_secrets() {
    let clock = ManualClock::new(NOW);
    let sessions = ServerSessions::builder(MemoryStore::new()).build().unwrap();
    let auth = Auth::with_sessions(sessions).with_clock(clock.clone());
    let device = Device::unknown().with_label("Ada's phone").with_ip([192, 0, 2, 7].into());
    let issued = auth.login(Login::new("ada").unwrap().device(device)).await.unwrap();
    clock.advance(Duration::from_secs(60));
    let id = issued.principal().session_id().unwrap();
    let listed = to_value(auth.sessions_of(issued.principal()).await.unwrap()).unwrap();
    assert_eq!(
        listed,
        json!([{
            "id": id.to_string(),
            "current": true,
            "created_at": 1_800_000_000_123_u64,
            "last_seen_at": 1_800_000_000_123_u64,
            "ends_at": 1_800_000_000_123_u64 + 7 * 24 * 60 * 60 * 1000,
            "device": { "label": "Ada's phone", "user_agent": null, "ip": "192.0.2.7" },
            "is_api_key": false,
            "kind": "default",
            "is_login": true,
            "client_id": null,
            "actor": null,
            "acr": null,
            "amr": [],
        }])
    );
    let revoked = auth.logout(issued.credential().expose()).await.unwrap();
    assert_eq!(to_value(&revoked).unwrap(), json!({ "sessions": [id.to_string()], "effect": "now" }));
    assert_eq!(to_value(RevocationEffect::At(NOW)).unwrap(), json!({ "at": 1_800_000_000_123_u64 }));
}

#[test]
fn ids_times_and_kinds_are_read_as_they_are_written() {
    let id = SessionId::from_bytes([7; 16]);
    assert_eq!(from_value::<SessionId>(to_value(id).unwrap()).unwrap(), id);
    assert_eq!(from_value::<Timestamp>(to_value(NOW).unwrap()).unwrap(), NOW);
    let kind = SessionKind::REMEMBERED;
    assert_eq!(from_value::<SessionKind>(to_value(&kind).unwrap()).unwrap(), kind);
    for bad in [json!("short"), json!(7), Value::Null] {
        assert!(from_value::<SessionId>(bad).is_err());
    }
    assert!(from_value::<SessionKind>(json!("Not A Kind")).is_err());
    assert!(from_value::<Timestamp>(json!(-1)).is_err());
}
