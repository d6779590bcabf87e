//! Custom strategies behind `Auth`: a decorator of the stateful strategy, and token strategies from scratch.
//!
//! Covers every operation of the table in the docs of [`Auth`], and the unsupported ones.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod audited;
mod logout;
mod own_tokens;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authcore::clock::ManualClock;
use authcore::error::Rejection;
use authcore::store::SessionRecord;
use authcore::strategy::{
    CallContext, OpenedSession, Renewal, SessionClaims, SessionStrategy, Sessions, TokenStrategy,
    VerifiedToken,
};
use authcore::{
    Auth, Device, Error, ErrorKind, IssuedCredentials, Login, MemoryStore, Principal, Realm,
    RefreshCredential, RefreshTokens, RevocationEffect, ServerSessions, SessionId, SessionPolicy, Timestamp,
};
use serde_json::{Value, json};

use self::audited::{Answer, Audited};
use self::own_tokens::{Table, Tenant};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const LIFETIME: Duration = Duration::from_secs(600);
const MINUTE: Duration = Duration::from_secs(60);

/// Returns each token strategy as itself, shared, and type-erased.
fn token_strategies() -> Vec<Arc<dyn TokenStrategy>> {
    let (table, tenant) = (Arc::new(Table::default()), Arc::new(Tenant::new()));
    vec![Arc::new(Table::default()), Arc::new(table), Arc::new(Tenant::new()), tenant]
}

fn token_auths(clock: &ManualClock) -> Vec<Auth> {
    let mut auths = vec![Auth::with_tokens(Table::default()), Auth::with_tokens(Tenant::new())];
    auths.extend(token_strategies().into_iter().map(Auth::with_tokens));
    auths.into_iter().map(|auth| auth.with_clock(clock.clone())).collect()
}

fn refresh(store: &MemoryStore) -> RefreshTokens {
    RefreshTokens::builder(store.clone()).build().unwrap()
}

fn hybrid_auths(clock: &ManualClock) -> Vec<Auth> {
    let store = MemoryStore::new();
    let mut auths = vec![
        Auth::with_hybrid(Table::default(), refresh(&store)).unwrap(),
        Auth::with_hybrid(Tenant::new(), refresh(&store)).unwrap(),
    ];
    for tokens in token_strategies() {
        auths.push(Auth::with_hybrid(tokens, refresh(&MemoryStore::new())).unwrap());
    }
    auths.into_iter().map(|auth| auth.with_clock(clock.clone())).collect()
}

fn session_auths(clock: &ManualClock) -> Vec<Auth> {
    let audited = || Audited::new(&MemoryStore::new());
    let (shared, untyped): (_, Arc<dyn SessionStrategy>) = (Arc::new(audited()), Arc::new(audited()));
    let auths = [Auth::with_sessions(audited()), Auth::with_sessions(shared), Auth::with_sessions(untyped)];
    auths.into_iter().map(|auth| auth.with_clock(clock.clone())).collect()
}

fn claims() -> Value {
    json!({ "tenant": "acme", "role": "admin" })
}

fn login(label: &str) -> Login {
    let device = Device::unknown().with_label(label);
    Login::new("user-42").unwrap().claims(&claims()).unwrap().device(device)
}

fn refused<T: fmt::Debug>(outcome: Result<T, Error>) -> Rejection {
    match outcome {
        Err(Error::Unauthenticated(rejection)) => rejection,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn is_unsupported<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(error) if error.kind() == ErrorKind::Unsupported)
}

