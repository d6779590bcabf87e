//! The chapter on the stateless strategy.

use std::time::Duration;

use authcore_examples::strategies::{self, Strategy};

use crate::client::Client;
use crate::guide::{Failure, Guide};
use crate::jwt;
use crate::steps::{closed_doors, need};

pub(crate) async fn tour(guide: &mut Guide) -> Result<(), Failure> {
    let auth = strategies::tokens()?;
    let text = "A signed token (JWT) that carries its own claims, and no store at all.\n\
        No request reads a store. Nothing can end a token before it expires.";
    let url = guide.chapter("Chapter 2: tokens", text, Strategy::Tokens, auth, guide.clock()).await?;
    let mut laptop = Client::new("laptop", &url)?;

    closed_doors(guide, &laptop).await?;
    let answer = guide.step("Ada logs in on her laptop", laptop.login(), 200).await?;
    laptop.keep(&answer);
    let token = need(laptop.access.clone(), "access token")?;
    guide.show_token(&token)?;
    guide.note("The payload is signed but not encrypted: any holder of the token can read it.");
    guide.step("The protected page", laptop.get("/me"), 200).await?;

    forgeries(guide, &token, &url).await?;
    let call = laptop.get("/me").bearer("a.second.token");
    guide.step("Two tokens at once", call, 401).await?;
    unsupported(guide, &laptop).await?;

    let answer = guide.step("Ada logs out", laptop.post("/auth/logout"), 200).await?;
    guide
        .check("the server does not claim that this takes effect now", answer.body["effective"] == "later")?;
    guide.note(
        "The client discards its token. A copy stays valid until it expires, plus 30 seconds of leeway, \
         since clocks differ.",
    );
    guide.step("A copy of the token", laptop.get("/me"), 200).await?;
    guide.later(Duration::from_secs(16 * 60));
    guide.step("The same copy", laptop.get("/me"), 401).await?;
    Ok(())
}

/// Forged tokens, whose reason of refusal appears only in the log.
pub(crate) async fn forgeries(guide: &mut Guide, token: &str, url: &str) -> Result<(), Failure> {
    let mallory = Client::new("mallory", url)?;
    let promoted = jwt::with_role(token, "admin")?;
    let call = mallory.get("/me").bearer(&promoted);
    guide.step("A forged payload, which makes Ada an admin", call, 401).await?;
    let unsigned = jwt::unsigned(token, true)?;
    guide.step("A forged header: `alg` is `none`", mallory.get("/me").bearer(&unsigned), 401).await?;
    let unsigned = jwt::unsigned(token, false)?;
    let call = mallory.get("/me").bearer(&unsigned);
    guide.step("The same without any signature", call, 401).await?;
    Ok(())
}

/// Routes that need a store.
async fn unsupported(guide: &mut Guide, laptop: &Client) -> Result<(), Failure> {
    guide.step("A list of devices needs sessions", laptop.get("/auth/sessions"), 501).await?;
    guide.step("So does a logout everywhere", laptop.post("/auth/logout-everywhere"), 501).await?;
    guide.step("There are no refresh tokens", laptop.refresh_with("none"), 501).await?;
    Ok(())
}
