//! The accounts: two users, in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use authcore::password::{Account, Accounts, AccountsError, NewPassword, PasswordHash, PasswordHasher};
use authcore::store::ReplaceOutcome;
use authcore::{Login, Realm, Subject};
use serde::{Deserialize, Serialize};

/// The address of the user who logs in in all examples. `grace@example.com` is an admin.
pub const DEMO_EMAIL: &str = "ada@example.com";
/// The subject of that user.
pub const DEMO_SUBJECT: &str = "user-1";
/// The password of the demo accounts. It is public, so never use it elsewhere.
pub const DEMO_PASSWORD: &str = "demo-only-not-secret";

/// The application's claims about a subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "an example of an application's own type")]
pub struct Role {
    /// The role of the subject.
    pub role: String,
}

/// The accounts by address, in place of a database table.
#[derive(Debug)]
pub struct DemoAccounts(Mutex<Vec<Row>>);

#[derive(Debug)]
struct Row {
    email: &'static str,
    subject: Subject,
    role: &'static str,
    hash: PasswordHash,
}

impl DemoAccounts {
    /// Creates the demo accounts, with newly hashed passwords.
    ///
    /// # Errors
    ///
    /// Fails if hashing fails.
    pub async fn new(hasher: &PasswordHasher) -> Result<Self, AccountsError> {
        let mut rows = Vec::new();
        for (email, subject, role) in
            [(DEMO_EMAIL, DEMO_SUBJECT, "editor"), ("grace@example.com", "user-2", "admin")]
        {
            let hash = hasher.hash(NewPassword::new(DEMO_PASSWORD)?).await?;
            rows.push(Row { email, subject: Subject::new(subject)?, role, hash });
        }
        Ok(Self(Mutex::new(rows)))
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Accounts for DemoAccounts {
    async fn find(&self, identifier: &str, _: &Realm) -> Result<Option<Account>, AccountsError> {
        let rows = self.rows();
        let Some(row) = rows.iter().find(|row| row.email == identifier) else { return Ok(None) };
        let login = Login::from(row.subject.clone()).claims(&Role { role: row.role.to_owned() })?;
        Ok(Some(Account::new(login).password_hash(row.hash.clone())))
    }

    async fn password_hash(&self, subject: &Subject) -> Result<Option<PasswordHash>, AccountsError> {
        Ok(self.rows().iter().find(|row| row.subject == *subject).map(|row| row.hash.clone()))
    }

    async fn replace_hash(
        &self,
        subject: &Subject,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<ReplaceOutcome, AccountsError> {
        match self.rows().iter_mut().find(|row| row.subject == *subject) {
            None => Ok(ReplaceOutcome::Missing),
            Some(row) if row.hash.expose() != expected.expose() => Ok(ReplaceOutcome::Stale),
            Some(row) => {
                row.hash = new.clone();
                Ok(ReplaceOutcome::Replaced)
            }
        }
    }
}
