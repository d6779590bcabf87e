//! What a strategy supports, asked before it is tried.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use std::time::Duration;

use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::{
    Auth, Device, Error, Login, MemoryStore, Operation, RefreshCredential, RefreshTokens, ServerSessions,
    SessionKind, SessionPolicy,
};

fn jwt() -> Jwt {
    let keys = KeyRing::new(Key::generate("k1", Algorithm::HS256).unwrap());
    Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build().unwrap()
}

fn login(label: &str) -> Login {
    Login::new("ada").unwrap().device(Device::unknown().with_label(label))
}

/// `Auth::supports` says what the operations themselves do.
#[tokio::test]
async fn what_is_supported_is_what_works() {
    let all = [
        Operation::Refresh,
        Operation::CheckSession,
        Operation::Renew,
        Operation::UpdateClaims,
        Operation::ListSessions,
        Operation::RevokeSessions,
        Operation::ApiKeys,
        Operation::PurgeExpired,
    ];
    let store = MemoryStore::new();
    let builder = ServerSessions::builder(store.clone());
    let sessions =
        Auth::with_sessions(builder.kind(SessionKind::API_KEY, SessionPolicy::api_key()).build().unwrap());
    let builder = RefreshTokens::builder(store);
    let refresh_tokens = builder.kind(SessionKind::API_KEY, SessionPolicy::api_key()).build().unwrap();
    let hybrid = Auth::with_hybrid(jwt(), refresh_tokens).unwrap();
    let tokens = Auth::with_tokens(jwt());
    let reissue = Auth::with_tokens_and_reissue(jwt(), Duration::from_secs(60 * 60)).unwrap();
    for auth in [sessions, tokens, hybrid, reissue] {
        for operation in all {
            let issued = auth.login(login("laptop")).await.unwrap();
            let (credential, principal) = (issued.credential().expose(), issued.principal());
            let outcome = match operation {
                Operation::Refresh => {
                    let token = issued.refresh_token().map_or(credential, RefreshCredential::expose);
                    auth.refresh(token).await.map(drop)
                }
                Operation::CheckSession => auth.authenticate_and_check_session(credential).await.map(drop),
                Operation::Renew => auth.renew(principal).await.map(drop),
                Operation::UpdateClaims => auth.update_claims(principal, |_| Ok(())).await.map(drop),
                Operation::ListSessions => auth.sessions_of(principal).await.map(drop),
                Operation::RevokeSessions => auth.logout_others(principal).await.map(drop),
                Operation::ApiKeys => auth.create_api_key(login("script")).await.map(drop),
                Operation::PurgeExpired => auth.admin().purge_expired(1).await.map(drop),
                other => panic!("{other:?} is not in the list"),
            };
            let unsupported = matches!(outcome, Err(Error::Unsupported { .. }));
            assert_eq!(auth.supports(operation), !unsupported, "{operation:?}: {outcome:?}");
        }
    }
}
