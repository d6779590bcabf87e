//! A6, A11, S3 and S17: renewal, revocation, and what a principal may do after them.

use std::fmt;
use std::sync::Arc;

use super::world::{AFTER_GRACE, World, id, jwt, policy, token};
use crate::expect::{Must as _, refused, same};
use crate::records::HOUR;
use crate::{Call, Fixture};
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

/// A6: from the moment `renew` returns, the old credential is refused and the new one is good.
pub async fn a6_a_renewed_credential_fails_at_once(fixture: Fixture) {
    for world in World::stateful(&fixture) {
        let old = world.login("ada", "A6").await;
        let new = world.auth.renew(old.principal()).await.must("A6: renew");
        same("A6: the session id after a renewal", id(&new), id(&old));
        world
            .auth
            .authenticate_and_check_session(new.credential().expose())
            .await
            .must("A6: the new credential");
        let _ = refused(
            "A6: the old credential",
            world.auth.authenticate_and_check_session(old.credential().expose()).await,
        );
        if let Some(refresh) = old.refresh_token().map(RefreshCredential::expose) {
            let reason = refused("A6: the old refresh token", world.auth.refresh(refresh).await);
            same("A6: the reason to refuse the old refresh token", reason, Rejection::WrongSecret);
            world.refresh(token(&new), "A6: the new refresh token").await;
        }
        world.clock.advance(HOUR / 60);
        let stepped_up =
            world.auth.record_reauthentication(new.principal()).await.must("A6: reauthenticated");
        let now = authcore::clock::Clock::now(&world.clock);
        same("A6: the time of authentication", stepped_up.principal().authenticated_at(), now);
    }
}

/// Fails unless every operation that asks the store refuses `principal` for this reason.
async fn refuses_everything(auth: &Auth, issued: &IssuedCredentials, reason: &Rejection, rule: &str) {
    let principal = issued.principal();
    let all = [
        ("renew", refused(&format!("{rule}: renew"), auth.renew(principal).await)),
        (
            "reauthenticated",
            refused(&format!("{rule}: step-up"), auth.record_reauthentication(principal).await),
        ),
        ("update_claims", refused(rule, auth.update_claims(principal, |_| Ok(())).await)),
        ("sessions_of", refused(rule, auth.sessions_of(principal).await)),
        ("revoke", refused(rule, auth.revoke(principal, id(issued)).await)),
        ("logout_others", refused(rule, auth.logout_others(principal).await)),
        ("logout_everywhere", refused(rule, auth.logout_everywhere(principal).await)),
    ];
    for (operation, got) in all {
        same(&format!("{rule}: the reason to refuse {operation}"), got, reason.clone());
    }
}

/// A11: a principal of an older epoch, or of a session that has ended, is refused by everything.
pub async fn a11_a_principal_does_not_outlive_its_credential(fixture: Fixture) {
    for world in World::stateful(&fixture) {
        let other = world.login("ada", "A11").await;
        let old = world.login("ada", "A11").await;
        let new = world.auth.renew(old.principal()).await.must("A11: renew");
        refuses_everything(&world.auth, &old, &Rejection::Superseded, "A11: an outlived principal").await;
        let _ = refused(
            "A11: the live check",
            world.auth.authenticate_and_check_session(old.credential().expose()).await,
        );

        let gone = world.auth.logout(new.credential().expose()).await.must("A11: logout");
        same("A11: the sessions that logout ended", gone.sessions, vec![id(&new)]);
        refuses_everything(&world.auth, &new, &Rejection::SessionEnded, "A11: a logged-out principal").await;
        let _ = refused(
            "A11: the live check",
            world.auth.authenticate_and_check_session(new.credential().expose()).await,
        );
        world
            .auth
            .authenticate_and_check_session(other.credential().expose())
            .await
            .must("A11: the subject's other session");
    }
}

/// A11: a principal that is outlived while its call is being retried is refused by the retry.
pub async fn a11_a_retry_checks_the_principal_again(fixture: Fixture) {
    for world in World::stateful(&fixture) {
        let issued = world.login("ada", "A11").await;
        let (rival, principal) = (world.auth.clone(), issued.principal().clone());
        world.store.before_next(Call::Replace, async move {
            rival.renew(&principal).await.must("A11: the rival's renewal");
        });
        let outcome = world.auth.update_claims(issued.principal(), |_| Ok(())).await;
        let reason = refused("A11: a change of claims beside a renewal", outcome);
        same("A11: the reason to refuse it", reason, Rejection::Superseded);
    }
}

