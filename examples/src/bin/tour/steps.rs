//! The steps that all three strategies have in common.

use crate::client::Client;
use crate::guide::{Failure, Guide};

/// Nobody comes in without a credential, and a wrong password tells nothing.
pub(crate) async fn closed_doors(guide: &mut Guide, client: &Client) -> Result<(), Failure> {
    let answer =
        guide.step("The protected page, before anybody has logged in", client.get("/me"), 401).await?;
    let challenge = answer.headers.get("www-authenticate").and_then(|value| value.to_str().ok());
    guide.check(&format!("WWW-Authenticate: {}", challenge.unwrap_or("missing")), challenge.is_some())?;
    let call = client.login_as(authcore_examples::accounts::DEMO_EMAIL, "wrong-password");
    let wrong = guide.step("A wrong password", call, 401).await?;
    let call = client.login_as("nobody@example.com", "wrong-password");
    let unknown = guide.step("Somebody who has no account", call, 401).await?;
    guide.check(
        "the two answers are the same, so nobody learns who has an account",
        wrong.body == unknown.body,
    )
}

/// Text of an earlier answer that a later step needs.
pub(crate) fn need<T>(value: Option<T>, what: &str) -> Result<T, Failure> {
    value.ok_or_else(|| format!("the server gave no {what}").into())
}
