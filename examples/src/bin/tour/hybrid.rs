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
    let text = "A signed access token for 15 minutes, verified without a store, and a refresh token whose session\n\
        is in a store. A refresh replaces the refresh token, so that a stolen one is noticed; only one\n\
        that is younger than 30 seconds is given again.";
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

/// Ends one device from the other: the session at once, its access token at expiry.
async fn revocation(guide: &mut Guide, laptop: &mut Client, phone: &mut Client) -> Result<(), Failure> {
    log_in(guide, "Ada logs in on her phone", phone).await?;
    let me = guide.step("The phone's protected page", phone.get("/me"), 200).await?;
    let phone_id = need(me.text("session_id"), "session id")?;
    guide.step("Her devices", laptop.get("/auth/sessions"), 200).await?;
    let call = laptop.delete(&format!("/auth/sessions/{phone_id}"));
    let answer = guide.step("The laptop logs the phone out", call, 200).await?;
    guide.check(
        "the server says until when an access token may still be used",
        answer.body["effective"] == "later",
    )?;
    guide.step("The phone's access token verifies without a store", phone.get("/me"), 200).await?;
    let call = phone.refresh_with(&need(phone.refresh.clone(), "refresh token")?);
    guide.step("But its session is gone: there will be no other", call, 401).await?;

    guide.later(16 * MINUTE);
    guide.step("The phone is out", phone.get("/me"), 401).await?;
    guide.step("The laptop's access token has expired too", laptop.get("/me"), 401).await?;
    Ok(())
}

/// Rotation, what it forgives, and what it does not.
async fn replay(guide: &mut Guide, laptop: &mut Client) -> Result<(), Failure> {
    let old = need(laptop.refresh.clone(), "refresh token")?;
    let first = guide.step("The laptop refreshes", laptop.refresh_with(&old), 200).await?;
    laptop.keep(&first);
    guide.check("the refresh token was replaced", laptop.refresh.as_ref() != Some(&old))?;
    guide.step("The protected page", laptop.get("/me"), 200).await?;
    let call = laptop.refresh_with(&old);
    let second = guide.step("A second tab uses the old refresh token at once", call, 200).await?;
    let same = first.body["refresh_token"] == second.body["refresh_token"];
    guide.check("it gets the very same successor: two tabs log nobody out", same)?;

    guide.later(MINUTE);
    let call = laptop.refresh_with(&old);
    let answer = guide.step("Somebody uses the old refresh token again", call, 401).await?;
    let alert = r#"its session was ended, kind: replayed late, subject: "user-1", device: "laptop""#;
    let told = answer.log.iter().any(|line| line.starts_with("WARN ") && line.contains(alert));
    guide.check("the operator is told what happened, to whom, on which device", told)?;
    guide
        .note("A thief, or a client that lost the successor: nobody can tell, so the session ends for both.");
    let call = laptop.refresh_with(&need(laptop.refresh.clone(), "refresh token")?);
    guide.step("The successor is worth nothing any more", call, 401).await?;
    Ok(())
}

/// How sessions end.
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
    guide.check("effective when the access tokens have expired", answer.body["effective"] == "later")?;
    guide.later(16 * MINUTE);
    guide.step("The laptop's access token", laptop.get("/me"), 401).await?;
    Ok(())
}

/// Logs in as the app that this device is: without the credentials it had.
async fn log_in(guide: &mut Guide, title: &str, client: &mut Client) -> Result<(), Failure> {
    (client.access, client.refresh) = (None, None);
    let answer = guide.step(title, client.login(), 200).await?;
    client.keep(&answer);
    Ok(())
}
