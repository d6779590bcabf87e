//! Tokens: HS256 over the same bytes on every side.
//!
//! Every side checks the signature, the issuer, the audience and the expiry, and yields `role` as a typed
//! field. authcore also checks `typ`, `kid`, `iat`, the maximum lifetime and that no registered claim occurs
//! twice.

use std::hint::black_box;

use authcore::clock::{Clock, SystemClock};
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing, TokenBuffer};
use authcore::strategy::TokenStrategy;
use authcore::{Auth, Login, Principal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jwt_simple::prelude::{HS256Key, MACLike as _, VerificationOptions};
use oxitoken::claims::{Aud, Exp, Iss};
use oxitoken::header::{Alg, Kid};
use oxitoken::validation::ValidationPipeline;
use oxitoken::validation::keystore::LocalKeystore;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::measure::{Row, Side};

const SECRET: [u8; 32] = [7; 32];
const ISSUER: &str = "https://auth.example.com";

/// The claim of the application, borrowed from the token.
#[derive(Debug, Deserialize)]
struct Role<'a> {
    role: &'a str,
}

/// The same for libraries that read only owned types.
#[derive(Debug, Deserialize, Serialize)]
struct OwnedRole {
    role: String,
}

pub(crate) fn jwt() -> Jwt {
    expect_ok(
        Jwt::builder(KeyRing::new(expect_ok(Key::hmac("k1", Algorithm::HS256, &SECRET))))
            .issuer(ISSUER)
            .audience("api")
            .client_id("web")
            .build(),
    )
}

/// Returns the value. Panics on an error, since a failed setup is a bug of the benchmark.
pub(crate) fn expect_ok<T, E: std::fmt::Debug>(outcome: Result<T, E>) -> T {
    outcome.unwrap_or_else(|error| panic!("a benchmark could not be set up: {error:?}"))
}

/// Returns the result of a future that never waits.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    loop {
        if let Some(output) = (&mut future).now_or_never() {
            return output;
        }
    }
}

fn login() -> Login {
    expect_ok(expect_ok(Login::new("user-42")).claims(&json!({ "role": "admin" })))
}

/// Returns a token as authcore issues it.
fn own_token() -> String {
    expect_ok(ready(Auth::with_tokens(jwt()).login(login()))).credential().expose().to_owned()
}

/// Returns a token with the same members in another order and another header, as another library would sign
/// it.
fn foreign_token(change: impl FnOnce(&mut Value)) -> String {
    let now = SystemClock.now().as_secs();
    let mut claims = json!({
        "sub": "user-42", "iat": now, "exp": now + 900, "auth_time": now, "role": "admin", "client_id": "web",
        "jti": "AAAAAAAAAAAAAAAAAAAAAA", "iss": ISSUER, "aud": "api",
    });
    change(&mut claims);
    sign(r#"{"typ":"at+jwt","kid":"k1","alg":"HS256"}"#, &claims.to_string())
}

fn sign(header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac().chain_update(&signed).finalize().into_bytes()))
}

fn mac() -> Hmac<Sha256> {
    expect_ok(Hmac::new_from_slice(&SECRET))
}

/// Computes the HMAC of the signed bytes of the token, with a prepared key state.
fn floor(token: &str) -> Side {
    let (mac, signed) = (mac(), token.rsplit_once('.').map_or("", |(signed, _)| signed).to_owned());
    Side::new("HMAC floor", move || {
        black_box(mac.clone().chain_update(black_box(&signed)).finalize());
    })
}

