//! Somebody who has just proved who they are.

use std::fmt;

use serde::Serialize;

use crate::claims::Claims;
use crate::error::LoginError;
use crate::secret::SecretString;
use crate::session::details::{MAX_METHOD_LEN, MAX_METHODS, MAX_TEXT_LEN, SessionDetails, is_detail};
use crate::{Device, SessionKind, Subject, Timestamp};

/// Somebody who has just proved who they are, by whatever means the application uses.
///
/// ```
/// # fn main() -> Result<(), authcore::error::LoginError> {
/// use authcore::{Device, Login};
///
/// #[derive(serde::Serialize)]
/// struct Role { role: String }
///
/// let login = Login::new("user-42")?
///     .claims(&Role { role: "admin".into() })?
///     .device(Device::unknown().with_label("Ada's phone"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Login {
    pub(crate) subject: Subject,
    pub(crate) claims: Box<str>,
    pub(crate) device: Device,
    pub(crate) details: SessionDetails,
    pub(crate) authenticated_at: Option<Timestamp>,
    pub(crate) replacing: Vec<SecretString>,
}

impl Login {
    /// A login of `subject`, without claims.
    ///
    /// # Errors
    ///
    /// [`LoginError::InvalidSubject`] if `subject` is empty, longer than 255 bytes or contains NUL.
    pub fn new(subject: impl Into<String>) -> Result<Self, LoginError> {
        Subject::new(subject).map(Self::from)
    }

    /// Sets the application's claims: anything that serializes as a JSON object.
    ///
    /// # Errors
    ///
    /// As [`Claims::from_serialize`].
    pub fn claims<T: Serialize + ?Sized>(mut self, claims: &T) -> Result<Self, LoginError> {
        self.claims = Claims::from_serialize(claims)?.to_json()?;
        Ok(self)
    }

    /// Says what is logging in, for the subject's list of devices.
    #[must_use]
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Sets the kind of session that the login opens (rule A13). Every kind but the default must have been
    /// registered with the strategy; [`Auth::login`](crate::Auth::login) refuses others.
    #[must_use]
    pub fn kind(mut self, kind: SessionKind) -> Self {
        self.details.kind = kind;
        self
    }

    /// Returns the kind of session that the login opens.
    pub fn session_kind(&self) -> &SessionKind {
        &self.details.kind
    }

    /// Sets the OAuth client that the session is for: the `client_id` of its access tokens (RFC 9068),
    /// instead of the one that the token strategy has.
    ///
    /// # Errors
    ///
    /// [`LoginError::InvalidDetail`] unless it has 1 to 255 bytes without control characters.
    pub fn client_id(mut self, client_id: &str) -> Result<Self, LoginError> {
        self.details.client_id = Some(detail(client_id)?);
        Ok(self)
    }

    /// Says that somebody acts as the subject, such as support staff: the `act` claim of RFC 8693. The list
    /// of sessions, the principal and its log lines show both.
    ///
    /// The actor's text is kept and not its realm: name support staff by a text that is the same in all
    /// realms, such as an e-mail address.
    ///
    /// # Security
    ///
    /// The session may do what its subject may. Refuse what an actor must not do by
    /// [`Principal::actor`](crate::Principal::actor).
    #[must_use]
    pub fn actor(mut self, actor: &Subject) -> Self {
        self.details.actor = Some(actor.as_str().into());
        self
    }

    /// Says when the subject was authenticated, if that was earlier or elsewhere: `auth_time`. A moment that
    /// has not come counts as now.
    #[must_use]
    pub fn authenticated_at(mut self, at: Timestamp) -> Self {
        self.authenticated_at = Some(at);
        self
    }

    /// Says by which methods the subject was authenticated: `amr`, with the names of RFC 8176 such as `pwd`
    /// and `otp`.
    ///
    /// # Errors
    ///
    /// [`LoginError::InvalidDetail`] for more than 8 methods, or one that has not 1 to 32 bytes without
    /// control characters.
    pub fn methods(mut self, methods: &[&str]) -> Result<Self, LoginError> {
        if methods.len() > MAX_METHODS || !methods.iter().all(|method| is_detail(method, MAX_METHOD_LEN)) {
            return Err(LoginError::InvalidDetail(
                "a login has at most 8 methods of 1 to 32 bytes without control characters",
            ));
        }
        self.details.amr = methods.iter().map(|method| Box::from(*method)).collect();
        Ok(self)
    }

    /// Says how strongly the subject was authenticated: `acr`, the authentication context class of OpenID
    /// Connect.
    ///
    /// # Errors
    ///
    /// [`LoginError::InvalidDetail`] unless it has 1 to 255 bytes without control characters.
    pub fn context_class(mut self, acr: &str) -> Result<Self, LoginError> {
        self.details.acr = Some(detail(acr)?);
        Ok(self)
    }

    /// Names a credential that the client held until now: if it is good, its session ends once the new one
    /// exists (rule A10). One that is not good is ignored. A client that has both an access token and a
    /// refresh token names both, in two calls, since the access token may be of a key that was retired.
    #[must_use]
    pub fn replacing(mut self, credential: impl Into<String>) -> Self {
        self.replacing.push(SecretString::new(credential.into()));
        self
    }
}

impl From<Subject> for Login {
    /// Starts a login of `subject` without claims.
    fn from(subject: Subject) -> Self {
        Self {
            subject,
            claims: "{}".into(),
            device: Device::unknown(),
            details: SessionDetails::default(),
            authenticated_at: None,
            replacing: Vec::new(),
        }
    }
}

fn detail(text: &str) -> Result<Box<str>, LoginError> {
    if is_detail(text, MAX_TEXT_LEN) {
        Ok(text.into())
    } else {
        Err(LoginError::InvalidDetail(
            "a client id and a context class have 1 to 255 bytes without control characters",
        ))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("subject", &self.subject)
            .field("claims", &format_args!("[{} bytes]", self.claims.len()))
            .field("device", &self.device)
            .field("details", &self.details)
            .field("replacing", &self.replacing)
            .finish()
    }
}