/// A11: an id of another subject's session ends nothing; one's own sessions can be listed and ended.
pub async fn a11_only_own_sessions_are_revoked(fixture: Fixture) {
    for world in World::stateful(&fixture) {
        let (one, two) = (world.login("ada", "A11").await, world.login("ada", "A11").await);
        let ben = world.login("ben", "A11").await;
        let auth = &world.auth;
        let none = auth.revoke(one.principal(), id(&ben)).await.must("A11: revoke of another's session");
        same("A11: sessions ended by another subject's id", none.sessions, vec![]);
        assert!(world.stored(id(&ben)).await.is_some(), "A11: a subject ended another's session");

        let listed = auth.sessions_of(one.principal()).await.must("A11: the list of sessions");
        assert!(
            listed.iter().any(|info| info.id == id(&one) && info.current),
            "A11: the own one is not listed"
        );
        assert!(
            listed.iter().any(|info| info.id == id(&two) && !info.current),
            "A11: the other is not listed"
        );
        assert!(listed.iter().all(|info| info.id != id(&ben)), "A11: another subject's session is listed");

        let revoked = auth.revoke(one.principal(), id(&two)).await.must("A11: revoke");
        same("A11: sessions ended by their own subject", revoked.sessions, vec![id(&two)]);
        let third = world.login("ada", "A11").await;
        let others = auth.logout_others(one.principal()).await.must("A11: logout_others").sessions;
        assert!(
            others.contains(&id(&third)) && !others.contains(&id(&one)),
            "A11: logout_others ended {others:?}"
        );
        auth.authenticate_and_check_session(one.credential().expose())
            .await
            .must("A11: the own session after logout_others");
        let all = auth.logout_everywhere(one.principal()).await.must("A11: logout_everywhere").sessions;
        same("A11: sessions ended by logout_everywhere", all, vec![id(&one)]);
        auth.authenticate_and_check_session(ben.credential().expose())
            .await
            .must("A11: another subject's session");
    }
}

/// S3: a request that read the session before a logout and writes after it leaves the session gone.
pub async fn s3_a_request_in_flight_brings_no_session_back(fixture: Fixture) {
    for world in World::stateful(&fixture) {
        for operation in 0..3 {
            let issued = world.login("ada", "S3").await;
            // What makes the request write: a slide is due, or a rotation.
            world.clock.advance(if issued.refresh_token().is_some() { AFTER_GRACE } else { HOUR });
            let (rival, credential) = (world.auth.clone(), issued.credential().expose().to_owned());
            world.store.before_next(Call::Replace, async move {
                let ended = rival.logout(&credential).await.must("S3: the logout");
                same("S3: sessions that the logout ended", ended.sessions.len(), 1);
            });
            let outcome = match (operation, issued.refresh_token().map(RefreshCredential::expose)) {
                (0, Some(refresh)) => world.auth.refresh(refresh).await.map(drop),
                (0, None) => world.auth.authenticate(issued.credential().expose()).await.map(drop),
                (1, _) => world.auth.renew(issued.principal()).await.map(drop),
                _ => world.auth.update_claims(issued.principal(), |_| Ok(())).await.map(drop),
            };
            let reason = refused("S3: a request in flight beside a logout", outcome);
            same("S3: the reason to refuse it", reason, Rejection::SessionEnded);
            let stored = world.stored(id(&issued)).await;
            assert!(stored.is_none(), "S3: a request in flight brought a logged-out session back");
            let listed = world.direct.list(&issued.principal().to_subject()).await.must("S3: list");
            assert!(
                listed.iter().all(|record| record.id() != id(&issued)),
                "S3: the session is still listed"
            );
        }
    }
}

/// S17: nothing that the core replaces changes what a record keeps for life, and versions rise by one.
pub async fn s17_replace_keeps_what_is_fixed(fixture: Fixture) {
    let witness = Witness(fixture.store());
    let refresh =
        RefreshTokens::builder(witness.clone()).policy(policy()).build().must("S17: refresh sessions");
    let sessions = ServerSessions::builder(witness).policy(policy()).build().must("S17: sessions");
    let mut world = World::hybrid(&fixture);
    for auth in
        [Auth::with_sessions(sessions), Auth::with_hybrid(jwt(), refresh).must("S17: the hybrid strategy")]
    {
        world.auth = auth.with_clock(world.clock.clone());
        let issued = world.login("ada", "S17").await;
        world.clock.advance(HOUR);
        let principal = if let Some(refresh) = issued.refresh_token().map(RefreshCredential::expose) {
            world.refresh(refresh, "S17: refresh").await.principal().clone()
        } else {
            world.authenticate(issued.credential().expose(), "S17: a request whose slide is due").await
        };
        let changed: Principal =
            world.auth.update_claims(&principal, |_| Ok(())).await.must("S17: update_claims");
        world.auth.record_reauthentication(&changed).await.must("S17: reauthenticated");
        let stored = world.stored(id(&issued)).await.must("S17: the session");
        same(
            "S17: the version after three writes",
            stored.version().number(),
            RecordVersion::FIRST.number() + 3,
        );
    }
}

/// Compares every replace with what is stored.
#[derive(Clone)]
struct Witness(Arc<dyn SessionStore>);

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Witness").field(&self.0).finish()
    }
}

#[async_trait]
impl SessionStore for Witness {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        same("S17: the version of a new record", record.version(), RecordVersion::FIRST);
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
        let former = self.0.load(record.id()).await?.must("S17: the record that is replaced");
        same("S17: the new version", record.version(), expected.next());
        same("S17: the subject", record.subject(), former.subject());
        same("S17: created_at", record.created_at(), former.created_at());
        same("S17: expires_at", record.expires_at(), former.expires_at());
        let is_session =
            |record: &SessionRecord| matches!(record.credential(), StoredCredential::Session { .. });
        same("S17: the kind of credential", is_session(record), is_session(&former));
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