/// Checks the common behaviour of all strategies.
async fn check_login(auth: &Auth) -> IssuedCredentials {
    let issued = auth.login(login("phone")).await.unwrap();
    for principal in
        [issued.principal().clone(), auth.authenticate(issued.credential().expose()).await.unwrap()]
    {
        assert_eq!(principal.subject(), "user-42");
        assert_eq!(principal.claims::<Value>().unwrap(), claims());
        assert_eq!(principal.authenticated_at(), NOW);
        assert_eq!(principal.expires_at(), issued.expires_at());
        assert_eq!(principal.session_id(), issued.principal().session_id());
        assert_eq!(principal.foreign_issuer(), None);
    }
    let again = auth.login(login("phone")).await.unwrap();
    assert_ne!(again.credential().expose(), issued.credential().expose(), "always a new one (A1)");
    let secret = Login::new("user-42").unwrap().claims(&json!({ "password": "x" })).unwrap();
    assert_eq!(auth.login(secret).await.unwrap_err().kind(), ErrorKind::Internal, "T10");
    for bad in ["", "x", "acs_x", "acr_x", "opaque_x", "a.b.c", &format!("{}x", issued.credential().expose())]
    {
        assert_eq!(auth.authenticate(bad).await.unwrap_err().kind(), ErrorKind::Unauthenticated, "{bad}");
        assert_eq!(auth.logout(bad).await.unwrap_err().kind(), ErrorKind::Unauthenticated, "{bad}");
    }
    issued
}

/// Checks the common behaviour of strategies with sessions; `effect` is the expected result of a revocation.
async fn check_sessions(auth: &Auth, effect: RevocationEffect) {
    let phone = auth.login(login("phone")).await.unwrap();
    let laptop = auth.login(login("laptop")).await.unwrap();
    let id = |issued: &IssuedCredentials| issued.principal().session_id().unwrap();
    let live = async |issued: &IssuedCredentials| {
        auth.authenticate_and_check_session(issued.credential().expose()).await
    };
    let principal = live(&phone).await.unwrap();
    assert_eq!(principal.subject(), "user-42");

    let all = auth.sessions_of(&principal).await.unwrap();
    let current: Vec<_> = all.iter().filter(|session| session.current).map(|session| session.id).collect();
    assert_eq!(current, [id(&phone)]);
    assert!(all.iter().any(|session| session.device.label() == Some("laptop")));

    let changed = auth.update_claims(&principal, |claims| Ok(claims.set("theme", "dark")?)).await.unwrap();
    assert_eq!(changed.claims::<Value>().unwrap()["theme"], "dark");
    assert_eq!(live(&phone).await.unwrap().claims::<Value>().unwrap()["theme"], "dark");

    let nobody = auth.login(Login::new("somebody else").unwrap().claims(&claims()).unwrap()).await.unwrap();
    assert!(auth.revoke(&principal, id(&nobody)).await.unwrap().sessions.is_empty(), "A11");
    let revoked = auth.revoke(&principal, id(&laptop)).await.unwrap();
    assert_eq!((&revoked.sessions[..], revoked.effect), (&[id(&laptop)][..], effect));
    assert_eq!(refused(live(&laptop).await), Rejection::SessionEnded);

    let renewed = auth.renew(&principal).await.unwrap();
    assert_eq!((id(&renewed), renewed.principal().authenticated_at()), (id(&phone), NOW));
    assert!(live(&phone).await.is_err(), "A6");
    assert_eq!(refused(auth.sessions_of(&principal).await), Rejection::Superseded, "A11");
    let proved = auth.record_reauthentication(renewed.principal()).await.unwrap();
    assert!(live(&renewed).await.is_err(), "A6");

    let other = auth.login(login("other")).await.unwrap();
    let others = auth.logout_others(proved.principal()).await.unwrap();
    assert!(others.sessions.contains(&id(&other)) && !others.sessions.contains(&id(&proved)));
    assert_eq!(others.effect, effect);
    assert_eq!(auth.sessions_of(proved.principal()).await.unwrap().len(), 1);

    let replacing = auth.login(login("again").replacing(proved.credential().expose())).await.unwrap();
    assert_eq!(refused(live(&proved).await), Rejection::SessionEnded, "A10");
    assert_eq!(auth.logout(replacing.credential().expose()).await.unwrap().sessions, [id(&replacing)]);
    assert_eq!(refused(live(&replacing).await), Rejection::SessionEnded);
    assert!(auth.logout(replacing.credential().expose()).await.unwrap().sessions.is_empty(), "no error");

    let last = auth.login(login("last")).await.unwrap();
    assert_eq!(auth.logout_everywhere(last.principal()).await.unwrap().sessions, [id(&last)]);
    assert_eq!(refused(live(&last).await), Rejection::SessionEnded);
    live(&nobody).await.unwrap();

    let subject = nobody.principal().to_subject();
    assert_eq!(auth.admin().sessions_of(&subject).await.unwrap().len(), 1);
    assert_eq!(auth.admin().revoke(&subject, id(&nobody)).await.unwrap().sessions, [id(&nobody)]);
    assert!(auth.admin().revoke_all(&subject).await.unwrap().sessions.is_empty());
    assert_eq!(auth.admin().purge_expired(10).await.unwrap().removed, 0);
}

