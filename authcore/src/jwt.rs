//! JSON Web Tokens: keys, issuers and the [`Jwt`] strategy.
//!
//! For applications that use [`Auth::with_tokens`](crate::Auth::with_tokens),
//! [`Auth::with_tokens_and_reissue`](crate::Auth::with_tokens_and_reissue) or
//! [`Auth::with_hybrid`](crate::Auth::with_hybrid), and for services that only verify tokens.
//!
//! - [`Jwt`] issues and verifies access tokens (RFC 9068). [`Jwt::verify_claims`] verifies one and reads
//!   its claims without allocating.
//! - [`Key`] and [`KeyRing`] hold the HMAC keys (RFC 7518) and rotate them.
//! - [`TrustedIssuer`] accepts the tokens of another issuer.
//! - [`TokenContents`] has the members of a verified token.
//!
//! ```
//! # fn main() -> Result<(), authcore::error::ConfigError> {
//! use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
//! # let secret = "W9egTzocnkKICm1b5/LDkR8Ojd+ntixTXpkQzEerg/Y=";
//!
//! // `secret` comes from the configuration; `openssl rand -base64 32` prints one.
//! let keys = KeyRing::new(Key::hmac_base64("2026-11", Algorithm::HS256, secret)?);
//! let jwt = Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build()?;
//! # Ok(())
//! # }
//! ```

pub(crate) mod codec;
pub(crate) mod contents;
pub(crate) mod issuance;
pub(crate) mod keys;
pub(crate) mod payload;
pub(crate) mod policy;
pub(crate) mod settings;
pub(crate) mod strategy;
pub(crate) mod trusted_issuer;
pub(crate) mod validation;
pub(crate) mod verification;
pub(crate) mod verified_claims;

pub use self::contents::TokenContents;
pub use self::keys::{Algorithm, Key, KeyRing};
pub use self::strategy::{Jwt, JwtBuilder};
pub use self::trusted_issuer::TrustedIssuer;
pub use self::verified_claims::{TokenBuffer, VerifiedClaims};
