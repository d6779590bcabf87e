//! The chapter on the hybrid strategy.

use std::time::Duration;

use authcore_examples::strategies::{self, Strategy};

use crate::client::Client;
use crate::guide::{Failure, Guide};
use crate::steps::{closed_doors, need};
use crate::tokens::forgeries;

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) async fn tour(guide: &mut Guide) -> Result<(), Failure> {
    let auth = strategies::hybrid(guide.store("hybrid").await?)?;
    let text = "A signed access token for 15 minutes, verified without a store, and a refresh token whose\n\
        session is in a store. A refresh replaces the refresh token, so that theft is detected. A token\n\
        younger than 30 seconds is returned again instead.";
    let url = guide.chapter("Chapter 3: hybrid", text, Strategy::Hybrid, auth, guide.clock()).await?;
    let (mut laptop, mut phone) = (Client::new("laptop", &url)?, Client::new("phone", &url)?);

    closed_doors(guide, &laptop).await?;
    log_in(guide, "Ada logs in on her laptop", &mut laptop).await?;
    guide.show_token(&need(laptop.access.clone(), "access token")?)?;
    guide.step("The protected page", laptop.get("/me"), 200).await?;
    forgeries(guide, &need(laptop.access.clone(), "access token")?, &url).await?;
    revocation(guide, &mut laptop, &mut phone).await?;
    replay(guide, &mut laptop).await?;
    endings(guide, &mut laptop, &mut phone).await
}

/// Ends one device's session from the other: at once for the session, at expiry for its access token.
async fn revocation(guide: &mut Guide, laptop: &mut Client, phone: &mut Client) -> Result<(), Failure> {
    log_in(guide, "Ada logs in on her phone", phone).await?;
    let me = guide.step("The phone's protected page", phone.get("/me"), 200).await?;
    let phone_id = need(me.text("session_id"), "session id")?;
    guide.step("Her devices", laptop.get("/auth/sessions"), 200).await?;
    let call = laptop.delete(&format!("/auth/sessions/{phone_id}"));
    let answer = guide.step("The laptop logs the phone out", call, 200).await?;
    guide.check(
        "the server reports how long the access token remains valid",
        answer.body["effective"] == "later",
    )?;
    guide.step("The phone's access token verifies without a store", phone.get("/me"), 200).await?;
    let call = phone.refresh_with(&need(phone.refresh.clone(), "refresh token")?);
    guide.step("Its session has ended, so it gets no new one", call, 401).await?;

    guide.later(16 * MINUTE);
    guide.step("The phone is logged out", phone.get("/me"), 401).await?;
    guide.step("The laptop's access token has expired too", laptop.get("/me"), 401).await?;
    Ok(())
}

/// Rotation: a tolerated replay, and a replay that ends the session.
async fn replay(guide: &mut Guide, laptop: &mut Client) -> Result<(), Failure> {
    let old = need(laptop.refresh.clone(), "refresh token")?;
    let first = guide.step("The laptop refreshes", laptop.refresh_with(&old), 200).await?;
    laptop.keep(&first);
    guide.check("the refresh token was replaced", laptop.refresh.as_ref() != Some(&old))?;
    guide.step("The protected page", laptop.get("/me"), 200).await?;
    let call = laptop.refresh_with(&old);
    let second = guide.step("A second tab uses the old refresh token at once", call, 200).await?;
    let same = first.body["refresh_token"] == second.body["refresh_token"];
    guide.check("it gets the same successor, so two tabs do not log the user out", same)?;

    guide.later(MINUTE);
    let call = laptop.refresh_with(&old);
    let answer = guide.step("The old refresh token is used again", call, 401).await?;
    let alert = r#"its session was ended, kind: late replay, subject: "user-1", device: "laptop""#;
    let told = answer.log.iter().any(|line| line.starts_with("WARN ") && line.contains(alert));
    guide.check("the log shows what happened, to which user and on which device", told)?;
    guide.note("It may be a thief, or a client that has lost the successor. The session ends for both.");
    let call = laptop.refresh_with(&need(laptop.refresh.clone(), "refresh token")?);
    guide.step("The successor is no longer valid", call, 401).await?;
    Ok(())
}

/// The ways in which sessions end.
async fn endings(guide: &mut Guide, laptop: &mut Client, phone: &mut Client) -> Result<(), Failure> {
    log_in(guide, "Ada logs in on her laptop again", laptop).await?;
    log_in(guide, "Ada logs in on her phone again", phone).await?;
    let answer = guide.step("The phone logs out", phone.post("/auth/logout"), 200).await?;
    guide.check(
        "its session ended",
        answer.body["ended_sessions"].as_array().is_some_and(|all| all.len() == 1),
    )?;
    let call = phone.refresh_with(&need(phone.refresh.clone(), "refresh token")?);
    guide.step("Its refresh token is refused at once", call, 401).await?;
    let answer =
        guide.step("The laptop logs out everywhere", laptop.post("/auth/logout-everywhere"), 200).await?;
    guide.check(
        "it takes full effect when the access tokens have expired",
        answer.body["effective"] == "later",
    )?;
    guide.later(16 * MINUTE);
    guide.step("The laptop's access token", laptop.get("/me"), 401).await?;
    Ok(())
}

/// Logs in as an app, without the previous credentials.
async fn log_in(guide: &mut Guide, title: &str, client: &mut Client) -> Result<(), Failure> {
    (client.access, client.refresh) = (None, None);
    let answer = guide.step(title, client.login(), 200).await?;
    client.keep(&answer);
    Ok(())
}