#[tokio::test]
async fn a1_a6_a10_a11_a_decorated_session_strategy_has_every_operation_but_refresh() {
    let clock = ManualClock::new(NOW);
    for auth in session_auths(&clock) {
        let issued = check_login(&auth).await;
        assert!(issued.refresh_token().is_none());
        assert!(is_unsupported(&auth.refresh(issued.credential().expose()).await));
        check_sessions(&auth, RevocationEffect::Now).await;
        assert_eq!(auth.logout(issued.credential().expose()).await.unwrap().effect, RevocationEffect::Now);
    }
}

#[tokio::test]
async fn a10_a_decorator_sees_what_concerns_the_credential_and_nothing_else() {
    let audited = Audited::new(&MemoryStore::new());
    let auth = Auth::with_sessions(audited.clone()).with_clock(ManualClock::new(NOW));
    let first = auth.login(login("phone")).await.unwrap();
    assert_eq!(audited.calls(), ["open"]);
    let second = auth.login(login("phone").replacing(first.credential().expose())).await.unwrap();
    assert_eq!(audited.calls(), ["find", "open"]);
    let principal = auth.authenticate(second.credential().expose()).await.unwrap();
    auth.authenticate_and_check_session(second.credential().expose()).await.unwrap();
    assert_eq!(audited.calls(), ["verify", "verify"]);
    let renewed = auth.renew(&principal).await.unwrap();
    let proved = auth.record_reauthentication(renewed.principal()).await.unwrap();
    assert_eq!(audited.calls(), ["renew", "reauthenticated"]);
    let own = proved.principal();
    auth.sessions_of(own).await.unwrap();
    auth.update_claims(own, |_| Ok(())).await.unwrap();
    auth.revoke(own, first.principal().session_id().unwrap()).await.map(drop).unwrap();
    auth.logout_others(own).await.map(drop).unwrap();
    assert_eq!(audited.calls(), [""; 0]);
    auth.logout(proved.credential().expose()).await.map(drop).unwrap();
    assert_eq!(audited.calls(), ["find"]);
}

#[tokio::test]
async fn a9_what_a_decorator_answers_is_what_the_caller_gets() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let audited = Audited::new(&store);
    let auth = Auth::with_sessions(audited.clone()).with_clock(clock.clone());
    let issued = auth.login(login("phone")).await.unwrap();
    for (answer, kind) in
        [(Answer::Denied, ErrorKind::Unauthenticated), (Answer::Unavailable, ErrorKind::Unavailable)]
    {
        audited.answer("", answer);
        assert_eq!(auth.authenticate(issued.credential().expose()).await.unwrap_err().kind(), kind);
        assert_eq!(
            auth.authenticate_and_check_session(issued.credential().expose()).await.unwrap_err().kind(),
            kind
        );
        assert_eq!(auth.renew(issued.principal()).await.unwrap_err().kind(), kind);
        assert_eq!(auth.logout(issued.credential().expose()).await.unwrap_err().kind(), kind);
        assert_eq!(auth.login(login("laptop")).await.unwrap_err().kind(), kind);
        assert_eq!(store.len(), 1, "nothing was done");
    }
    audited.answer("", Answer::Inner);
    auth.authenticate(issued.credential().expose()).await.unwrap();
}

