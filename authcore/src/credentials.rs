//! The credentials that a client is given.

use std::time::Duration;

use crate::error::Incident;
use crate::secret::SecretString;
use crate::{Principal, Timestamp};

/// A secret that authenticates its holder: a session token, an access token or an API key.
///
/// `Debug` redacts it, and it is wiped from memory when dropped.
///
/// ```
/// # async fn example(auth: authcore::Auth) -> Result<(), authcore::Error> {
/// # let login = authcore::Login::new("ada")?;
/// let issued = auth.login(login).await?;
/// let cookie = format!("session={}; HttpOnly; Secure; SameSite=Lax; Path=/", issued.credential().expose());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Credential(SecretString);

/// A secret that obtains new credentials: the refresh token of the hybrid strategy.
///
/// `Debug` redacts it, and it is wiped from memory when dropped.
#[derive(Debug, Clone)]
pub struct RefreshCredential(SecretString);

/// What to hand the client after a login, a refresh or a renewal.
///
/// Its secrets are redacted in `Debug` and wiped when it is dropped.
#[derive(Debug, Clone)]
#[must_use = "the client needs these credentials: without them nobody holds the session"]
pub struct IssuedCredentials {
    pub(crate) credential: Credential,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) refresh: Option<RefreshCredential>,
    pub(crate) refresh_expires_at: Option<Timestamp>,
    pub(crate) persistent: bool,
    pub(crate) principal: Principal,
    pub(crate) incident: Option<Box<Incident>>,
}

impl Credential {
    /// The prefix of API keys (`ack_`), for secret scanners and for routing; no other credential has it.
    pub const API_KEY_PREFIX: &str = "ack_";

    pub(crate) fn new(text: SecretString) -> Self {
        Self(text)
    }

    /// Returns the secret text, to be sent to the client in a cookie or a response body.
    ///
    /// # Security
    ///
    /// Whoever holds this text is authenticated as the subject. Never log it, store it or put it into a URL.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl RefreshCredential {
    pub(crate) fn new(text: SecretString) -> Self {
        Self(text)
    }

    /// Returns the secret text, to be sent to the client in a cookie or a response body.
    ///
    /// # Security
    ///
    /// Whoever holds this text can obtain credentials of the subject until the session ends. Never log it,
    /// store it or put it into a URL.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl IssuedCredentials {
    /// The credential that the client sends with every request: a session token, an access token or an API
    /// key.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// When the credential ends in any case.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// How long the credential lives at most: OAuth's `expires_in`, or a cookie's `Max-Age`.
    pub fn expires_in(&self) -> Duration {
        self.expires_at.since(self.issued_at)
    }

    /// The hybrid strategy's second credential, which the client sends to
    /// [`Auth::refresh`](crate::Auth::refresh) and nowhere else; `None` in the other strategies.
    ///
    /// Each refresh replaces it: the client keeps the one of the latest response.
    pub fn refresh_token(&self) -> Option<&RefreshCredential> {
        self.refresh.as_ref()
    }

    /// When the refresh token's session ends in any case.
    pub fn refresh_expires_at(&self) -> Option<Timestamp> {
        self.refresh_expires_at
    }

    /// How long the refresh token's session lives at most.
    pub fn refresh_expires_in(&self) -> Option<Duration> {
        self.refresh_expires_at.map(|end| end.since(self.issued_at))
    }

    /// Whether a cookie with the credential outlives the browser session, as the session's kind says (rule
    /// A13).
    pub fn is_persistent(&self) -> bool {
        self.persistent
    }

    /// Who the credential says that its holder is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The incident that this call discovered and survived: [`IncidentKind::StoreRolledBack`] (rule R6).
    pub fn incident(&self) -> Option<&Incident> {
        self.incident.as_deref()
    }
}
