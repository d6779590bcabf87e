//! A6, A11, S3 and S17: renewal, revocation, and principals that have become invalid.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use authcore::error::Rejection;
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
    StoredCredential,
};
use authcore::{
    Auth, IssuedCredentials, Principal, RefreshCredential, RefreshTokens, ServerSessions, SessionId, Subject,
    Timestamp,
};

use super::test_app::{AFTER_GRACE, TestApp, id, jwt, policy, token};
use crate::assertions::{OrFail as _, expect_equal, expect_refusal};
use crate::records::HOUR;
use crate::{Call, Fixture};

/// A6: from the moment `renew` returns, the old credential is refused and the new one is accepted.
pub async fn a6_the_old_credential_fails_after_renew(fixture: Fixture) {
    for app in TestApp::stateful(&fixture) {
        let old = app.login("ada", "A6").await;
        let new = app.auth.renew(old.principal()).await.or_fail("A6: renew");
        expect_equal("A6: the session id after a renewal", id(&new), id(&old));
        app.auth
            .authenticate_and_check_session(new.credential().expose())
            .await
            .or_fail("A6: the new credential");
        let _ = expect_refusal(
            "A6: the old credential",
            app.auth.authenticate_and_check_session(old.credential().expose()).await,
        );
        if let Some(refresh) = old.refresh_token().map(RefreshCredential::expose) {
            let reason = expect_refusal("A6: the old refresh token", app.auth.refresh(refresh).await);
            expect_equal("A6: the reason of refusing the old refresh token", reason, Rejection::WrongSecret);
            let _ = app.refresh(token(&new), "A6: the new refresh token").await;
        }
        app.clock.advance(HOUR / 60);
        let stepped_up =
            app.auth.record_reauthentication(new.principal()).await.or_fail("A6: record_reauthentication");
        let now = authcore::clock::Clock::now(&app.clock);
        expect_equal("A6: the time of authentication", stepped_up.principal().authenticated_at(), now);
    }
}

/// Fails the check unless every operation that needs the store refuses the principal for this reason.
async fn expect_all_refused(auth: &Auth, issued: &IssuedCredentials, reason: &Rejection, rule: &str) {
    let principal = issued.principal();
    let all = [
        ("renew", expect_refusal(&format!("{rule}: renew"), auth.renew(principal).await)),
        (
            "record_reauthentication",
            expect_refusal(
                &format!("{rule}: record_reauthentication"),
                auth.record_reauthentication(principal).await,
            ),
        ),
        ("update_claims", expect_refusal(rule, auth.update_claims(principal, |_| Ok(())).await)),
        ("sessions_of", expect_refusal(rule, auth.sessions_of(principal).await)),
        ("revoke", expect_refusal(rule, auth.revoke(principal, id(issued)).await)),
        ("logout_others", expect_refusal(rule, auth.logout_others(principal).await)),
        ("logout_everywhere", expect_refusal(rule, auth.logout_everywhere(principal).await)),
    ];
    for (operation, got) in all {
        expect_equal(&format!("{rule}: the reason of refusing {operation}"), got, reason.clone());
    }
}

/// A11: every operation refuses a principal of an older epoch or of an ended session.
pub async fn a11_a_principal_does_not_outlive_its_credential(fixture: Fixture) {
    for app in TestApp::stateful(&fixture) {
        let other = app.login("ada", "A11").await;
        let old = app.login("ada", "A11").await;
        let new = app.auth.renew(old.principal()).await.or_fail("A11: renew");
        expect_all_refused(&app.auth, &old, &Rejection::Superseded, "A11: a superseded principal").await;
        let _ = expect_refusal(
            "A11: the live check",
            app.auth.authenticate_and_check_session(old.credential().expose()).await,
        );

        let gone = app.auth.logout(new.credential().expose()).await.or_fail("A11: logout");
        expect_equal("A11: the sessions that logout ended", gone.sessions, vec![id(&new)]);
        expect_all_refused(&app.auth, &new, &Rejection::SessionEnded, "A11: a logged-out principal").await;
        let _ = expect_refusal(
            "A11: the live check",
            app.auth.authenticate_and_check_session(new.credential().expose()).await,
        );
        app.auth
            .authenticate_and_check_session(other.credential().expose())
            .await
            .or_fail("A11: the subject's other session");
    }
}