/// A login ignores a refused previous credential; one that cannot be checked fails the login.
#[tokio::test]
async fn a9_a10_a_login_does_not_go_on_when_the_former_credential_cannot_be_checked() {
    for (answer, sessions) in [(Answer::Inner, 1), (Answer::Denied, 2), (Answer::Unavailable, 1)] {
        let store = MemoryStore::new();
        let audited = Audited::new(&store);
        let auth = Auth::with_sessions(audited.clone()).with_clock(ManualClock::new(NOW));
        let former = auth.login(login("phone")).await.unwrap();
        audited.answer("find", answer);
        let outcome = auth.login(login("phone").replacing(former.credential().expose())).await;
        assert_eq!(outcome.is_ok(), !matches!(answer, Answer::Unavailable), "{answer:?}");
        assert_eq!(store.len(), sessions, "{answer:?}");
    }
}

#[tokio::test]
async fn t6_t13_a_token_strategy_of_ones_own_logs_in_until_it_expires() {
    for auth in token_auths(&ManualClock::new(NOW)) {
        let _ = check_login(&auth).await;
    }
    for tokens in token_strategies() {
        let clock = ManualClock::new(NOW);
        let auth = Auth::with_tokens(tokens).with_clock(clock.clone());
        let issued = auth.login(login("phone").replacing("whatever")).await.unwrap();
        let end = NOW.plus(LIFETIME);
        assert_eq!((issued.expires_at(), issued.expires_in()), (end, LIFETIME));
        let logout = auth.logout(issued.credential().expose()).await.unwrap();
        assert_eq!((logout.sessions.len(), logout.effect), (0, RevocationEffect::At(end)));
        clock.set(Timestamp::from_millis(end.as_millis() - 1));
        auth.authenticate(issued.credential().expose()).await.unwrap();
        clock.set(end);
        assert_eq!(refused(auth.authenticate(issued.credential().expose()).await), Rejection::Expired);
        assert_eq!(auth.logout(issued.credential().expose()).await.unwrap().effect, RevocationEffect::Now);
    }
}

#[tokio::test]
async fn tokens_alone_do_not_support_what_needs_a_session() {
    for auth in token_auths(&ManualClock::new(NOW)) {
        let issued = auth.login(login("phone")).await.unwrap();
        let (own, admin) = (issued.principal(), auth.admin());
        let (subject, id) = (own.to_subject(), "AAAAAAAAAAAAAAAAAAAAAA".parse::<SessionId>().unwrap());
        assert_eq!((issued.refresh_token().map(RefreshCredential::expose), own.session_id()), (None, None));
        assert!(is_unsupported(&auth.authenticate_and_check_session(issued.credential().expose()).await));
        assert!(is_unsupported(&auth.refresh(issued.credential().expose()).await));
        assert!(is_unsupported(&auth.renew(own).await));
        assert!(is_unsupported(&auth.record_reauthentication(own).await));
        assert!(is_unsupported(&auth.sessions_of(own).await));
        assert!(is_unsupported(&auth.revoke(own, id).await));
        assert!(is_unsupported(&auth.logout_others(own).await));
        assert!(is_unsupported(&auth.logout_everywhere(own).await));
        assert!(is_unsupported(&auth.update_claims(own, |_| panic!("is not asked")).await));
        assert!(is_unsupported(&admin.sessions_of(&subject).await));
        assert!(is_unsupported(&admin.revoke(&subject, id).await));
        assert!(is_unsupported(&admin.revoke_all(&subject).await));
        assert!(is_unsupported(&admin.purge_expired(1).await));
    }
}

