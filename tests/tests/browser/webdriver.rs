//! The little of the WebDriver protocol that these tests use: JSON over HTTP
//! (<https://www.w3.org/TR/webdriver2/>).

use reqwest::{Client, Method};
use serde_json::{Value, json};

/// How an element is named in JSON (section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One browser.
pub(crate) struct Browser {
    http: Client,
    session: String,
}

impl Browser {
    /// Starts one. `driver` is the driver's address, `arguments` are the browser's command line.
    pub(crate) async fn start(driver: &str, arguments: &[String]) -> Self {
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let http = Client::builder().no_proxy().build().unwrap();
        let sessions = format!("{driver}/session");
        let started = call(&http, Method::POST, &sessions, &capabilities).await;
        let started = started.unwrap_or_else(|error| panic!("no browser starts: {error}"));
        Self { http, session: format!("{sessions}/{}", started["sessionId"].as_str().unwrap()) }
    }

    /// A command that must succeed.
    async fn post(&self, path: &str, body: Value) -> Value {
        let done = call(&self.http, Method::POST, &format!("{}/{path}", self.session), &body).await;
        done.unwrap_or_else(|error| panic!("{path} {body}: {error}"))
    }

    async fn get(&self, path: &str) -> Value {
        let done = call(&self.http, Method::GET, &format!("{}/{path}", self.session), &Value::Null).await;
        done.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn delete(&self, path: &str) {
        let url = format!("{}{path}", self.session);
        let done = call(&self.http, Method::DELETE, &url, &Value::Null).await;
        done.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    pub(crate) async fn open(&self, url: &str) {
        self.post("url", json!({ "url": url })).await;
    }

    pub(crate) async fn back(&self) {
        self.post("back", json!({})).await;
    }

    /// Runs a script, and gives what it returns; a promise is waited for.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.post("execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Clicks as a user does: in sight, and on what is on top.
    pub(crate) async fn click(&self, css: &str) {
        let found = self.post("element", json!({ "using": "css selector", "value": css })).await;
        let element = found[ELEMENT].as_str().unwrap();
        // The driver scrolls as far as it must, which may be behind the bar at the top.
        let show = "arguments[0].scrollIntoView({ block: 'center' })";
        self.post("execute/sync", json!({ "script": show, "args": [found] })).await;
        self.post(&format!("element/{element}/click"), json!({})).await;
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub(crate) async fn keys(&self, keys: &str) {
        let strokes: Vec<_> = keys
            .chars()
            .flat_map(|key| {
                [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
            })
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.post("actions", json!({ "actions": [keyboard] })).await;
    }

    /// Opens another tab, and gives its handle.
    pub(crate) async fn new_tab(&self) -> String {
        self.post("window/new", json!({ "type": "tab" })).await["handle"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn tab(&self) -> String {
        self.get("window").await.as_str().unwrap().to_owned()
    }

    pub(crate) async fn switch_to(&self, tab: &str) {
        self.post("window", json!({ "handle": tab })).await;
    }

    /// A picture of what is in sight, as PNG in base64.
    pub(crate) async fn screenshot(&self) -> String {
        self.get("screenshot").await.as_str().unwrap().to_owned()
    }

    /// Calls Chromium's own protocol.
    pub(crate) async fn devtools(&self, method: &str, parameters: Value) -> Value {
        self.post("goog/cdp/execute", json!({ "cmd": method, "params": parameters })).await
    }

    /// What the browser wrote to its console since this was asked last.
    pub(crate) async fn console(&self) -> Vec<Value> {
        self.post("se/log", json!({ "type": "browser" })).await.as_array().unwrap().clone()
    }

    pub(crate) async fn close(&self) {
        self.delete("").await;
    }
}

/// What a command gives, or what the driver says went wrong.
async fn call(http: &Client, method: Method, url: &str, body: &Value) -> Result<Value, String> {
    let request = http.request(method, url);
    let request = if body.is_null() { request } else { request.json(body) };
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let mut answer: Value = answer.json().await.map_err(|error| error.to_string())?;
    let value = answer["value"].take();
    if status.is_success() { Ok(value) } else { Err(format!("{}: {}", value["error"], value["message"])) }
}
