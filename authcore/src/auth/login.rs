//! Login.

use super::issuance::by_session;
use super::{Auth, Strategy};
use crate::strategy::SessionStrategy as _;
use crate::{Error, IssuedCredentials, Login};

impl Auth {
    /// Issues credentials to a subject who has just been authenticated.
    ///
    /// The credentials are always new (rule A1). To end the session of a credential that the client held
    /// before, see [`Login::replacing`].
    ///
    /// # Errors
    ///
    /// No one is logged in after an error.
    ///
    /// - [`Error::Login`] if a claim's name denotes a secret (rule T10), if the token would be too long (rule
    ///   R12), or if the kind of session was not registered (rule A13).
    /// - [`Error::Store`] if the store fails.
    /// - [`Error::SessionLimit`] if concurrent logins of the same subject filled the limit (rule A7).
    /// - [`Error::NoEntropy`] if the operating system provides no random bytes.
    pub async fn login(&self, login: Login) -> Result<IssuedCredentials, Error> {
        let context = self.context();
        self.secret_names.check(&login.claims)?;
        self.own_subject(&login.subject)?;
        let replaces = self.former_sessions(&login.replacing, &context).await?;
        match &self.strategy {
            Strategy::Sessions(strategy) => {
                let opened = strategy.open(&login, &replaces, &context).await?;
                Ok(by_session(strategy.sessions(), opened, context.now))
            }
            Strategy::ServerSessions(strategy) => {
                let opened = strategy.open(&login, &replaces, &context).await?;
                Ok(by_session(strategy.sessions(), opened, context.now))
            }
            Strategy::Tokens { tokens, .. } => {
                self.sessionless_tokens(&**tokens, context.now).issue_for_login(&login)
            }
            Strategy::Hybrid { tokens, refresh } => {
                let access = self.access_tokens(&**tokens, refresh, context.now);
                let (opened, made) =
                    refresh.open(&login, &replaces, &context, |record| access.issue(record)).await?;
                Ok(access.hand_out(opened, made))
            }
        }
    }
}