#[tokio::test]
async fn t7_a_token_strategy_of_ones_own_re_issues_up_to_the_limit() {
    for tokens in token_strategies() {
        let clock = ManualClock::new(NOW);
        let auth = Auth::with_tokens_and_reissue(tokens, 2 * LIFETIME).unwrap().with_clock(clock.clone());
        let first = auth.login(login("phone")).await.unwrap();
        clock.advance(LIFETIME - MINUTE);
        let second = auth.refresh(first.credential().expose()).await.unwrap();
        assert_eq!(second.expires_at(), NOW.plus(2 * LIFETIME - MINUTE));
        assert_eq!(second.principal().authenticated_at(), NOW);
        assert_eq!(second.principal().claims::<Value>().unwrap(), claims());
        clock.advance(LIFETIME - MINUTE);
        let third = auth.refresh(second.credential().expose()).await.unwrap();
        assert_eq!(third.expires_at(), NOW.plus(2 * LIFETIME), "the limit");
        clock.set(NOW.plus(2 * LIFETIME));
        assert_eq!(refused(auth.refresh(third.credential().expose()).await), Rejection::Expired);
    }
    assert!(Auth::with_tokens_and_reissue(Table::default(), LIFETIME - MINUTE).is_err());
}

#[tokio::test]
async fn a1_a6_a10_a11_a_hybrid_of_ones_own_tokens_has_every_operation() {
    let clock = ManualClock::new(NOW);
    for auth in hybrid_auths(&clock) {
        let issued = check_login(&auth).await;
        assert!(is_refresh_token(&issued));
        check_sessions(&auth, RevocationEffect::At(NOW.plus(LIFETIME))).await;
    }
}

fn is_refresh_token(issued: &IssuedCredentials) -> bool {
    issued.refresh_token().is_some_and(|token| token.expose().starts_with("acr_"))
}

#[tokio::test]
async fn r1_r5_a_hybrid_of_ones_own_tokens_is_refreshed() {
    for tokens in token_strategies() {
        let clock = ManualClock::new(NOW);
        let auth = Auth::with_hybrid(tokens, refresh(&MemoryStore::new())).unwrap().with_clock(clock.clone());
        let first = auth.login(login("phone")).await.unwrap();
        clock.advance(LIFETIME);
        assert_eq!(refused(auth.authenticate(first.credential().expose()).await), Rejection::Expired);
        let second = auth.refresh(first.refresh_token().unwrap().expose()).await.unwrap();
        assert!(is_refresh_token(&second));
        assert_ne!(
            second.refresh_token().map(RefreshCredential::expose),
            first.refresh_token().map(RefreshCredential::expose)
        );
        assert_eq!(second.refresh_expires_at(), first.refresh_expires_at());
        let principal = auth.authenticate(second.credential().expose()).await.unwrap();
        assert_eq!(principal.claims::<Value>().unwrap(), claims());
        assert_eq!(principal.session_id(), first.principal().session_id());
        assert_eq!(principal.authenticated_at(), NOW);
        assert!(
            auth.refresh(second.credential().expose()).await.is_err(),
            "an access token refreshes nothing"
        );
        // An expired access token can still log out.
        let revoked = auth.logout(first.credential().expose()).await.unwrap();
        assert_eq!(revoked.sessions, [principal.session_id().unwrap()]);
        assert!(auth.authenticate(second.credential().expose()).await.is_ok(), "until it expires");
        assert_eq!(
            refused(auth.authenticate_and_check_session(second.credential().expose()).await),
            Rejection::SessionEnded
        );
        assert_eq!(
            refused(auth.refresh(second.refresh_token().unwrap().expose()).await),
            Rejection::SessionEnded
        );
    }
}