fn borrowed(name: &'static str, token: String, good: bool) -> Side {
    let (jwt, mut buffer) = (jwt(), TokenBuffer::new());
    assert_eq!(jwt.verify_claims::<Role<'_>>(&token, SystemClock.now(), &mut buffer).is_ok(), good, "{name}");
    Side::new(name, move || {
        let verified = jwt.verify_claims::<Role<'_>>(black_box(&token), SystemClock.now(), &mut buffer);
        let _ = black_box(verified.map(|verified| verified.claims.role.len()));
    })
}

fn principal(token: String) -> Side {
    let auth = Auth::with_tokens(jwt());
    Side::new("authcore", move || {
        let principal = expect_ok(ready(auth.authenticate(black_box(&token))));
        black_box(expect_ok(principal.claims::<Role<'_>>()).role.len());
    })
}

fn jsonwebtoken(token: String) -> Side {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    let key = DecodingKey::from_secret(&SECRET);
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&["api"]);
    Side::new("jsonwebtoken", move || {
        black_box(expect_ok(decode::<OwnedRole>(black_box(&token), &key, &validation)).claims.role);
    })
}

fn jwt_simple(token: String) -> Side {
    let key = HS256Key::from_bytes(&SECRET).with_key_id("k1");
    Side::new("jwt-simple", move || {
        // The options are taken by value, so their sets are created in every call.
        let options = VerificationOptions {
            allowed_issuers: Some([ISSUER.to_owned()].into()),
            allowed_audiences: Some(["api".to_owned()].into()),
            ..VerificationOptions::default()
        };
        black_box(expect_ok(key.verify_token::<OwnedRole>(black_box(&token), Some(options))).custom.role);
    })
}

#[derive(Deserialize)]
struct OxiHeader {
    alg: oxitoken::Algorithm,
    kid: String,
}

impl Alg for OxiHeader {
    fn alg(&self) -> oxitoken::Algorithm {
        self.alg
    }
}

impl Kid for OxiHeader {
    fn kid(&self) -> &str {
        &self.kid
    }
}

#[derive(Deserialize)]
struct OxiClaims {
    iss: String,
    aud: String,
    exp: i64,
    role: String,
}

impl Iss for OxiClaims {
    fn iss(&self) -> &str {
        &self.iss
    }
}

impl Aud for OxiClaims {
    fn aud(&self) -> impl Iterator<Item = impl AsRef<str>> {
        std::iter::once(&self.aud)
    }
}

impl Exp for OxiClaims {
    fn exp(&self) -> i64 {
        self.exp
    }
}

fn oxitoken(token: String) -> Side {
    let mut keys = LocalKeystore::empty();
    keys.add_key("k1", oxitoken::crypto::openssl::HmacKey::hs256(&SECRET));
    let pipeline = ValidationPipeline::<OxiHeader, OxiClaims, _>::builder(keys)
        .with_issuer_validator(ISSUER)
        .with_audience_validator("api")
        .with_expiration_validator()
        .build();
    Side::new("oxitoken", move || {
        black_box(expect_ok(pipeline.verify(black_box(token.as_bytes()))).1.role);
    })
}

/// Returns a row that verifies `token` on every side.
fn verify_row(name: &'static str, ours: Side, token: &str) -> Row {
    Row::new(name, ours)
        .floor(floor(token))
        .peer(jsonwebtoken(token.to_owned()))
        .peer(jwt_simple(token.to_owned()))
        .peer(oxitoken(token.to_owned()))
}

fn issue_row() -> Row {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

    let auth = Auth::with_tokens(jwt());
    let ours = Side::new("authcore", move || {
        let _ = black_box(expect_ok(ready(auth.login(login()))));
    });
    let key = EncodingKey::from_secret(&SECRET);
    let theirs = Side::new("jsonwebtoken", move || {
        let mut header = Header::new(Algorithm::HS256);
        (header.typ, header.kid) = (Some("at+jwt".to_owned()), Some("k1".to_owned()));
        let now = SystemClock.now().as_secs();
        // A fixed `jti`, which is cheaper than authcore's random one: the library leaves it to the
        // application.
        let claims = json!({
            "iss": ISSUER, "aud": "api", "sub": "user-42", "client_id": "web", "iat": now, "exp": now + 900,
            "auth_time": now, "jti": "AAAAAAAAAAAAAAAAAAAAAA", "role": "admin",
        });
        black_box(expect_ok(encode(&header, &claims, &key)));
    });
    Row::new("token.hs256.issue", ours).floor(floor(&own_token())).peer(theirs)
}

/// Returns a row for a token that is refused, compared with a valid one of the same size.
fn reject_row(name: &'static str, bad: String, good: String) -> Row {
    assert_eq!(bad.len(), good.len(), "{name}: of the same size");
    Row::new(name, borrowed("authcore", bad, false)).peer(borrowed("valid, same size", good, true))
}

fn reject_rows() -> Vec<Row> {
    let own = own_token();
    let mut forged = own.clone();
    let position = own.len() - 10;
    forged.replace_range(position..=position, if &own[position..=position] == "A" { "B" } else { "A" });

    let now = SystemClock.now().as_secs();
    let expired = foreign_token(|claims| {
        (claims["iat"], claims["exp"]) = (json!(now - 1000), json!(now - 100));
    });
    let elsewhere = foreign_token(|claims| claims["aud"] = json!("ipa"));
    let foreign = foreign_token(|_| {});
    let garbage: String = "Zm9vYmFyYmF6cXV4".chars().cycle().take(own.len()).collect();

    let full = |fill: usize| foreign_token(|claims| claims["x"] = json!("y".repeat(fill)));
    let fill = (0..6000).rev().map(full).find(|token| token.len() == 8192 || token.len() == 8191);
    let full = fill.unwrap_or_else(|| panic!("no token of 8 KiB"));
    let dots = ".".repeat(full.len());
    let garbled = format!("{}A", &full[..full.len() - 1]);
    let garbled = if garbled == full { format!("{}B", &full[..full.len() - 1]) } else { garbled };
    vec![
        reject_row("token.reject.bad_signature", forged, own.clone()),
        reject_row("token.reject.expired", expired, foreign.clone()),
        reject_row("token.reject.wrong_audience", elsewhere, foreign),
        reject_row("token.reject.garbage", garbage, own),
        reject_row("token.reject.dots_8k", dots, full.clone()),
        reject_row("token.reject.bad_signature_8k", garbled, full),
    ]
}

/// Returns all rows of tokens.
pub fn rows() -> Vec<Row> {
    // The faster of jsonwebtoken's two crypto providers.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let (own, foreign) = (own_token(), foreign_token(|_| {}));
    let mut rows = vec![
        verify_row("token.hs256.borrowed", borrowed("authcore", own.clone(), true), &own),
        verify_row("token.hs256.foreign", borrowed("authcore", foreign.clone(), true), &foreign),
        verify_row("token.hs256.principal", principal(own.clone()), &own),
        issue_row(),
    ];
    rows.extend(reject_rows());
    rows
}

/// Returns rows, by name, that show how verification grows with the length of the token and the number of
/// keys.
pub fn growth() -> Vec<(String, Row)> {
    let mut rows = Vec::new();
    for fill in [0, 256, 1024, 2048] {
        let claims = json!({ "role": "admin", "x": "y".repeat(fill) });
        let login = expect_ok(expect_ok(Login::new("user-42")).claims(&claims));
        let token = expect_ok(ready(Auth::with_tokens(jwt()).login(login))).credential().expose().to_owned();
        let name = format!("token of {} bytes", token.len());
        rows.push((name, Row::new("growth", borrowed("authcore", token.clone(), true)).floor(floor(&token))));
    }
    for count in [1_usize, 2, 8, 32] {
        let others = (1..count).map(|n| expect_ok(Key::hmac(&format!("old-{n}"), Algorithm::HS256, &SECRET)));
        // The worst case: a token of the last key. The signing key is tried first.
        let mut ring = KeyRing::new(expect_ok(Key::hmac("new", Algorithm::HS256, &SECRET)));
        for key in others {
            ring = ring.verifying(key);
        }
        let ring = ring.verifying(expect_ok(Key::hmac("k1", Algorithm::HS256, &SECRET)));
        let jwt = expect_ok(Jwt::builder(ring).issuer(ISSUER).audience("api").client_id("web").build());
        let (token, mut buffer) = (own_token(), TokenBuffer::new());
        let floor = floor(&token);
        let ours = Side::new("authcore", move || {
            let verified =
                expect_ok(jwt.verify_claims::<Role<'_>>(black_box(&token), SystemClock.now(), &mut buffer));
            black_box(verified.claims.role.len());
        });
        rows.push((format!("one of {} keys, the last", count + 1), Row::new("growth", ours).floor(floor)));
    }
    rows
}

/// Returns a benchmark of the strategy alone, without `Auth`, which verifies a token and returns its
/// principal.
pub fn strategy_principal() -> impl FnMut() -> Principal {
    let (jwt, token) = (jwt(), own_token());
    move || expect_ok(jwt.verify(black_box(&token), SystemClock.now()))
}
