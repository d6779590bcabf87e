//! The description of a login.

use std::fmt;

use serde::Serialize;

use crate::claims::Claims;
use crate::error::LoginError;
use crate::secret::SecretString;
use crate::session::details::{MAX_METHOD_LEN, MAX_METHODS, MAX_TEXT_LEN, SessionDetails, is_detail};
use crate::{Device, SessionKind, Subject, Timestamp};

/// The parameters of a login: the authenticated subject, its claims, its device and the kind of session.
///
/// How the subject was authenticated is up to the application. Pass the login to
/// [`Auth::login`](crate::Auth::login).
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
    /// Creates a login of `subject`, without claims.
    ///
    /// # Errors
    ///
    /// [`LoginError::InvalidSubject`] if `subject` is empty, longer than 255 bytes or contains NUL.
    pub fn new(subject: impl Into<String>) -> Result<Self, LoginError> {
        Subject::new(subject).map(Self::from)
    }

    /// Sets the application's claims: any value that serializes as a JSON object.
    ///
    /// # Errors
    ///
    /// The same as for [`Claims::from_serialize`].
    pub fn claims<T: Serialize + ?Sized>(mut self, claims: &T) -> Result<Self, LoginError> {
        self.claims = Claims::from_serialize(claims)?.to_json()?;
        Ok(self)
    }

    /// Sets the device that logs in, for the subject's list of devices.
    #[must_use]
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Sets the kind of session that the login opens (rule A13).
    ///
    /// Every kind except the default must be registered with the strategy's builder;
    /// [`Auth::login`](crate::Auth::login) refuses others.
    #[must_use]
    pub fn kind(mut self, kind: SessionKind) -> Self {
        self.details.kind = kind;
        self
    }

    /// Returns the kind of session that the login opens.
    pub fn session_kind(&self) -> &SessionKind {
        &self.details.kind
    }

    /// Sets the OAuth client that the session is for: the `client_id` of its access tokens (RFC 9068).
    ///
    /// It replaces the `client_id` of the token strategy.
    ///
    /// # Errors
    ///
    /// [`LoginError::InvalidDetail`] unless the text has 1 to 255 bytes without control characters.
    pub fn client_id(mut self, client_id: &str) -> Result<Self, LoginError> {
        self.details.client_id = Some(detail(client_id)?);
        Ok(self)
    }

    /// Sets who acts as the subject, such as support staff: the `act` claim of RFC 8693.
    ///
    /// The list of sessions, the principal and its log lines show both. Only the actor's text is kept, not
    /// its realm: identify support staff by a text that is the same in all realms, such as an email address.
    ///
    /// # Security
    ///
    /// The session may do whatever its subject may. Check [`Principal::actor`](crate::Principal::actor) to
    /// refuse what an actor must not do.
    #[must_use]
    pub fn actor(mut self, actor: &Subject) -> Self {
        self.details.actor = Some(actor.as_str().into());
        self
    }

    /// Sets when the subject was authenticated, if that was earlier than the login: `auth_time`.
    ///
    /// A time in the future counts as now. The limit of
    /// [`Auth::with_tokens_and_reissue`](crate::Auth::with_tokens_and_reissue) counts from this time.
    #[must_use]
    pub fn authenticated_at(mut self, at: Timestamp) -> Self {
        self.authenticated_at = Some(at);
        self
    }

    /// Sets the methods by which the subject was authenticated: `amr`, with the names of RFC 8176 such as
    /// `pwd` and `otp`.
    ///
    /// # Errors
    ///
    /// [`LoginError::InvalidDetail`] for more than 8 methods, or for a method that does not have 1 to 32
    /// bytes without control characters.
    pub fn methods(mut self, methods: &[&str]) -> Result<Self, LoginError> {
        if methods.len() > MAX_METHODS || !methods.iter().all(|method| is_detail(method, MAX_METHOD_LEN)) {
            return Err(LoginError::InvalidDetail(
                "a login must have at most 8 methods of 1 to 32 bytes without control characters",
            ));
        }
        self.details.amr = methods.iter().map(|method| Box::from(*method)).collect();
        Ok(self)
    }

    /// Sets how strongly the subject was authenticated: `acr`, the authentication context class of OpenID
    /// Connect.
    ///
    /// # Errors
    ///
    /// [`LoginError::InvalidDetail`] unless the text has 1 to 255 bytes without control characters.
    pub fn context_class(mut self, acr: &str) -> Result<Self, LoginError> {
        self.details.acr = Some(detail(acr)?);
        Ok(self)
    }

    /// Adds a credential that the client held until now; its session ends once the new one exists (rule A10).
    ///
    /// A credential that is not valid is ignored. For a client with both an access token and a refresh token,
    /// call this for each of them, because the access token's key may have been retired.
    #[must_use]
    pub fn replacing(mut self, credential: impl Into<String>) -> Self {
        self.replacing.push(SecretString::new(credential.into()));
        self
    }
}

impl From<Subject> for Login {
    /// Creates a login of `subject`, without claims.
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
            "a client id or context class must have 1 to 255 bytes without control characters",
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