#[tokio::test]
async fn r9_tokens_of_ones_own_are_told_when_their_session_ends() {
    for tokens in token_strategies() {
        let policy = SessionPolicy::new().with_idle_timeout(2 * LIFETIME).with_absolute_timeout(2 * LIFETIME);
        let refresh = RefreshTokens::builder(MemoryStore::new()).policy(policy).build().unwrap();
        let clock = ManualClock::new(NOW);
        let auth = Auth::with_hybrid(tokens, refresh).unwrap().with_clock(clock.clone());
        let first = auth.login(login("phone")).await.unwrap();
        assert_eq!(first.expires_at(), NOW.plus(LIFETIME));
        clock.advance(LIFETIME + MINUTE);
        let second = auth.refresh(first.refresh_token().unwrap().expose()).await.unwrap();
        assert_eq!(second.expires_at(), NOW.plus(2 * LIFETIME));
        assert_eq!(second.expires_in(), LIFETIME - MINUTE);
    }
}

#[tokio::test]
async fn r7_when_no_access_token_can_be_issued_the_refresh_is_repeated_and_no_login_stays() {
    let (table, store, clock) = (Table::default(), MemoryStore::new(), ManualClock::new(NOW));
    let auth = Auth::with_hybrid(table.clone(), refresh(&store)).unwrap().with_clock(clock.clone());
    table.exhaust(true);
    assert!(matches!(auth.login(login("phone")).await, Err(Error::NoEntropy)));
    assert!(store.is_empty(), "nobody holds its credential");
    table.exhaust(false);
    let first = auth.login(login("phone")).await.unwrap();
    clock.advance(MINUTE);
    table.exhaust(true);
    let error = auth.refresh(first.refresh_token().unwrap().expose()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    table.exhaust(false);
    let second = auth.refresh(first.refresh_token().unwrap().expose()).await.unwrap();
    assert_ne!(
        second.refresh_token().map(RefreshCredential::expose),
        first.refresh_token().map(RefreshCredential::expose)
    );
    auth.authenticate_and_check_session(second.credential().expose()).await.unwrap();
}

#[tokio::test]
async fn t6_a_wrapper_of_jwt_refuses_more_than_jwt_does() {
    let clock = ManualClock::new(NOW);
    let Tenant(jwt) = Tenant::new();
    let (plain, tenant) = (Auth::with_tokens(jwt.clone()), Auth::with_tokens(Tenant(jwt)));
    let (plain, tenant) = (plain.with_clock(clock.clone()), tenant.with_clock(clock));
    let other = Login::new("user-42").unwrap().claims(&json!({ "tenant": "evil corp" })).unwrap();
    let other = plain.login(other).await.unwrap();
    plain.authenticate(other.credential().expose()).await.unwrap();
    assert_eq!(refused(tenant.authenticate(other.credential().expose()).await), Rejection::WrongAudience);
    assert_eq!(refused(tenant.logout(other.credential().expose()).await), Rejection::WrongAudience);
    let ours = plain.login(login("phone")).await.unwrap();
    tenant.authenticate(ours.credential().expose()).await.unwrap();
}

/// A session named by a token of a foreign issuer is not believed.
#[tokio::test]
async fn a11_a_foreign_issuers_token_reaches_no_session() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let table = Table::default();
    let auth = Auth::with_hybrid(table.clone(), refresh(&store)).unwrap().with_clock(clock);
    let issued = auth.login(login("phone")).await.unwrap();
    assert!(auth.authenticate_and_check_session(issued.credential().expose()).await.is_ok());
    for row in table.0.lock().unwrap().tokens.values_mut() {
        row.foreign_issuer = Some("https://partner.example".into());
    }
    let principal = auth.authenticate(issued.credential().expose()).await.unwrap();
    assert_eq!((principal.foreign_issuer(), principal.session_id()), (Some("https://partner.example"), None));
    assert_eq!(
        refused(auth.authenticate_and_check_session(issued.credential().expose()).await),
        Rejection::WrongKind
    );
    assert_eq!(refused(auth.logout_everywhere(&principal).await), Rejection::WrongKind);
    assert_eq!(store.len(), 1);
}

