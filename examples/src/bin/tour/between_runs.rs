//! The session that one run of the tour leaves to the next, on a store that outlives the process.

use crate::client::{Answer, Call, Client};
use crate::guide::{Failure, Guide};
use crate::screen::human;
use crate::steps::need;
use crate::token_file::TokenFile;
use authcore::clock::{Clock as _, SystemClock};
use authcore_examples::strategies::{self, Strategy};

/// What stands before the token in the browser's header.
const COOKIE: &str = "__Host-session=";

/// Ada's browser, of which each run is one start.
pub(crate) struct Browser {
    client: Client,
    file: TokenFile,
    /// The token of the run before, if it is still good.
    token: Option<String>,
}

impl Browser {
    /// Looks whether an earlier run left a session; `None` if this store cannot have any.
    pub(crate) async fn start(guide: &mut Guide) -> Result<Option<Self>, Failure> {
        let Some(file) = TokenFile::of(guide.choice()) else { return Ok(None) };
        // On the system's clock, not on the one that the tour moves on: by that one, sessions would end between runs.
        let auth = strategies::sessions(guide.lasting_store("between_runs").await?)?;
        let text = "This store outlives the process, so a login does too. The last step of a run logs Ada in, and her\n\
            browser keeps the token on its disk; the first step of the next run shows it to a new server.";
        let title = "Before chapter 1: what the last run left";
        let url = guide.chapter(title, text, Strategy::Sessions, auth, SystemClock).await?;
        let mut browser = Self { client: Client::new("laptop", &url)?, token: file.read()?, file };
        browser.look_back(guide).await?;
        Ok(Some(browser))
    }

    async fn look_back(&mut self, guide: &mut Guide) -> Result<(), Failure> {
        let me = self.with_token(self.client.get("/me"));
        if self.token.is_none() {
            guide.step("Is Ada still logged in?", me, 401).await?;
            guide.note("No earlier run left a session here.");
            return Ok(());
        }
        let answer = guide.step_either("Is Ada still logged in?", me, &[200, 401]).await?;
        if answer.status == 200 {
            let age = human(age(&answer)?);
            return guide.check(&format!("the session of the last run still works; it is {age} old"), true);
        }
        // After its idle timeout, or because the database is another one now.
        guide.note("An earlier run left a session, but it has ended since.");
        self.token = None;
        Ok(())
    }

    /// Leaves a session to the next run.
    pub(crate) async fn leave(self, guide: &mut Guide) -> Result<(), Failure> {
        guide.back_to_the_present();
        guide.section("After chapter 3: what this run leaves");
        guide.step("Ada logs in on her laptop", self.with_token(self.client.login()), 200).await?;
        let cookie = need(self.client.cookie(), "cookie")?;
        let token = need(cookie.strip_prefix(COOKIE), "token")?;
        self.file.write(token)?;
        guide.note(&format!(
            "And does not log out. Her token is in {}, for the next run on this store; delete the file to forget it.",
            self.file.path().display()
        ));
        Ok(())
    }

    /// The call with the cookie of the run before; a login replaces that session.
    fn with_token(&self, call: Call) -> Call {
        match &self.token {
            Some(token) => call.with_cookie(&format!("{COOKIE}{token}")),
            None => call,
        }
    }
}

/// How long ago the session began, in seconds.
fn age(answer: &Answer) -> Result<u64, Failure> {
    let since = need(answer.body["authenticated_at"].as_u64(), "time of the login")?;
    Ok(SystemClock.now().as_secs().saturating_sub(since))
}
