//! The chapter on the stateful strategy.

use std::time::Duration;

use authcore_examples::strategies::{self, Strategy};

use crate::client::Client;
use crate::guide::{Failure, Guide};
use crate::steps::{closed_doors, need};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) async fn tour(guide: &mut Guide) -> Result<(), Failure> {
    let auth = strategies::sessions(guide.store("sessions").await?)?;
    let text = "An opaque random token in a cookie, and a session in a store that every request reads.\n\
        Revocation takes effect at once. Every request costs one read of the store.";
    let url = guide.chapter("Chapter 1: sessions", text, Strategy::Sessions, auth, guide.clock()).await?;
    let (laptop, phone) = (Client::new("laptop", &url)?, Client::new("phone", &url)?);

    closed_doors(guide, &laptop).await?;
    devices(guide, &laptop, &phone).await?;
    attacks(guide, &laptop).await?;
    endings(guide, &laptop, &phone).await
}

/// Logs in on two devices and ends one from the other.
async fn devices(guide: &mut Guide, laptop: &Client, phone: &Client) -> Result<(), Failure> {
    guide.step("Ada logs in on her laptop", laptop.login(), 200).await?;
    guide.note("The store keeps only a digest of the token's secret. No script can read the cookie.");
    guide.step("The protected page", laptop.get("/me"), 200).await?;
    let answer = guide.step("Ada logs in on her phone", phone.login(), 200).await?;
    let phone_id = need(answer.text("session_id"), "session id")?;
    guide.step("Her devices", laptop.get("/auth/sessions"), 200).await?;
    let call = laptop.delete(&format!("/auth/sessions/{phone_id}"));
    let answer = guide.step("The laptop logs the phone out", call, 200).await?;
    guide.check("revoked, and effective now", answer.body["effective"] == "now")?;
    guide.step("The phone's very next request", phone.get("/me"), 401).await?;
    Ok(())
}

/// Attempts that fail.
async fn attacks(guide: &mut Guide, laptop: &Client) -> Result<(), Failure> {
    let cookie = need(laptop.cookie(), "cookie")?;
    let last = if cookie.ends_with('A') { 'Q' } else { 'A' };
    let forged = format!("{}{last}", &cookie[..cookie.len() - 1]);
    guide.step("A token with one character changed", laptop.get("/me").with_cookie(&forged), 401).await?;
    let call = laptop.post("/auth/logout").header("sec-fetch-site", "cross-site");
    guide.step("Another site's page tries to log Ada out", call, 403).await?;
    guide.step("This strategy has no refresh", laptop.post("/auth/refresh"), 501).await?;
    guide.step("Ada logs in once more in the same browser", laptop.login(), 200).await?;
    guide.check("a login always makes a new token", laptop.cookie().as_ref() != Some(&cookie))?;
    let call = laptop.get("/me").with_cookie(&cookie);
    guide.step("The token that the browser held before the new login", call, 401).await?;
    guide.note("The new login has replaced it.");
    Ok(())
}

/// The ways in which sessions end.
async fn endings(guide: &mut Guide, laptop: &Client, phone: &Client) -> Result<(), Failure> {
    guide.later(8 * DAY);
    guide.step("A session after 7 days without use", laptop.get("/me"), 401).await?;

    guide.step("Ada logs in on her laptop", laptop.login(), 200).await?;
    guide.step("Ada logs in on her phone", phone.login(), 200).await?;
    let answer =
        guide.step("The laptop logs all others out", laptop.post("/auth/logout-others"), 200).await?;
    guide.check(
        "one session has ended",
        answer.body["ended_sessions"].as_array().is_some_and(|all| all.len() == 1),
    )?;
    guide.step("The phone's next request", phone.get("/me"), 401).await?;

    let stolen = need(laptop.cookie(), "cookie")?;
    guide.step("Ada logs out", laptop.post("/auth/logout"), 200).await?;
    guide.check("the cookie is gone from the browser", laptop.cookie().is_none())?;
    let call = laptop.get("/me").with_cookie(&stolen);
    guide.step("A copy of the old cookie", call, 401).await?;

    guide.step("Ada logs in on her laptop", laptop.login(), 200).await?;
    guide.step("Ada logs in on her phone", phone.login(), 200).await?;
    let answer =
        guide.step("The phone logs out everywhere", phone.post("/auth/logout-everywhere"), 200).await?;
    guide.check("revoked, and effective now", answer.body["effective"] == "now")?;
    guide.step("The laptop's next request", laptop.get("/me"), 401).await?;
    Ok(())
}
