//! Properties for any text, payload, subject and claims (rules S7, T5, T12, T13).

use std::collections::BTreeMap;

use authcore::clock::ManualClock;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing, TokenBuffer};
use authcore::store::SessionRecord;
use authcore::strategy::TokenStrategy as _;
use authcore::{Auth, Claims, Login, Subject};
use futures_util::FutureExt as _;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{ISSUER, NOW, SECRET, header, payload, sign, sign_text, verify};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

/// Returns every member with the exact text of its value.
type Members = BTreeMap<String, Box<RawValue>>;

fn texts(members: &Members) -> BTreeMap<&str, &str> {
    members.iter().map(|(name, value)| (&**name, value.get())).collect()
}

/// Any text, with a higher share of characters that JSON escapes or that need several bytes.
fn any_text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        '"',
        '\\',
        '/',
        '\n',
        '\u{1}',
        '\u{7f}',
        '\u{e9}',
        '\u{2028}',
        '\u{1f600}',
    ]);
    let char = prop_oneof![3 => any::<char>(), 2 => odd, 3 => prop::char::range('a', 'z'), 1 => Just('\0')];
    prop::collection::vec(char, 0..40).prop_map(String::from_iter)
}

/// Any UTF-8 except NUL, of 1 to 255 bytes.
fn any_subject() -> impl Strategy<Value = String> {
    let long = prop::collection::vec(any_text(), 1..12).prop_map(|texts| texts.concat());
    long.prop_filter_map("empty", |text| {
        let mut text = text.replace('\0', "");
        while text.len() > Subject::MAX_LEN {
            text.pop();
        }
        (!text.is_empty()).then_some(text)
    })
}

fn is_secret(name: &str) -> bool {
    Claims::SECRET_NAMES.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

/// Names of members, including almost reserved ones and those that are reserved at the top level.
fn any_name() -> impl Strategy<Value = String> {
    let near = ["Exp", "sub ", "is", "epoch\0", "scope", "password_changed_at", ""];
    let names = near.iter().chain(Claims::RESERVED_NAMES).map(|name| (*name).to_owned()).collect::<Vec<_>>();
    prop_oneof![2 => any_text(), 1 => prop::sample::select(names)]
        .prop_filter("a secret's name", |name| !is_secret(name))
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            members(inner).prop_map(Value::from),
        ]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((any_name(), value), 0..6).prop_map(Map::from_iter)
}

/// An object without reserved names at the top level, within the size limit of a session.
fn any_claims() -> impl Strategy<Value = Value> {
    members(any_json()).prop_filter_map("too large", |mut members| {
        members.retain(|name, _| !Claims::RESERVED_NAMES.contains(&name.as_str()));
        let claims = Value::from(members);
        (claims.to_string().len() <= SessionRecord::MAX_CLAIMS_LEN).then_some(claims)
    })
}

fn jwt_of(algorithm: Algorithm) -> Jwt {
    let keys = KeyRing::new(Key::hmac("k1", algorithm, &SECRET).unwrap());
    Jwt::builder(keys).issuer(ISSUER).audience("api").build().unwrap()
}

/// Issues a token and verifies it in both ways: the contents round-trip to the byte.
fn check_round_trip(subject: &str, claims: &Value) {
    let text = claims.to_string();
    let given: Members = serde_json::from_str(&text).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    for algorithm in ALGORITHMS {
        let jwt = jwt_of(algorithm);
        let auth = Auth::with_tokens(jwt.clone()).with_clock(ManualClock::new(NOW));
        let login = Login::new(subject).unwrap().claims(claims).unwrap();
        let issued = auth.login(login).now_or_never().unwrap().unwrap();

        let verified = jwt.verify(issued.credential().expose(), NOW).unwrap();
        for principal in [issued.principal(), &verified] {
            assert_eq!(principal.subject(), subject);
            assert_eq!(texts(&principal.claims::<Members>().unwrap()), texts(&given));
            assert_eq!(principal.claims::<Value>().unwrap(), expected);
        }
        assert!(verified.claims::<Claims>().unwrap().names().eq(given.keys().map(String::as_str)));

        let mut buffer = TokenBuffer::new();
        let borrowed = jwt.verify_claims::<Members>(issued.credential().expose(), NOW, &mut buffer).unwrap();
        assert_eq!(borrowed.subject, subject);
        assert_eq!(texts(&borrowed.claims), texts(&given));
        let borrowed = jwt.verify_claims::<Value>(issued.credential().expose(), NOW, &mut buffer).unwrap();
        assert_eq!(borrowed.claims, expected);
    }
}

#[test]
fn s7_t8_the_largest_login_fits_into_a_token() {
    let long = json!({ "x": "\u{e9}".repeat((SessionRecord::MAX_CLAIMS_LEN - 8) / 2) });
    assert_eq!(long.to_string().len(), SessionRecord::MAX_CLAIMS_LEN);
    // A control character takes six bytes of JSON.
    check_round_trip(&"\u{1}".repeat(Subject::MAX_LEN), &long);
}

proptest! {
    #[test]
    fn s7_t13_an_issued_token_round_trips(subject in any_subject(), claims in any_claims()) {
        check_round_trip(&subject, &claims);
    }

    #[test]
    fn t12_any_text_is_refused_without_panic(token in "\\PC{0,80}(\\.\\PC{0,80}){0,3}") {
        prop_assert!(verify(&token).is_err());
    }

    #[test]
    fn t12_any_signed_payload_is_judged_without_panic(payload in "\\PC{0,200}") {
        let _ = verify(&sign_text(&header().to_string(), &payload, &SECRET));
    }

    #[test]
    fn t12_any_signed_header_is_judged_without_panic(header in "\\PC{0,100}") {
        prop_assert!(verify(&sign_text(&header, &payload().to_string(), &SECRET)).is_err());
    }

    #[test]
    fn t5_one_changed_character_is_a_forgery(position in 0usize..1000, to in "[A-Za-z0-9_.-]") {
        let good = sign(&header(), &payload());
        let position = position % good.len();
        let mut forged = good.clone();
        forged.replace_range(position..=position, &to);
        prop_assume!(forged != good);
        prop_assert!(verify(&forged).is_err());
    }
}
