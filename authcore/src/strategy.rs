//! Strategies: the [`SessionStrategy`] and [`TokenStrategy`] traits, the values that they exchange with
//! [`Auth`](crate::Auth), and the builders and hooks of the built-in strategies.
//!
//! For authors of a strategy: one that wraps a built-in strategy to add a check or an audit line, or one that
//! issues tokens in another format. An application chooses a built-in strategy,
//! [`ServerSessions`](crate::ServerSessions), [`Jwt`](crate::jwt::Jwt) or
//! [`RefreshTokens`](crate::RefreshTokens). From this module it needs the builders for its settings,
//! and [`RefreshHook`] and [`RefreshDecision`] to decide about each refresh of a session.

pub(crate) mod call_context;
pub(crate) mod session_strategy;
pub(crate) mod token_strategy;
pub(crate) mod verified_token;

pub use self::call_context::{CallContext, Usage};
pub use self::session_strategy::{OpenedSession, Renewal, SessionStrategy};
pub use self::token_strategy::{AccessToken, SessionClaims, TokenStrategy, UnsignedToken};
pub use self::verified_token::VerifiedToken;
pub use crate::refresh_tokens::RefreshTokensBuilder;
pub use crate::refresh_tokens::hook::{RefreshDecision, RefreshHook};
pub use crate::session::server_sessions::ServerSessionsBuilder;
pub use crate::session::sessions::Sessions;