/// A session named by a principal of another strategy does not belong to that principal (rule A11).
#[tokio::test]
async fn a11_principals_of_tokens_alone_reach_no_session() {
    let (store, table, clock) = (MemoryStore::new(), Table::default(), ManualClock::new(NOW));
    let alone = Auth::with_tokens(table.clone()).with_clock(clock.clone());
    let hybrid = Auth::with_hybrid(table, refresh(&store)).unwrap().with_clock(clock.clone());
    let sessions = Auth::with_sessions(Audited::new(&store)).with_clock(clock);
    let (victim, attacker) =
        (hybrid.login(login("phone")).await.unwrap(), alone.login(login("phone")).await.unwrap());
    // The same table issues both, and the subject is the same.
    hybrid.authenticate(attacker.credential().expose()).await.unwrap();
    for auth in [&hybrid, &sessions] {
        assert_eq!(refused(auth.logout_everywhere(attacker.principal()).await), Rejection::WrongKind);
        assert_eq!(refused(auth.renew(attacker.principal()).await), Rejection::WrongKind);
    }
    assert_eq!(
        refused(hybrid.authenticate_and_check_session(attacker.credential().expose()).await),
        Rejection::WrongKind
    );
    assert_eq!(refused(sessions.sessions_of(victim.principal()).await), Rejection::WrongKind);
    assert_eq!(store.len(), 1);

    // A token that names the session of a session token.
    let by_session = sessions.login(login("laptop")).await.unwrap();
    let id = by_session.principal().session_id().unwrap();
    let row = VerifiedToken {
        session: Some(SessionClaims { id, epoch: 0 }),
        ..VerifiedToken::new(
            by_session.principal().to_subject(),
            NOW,
            NOW.plus(LIFETIME),
            claims().to_string(),
        )
    };
    let by_token = Principal::from_token(row);
    assert_eq!(by_token.session_id(), Some(id));
    assert_eq!(refused(sessions.renew(&by_token).await), Rejection::WrongKind);
    assert_eq!(refused(hybrid.renew(&by_token).await), Rejection::WrongKind);
}

/// A custom strategy that returns cached results of any realm: `Auth` checks the realm again (rule A12).
#[tokio::test]
async fn a12_no_strategy_of_ones_own_leaks_into_another_realm() {
    #[derive(Debug)]
    struct Cached(ServerSessions, Mutex<Option<SessionRecord>>);

    #[async_trait::async_trait]
    impl SessionStrategy for Cached {
        async fn open(
            &self,
            login: &Login,
            replaces: &[SessionId],
            context: &CallContext<'_>,
        ) -> Result<OpenedSession, Error> {
            let opened = self.0.open(login, replaces, context).await?;
            *self.1.lock().unwrap() = Some(opened.record().clone());
            Ok(opened)
        }
        async fn verify(&self, _: &str, _: &CallContext<'_>) -> Result<SessionRecord, Error> {
            Ok(self.1.lock().unwrap().clone().unwrap())
        }
        async fn find(&self, _: &str, _: &CallContext<'_>) -> Result<Option<SessionRecord>, Error> {
            Ok(self.1.lock().unwrap().clone())
        }
        async fn renew(
            &self,
            principal: &Principal,
            renewal: Renewal,
            context: &CallContext<'_>,
        ) -> Result<OpenedSession, Error> {
            self.0.renew(principal, renewal, context).await
        }
        fn sessions(&self) -> &Sessions {
            self.0.sessions()
        }
    }

    let store = MemoryStore::new();
    let inner = ServerSessions::builder(store.clone()).build().unwrap();
    let auth = Auth::with_sessions(Cached(inner, Mutex::default()));
    let (one, two) = (auth.in_realm(&Realm::new("one").unwrap()), auth.in_realm(&Realm::new("two").unwrap()));
    let issued = one.login(login("phone")).await.unwrap();
    assert!(one.authenticate(issued.credential().expose()).await.is_ok());
    for other in [&two, &auth] {
        assert_eq!(refused(other.authenticate(issued.credential().expose()).await), Rejection::OtherRealm);
        assert_eq!(refused(other.logout(issued.credential().expose()).await), Rejection::OtherRealm);
    }
    assert_eq!(store.len(), 1);
}