/// A11: a retry refuses a principal that was superseded while the call was running.
pub async fn a11_a_retry_checks_the_principal_again(fixture: Fixture) {
    for app in TestApp::stateful(&fixture) {
        let issued = app.login("ada", "A11").await;
        let (rival, principal) = (app.auth.clone(), issued.principal().clone());
        app.store.before_next(Call::Replace, async move {
            let _ = rival.renew(&principal).await.or_fail("A11: the competing renewal");
        });
        let outcome = app.auth.update_claims(issued.principal(), |_| Ok(())).await;
        let reason = expect_refusal("A11: a change of claims during a renewal", outcome);
        expect_equal("A11: the reason of the refusal", reason, Rejection::Superseded);
    }
}

/// A11: an id of another subject's session ends nothing; a subject can list and end its own sessions.
pub async fn a11_a_subject_revokes_only_its_own_sessions(fixture: Fixture) {
    for app in TestApp::stateful(&fixture) {
        let (one, two) = (app.login("ada", "A11").await, app.login("ada", "A11").await);
        let ben = app.login("ben", "A11").await;
        let auth = &app.auth;
        let none = auth
            .revoke(one.principal(), id(&ben))
            .await
            .or_fail("A11: revoke with the id of another subject's session");
        expect_equal(
            "A11: sessions ended through the id of another subject's session",
            none.sessions,
            vec![],
        );
        assert!(
            app.stored(id(&ben)).await.is_some(),
            "A11: expected another subject's session to stay, but it was ended"
        );

        let listed = auth.sessions_of(one.principal()).await.or_fail("A11: the list of sessions");
        assert!(
            listed.iter().any(|info| info.id == id(&one) && info.current),
            "A11: expected the caller's own session in the list, marked as current, but it is missing"
        );
        assert!(
            listed.iter().any(|info| info.id == id(&two) && !info.current),
            "A11: expected the subject's other session in the list, but it is missing"
        );
        assert!(
            listed.iter().all(|info| info.id != id(&ben)),
            "A11: expected only the subject's sessions in the list, got another subject's"
        );

        let revoked = auth.revoke(one.principal(), id(&two)).await.or_fail("A11: revoke");
        expect_equal("A11: sessions ended by their own subject", revoked.sessions, vec![id(&two)]);
        let third = app.login("ada", "A11").await;
        let others = auth.logout_others(one.principal()).await.or_fail("A11: logout_others").sessions;
        assert!(
            others.contains(&id(&third)) && !others.contains(&id(&one)),
            "A11: expected logout_others to end all sessions but the caller's, but it ended {others:?}"
        );
        auth.authenticate_and_check_session(one.credential().expose())
            .await
            .or_fail("A11: the caller's session after logout_others");
        let all = auth.logout_everywhere(one.principal()).await.or_fail("A11: logout_everywhere").sessions;
        expect_equal("A11: sessions ended by logout_everywhere", all, vec![id(&one)]);
        auth.authenticate_and_check_session(ben.credential().expose())
            .await
            .or_fail("A11: another subject's session");
    }
}

