//! Rule S10: no secret, token or claim appears in the `Debug` of any public type or in any error (and rule T11 for
//! keys).

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use std::fmt::{Debug, Display};
use std::time::Duration;

use authcore::{
    AccessToken, Algorithm, Auth, Claims, ConfigError, Error, ErrorKind, Jwt, Key, KeyRing, Login,
    LoginError, ManualClock, MemoryStore, Refresh, Rejection, SessionStore, StoreError, Timestamp,
    TokenBuffer, TokenStrategy, TrustedIssuer,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

const KEY: &[u8; 32] = b"a-key-that-must-not-be-seen-----";
const CLAIM: &str = "claim-that-must-not-be-seen";
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// What must not be seen, and everything that was shown.
#[derive(Default)]
struct Search {
    secrets: Vec<String>,
    shown: Vec<String>,
}

impl Search {
    fn secret(&mut self, text: &str) {
        self.secrets.push(text.to_owned());
        // Whatever bytes a token carries, in the spellings that `Debug` has for bytes.
        for segment in text.split(['.', '_']).filter(|segment| segment.len() > 20) {
            if let Ok(bytes) = URL_SAFE_NO_PAD.decode(segment) {
                self.secret_bytes(&bytes[bytes.len().saturating_sub(32)..]);
            }
        }
    }

    fn secret_bytes(&mut self, bytes: &[u8]) {
        self.secrets.push(format!("{bytes:?}").trim_matches(['[', ']']).to_owned());
        self.secrets.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    }

    fn show(&mut self, value: &impl Debug) {
        self.shown.push(format!("{value:?}"));
        self.shown.push(format!("{value:#?}").split_whitespace().collect::<Vec<_>>().join(" "));
    }

    fn show_error(&mut self, error: &(impl Debug + Display)) {
        self.show(error);
        self.shown.push(error.to_string());
    }

    fn check(&self) {
        assert!(self.secrets.iter().all(|secret| secret.len() > 5));
        for (shown, secret) in
            self.shown.iter().flat_map(|shown| self.secrets.iter().map(move |s| (shown, s)))
        {
            assert!(!shown.contains(secret.as_str()), "{secret} shows in {shown}");
        }
    }
}

fn jwt() -> Jwt {
    let key = || Key::hmac("k1", Algorithm::HS256, KEY).unwrap();
    let partner = Key::hmac("p1", Algorithm::HS256, KEY).unwrap();
    Jwt::builder(KeyRing::new(key()))
        .issuer("https://auth.example.com")
        .audience("api")
        .trusting(TrustedIssuer::new("partner", "us", partner))
        .build()
        .unwrap()
}

fn login() -> Login {
    Login::new("user-42").unwrap().claims(&json!({ "note": CLAIM })).unwrap()
}

#[tokio::test]
async fn s10_debug_shows_no_secret() {
    let mut search = Search::default();
    search.secret_bytes(KEY);
    search.secret(std::str::from_utf8(KEY).unwrap());
    search.secret(CLAIM);

    let key = Key::hmac("k1", Algorithm::HS256, KEY).unwrap();
    search.show(&key);
    search.show(&KeyRing::new(key.clone()).verifying(key.clone()));
    search.show(&Jwt::builder(KeyRing::new(key.clone())));
    search.show(&TrustedIssuer::new("partner", "us", key));
    search.show(&jwt());

    let clock = ManualClock::new(NOW);
    let store = MemoryStore::new();
    let refresh = Refresh::builder(store.clone());
    search.show(&refresh);
    let auth = Auth::hybrid(jwt(), refresh.build().unwrap()).unwrap().with_clock(clock.clone());
    let sessions = authcore::ServerSessions::builder(MemoryStore::new()).build().unwrap();
    search.show(&sessions);
    for auth in [auth.clone(), Auth::sessions(sessions), Auth::tokens(jwt()).with_clock(clock.clone())] {
        let issued = auth.login(login()).await.unwrap();
        search.secret(issued.credential());
        issued.refresh_token().into_iter().for_each(|token| search.secret(token));
        search.show(&login().replacing(issued.credential()));
        search.show(&issued);
        search.show(issued.principal());
        search.show(&auth.authenticate(issued.credential()).await.unwrap());
        search.show(&auth);
        search.show(&auth.admin());
        if let Ok(devices) = auth.sessions_of(issued.principal()).await {
            search.show(&devices);
        }
        search.show(&auth.logout(issued.credential()).await.unwrap());
    }

    let issued = auth.login(login()).await.unwrap();
    let record = store.load(issued.principal().session_id().unwrap()).await.unwrap().unwrap();
    let parts = record.to_parts();
    if let authcore::StoredCredential::Refresh { secret_digest, mac_key, .. } = &parts.credential {
        search.secret_bytes(secret_digest.expose());
        search.secret_bytes(mac_key.expose());
    }
    search.show(&record);
    search.show(&parts);
    search.show(&store);
    search.show(&Claims::from_serialize(&json!({ "note": CLAIM })).unwrap());

    let mut buffer = TokenBuffer::new();
    search.secret(issued.credential());
    search.show(&jwt().verify_claims::<serde_json::Value>(issued.credential(), NOW, &mut buffer).unwrap());
    search.show(&buffer);
    search.show(&AccessToken::new(issued.credential(), NOW));
    search.show(&jwt().verify(issued.credential(), NOW).unwrap());
    search.check();
}

#[tokio::test]
async fn s10_errors_show_no_secret() {
    let mut search = Search::default();
    search.secret(CLAIM);
    let clock = ManualClock::new(NOW);
    let store = MemoryStore::new();
    let refresh = Refresh::builder(store.clone()).build().unwrap();
    let auth = Auth::hybrid(jwt(), refresh).unwrap().with_clock(clock.clone());
    let issued = auth.login(login()).await.unwrap();
    let (access, token) = (issued.credential(), issued.refresh_token().unwrap());
    search.secret(access);
    search.secret(token);

    #[derive(Debug, serde::Deserialize)]
    struct Other {
        #[expect(dead_code, reason = "never read")]
        note: u32,
    }
    search.show_error(&issued.principal().claims::<Other>().unwrap_err());
    search.show_error(&jwt().verify(access, NOW).unwrap().claims::<Other>().unwrap_err());
    search.show_error(&Login::new("").unwrap_err());
    search.show_error(&Login::new("a").unwrap().claims(CLAIM).unwrap_err());
    let secret_claim = Login::new("a").unwrap().claims(&json!({ "password": CLAIM })).unwrap();
    search.show_error(&auth.login(secret_claim).await.unwrap_err());

    clock.advance(Duration::from_secs(61));
    auth.refresh(token).await.unwrap();
    clock.advance(Duration::from_secs(61));
    let reuse = auth.refresh(token).await.unwrap_err();
    assert!(reuse.incident().is_some());
    search.show_error(&reuse);
    search.show_error(reuse.rejection().unwrap());
    for refused in [access, token, "acs_x", "acr_x", &format!("{access}x"), &format!("{token}x"), CLAIM] {
        clock.advance(Duration::from_secs(1000));
        for error in
            [auth.authenticate(refused).await.err(), auth.refresh(refused).await.err()].into_iter().flatten()
        {
            search.show_error(&error);
            assert_eq!(error.kind(), ErrorKind::Unauthenticated);
            assert_eq!(error.to_string(), "unauthenticated", "clients learn nothing more");
            search.show_error(error.rejection().unwrap());
        }
    }
    search.show_error(&Error::from(StoreError::unavailable("loading a session")));
    search.show_error(&LoginError::ReservedClaim("exp"));
    let config: ConfigError = Key::hmac("k", Algorithm::HS512, KEY).unwrap_err();
    search.show_error(&config);
    search.show_error(&Rejection::InvalidClaim("exp"));
    search.secret_bytes(KEY);
    search.check();
}
