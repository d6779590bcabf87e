//! API keys: the sessions of scripts.
//!
//! A script sends its key as a bearer token, and every strategy with a store looks it up there.

use super::session_token::{PresentedToken, SessionToken};
use super::sessions::Sessions;
use crate::error::{LoginError, Rejection};
use crate::secret::SecretBytes;
use crate::session::credential_kind::CredentialKind;
use crate::store::{SessionRecord, StoredCredential};
use crate::strategy::OpenedSession;
use crate::strategy::call_context::CallContext;
use crate::{Credential, Error, Login};

pub(crate) const API_KEY_PREFIX: &str = Credential::API_KEY_PREFIX;

/// Creates a key for the login's subject.
pub(crate) async fn create(
    sessions: &Sessions,
    login: &Login,
    context: &CallContext<'_>,
) -> Result<OpenedSession, Error> {
    let is_visible =
        |c: char| !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    if !login.device.label().is_some_and(|name| name.chars().any(is_visible)) {
        return Err(LoginError::UnnamedKey.into());
    }
    let secret = SecretBytes::generate()?;
    let stored = StoredCredential::ApiKey { secret_digest: SecretBytes::digest_of(secret.expose()) };
    let (record, ()) = sessions.open(login, &[], context, &stored, |_| Ok(())).await?;
    let credential = SessionToken { id: record.id(), secret }.to_text(API_KEY_PREFIX);
    Ok(OpenedSession { record, credential })
}

/// Returns the session that a key authenticates, live or expired; `None` if it is gone.
pub(crate) async fn find(
    sessions: &Sessions,
    key: &str,
    context: &CallContext<'_>,
) -> Result<Option<SessionRecord>, Error> {
    let mut buffer = [0; 51];
    let key = PresentedToken::parse(key, API_KEY_PREFIX, &mut buffer)?;
    let Some(record) = sessions.load(key.id, CredentialKind::ApiKey, context).await? else { return Ok(None) };
    if !record.has_digest(&key.digest()) {
        return Err(Rejection::WrongSecret.into());
    }
    Ok(Some(record))
}

/// Returns the live session that a key authenticates, and records the use when that is due.
pub(crate) async fn verify(
    sessions: &Sessions,
    key: &str,
    context: &CallContext<'_>,
) -> Result<SessionRecord, Error> {
    let record = find(sessions, key, context).await?.ok_or(Rejection::SessionEnded)?;
    sessions.use_live(record, context).await
}
