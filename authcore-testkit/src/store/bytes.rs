//! S7 and S10: what a record says comes back, and shows nowhere else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::formats::full_details;
use crate::Fixture;
use crate::probe::Probe;
use crate::records::{SHIBBOLETH, in_realm, next_with, record_with, subject};
use authcore::store::{RecordVersion, SecretBytes, SessionRecord, StoredCredential};
use authcore::{Device, Timestamp};

/// Claims that a store which understands JSON would write differently.
const CLAIMS: &[&str] = &[
    "{}",
    "{ }",
    " {\"a\":1}\n\t",
    r#"{ "b" : 1,  "a" : 2 }"#,
    r#"{"a":1,"a":2}"#,
    r#"{"long":1,"z":2,"aa":3,"b":4}"#,
    r#"{"n":123456789012345678901234567890,"f":1.10,"e":1E400,"z":-0.0,"i":9007199254740993}"#,
    r#"{"t":"\u00fc \u0000 \ud83e\udd80 \/ \" \\ \n"}"#,
    "{\"t\":\"\u{fc} u\u{308} \u{65e5}\u{672c} \u{1f980} \u{7f} \u{200b} \u{feff}\"}",
    r#"{"":null,"t":[true,false,[],{}," ' '' -- \u003c? $1 :x %s {0} "]}"#,
];

pub(super) async fn round_trips(store: &Probe, record: &SessionRecord, what: &str) {
    store.add(record).await;
    store.holds(record, &format!("{what}, after insert")).await;
    let next = next_with(record, |_| {});
    store.advance(record, &next).await;
    store.holds(&next, &format!("{what}, after replace")).await;
}

/// S7: claims keep their bytes: whitespace, order, doubled keys, escapes, numbers of any size.
pub async fn s7_claims_round_trip_byte_for_byte(fixture: Fixture) {
    let store = Probe::new(&fixture, "S7");
    for claims in CLAIMS {
        let record = record_with(&subject("ada"), |parts| parts.claims = (*claims).into());
        round_trips(&store, &record, &format!("claims {claims:?}")).await;
        // Claims that a replace brings, beside those that it keeps.
        let before = record_with(&subject("ada"), |_| {});
        store.add(&before).await;
        let after = next_with(&before, |parts| parts.claims = (*claims).into());
        store.advance(&before, &after).await;
        store.holds(&after, &format!("claims {claims:?} set by replace")).await;
    }
}