/// S3: a request that reads the session before a logout and writes after it does not restore the session.
pub async fn s3_a_request_in_flight_restores_no_session(fixture: Fixture) {
    for app in TestApp::stateful(&fixture) {
        for operation in 0..3 {
            let issued = app.login("ada", "S3").await;
            // Makes the request write: a slide or a rotation is due.
            app.clock.advance(if issued.refresh_token().is_some() { AFTER_GRACE } else { HOUR });
            let (rival, credential) = (app.auth.clone(), issued.credential().expose().to_owned());
            app.store.before_next(Call::Replace, async move {
                let ended = rival.logout(&credential).await.or_fail("S3: the logout");
                expect_equal("S3: sessions that the logout ended", ended.sessions.len(), 1);
            });
            let outcome = match (operation, issued.refresh_token().map(RefreshCredential::expose)) {
                (0, Some(refresh)) => app.auth.refresh(refresh).await.map(drop),
                (0, None) => app.auth.authenticate(issued.credential().expose()).await.map(drop),
                (1, _) => app.auth.renew(issued.principal()).await.map(drop),
                _ => app.auth.update_claims(issued.principal(), |_| Ok(())).await.map(drop),
            };
            let reason = expect_refusal("S3: a request in flight during a logout", outcome);
            expect_equal("S3: the reason of the refusal", reason, Rejection::SessionEnded);
            let stored = app.stored(id(&issued)).await;
            assert!(
                stored.is_none(),
                "S3: expected a logged-out session to stay removed, but a request in flight restored it"
            );
            let listed = app.direct.list(&issued.principal().to_subject()).await.or_fail("S3: list");
            assert!(
                listed.iter().all(|record| record.id() != id(&issued)),
                "S3: expected the session not to be listed after logout, but it is"
            );
        }
    }
}

/// S17: no replace by the core changes a fixed field of a record, and each raises the version by one.
pub async fn s17_replace_keeps_fixed_fields(fixture: Fixture) {
    let inspector = ReplaceInspector(fixture.store());
    let refresh =
        RefreshTokens::builder(inspector.clone()).policy(policy()).build().or_fail("S17: refresh sessions");
    let sessions = ServerSessions::builder(inspector).policy(policy()).build().or_fail("S17: sessions");
    let mut app = TestApp::hybrid(&fixture);
    for auth in
        [Auth::with_sessions(sessions), Auth::with_hybrid(jwt(), refresh).or_fail("S17: the hybrid strategy")]
    {
        app.auth = auth.with_clock(app.clock.clone());
        let issued = app.login("ada", "S17").await;
        app.clock.advance(HOUR);
        let principal = if let Some(refresh) = issued.refresh_token().map(RefreshCredential::expose) {
            app.refresh(refresh, "S17: refresh").await.principal().clone()
        } else {
            app.authenticate(issued.credential().expose(), "S17: a request whose slide is due").await
        };
        let changed: Principal =
            app.auth.update_claims(&principal, |_| Ok(())).await.or_fail("S17: update_claims");
        let _ = app.auth.record_reauthentication(&changed).await.or_fail("S17: record_reauthentication");
        let stored = app.stored(id(&issued)).await.or_fail("S17: the session");
        expect_equal(
            "S17: the version after three writes",
            stored.version().number(),
            RecordVersion::FIRST.number() + 3,
        );
    }
}

/// A store that compares every replace with the stored record.
#[derive(Clone)]
struct ReplaceInspector(Arc<dyn SessionStore>);

impl fmt::Debug for ReplaceInspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReplaceInspector").field(&self.0).finish()
    }
}

#[async_trait]
impl SessionStore for ReplaceInspector {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        expect_equal("S17: the version of a new record", record.version(), RecordVersion::FIRST);
        self.0.insert(record).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.0.load(id).await
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        let former = self.0.load(record.id()).await?.or_fail("S17: the record before the replace");
        expect_equal("S17: the new version", record.version(), expected.next());
        expect_equal("S17: the subject", record.subject(), former.subject());
        expect_equal("S17: created_at", record.created_at(), former.created_at());
        expect_equal("S17: expires_at", record.expires_at(), former.expires_at());
        let is_session =
            |record: &SessionRecord| matches!(record.credential(), StoredCredential::Session { .. });
        expect_equal("S17: the kind of credential", is_session(record), is_session(&former));
        self.0.replace(record, expected).await
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        self.0.remove(id).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        self.0.list(subject).await
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.0.remove_all(subject, keep).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
        self.0.purge_expired(now, limit).await
    }
}
