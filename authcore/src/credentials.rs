//! The credentials that a client receives.

use std::time::Duration;

use crate::error::Incident;
use crate::secret::SecretString;
use crate::{Principal, Timestamp};

/// A credential issued to a client: a session token, an access token or an API key.
///
/// The methods of [`Auth`](crate::Auth) take its text, as the client sends it back: see
/// [`Credential::expose`].
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

/// A refresh token, which a client of the hybrid strategy exchanges for new credentials.
///
/// `Debug` redacts it, and it is wiped from memory when dropped.
#[derive(Debug, Clone)]
pub struct RefreshCredential(SecretString);

/// The credentials to send to the client after a login, a refresh or a renewal.
///
/// `Debug` redacts the secrets, and they are wiped from memory when dropped.
#[derive(Debug, Clone)]
#[must_use = "send the credentials to the client: without them nobody can use the session"]
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
    /// The prefix of API keys, `ack_`, for routing and for secret scanners. No other credential has it.
    pub const API_KEY_PREFIX: &str = "ack_";

    pub(crate) fn new(text: SecretString) -> Self {
        Self(text)
    }

    /// Returns the secret text, to be sent to the client in a cookie or a response body.
    ///
    /// # Security
    ///
    /// This text authenticates its holder as the subject. Never log it, store it or put it into a URL.
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
    /// The holder of this text can obtain credentials of the subject until the session ends. Never log it,
    /// store it or put it into a URL.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl IssuedCredentials {
    /// Returns the credential that the client sends with every request: a session token, an access token or
    /// an API key.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Returns when the credential expires at the latest.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Returns how long the credential is valid at most, as for OAuth's `expires_in` or a cookie's `Max-Age`.
    pub fn expires_in(&self) -> Duration {
        self.expires_at.since(self.issued_at)
    }

    /// Returns the refresh token of the hybrid strategy; `None` with the other strategies.
    ///
    /// The client sends it to [`Auth::refresh`](crate::Auth::refresh) only. Each refresh may replace it: the
    /// client keeps the token of the latest response.
    pub fn refresh_token(&self) -> Option<&RefreshCredential> {
        self.refresh.as_ref()
    }

    /// Returns when the refresh token's session ends at the latest; `None` without a refresh token.
    pub fn refresh_expires_at(&self) -> Option<Timestamp> {
        self.refresh_expires_at
    }

    /// Returns how long the refresh token's session lives at most; `None` without a refresh token.
    pub fn refresh_expires_in(&self) -> Option<Duration> {
        self.refresh_expires_at.map(|end| end.since(self.issued_at))
    }

    /// Returns whether a cookie with the credential outlives the browser session, as the session's kind
    /// specifies (rule A13).
    pub fn is_persistent(&self) -> bool {
        self.persistent
    }

    /// Returns the principal that the credential authenticates.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns the incident that this call detected without failing: a store that went back in time
    /// ([`StoreWentBack`](crate::error::IncidentKind::StoreWentBack), rule R6).
    pub fn incident(&self) -> Option<&Incident> {
        self.incident.as_deref()
    }
}
