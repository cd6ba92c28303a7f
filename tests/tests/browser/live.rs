//! hardcap's own live page, as a person sees it while requests come in.

use hardcap::Emulator;
use hardcap_limits::Millis;
use hardcap_tests::client::{Call, Client};
use hardcap_tests::functions::guest;

use crate::chromium::{Chromium, Scheme};

/// An emulator that has met a few limits.
async fn busy() -> Emulator {
    let mut giant = guest("giant");
    giant.timeout = Millis(20_000);
    let emulator = Emulator::builder()
        .function(giant)
        .function(guest("echo"))
        .rest_api("Giant", &[("GET", "/giant", "giant")])
        .http_api("Echo", &[("ANY", "$default", "echo")])
        .function_url("echo")
        .start()
        .await
        .unwrap();
    load(&emulator).await;
    emulator
}

async fn load(emulator: &Emulator) {
    let client = Client::new();
    for size in [1_000, 4_718_559, 4_718_560, 2_000_000] {
        let url = format!("{}/giant?size={size}", emulator.api_url("Giant"));
        client.get(url).await.unwrap();
    }
    for size in [10, 10_000, 4_000_000, 10_485_761] {
        let call = Call::post(emulator.api_url("Echo"), vec![b'x'; size]);
        client.send(&call.header("content-type", "text/plain")).await.unwrap();
    }
}

const RECORDS: &str = "document.querySelectorAll('#records tr').length";

async fn shows(browser: Chromium, name: &'static str) {
    let emulator = busy().await;
    browser.open(&format!("{}/", emulator.control_url())).await;
    browser.until(&format!("{RECORDS} > 0")).await;
    let before = browser.run(&format!("return {RECORDS}")).await;
    load(&emulator).await;
    browser.until(&format!("{RECORDS} > {before}")).await;
    let row = "document.body.innerText.includes('lambda_sync_response')";
    browser.until(row).await;
    browser.screenshot(name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_page_shows_limits_and_requests_as_they_come() {
    Chromium::with_scheme(Scheme::Light, |browser| shows(browser, "live-light")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_page_is_dark_for_who_prefers_it() {
    Chromium::with_scheme(Scheme::Dark, |browser| async move {
        shows(browser, "live-dark").await;
    })
    .await;
}
