//! Login.

use super::issuance::by_session;
use super::{Auth, Strategy};
use crate::strategy::SessionStrategy as _;
use crate::{Error, IssuedCredentials, Login};

impl Auth {
    /// Issues credentials to somebody who has just proved who they are.
    ///
    /// Always mints new ones (rule A1); see [`Login::replacing`] for the credential that the client held
    /// before.
    ///
    /// # Errors
    ///
    /// [`Error::Login`] for claims with a secret's name (rule T10) or that do not fit into a token that can
    /// be handed out (rule R12), and for a kind of session that was not registered; [`Error::Store`],
    /// [`Error::SessionLimit`] or [`Error::NoEntropy`]. Nobody is logged in then.
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
                self.lone_tokens(&**tokens, context.now).issue_for_login(&login)
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
