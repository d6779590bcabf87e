//! `Auth::logout` with input that is not a credential.

use authcore::error::Rejection;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::{Auth, Error, MemoryStore, RefreshCredential, RevocationEffect, ServerSessions};

use crate::{login, refresh, refused};

fn jwt() -> Jwt {
    let keys = KeyRing::new(Key::hmac("k1", Algorithm::HS256, &[7; 32]).unwrap());
    Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build().unwrap()
}

fn auths() -> [Auth; 4] {
    [
        Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build().unwrap()),
        Auth::with_hybrid(jwt(), refresh(&MemoryStore::new())).unwrap(),
        Auth::with_tokens(jwt()),
        Auth::with_tokens_and_reissue(jwt(), std::time::Duration::from_secs(3600)).unwrap(),
    ]
}

#[tokio::test]
async fn a3_logout_refuses_what_never_was_a_credential() {
    for auth in auths() {
        let issued = auth.login(login("phone")).await.unwrap();
        for text in ["", "x", "a.b.c", "acs_", "acr_", &format!("{}x", issued.credential().expose())] {
            refused(auth.logout(text).await);
        }
        assert!(auth.authenticate(issued.credential().expose()).await.is_ok());
    }
}

/// A store does not remember the ids of ended sessions, so a made-up id looks like one of them.
#[tokio::test]
async fn r8_logout_by_a_made_up_id_ends_nothing_and_is_no_error() {
    let [sessions, hybrid, tokens, reissue] = auths();
    for (auth, prefix, len, effective) in
        [(&sessions, "acs_", 68, Some(RevocationEffect::Now)), (&hybrid, "acr_", 123, None)]
    {
        let issued = auth.login(login("phone")).await.unwrap();
        // The first byte of a refresh token is its format.
        let body = if prefix == "acr_" { format!("AQ{}", "A".repeat(len - 6)) } else { "A".repeat(len - 4) };
        let made_up = format!("{prefix}{body}");
        let revoked = auth.logout(&made_up).await.unwrap();
        assert!(revoked.sessions.is_empty());
        assert!(effective.is_none_or(|effective| revoked.effect == effective));

        // The id of an existing session, with another secret.
        let own =
            issued.refresh_token().map(RefreshCredential::expose).unwrap_or(issued.credential().expose());
        let other = format!("{}{}", &own[..own.len() - 20], "A".repeat(20));
        assert_eq!(refused(auth.logout(&other).await), Rejection::WrongSecret);
        assert!(auth.authenticate_and_check_session(issued.credential().expose()).await.is_ok());
        for stateless in [&tokens, &reissue] {
            let outcome = stateless.logout(&made_up).await;
            assert!(matches!(outcome, Err(Error::Unauthenticated(Rejection::Malformed(_)))), "{outcome:?}");
        }
    }
}
