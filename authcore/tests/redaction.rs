//! Rule S10: no secret, token or claim appears in the `Debug` of any public type or in any error (and rule
//! T11 for keys).

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use std::fmt::{Debug, Display};
use std::time::Duration;

use async_trait::async_trait;
use authcore::clock::ManualClock;
use authcore::error::{ClaimFault, ConfigError, LoginError, Rejection};
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing, TokenBuffer, TrustedIssuer};
use authcore::store::{
    SecretBytes, SessionRecord, SessionStore, StoreError, StoreErrorKind, StoredCredential,
};
use authcore::strategy::{
    AccessToken, CallContext, RefreshDecision, RefreshHook, SessionClaims, SessionStrategy, TokenStrategy,
    UnsignedToken, VerifiedToken,
};
use authcore::{
    Auth, Claims, Error, ErrorKind, Login, MemoryStore, Principal, Realm, RefreshTokens, ServerSessions,
    Timestamp,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

const KEY: &[u8; 32] = b"a-key-that-must-not-be-seen-----";
const CLAIM: &str = "claim-that-must-not-be-seen";
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// The secrets, and all text in which they must not appear.
#[derive(Default)]
struct Search {
    secrets: Vec<String>,
    shown: Vec<String>,
}

impl Search {
    fn secret(&mut self, text: &str) {
        self.secrets.push(text.to_owned());
        // The bytes of a token, in the spellings that `Debug` uses for bytes.
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

/// Checks that the search does find a secret that is present.
#[test]
fn s10_the_search_finds_what_is_shown() {
    let bytes = [7_u8; 32];
    let sees = |secret: &dyn Fn(&mut Search), shown: &dyn Fn(&mut Search)| {
        let mut search = Search::default();
        secret(&mut search);
        shown(&mut search);
        std::panic::catch_unwind(|| search.check()).is_err()
    };
    let token = format!("acs_{}", URL_SAFE_NO_PAD.encode(bytes));
    assert!(sees(&|search| search.secret(CLAIM), &|search| search.show(&Some(CLAIM))));
    assert!(sees(&|search| search.secret_bytes(&bytes), &|search| search.show(&Some(bytes))));
    assert!(sees(&|search| search.secret(&token), &|search| search.show(&token)));
    assert!(sees(&|search| search.secret(&token), &|search| search.show(&bytes)));
    assert!(!sees(&|search| search.secret(&token), &|search| search.show(&CLAIM)));
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
    let refresh = RefreshTokens::builder(store.clone());
    search.show(&refresh);
    let auth = Auth::with_hybrid(jwt(), refresh.build().unwrap()).unwrap().with_clock(clock.clone());
    let builder = ServerSessions::builder(MemoryStore::new());
    search.show(&builder);
    let sessions = builder.build().unwrap();
    search.show(&sessions);
    for auth in
        [auth.clone(), Auth::with_sessions(sessions), Auth::with_tokens(jwt()).with_clock(clock.clone())]
    {
        let issued = auth.login(login()).await.unwrap();
        search.secret(issued.credential().expose());
        issued.refresh_token().into_iter().for_each(|token| search.secret(token.expose()));
        search.show(&login().replacing(issued.credential().expose()));
        search.show(&issued);
        search.show(issued.principal());
        search.show(&auth.authenticate(issued.credential().expose()).await.unwrap());
        search.show(&auth);
        search.show(&auth.admin());
        if let Ok(devices) = auth.sessions_of(issued.principal()).await {
            search.show(&devices);
        }
        search.show(&auth.logout(issued.credential().expose()).await.unwrap());
    }

    let issued = auth.login(login()).await.unwrap();
    let record = store.load(issued.principal().session_id().unwrap()).await.unwrap().unwrap();
    let parts = record.to_parts();
    let StoredCredential::Refresh { secret_digest, mac_key, .. } = &parts.credential else {
        panic!("a refresh session")
    };
    search.secret_bytes(secret_digest.expose());
    search.secret_bytes(mac_key.expose());
    search.show(secret_digest);
    search.show(&parts.credential);
    search.show(&record);
    search.show(&parts);
    search.show(&store);
    search.show(&Claims::from_serialize(&json!({ "note": CLAIM })).unwrap());

    let mut buffer = TokenBuffer::new();
    search.secret(issued.credential().expose());
    search.show(
        &jwt().verify_claims::<serde_json::Value>(issued.credential().expose(), NOW, &mut buffer).unwrap(),
    );
    search.show(&buffer);
    search.show(&AccessToken::new(issued.credential().expose(), NOW));
    search.show(&jwt().verify(issued.credential().expose(), NOW).unwrap());
    search.check();
}

/// The arguments and results of custom strategies.
#[tokio::test]
async fn s10_debug_of_what_strategies_are_made_of_shows_no_secret() {
    let mut search = Search::default();
    search.secret(CLAIM);
    let sessions = ServerSessions::builder(MemoryStore::new()).build().unwrap();
    let opened = sessions.open(&login(), &[], &CallContext::new(&Realm::UNNAMED, NOW)).await.unwrap();
    search.secret(opened.expose_credential());
    let credential = opened.record().credential();
    let StoredCredential::Session { secret_digest } = &credential else { panic!("a session") };
    search.secret_bytes(secret_digest.expose());
    search.show(&opened);
    search.show(opened.record());
    search.show(&credential);
    search.show(sessions.sessions());
    search.show(
        &sessions.find(opened.expose_credential(), &CallContext::new(&Realm::UNNAMED, NOW)).await.unwrap(),
    );

    let claims = opened.record().claims_json();
    let mut grant = UnsignedToken::new("user-42", claims, NOW);
    search.show(&grant);
    grant.session = Some(SessionClaims { id: opened.record().id(), epoch: 0 });
    grant.not_after = Some(NOW);
    search.show(&grant);
    assert!(format!("{grant:?}").contains("user-42"), "whose it is may be shown");
    let verified = VerifiedToken {
        session: grant.session,
        foreign_issuer: Some("https://partner.example.com".into()),
        contents: claims.to_owned(),
        ..VerifiedToken::new("user-42".parse().unwrap(), NOW, NOW, claims.to_owned())
    };
    search.show(&verified);
    search.show(&Principal::from_token(verified));

    let bytes = SecretBytes::from(*KEY);
    search.secret_bytes(KEY);
    search.show(&bytes);
    search.show(&StoredCredential::Session { secret_digest: bytes.clone() });
    search.show(&StoredCredential::ApiKey { secret_digest: bytes.clone() });
    let rotated_at = NOW;
    search.show(&StoredCredential::Refresh {
        secret_digest: bytes.clone(),
        mac_key: bytes,
        generation: 7,
        rotated_at,
    });
    search.check();
}

#[derive(Debug, Clone)]
struct Host;

#[async_trait]
impl RefreshHook for Host {
    async fn on_refresh(&self, _: &SessionRecord) -> Result<RefreshDecision, Error> {
        Ok(RefreshDecision::Replace(Claims::from_serialize(&json!({ "replaced": CLAIM }))?))
    }
}

#[tokio::test]
async fn s10_debug_of_a_refresh_with_a_hook_shows_no_claim() {
    let mut search = Search::default();
    search.secret(CLAIM);
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let builder = RefreshTokens::builder(store.clone()).on_refresh(Host);
    search.show(&builder);
    let refresh = builder.build().unwrap();
    search.show(&refresh);
    assert!(format!("{refresh:?}").contains("Host"), "which hook it is may be shown");
    let auth = Auth::with_hybrid(jwt(), refresh).unwrap().with_clock(clock.clone());
    search.show(&auth);
    let first = auth.login(login()).await.unwrap();
    clock.advance(Duration::from_secs(60));
    let second = auth.refresh(first.refresh_token().unwrap().expose()).await.unwrap();
    let record = store.load(second.principal().session_id().unwrap()).await.unwrap().unwrap();
    assert_eq!(record.claims_json(), format!(r#"{{"replaced":"{CLAIM}"}}"#), "the hook was asked");
    for issued in [&first, &second] {
        search.secret(issued.credential().expose());
        search.secret(issued.refresh_token().unwrap().expose());
        search.show(issued);
    }
    let decision = Host.on_refresh(&record).await.unwrap();
    search.show(&decision);
    assert!(format!("{decision:?}").contains("replaced"), "the names of claims may be shown");
    search.show(&RefreshDecision::Deny);
    search.show(&record);
    search.check();
}

/// A store keeps the driver's error for logs, without showing it to clients.
#[tokio::test]
async fn s10_a_store_error_keeps_its_source_and_its_words() {
    fn source_of<'e>(error: &'e (dyn std::error::Error + 'static)) -> &'e std::io::Error {
        error.source().unwrap().downcast_ref::<std::io::Error>().unwrap()
    }

    for kind in [
        StoreErrorKind::Unavailable,
        StoreErrorKind::Corrupt,
        StoreErrorKind::TooLarge,
        StoreErrorKind::Misconfigured,
    ] {
        let bare = StoreError::new(kind, "loading a session");
        assert!(std::error::Error::source(&bare).is_none());
        let driver = std::io::Error::new(std::io::ErrorKind::TimedOut, "10.0.0.7 did not answer");
        let error = StoreError::new(kind, "loading a session").with_source(driver);
        assert_eq!((error.kind(), error.to_string()), (kind, bare.to_string()));
        assert_eq!(error.to_string(), format!("{kind}: loading a session"));
        assert_eq!(source_of(&error).to_string(), "10.0.0.7 did not answer");

        let error = Error::from(error);
        assert_eq!(error.to_string(), Error::from(bare).to_string(), "what clients may see");
        assert!(!error.to_string().contains("10.0.0.7"));
        let store_error = std::error::Error::source(&error).unwrap();
        assert_eq!(store_error.downcast_ref::<StoreError>().unwrap().kind(), kind);
        assert_eq!(source_of(store_error).kind(), std::io::ErrorKind::TimedOut);
    }
    let text = StoreError::unavailable("purging").with_source("a text will do");
    assert_eq!(std::error::Error::source(&text).unwrap().to_string(), "a text will do");
}

/// The error for an unreadable record does not show its bytes (rule S9).
#[tokio::test]
async fn s9_s10_a_corrupt_record_shows_nothing_of_itself() {
    let sessions = ServerSessions::builder(MemoryStore::new()).build().unwrap();
    let opened = sessions.open(&login(), &[], &CallContext::new(&Realm::UNNAMED, NOW)).await.unwrap();
    let bytes = opened.record().as_bytes();
    let mut search = Search::default();
    search.secret(CLAIM);
    search.secret(opened.expose_credential());
    let cut = bytes.len() - 1;
    let unclosed: Vec<_> = bytes.iter().map(|byte| if *byte == b'}' { b' ' } else { *byte }).collect();
    for bad in [&bytes[..cut], &bytes[1..], &[bytes, bytes].concat(), &unclosed] {
        let error = SessionRecord::decode(bad).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        search.show_error(&error);
    }
    search.check();
}

#[tokio::test]
async fn s10_errors_show_no_secret() {
    let mut search = Search::default();
    search.secret(CLAIM);
    let clock = ManualClock::new(NOW);
    let store = MemoryStore::new();
    let refresh = RefreshTokens::builder(store.clone()).build().unwrap();
    let auth = Auth::with_hybrid(jwt(), refresh).unwrap().with_clock(clock.clone());
    let issued = auth.login(login()).await.unwrap();
    let (access, token) = (issued.credential().expose(), issued.refresh_token().unwrap().expose());
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
    let _ = auth.refresh(token).await.unwrap();
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
    search.show_error(&Rejection::InvalidClaim("exp", ClaimFault::Missing));
    search.secret_bytes(KEY);
    search.check();
}

#[cfg(feature = "password")]
mod password {
    use authcore::Subject;
    use authcore::password::{
        Account, Accounts, AccountsError, InvalidPassword, NewPassword, Password, PasswordError,
        PasswordHash, PasswordHasher, PasswordLogin,
    };
    use authcore::store::ReplaceOutcome;

    use super::*;

    const PASSWORD: &str = "password-that-must-not-be-seen";

    #[derive(Debug)]
    struct One(PasswordHash);

    #[async_trait]
    impl Accounts for One {
        async fn find(&self, identifier: &str, _: &Realm) -> Result<Option<Account>, AccountsError> {
            if identifier == "away" {
                return Err(StoreError::unavailable("finding an account").into());
            }
            Ok((identifier == "user-42").then(|| Account::new(login()).password_hash(self.0.clone())))
        }

        async fn password_hash(&self, _: &Subject) -> Result<Option<PasswordHash>, AccountsError> {
            Ok(Some(self.0.clone()))
        }

        async fn replace_hash(
            &self,
            _: &Subject,
            _: &PasswordHash,
            _: &PasswordHash,
        ) -> Result<ReplaceOutcome, AccountsError> {
            Ok(ReplaceOutcome::Missing)
        }
    }

    /// A password, a hash, and the salt and output of the hash.
    fn search(hash: &PasswordHash) -> Search {
        let mut search = Search::default();
        search.secret(CLAIM);
        search.secret(PASSWORD);
        search.secret_bytes(PASSWORD.as_bytes());
        search.secret(hash.expose());
        for part in hash.expose().rsplit('$').take(2) {
            search.secret(part);
            let bytes = base64::engine::general_purpose::STANDARD_NO_PAD.decode(part).unwrap();
            search.secret_bytes(&bytes);
        }
        search
    }

    #[tokio::test]
    async fn s10_p3_debug_shows_no_password() {
        let builder = PasswordHasher::builder();
        let hasher = builder.clone().build().unwrap();
        let hash = hasher.hash(NewPassword::new(PASSWORD).unwrap()).await.unwrap();
        let mut search = search(&hash);
        search.show(&builder);
        search.show(&hasher);
        search.show(&hash);
        search.show(&Password::new(PASSWORD).unwrap());
        search.show(&NewPassword::new(PASSWORD).unwrap());
        search.show(&Account::new(login()).password_hash(hash.clone()));
        let verdict = hasher.verify(Password::new(PASSWORD).unwrap(), Some(&hash)).await;
        search.show(&verdict.unwrap());

        let auth = Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build().unwrap());
        let passwords = PasswordLogin::new(auth, hasher, One(hash));
        search.show(&passwords);
        let password = Password::new(PASSWORD).unwrap();
        let issued = passwords.login("user-42", password, |login| login).await.unwrap();
        search.secret(issued.credential().expose());
        search.show(&issued);
        let (current, new) = (Password::new(PASSWORD).unwrap(), NewPassword::new(PASSWORD).unwrap());
        let refused = passwords.change_password(issued.principal(), current, new).await.unwrap_err();
        search.show_error(&refused);
        search.check();
    }

    #[tokio::test]
    async fn s10_p3_errors_show_no_password() {
        let hasher = PasswordHasher::builder().build().unwrap();
        let hash = hasher.hash(NewPassword::new(PASSWORD).unwrap()).await.unwrap();
        let mut search = search(&hash);
        // Stored by mistake: the password itself, and a truncated hash.
        for corrupt in [PASSWORD, &hash.expose()[..hash.expose().len() - 40]] {
            let stored = PasswordHash::new(corrupt);
            let outcome = hasher.verify(Password::new(PASSWORD).unwrap(), Some(&stored)).await;
            let error = outcome.unwrap_err();
            assert!(matches!(error, PasswordError::CorruptHash));
            search.show_error(&error);
        }
        let auth = Auth::with_tokens(jwt());
        let passwords = PasswordLogin::new(auth, hasher, One(hash));
        let attempt = async |name: &str, password: &str| {
            passwords.login(name, Password::new(password).unwrap(), |login| login).await.unwrap_err()
        };
        // A user types the password into the name field.
        for (name, password) in [("user-42", "another one"), (PASSWORD, PASSWORD), ("away", PASSWORD)] {
            let error = attempt(name, password).await;
            search.show_error(&error);
            if let Some(source) = std::error::Error::source(&error) {
                search.show_error(&source);
            }
        }
        let long = PASSWORD.repeat(100);
        assert_eq!(Password::new(long.as_str()).unwrap_err(), InvalidPassword::TooLong);
        search.show_error(&Password::new(long).unwrap_err());
        search.show_error(&NewPassword::new(&PASSWORD[..6]).unwrap_err());
        for error in [PasswordError::Busy, PasswordError::Failed] {
            search.show_error(&error);
        }
        search.check();
    }
}
