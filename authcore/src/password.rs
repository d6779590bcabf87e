//! Passwords: hashing with argon2id, login, change of password, and limits on guessing.
//!
//! For applications whose users log in with a password. Implement [`Accounts`] for the table of users, and
//! build the rest from it:
//!
//! - [`PasswordLogin`] logs users in and changes their passwords, on top of [`Auth`](crate::Auth).
//! - [`PasswordHasher`] hashes and verifies on its own threads. Registration and password reset need only
//!   this.
//! - [`LoginThrottle`] slows down guessing; [`MemoryThrottle`] is the implementation for a single process.
//!   The ready-made routes of `authcore-axum` ask it. A host that calls [`PasswordLogin`] itself asks it
//!   first.
//!
//! [`PasswordLogin`] handles what is easy to get wrong: an unknown user takes as long as a wrong password
//! (rule P2), outdated hashes are replaced at login (rule P1), and a change of password ends the sessions
//! that the old one opened (rule P5).
//!
//! # Example
//!
//! ```
//! # use std::collections::HashMap;
//! # use std::sync::{Arc, Mutex};
//! # use authcore::password::{Account, Accounts, AccountsError, PasswordHash, ReplaceOutcome};
//! # use authcore::{Login, Realm, Subject};
//! # #[derive(Debug, Default)]
//! # struct Users(Mutex<HashMap<String, PasswordHash>>);
//! # impl Users {
//! #     fn insert(&self, name: &str, hash: PasswordHash) {
//! #         self.0.lock().unwrap().insert(name.to_owned(), hash);
//! #     }
//! # }
//! # #[async_trait::async_trait]
//! # impl Accounts for Users {
//! #     async fn find(&self, identifier: &str, _: &Realm) -> Result<Option<Account>, AccountsError> {
//! #         let Some(hash) = self.0.lock().unwrap().get(identifier).cloned() else { return Ok(None) };
//! #         Ok(Some(Account::new(Login::new(identifier)?).password_hash(hash)))
//! #     }
//! #     async fn password_hash(&self, subject: &Subject) -> Result<Option<PasswordHash>, AccountsError> {
//! #         Ok(self.0.lock().unwrap().get(subject.as_str()).cloned())
//! #     }
//! #     async fn replace_hash(
//! #         &self,
//! #         subject: &Subject,
//! #         expected: &PasswordHash,
//! #         new: &PasswordHash,
//! #     ) -> Result<ReplaceOutcome, AccountsError> {
//! #         match self.0.lock().unwrap().get_mut(subject.as_str()) {
//! #             None => Ok(ReplaceOutcome::Missing),
//! #             Some(stored) if stored.expose() != expected.expose() => Ok(ReplaceOutcome::Stale),
//! #             Some(stored) => {
//! #                 *stored = new.clone();
//! #                 Ok(ReplaceOutcome::Replaced)
//! #             }
//! #         }
//! #     }
//! # }
//! use authcore::password::{NewPassword, Password, PasswordHasher, PasswordLogin};
//! use authcore::{Auth, MemoryStore, ServerSessions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let auth = Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build()?);
//! let hasher = PasswordHasher::builder().build()?;
//! let users = Arc::new(Users::default()); // implements `Accounts`: see its page
//! let passwords = PasswordLogin::new(auth.clone(), hasher.clone(), Arc::clone(&users));
//!
//! // Registration: hash the password and store it with the account.
//! users.insert("ada", hasher.hash(NewPassword::new("correct horse battery")?).await?);
//!
//! // Login.
//! let password = Password::new("correct horse battery")?;
//! let issued = passwords.login("ada", password, |login| login).await?;
//! assert_eq!(issued.principal().subject(), "ada");
//!
//! // Change of password: the other sessions end.
//! let current = Password::new("correct horse battery")?;
//! let new = NewPassword::new("tongue-tied zebra")?;
//! let _changed = passwords.change_password(issued.principal(), current, new).await?;
//! # Ok(())
//! # }
//! ```

mod accounts;
mod engine;
mod error;
mod hasher;
mod login;
mod mark;
mod pool;
mod stored;
mod text;
mod throttle;

pub use accounts::{Account, Accounts, AccountsError};
pub use error::PasswordError;
pub use hasher::{PasswordHasher, PasswordHasherBuilder, Verdict};
pub use login::{PasswordChanged, PasswordLogin};
pub use stored::PasswordHash;
pub use text::{InvalidPassword, NewPassword, Password};
pub use throttle::{Admission, Attempt, LoginThrottle, MemoryThrottle, MemoryThrottleBuilder, Target};

pub use crate::store::ReplaceOutcome;
