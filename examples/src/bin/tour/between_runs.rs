//! The session that one run of the tour leaves for the next, in a store that outlives the process.

use authcore::clock::{Clock as _, SystemClock};
use authcore_examples::strategies::{self, Strategy};

use crate::client::{Answer, Call, Client};
use crate::guide::{Failure, Guide};
use crate::screen::human;
use crate::steps::need;
use crate::token_file::TokenFile;

/// The prefix of the token in the `Cookie` header.
const COOKIE: &str = "__Host-session=";

/// Ada's browser, which starts once in each run.
pub(crate) struct Browser {
    client: Client,
    file: TokenFile,
    /// The token of the previous run, if it is still valid.
    token: Option<String>,
}

impl Browser {
    /// Checks whether an earlier run left a session. Returns `None` if this store does not outlive the
    /// process.
    pub(crate) async fn start(guide: &mut Guide) -> Result<Option<Self>, Failure> {
        let Some(file) = TokenFile::of(guide.choice()) else { return Ok(None) };
        // Uses the system clock: with the clock that the tour advances, sessions would end between runs.
        let auth = strategies::sessions(guide.lasting_store("between_runs").await?)?;
        let text = "This store outlives the process, so a login does too. The last step of a run logs Ada\n\
            in, and her browser keeps the token on disk. The first step of the next run sends it to a new\n\
            server.";
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
        // After its idle timeout, or because the database has been replaced.
        guide.note("An earlier run left a session, but it has ended since.");
        self.token = None;
        Ok(())
    }

    /// Leaves a session for the next run.
    pub(crate) async fn leave(self, guide: &mut Guide) -> Result<(), Failure> {
        guide.back_to_the_present();
        guide.section("After chapter 3: what this run leaves");
        guide.step("Ada logs in on her laptop", self.with_token(self.client.login()), 200).await?;
        let cookie = need(self.client.cookie(), "cookie")?;
        let token = need(cookie.strip_prefix(COOKIE), "token")?;
        self.file.write(token)?;
        guide.note(&format!(
            "She does not log out. Her token stays in {} for the next run on this store; delete the file to \
             forget it.",
            self.file.path().display()
        ));
        Ok(())
    }

    /// Adds the cookie of the previous run to a call; a login replaces that session.
    fn with_token(&self, call: Call) -> Call {
        match &self.token {
            Some(token) => call.with_cookie(&format!("{COOKIE}{token}")),
            None => call,
        }
    }
}

/// Returns the age of the session in seconds.
fn age(answer: &Answer) -> Result<u64, Failure> {
    let since = need(answer.body["authenticated_at"].as_u64(), "time of the login")?;
    Ok(SystemClock.now().as_secs().saturating_sub(since))
}
