//! Runs the steps: sends each request, shows it, and checks the response.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use authcore::clock::{Clock, SystemClock};
use authcore::store::SessionStore;
use authcore::{Auth, Subject};
use authcore_examples::accounts::DEMO_SUBJECT;
use authcore_examples::clock::ShiftedClock;
use authcore_examples::stores::StoreChoice;
use authcore_examples::strategies::Strategy;
use authcore_examples::{app, log, server};
use reqwest::StatusCode;
use reqwest::header::SET_COOKIE;
use serde_json::Value;

use crate::client::{Answer, Call};
use crate::screen::{Screen, human, shorten};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The state of the tour.
pub(crate) struct Guide {
    screen: Screen,
    /// The servers' clock, which the tour advances.
    clock: ShiftedClock,
    /// The lines that the servers have logged since the last step.
    log: Arc<Mutex<Vec<String>>>,
    stores: StoreChoice,
    steps: usize,
}

impl Guide {
    pub(crate) fn new(stores: StoreChoice) -> Self {
        let (screen, clock) = (Screen::new(), ShiftedClock::default());
        Self { screen, clock, log: Arc::default(), stores, steps: 0 }
    }

    /// Returns an empty store for a chapter. Every run uses the same one, so that a database does not fill
    /// with tables.
    pub(crate) async fn store(&self, chapter: &str) -> Result<Arc<dyn SessionStore>, Failure> {
        let store = self.stores.open(&format!("authcore_tour_{chapter}"), self.clock.clone()).await?;
        // Removes what an aborted run has left.
        store.remove_all(&Subject::new(DEMO_SUBJECT)?, None).await?;
        Ok(store)
    }

    /// Returns a store as earlier runs left it, on the system clock.
    pub(crate) async fn lasting_store(&self, name: &str) -> Result<Arc<dyn SessionStore>, Failure> {
        self.stores.open(&format!("authcore_tour_{name}"), SystemClock).await
    }

    /// Returns the store of the command line.
    pub(crate) fn choice(&self) -> &StoreChoice {
        &self.stores
    }

    pub(crate) fn welcome(&self) {
        self.screen.title("authcore: a tour of the three strategies");
        self.screen.text(
            "Each chapter starts a real HTTP server on this machine and sends it requests like a browser or\n\
             an app. The handlers are the same in all three; only the line that builds `Auth` differs.\n\
             Secrets are shortened. `log` shows the server's log, which clients never see.\n\
             To let time pass, the tour advances only the servers' clock.",
        );
    }

    pub(crate) fn clock(&self) -> ShiftedClock {
        self.clock.clone()
    }

    /// Opens a chapter: starts the server of a strategy on this clock and returns its address.
    pub(crate) async fn chapter(
        &self,
        title: &str,
        text: &str,
        strategy: Strategy,
        auth: Auth,
        clock: impl Clock + Clone,
    ) -> Result<String, Failure> {
        let lines = Arc::clone(&self.log);
        let log = log::lines(move |line| lines.lock().unwrap_or_else(PoisonError::into_inner).push(line));
        let listener = server::listen(0).await?;
        let url = server::url(&listener)?;
        let auth = auth.with_clock(clock.clone());
        let router = app::router(strategy, auth, &url, |guard| guard.clock(clock)).await?;
        self.section(title);
        self.screen.text(text);
        self.screen.text(&format!("The server listens on {url}."));
        tokio::spawn(server::serve(listener, log::logging(router, log)));
        Ok(url)
    }

    /// Opens a section with its own title, on the running servers.
    pub(crate) fn section(&self, title: &str) {
        self.screen.chapter(title);
    }

    /// Shows times by the system clock again. Running servers keep the tour's clock.
    pub(crate) fn back_to_the_present(&mut self) {
        self.clock = ShiftedClock::default();
    }

    /// Advances the servers' clock.
    pub(crate) fn later(&self, by: Duration) {
        self.clock.advance(by);
        self.screen.interlude(&format!("{} later", human(by.as_secs())));
    }

