//! Passwords: argon2id hashing off the async threads, and login and change of password on top of
//! [`Auth`](crate::Auth).
//!
//! A [`PasswordHasher`] hashes and verifies on threads of its own; it is useful alone. [`PasswordLogin`] puts
//! it together with [`Auth`](crate::Auth) and the application's [`Accounts`], and gets right what is easy to
//! get wrong: unknown users that answer faster than known ones (rule P2), hashes that stay as weak as they
//! were made (rule P1), and sessions that outlive the password that opened them (rule P5).
//!
//! ```
//! use authcore::password::{NewPassword, Password, PasswordHasher, Verdict};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hasher = PasswordHasher::builder().build()?;
//! // Registration: keep `stored.expose()` beside the account.
//! let stored = hasher.hash(NewPassword::new("correct horse battery")?).await?;
//! // Login.
//! let verdict = hasher.verify(Password::new("correct horse battery")?, Some(&stored)).await?;
//! assert_eq!(verdict, Verdict::Match);
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

pub use crate::store::ReplaceOutcome;
pub use accounts::{Account, Accounts, AccountsError};
pub use error::PasswordError;
pub use hasher::{PasswordHasher, PasswordHasherBuilder, Verdict};
pub use login::{PasswordChanged, PasswordLogin};
pub use stored::PasswordHash;
pub use text::{InvalidPassword, NewPassword, Password};
pub use throttle::{Admission, Attempt, LoginThrottle, MemoryThrottle, MemoryThrottleBuilder, Target};
