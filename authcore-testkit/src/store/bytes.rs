//! S7 and S10: records round-trip exactly, and their contents stay out of `Debug` output.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use authcore::store::{RecordVersion, SecretBytes, SessionRecord, StoredCredential};
use authcore::{Device, Timestamp};

use crate::Fixture;
use crate::checked_store::CheckedStore;
use crate::records::{SECRET_CLAIM, in_realm, largest_details, next_with, record_with, subject};

/// Claims that a store which parses JSON would write differently.
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

/// S7: claims keep their bytes: whitespace, order, duplicate keys, escapes and numbers of any size.
pub async fn s7_claims_round_trip_byte_for_byte(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S7");
    for claims in CLAIMS {
        let record = record_with(&subject("ada"), |parts| parts.claims = (*claims).into());
        store.expect_round_trip(&record, &format!("claims {claims:?}")).await;
        // Claims that a replace sets, in addition to those that it keeps.
        let before = record_with(&subject("ada"), |_| {});
        store.add(&before).await;
        let after = next_with(&before, |parts| parts.claims = (*claims).into());
        store.advance(&before, &after).await;
        store.expect_stored(&after, &format!("claims {claims:?} set by replace")).await;
    }
}

/// S7: the store accepts claims of the largest size that the core allows, in one-byte and in four-byte
/// characters.
pub async fn s7_claims_of_the_largest_size_round_trip(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S7");
    let room = SessionRecord::MAX_CLAIMS_LEN - r#"{"x":""}"#.len();
    let wide = "\u{1f980}".repeat(room / 4);
    for filling in ["y".repeat(room), format!("{wide}{}", "z".repeat(room % 4))] {
        let claims = format!(r#"{{"x":"{filling}"}}"#);
        store.expect_equal("the size of the claims", claims.len(), SessionRecord::MAX_CLAIMS_LEN);
        let record = record_with(&subject(&"s".repeat(255)), |parts| {
            parts.claims = claims.as_str().into();
            parts.device = largest_device();
        });
        store.expect_round_trip(&record, "the largest record in the unnamed realm").await;
        let record = record_with(&in_realm(&"s".repeat(255), &"r".repeat(64)), |parts| {
            parts.claims = claims.into();
            parts.device = largest_device();
            parts.details = largest_details();
            parts.credential = StoredCredential::Refresh {
                secret_digest: [1; 32].into(),
                mac_key: [2; 32].into(),
                generation: 1,
                rotated_at: parts.created_at,
            };
        });
        store.expect_round_trip(&record, "the largest record").await;
    }
}

fn largest_device() -> Device {
    Device::unknown()
        .with_label(&"\u{1f4f1}".repeat(63))
        .with_user_agent(&"M".repeat(Device::MAX_LEN))
        .with_ip(IpAddr::V6(Ipv6Addr::from_bits(u128::MAX)))
}

/// S7: devices round-trip, and an unknown value stays distinct from an empty one.
pub async fn s7_devices_round_trip(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S7");
    let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped();
    let devices = [
        Device::unknown(),
        Device::unknown().with_label("Ada's \"phone\" \\ "),
        Device::unknown().with_user_agent("Mozilla/5.0 (X11; Linux) 'x'"),
        Device::unknown().with_ip(Ipv4Addr::new(192, 0, 2, 1).into()),
        Device::unknown().with_ip(mapped.into()),
        Device::unknown().with_ip(Ipv6Addr::LOCALHOST.into()),
        Device::unknown().with_ip(Ipv4Addr::UNSPECIFIED.into()).with_label("jose\u{301} "),
        largest_device(),
    ];
    for device in devices {
        let what = format!("{device:?}");
        let record = record_with(&subject("ada"), |parts| parts.device = device);
        store.expect_round_trip(&record, &what).await;
    }
}

/// S7: every kind of credential keeps its kind and its bytes.
pub async fn s7_every_kind_of_credential_round_trips(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S7");
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
            store.expect_round_trip(&record, &what).await;
        }
    }
}

/// S7: numbers keep every bit, up to the largest value of a signed 64-bit column, and times every
/// millisecond.
pub async fn s7_the_largest_numbers_round_trip(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S7");
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
        store.expect_round_trip(&record, "the largest numbers").await;
    }
    let record = record_with(&subject("ada"), |parts| {
        (parts.created_at, parts.authenticated_at) = (Timestamp::UNIX_EPOCH, Timestamp::from_millis(1));
        parts.last_seen_at = Timestamp::from_millis(1_700_000_000_999);
        parts.idle_expires_at = Timestamp::from_millis((1 << 53) + 1);
        parts.expires_at = Timestamp::from_millis((1 << 53) + 3);
    });
    store.expect_round_trip(&record, "times to the millisecond").await;
}

/// S10: the `Debug` output of a store shows no claims and no secrets of its records.
pub async fn s10_debug_shows_no_claims_and_no_secrets(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S10");
    let record = record_with(&subject("ada"), |parts| {
        parts.claims = format!(r#"{{"x":"{SECRET_CLAIM}"}}"#).into();
        parts.credential = StoredCredential::Session { secret_digest: [0xa7; 32].into() };
    });
    store.add(&record).await;
    for text in [format!("{:?}", store.store()), format!("{:#?}", fixture.second())] {
        let text = text.split_whitespace().collect::<String>().to_ascii_lowercase();
        store.expect(
            !text.contains(SECRET_CLAIM),
            "expected no claims in the store's Debug output, but it shows them",
        );
        for bytes in ["a7a7a7", "167,167,167", "0xa7,0xa7", "\\xa7\\xa7"] {
            store.expect(
                !text.contains(bytes),
                "expected no digest of a credential in the store's Debug output, but it shows one",
            );
        }
    }
}
