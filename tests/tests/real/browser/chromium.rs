//! Headless Chromium, driven over WebDriver, with a profile of its own.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hardcap_tests::installed;
use hardcap_tests::process::Process;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a page and its scripts may take: far longer than any does.
const TIMEOUT_MS: u64 = 120_000;

/// How long a test waits for what a page shows.
const PATIENCE: Duration = Duration::from_millis(TIMEOUT_MS);

/// What a person prefers pages to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// What the window is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) scheme: Scheme,
    /// A phone of 390 by 844 pixels instead of a window of 1280 by 1200.
    pub(crate) is_phone: bool,
}

impl Window {
    const WIDE: Window = Window { scheme: Scheme::Light, is_phone: false };
}

/// A browser. Its processes end when [`Chromium::with`] does.
#[derive(Clone)]
pub(crate) struct Chromium {
    client: Client,
}

impl Chromium {
    /// Runs `work` with a fresh browser, and ends the browser whatever comes of it.
    pub(crate) async fn with<W, F>(work: W)
    where
        W: FnOnce(Chromium) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        Chromium::with_window(Window::WIDE, work).await;
    }

    /// The same with another window.
    pub(crate) async fn with_window<W, F>(window: Window, work: W)
    where
        W: FnOnce(Chromium) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let program = installed::chromedriver();
        let profile = TempDir::new().expect("a folder for the profile");
        let log = profile.path().join("chromedriver.log");
        let mut driver = Process::start_logged(&program, ["--port=0"], &log).expect("it starts");
        let port = port_of(&mut driver).await;
        let capabilities = capabilities(&profile.path().join("profile"), window);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a window opens");
        // In a task, so that a test that fails still ends the browser.
        let outcome = tokio::spawn(work(Chromium { client: client.clone() })).await;
        client.close().await.expect("the browser ends");
        driver.stop().await.expect("the driver ends");
        if let Err(failed) = outcome {
            std::panic::resume_unwind(failed.into_panic());
        }
    }

    /// Goes to a URL and waits until the page has loaded.
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Where the window is.
    pub(crate) async fn url(&self) -> String {
        self.client.current_url().await.expect("a window is somewhere").into()
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let returned = self.client.execute(script, Vec::new()).await;
        returned.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// What an expression comes to, once what it promises is there.
    pub(crate) async fn wait_for(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; Promise.resolve({expression}).then(done, (error) => done(`${{error.name}}: ${{error.message}}`));"
        );
        let handed = self.client.execute_async(&script, Vec::new()).await;
        handed.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until an expression is true in the page, asked again and again: a script that waits inside a page is lost with it
    /// when another one loads.
    pub(crate) async fn until(&self, expression: &str) {
        let look = format!("return Boolean({expression})");
        // `eventually` does not compile here: the tests run as tasks, and its closure is not `Send` for every lifetime.
        let waited = hardcap::Clock::default().stopwatch();
        loop {
            let seen = self.run(&look).await;
            if seen == true {
                return;
            }
            let late = waited.elapsed() >= PATIENCE;
            assert!(!late, "{expression}: not within {PATIENCE:?}; last seen: {seen}");
        }
    }

    /// Types into what a selector matches.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let field = self.element(selector).await;
        field.send_keys(text).await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Types into what a selector matches, instead of what it holds.
    pub(crate) async fn refill(&self, selector: &str, text: &str) {
        let field = self.element(selector).await;
        field.clear().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
        field.send_keys(text).await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Clicks on what a selector matches.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        element.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Presses a key, or types a text, where the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let focused = self.client.active_element().await.expect("a page has a focus");
        focused.send_keys(keys).await.unwrap_or_else(|error| panic!("{keys}: {error}"));
    }

    /// As [`Chromium::press`], for a key that has no letter.
    pub(crate) async fn press_key(&self, key: Key) {
        self.press(&char::from(key).to_string()).await;
    }

    /// Loads the page again, as a person does.
    pub(crate) async fn reload(&self) {
        self.client.refresh().await.expect("a page can be loaded again");
    }

    /// Chooses the option of a `select` by its value.
    pub(crate) async fn choose(&self, selector: &str, value: &str) {
        // An option whose text is its value need not have the attribute.
        let options = format!("[...document.querySelector({}).options]", json!(selector));
        let script = format!("return {options}.findIndex((it) => it.value === {})", json!(value));
        let index = self.run(&script).await.as_u64();
        let index = index.unwrap_or_else(|| panic!("{selector} has no option {value}"));
        let element = self.element(selector).await;
        let chosen = element.select_by_index(usize::try_from(index).expect("a small number")).await;
        chosen.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Prints the page as a PDF.
    pub(crate) async fn print(&self) -> Vec<u8> {
        let printed = self.client.print(fantoccini::wd::PrintConfiguration::default()).await;
        printed.expect("a page can be printed")
    }

    /// What axe-core, with the rules of WCAG 2 A and AA and its own best practices, has against the page: one line a rule.
    pub(crate) async fn violations(&self) -> Vec<String> {
        let script = std::fs::read_to_string(installed::axe()).expect("axe-core is installed");
        self.client.execute(&script, Vec::new()).await.expect("axe-core loads");
        let run = "axe.run(document).then((found) => found.violations.map((it) => \
                   `${it.id}: ${it.help}: ${it.nodes.map((node) => node.html.slice(0, 300)).join(' | ')}`))";
        let found = self.wait_for(run).await;
        let found = found.as_array().unwrap_or_else(|| panic!("axe-core failed: {found}"));
        found.iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
    }

    async fn element(&self, selector: &str) -> Element {
        let found = self.client.find(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// Keeps what the window shows under `target/screenshots`.
    pub(crate) async fn screenshot(&self, name: &str) -> PathBuf {
        let picture = self.client.screenshot().await.expect("a window can be pictured");
        assert!(picture.starts_with(b"\x89PNG"), "a picture is a PNG");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, picture).expect("the picture is kept");
        path
    }
}

async fn port_of(driver: &mut Process) -> u16 {
    loop {
        let line = driver.line().await.expect("the driver says where it listens");
        let port = line.split("on port ").nth(1).map(|rest| rest.trim_end_matches('.'));
        if let Some(port) = port.filter(|_| line.contains("started successfully")) {
            return port.parse().expect("a port");
        }
    }
}

fn capabilities(profile: &Path, window: Window) -> Capabilities {
    let profile = format!("--user-data-dir={}", profile.display());
    let scheme = match window.scheme {
        Scheme::Light => "--blink-settings=preferredColorScheme=1",
        Scheme::Dark => "--blink-settings=preferredColorScheme=0",
    };
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--window-size=1280,1200",
        scheme,
        &profile,
    ];
    let mut options = json!({ "args": arguments });
    if window.is_phone {
        let metrics = json!({ "width": 390, "height": 844, "pixelRatio": 1, "mobile": true });
        options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
    }
    Capabilities::from_iter([
        ("browserName".to_owned(), json!("chrome")),
        ("goog:chromeOptions".to_owned(), options),
        ("timeouts".to_owned(), json!({ "script": TIMEOUT_MS, "pageLoad": TIMEOUT_MS })),
    ])
}
