//! A token from a client, as any text.
//!
//! - A token that is accepted has the signature of one of the keys, computed here once more.
//! - Both ways of verifying agree.
//! - A token names the same session before and after verification, unless another issuer made it.
#![no_main]

use std::sync::LazyLock;

use authcore::jwt::{Jwt, TokenBuffer};
use authcore::strategy::TokenStrategy as _;
use authcore_fuzz::{NOW, Signer};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

static JWT: LazyLock<Jwt> = LazyLock::new(authcore_fuzz::jwt);

fuzz_target!(|token: &str| {
    let named = JWT.named_session(token);
    let verified = JWT.verify(token, NOW);
    let mut buffer = TokenBuffer::new();
    let borrowed = JWT.verify_claims::<IgnoredAny>(token, NOW, &mut buffer);
    match (verified, borrowed) {
        (Ok(principal), Ok(claims)) => {
            let signed = &token[..token.rfind('.').unwrap()];
            let is_signed = Signer::ALL.iter().any(|signer| signer.sign(signed) == token);
            assert!(is_signed, "accepted without a signature");
            assert_eq!(principal.subject(), claims.subject);
            assert_eq!(principal.session_id(), claims.session_id);
            assert!(principal.foreign_issuer().is_some() || principal.session_id() == named);
        }
        (Err(one), Err(other)) => assert_eq!(one, other),
        (one, other) => panic!("{one:?} and {other:?}"),
    }
    let _ = JWT.verify_ignoring_expiry(token, NOW);
});