/// S7: the largest claims that the core allows fit, of one byte a character and of four.
pub async fn s7_claims_of_the_largest_size_round_trip(fixture: Fixture) {
    let store = Probe::new(&fixture, "S7");
    let room = SessionRecord::MAX_CLAIMS_LEN - r#"{"x":""}"#.len();
    let wide = "\u{1f980}".repeat(room / 4);
    for filling in ["y".repeat(room), format!("{wide}{}", "z".repeat(room % 4))] {
        let claims = format!(r#"{{"x":"{filling}"}}"#);
        store.same("the size of the claims", claims.len(), SessionRecord::MAX_CLAIMS_LEN);
        let record = record_with(&subject(&"s".repeat(255)), |parts| {
            parts.claims = claims.as_str().into();
            parts.device = full_device();
        });
        round_trips(&store, &record, "the largest record of the unnamed realm").await;
        let record = record_with(&in_realm(&"s".repeat(255), &"r".repeat(64)), |parts| {
            parts.claims = claims.into();
            parts.device = full_device();
            parts.details = full_details();
            parts.credential = StoredCredential::Refresh {
                secret_digest: [1; 32].into(),
                mac_key: [2; 32].into(),
                generation: 1,
                rotated_at: parts.created_at,
            };
        });
        round_trips(&store, &record, "the largest record").await;
    }
}

fn full_device() -> Device {
    Device::unknown()
        .with_label(&"\u{1f4f1}".repeat(63))
        .with_user_agent(&"M".repeat(Device::MAX_LEN))
        .with_ip(IpAddr::V6(Ipv6Addr::from_bits(u128::MAX)))
}

/// S7: devices keep what is known of them, and 'not known' stays different from empty.
pub async fn s7_devices_round_trip(fixture: Fixture) {
    let store = Probe::new(&fixture, "S7");
    let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped();
    let devices = [
        Device::unknown(),
        Device::unknown().with_label("Ada's \"phone\" \\ "),
        Device::unknown().with_user_agent("Mozilla/5.0 (X11; Linux) 'x'"),
        Device::unknown().with_ip(Ipv4Addr::new(192, 0, 2, 1).into()),
        Device::unknown().with_ip(mapped.into()),
        Device::unknown().with_ip(Ipv6Addr::LOCALHOST.into()),
        Device::unknown().with_ip(Ipv4Addr::UNSPECIFIED.into()).with_label("jose\u{301} "),
        full_device(),
    ];
    for device in devices {
        let what = format!("{device:?}");
        let record = record_with(&subject("ada"), |parts| parts.device = device);
        round_trips(&store, &record, &what).await;
    }
}

/// S7: every kind of credential comes back as the kind it was, in every byte.
pub async fn s7_every_kind_of_credential_round_trips(fixture: Fixture) {
    let store = Probe::new(&fixture, "S7");
    let rising: [u8; 32] = std::array::from_fn(|index| index as u8);
    let falling: [u8; 32] = std::array::from_fn(|index| 255 - index as u8);
    for bytes in [[0; 32], [0xff; 32], rising, falling] {
        let session = StoredCredential::Session { secret_digest: bytes.into() };
        let refresh = StoredCredential::Refresh {
            secret_digest: bytes.into(),
            mac_key: falling.into(),
            generation: 3,
            rotated_at: Timestamp::from_millis(1_700_000_000_123),
        };
        let api_key = StoredCredential::ApiKey { secret_digest: bytes.into() };
        for credential in [session, refresh, api_key] {
            let what = format!("a credential with the digest {bytes:?}");
            let record = record_with(&subject("ada"), |parts| parts.credential = credential);
            round_trips(&store, &record, &what).await;
        }
    }
}

/// S7: numbers keep every bit, up to the largest that a signed 64-bit column holds, and times every
/// millisecond.
pub async fn s7_the_largest_numbers_round_trip(fixture: Fixture) {
    let store = Probe::new(&fixture, "S7");
    let largest = i64::MAX as u64;
    for generation in [0, (1 << 53) + 1, largest] {
        let record = record_with(&subject("ada"), |parts| {
            parts.version = RecordVersion::from_number(largest - 1);
            parts.epoch = u32::MAX;
            parts.credential = StoredCredential::Refresh {
                secret_digest: SecretBytes::from([1; 32]),
                mac_key: SecretBytes::from([2; 32]),
                generation,
                rotated_at: Timestamp::MAX,
            };
            parts.expires_at = Timestamp::MAX;
        });
        round_trips(&store, &record, "the largest numbers").await;
    }
    let record = record_with(&subject("ada"), |parts| {
        (parts.created_at, parts.authenticated_at) = (Timestamp::UNIX_EPOCH, Timestamp::from_millis(1));
        parts.last_seen_at = Timestamp::from_millis(1_700_000_000_999);
        parts.idle_expires_at = Timestamp::from_millis((1 << 53) + 1);
        parts.expires_at = Timestamp::from_millis((1 << 53) + 3);
    });
    round_trips(&store, &record, "times to the millisecond").await;
}

/// S10: the Debug text of a store shows no claims and no secrets of what it holds.
pub async fn s10_debug_shows_no_claims_and_no_secrets(fixture: Fixture) {
    let store = Probe::new(&fixture, "S10");
    let record = record_with(&subject("ada"), |parts| {
        parts.claims = format!(r#"{{"x":"{SHIBBOLETH}"}}"#).into();
        parts.credential = StoredCredential::Session { secret_digest: [0xa7; 32].into() };
    });
    store.add(&record).await;
    for text in [format!("{:?}", store.store()), format!("{:#?}", fixture.second())] {
        let text = text.split_whitespace().collect::<String>().to_ascii_lowercase();
        store.check(!text.contains(SHIBBOLETH), "the store's Debug text shows claims");
        for bytes in ["a7a7a7", "167,167,167", "0xa7,0xa7", "\\xa7\\xa7"] {
            store.check(!text.contains(bytes), "the store's Debug text shows a credential's digest");
        }
    }
}