    /// Sends a request, shows it with its response, and checks the status.
    pub(crate) async fn step(&mut self, title: &str, call: Call, expected: u16) -> Result<Answer, Failure> {
        self.step_either(title, call, &[expected]).await
    }

    /// Like `step`, with several allowed statuses.
    pub(crate) async fn step_either(
        &mut self,
        title: &str,
        call: Call,
        expected: &[u16],
    ) -> Result<Answer, Failure> {
        self.steps += 1;
        let names = || expected.iter().map(|code| status_name(*code)).collect::<Vec<_>>().join(" or ");
        let answer = match call.request.send().await {
            Ok(response) => {
                let (status, headers) = (response.status(), response.headers().clone());
                let text = response.text().await?;
                let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
                let log = self.log.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
                Answer { status, headers, body, log }
            }
            Err(error) => return Err(self.unexpected(title, &names(), &error.to_string())),
        };
        let good = expected.contains(&answer.status.as_u16());
        self.screen.step(self.steps, title, good);
        self.screen.line("request", &call.line);
        self.screen.lines("", call.credential.as_deref().unwrap_or_default());
        self.screen.answer(&answer.status.to_string(), &answer.body, self.clock.now());
        for cookie in answer.headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok()) {
            self.screen.lines("cookie", &show_set_cookie(cookie));
        }
        for line in &answer.log {
            self.screen.line("log", line);
        }
        if good {
            return Ok(answer);
        }
        let got = format!("{}: {}", answer.status, answer.body);
        Err(self.unexpected(title, &names(), &got))
    }

    /// Checks a condition that the status does not show.
    pub(crate) fn check(&self, what: &str, good: bool) -> Result<(), Failure> {
        self.screen.check(what, good);
        if good { Ok(()) } else { Err(self.unexpected(what, "this to hold", "that it does not")) }
    }

    /// Explains the previous step.
    pub(crate) fn note(&self, text: &str) {
        self.screen.lines("note", text);
    }

    /// Shows the contents of an access token.
    pub(crate) fn show_token(&self, token: &str) -> Result<(), Failure> {
        let (header, payload) = crate::jwt::decode(token)?;
        self.screen.token(&header, &payload, self.clock.now());
        Ok(())
    }

    pub(crate) fn done(&self) {
        self.screen.summary(&format!("{} steps, all as expected", self.steps));
        self.screen.text(
            "To drive a server yourself:      cargo run -p authcore-examples --bin sessions\n\
             The others:                      --bin tokens, --bin hybrid\n\
             To see how little they differ:   examples/src/strategies.rs\n",
        );
    }

    pub(crate) fn failed(&self, failure: &Failure) {
        self.screen.failure(&failure.to_string());
    }

    fn unexpected(&self, what: &str, expected: &str, got: &str) -> Failure {
        format!("step {} ({what}) expected {expected}, got {got}", self.steps).into()
    }
}

fn status_name(code: u16) -> String {
    StatusCode::from_u16(code).map_or_else(|_| code.to_string(), |status| status.to_string())
}

/// Returns a `Set-Cookie` header with a shortened value and the attributes on a separate line.
fn show_set_cookie(cookie: &str) -> String {
    let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    format!("{name}={}\n{}", shorten(value), attributes.trim())
}

#[cfg(test)]
mod tests {
    use authcore_examples::strategies;

    use super::*;
    use crate::client::Client;

    #[tokio::test]
    async fn an_unexpected_answer_says_which_step_expected_what() {
        let mut guide = Guide::new(StoreChoice::Memory);
        let auth = strategies::tokens().unwrap();
        let url = guide.chapter("test", "", Strategy::Tokens, auth, guide.clock()).await.unwrap();
        let client = Client::new("laptop", &url).unwrap();
        assert!(guide.step("closed", client.get("/me"), 401).await.is_ok());
        let failure = guide.step("open", client.get("/me"), 200).await.err().unwrap().to_string();
        assert!(failure.starts_with("step 2 (open) expected 200 OK, got 401 Unauthorized"), "{failure}");
        assert!(guide.check("so", true).is_ok() && guide.check("not so", false).is_err());
    }
}
