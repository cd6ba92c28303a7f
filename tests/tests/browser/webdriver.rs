//! The few commands of WebDriver (W3C, 2018) that these tests need: JSON over HTTP, to ChromeDriver on this machine.

use hardcap_tests::client::{Call, Client};
use http::Method;
use serde_json::{Value, json};

/// How the standard calls the reference to an element (11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A session: one browser window.
#[derive(Debug)]
pub(crate) struct Session {
    client: Client,
    url: String,
}

/// An element of a page.
#[derive(Clone, Debug)]
pub(crate) struct Element(String);

impl Session {
    /// Opens a window.
    pub(crate) async fn open(driver: &str, capabilities: &Value) -> Session {
        let client = Client::new();
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let opened = command(&client, Method::POST, &format!("{driver}/session"), Some(body)).await;
        let opened = opened.unwrap_or_else(|error| panic!("no browser: {error}"));
        let id = opened["sessionId"].as_str().expect("a session has an id");
        Session { url: format!("{driver}/session/{id}"), client }
    }

    /// Closes the window, and with it the browser.
    pub(crate) async fn close(&self) -> Result<(), String> {
        command(&self.client, Method::DELETE, &self.url, None).await.map(drop)
    }

    /// Goes to a URL, and waits until the page has loaded.
    pub(crate) async fn go_to(&self, url: &str) {
        self.post("url", json!({ "url": url })).await;
    }

    /// Where the window is.
    pub(crate) async fn url(&self) -> String {
        text(&self.get("url").await)
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// What a script hands to its only argument.
    pub(crate) async fn run_until_done(&self, script: &str) -> Value {
        self.post("execute/async", json!({ "script": script, "args": [] })).await
    }

    /// The first element that a selector of CSS matches.
    pub(crate) async fn element(&self, selector: &str) -> Element {
        let found =
            self.post("element", json!({ "using": "css selector", "value": selector })).await;
        Element(text(&found[ELEMENT]))
    }

    /// Types into an element.
    pub(crate) async fn keys(&self, element: &Element, keys: &str) {
        self.post(&format!("element/{}/value", element.0), json!({ "text": keys })).await;
    }

    /// Clicks on an element, and waits until a page that this leads to has loaded.
    pub(crate) async fn click(&self, element: &Element) {
        self.post(&format!("element/{}/click", element.0), json!({})).await;
    }

    /// What the window shows, as PNG in base64.
    pub(crate) async fn screenshot(&self) -> String {
        text(&self.get("screenshot").await)
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}/{path}", self.url);
        let answer = command(&self.client, Method::GET, &url, None).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.url);
        let answer = command(&self.client, Method::POST, &url, Some(body.clone())).await;
        answer.unwrap_or_else(|error| panic!("{path} {body}: {error}"))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The value of an answer, or the error in it (6.6).
async fn command(
    client: &Client,
    method: Method,
    url: &str,
    body: Option<Value>,
) -> Result<Value, String> {
    let mut call = Call::new(method, url).header("content-type", "application/json");
    if let Some(body) = body {
        call = call.body(body.to_string());
    }
    let answer = client.send(&call).await.map_err(|error| error.to_string())?;
    let mut value: Value =
        serde_json::from_slice(&answer.body).map_err(|error| format!("{error}: {answer:?}"))?;
    let value = value["value"].take();
    if answer.status.is_success() { Ok(value) } else { Err(format!("{value}")) }
}
