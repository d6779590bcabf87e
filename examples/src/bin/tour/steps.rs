//! The steps that all three strategies share.

use crate::client::Client;
use crate::guide::{Failure, Guide};

/// Access without a credential is refused, and a wrong password reveals nothing.
pub(crate) async fn closed_doors(guide: &mut Guide, client: &Client) -> Result<(), Failure> {
    let answer = guide.step("The protected page before any login", client.get("/me"), 401).await?;
    let challenge = answer.headers.get("www-authenticate").and_then(|value| value.to_str().ok());
    guide.check(&format!("WWW-Authenticate: {}", challenge.unwrap_or("missing")), challenge.is_some())?;
    let call = client.login_as(authcore_examples::accounts::DEMO_EMAIL, "wrong-password");
    let wrong = guide.step("A wrong password", call, 401).await?;
    let call = client.login_as("nobody@example.com", "wrong-password");
    let unknown = guide.step("An unknown account", call, 401).await?;
    guide.check(
        "both responses are the same, so they do not reveal which accounts exist",
        wrong.body == unknown.body,
    )
}

/// Returns a text of an earlier response that a later step needs.
pub(crate) fn need<T>(value: Option<T>, what: &str) -> Result<T, Failure> {
    value.ok_or_else(|| format!("the response contains no {what}").into())
}
