//! hardcap's own live page, as a person uses it while requests come in, and the HTML report, which looks like it.

use fantoccini::key::Key;
use hardcap::config::{Function, Try};
use hardcap::{Builder, Emulator};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Call, Client};
use hardcap_tests::functions::guest;
use hardcap_tests::process::binary;
use serde_json::{Value, json};

use super::chromium::{Chromium, Scheme, Window};

/// A text that would run if it were taken for HTML.
const HOSTILE: &str = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>\"'&";

fn builder() -> Builder {
    let mut giant = guest("giant");
    giant.timeout = Millis(20_000);
    Emulator::builder()
        .limits(Date::CLASSIC)
        .function(giant)
        .function(guest("echo"))
        .function(guest("behave"))
        .rest_api("Giant", &[("GET", "/giant", "giant")])
        .http_api("Echo", &[("ANY", "$default", "echo")])
        .function_url("echo")
}

/// Sends requests of many sizes, two of them over a limit, one with a path of 300 characters.
async fn load(emulator: &Emulator) {
    let client = Client::new();
    for size in [1_000, 4_718_559, 4_718_560, 2_000_000] {
        let url = format!("{}/giant?size={size}", emulator.api_url("Giant").unwrap());
        client.get(url).await.unwrap();
    }
    for size in [10, 10_000, 4_000_000, 10_485_761] {
        let call = Call::post(emulator.api_url("Echo").unwrap(), vec![b'x'; size]);
        client.send(&call.header("content-type", "text/plain")).await.unwrap();
    }
    let long = format!("{}/{}", emulator.api_url("Echo").unwrap(), "long".repeat(75));
    client.get(long).await.unwrap();
}

async fn invoke(emulator: &Emulator, function: &str, event: &Value) -> String {
    let url = format!("{}/2015-03-31/functions/{function}/invocations", emulator.aws_url());
    let answer = Client::new().send(&Call::post(url, event.to_string())).await.unwrap();
    answer.header("x-amzn-requestid").unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

async fn control(emulator: &Emulator, path: &str) -> Value {
    Client::new().get(format!("{}/{path}", emulator.control_url())).await.unwrap().json()
}

/// The id of the newest request that this limit refused.
fn refused(emulator: &Emulator, row: &str) -> String {
    emulator.totals().limits[row].first_refused.clone().unwrap()
}

async fn open(browser: &Chromium, emulator: &Emulator, fragment: &str) {
    // Another fragment of the same document would not load anything.
    browser.open("about:blank").await;
    browser.open(&format!("{}/{fragment}", emulator.control_url())).await;
    browser.until("document.querySelector('.state.live')").await;
}

/// The page is as wide as the window, and axe-core has nothing against it.
async fn is_sound(browser: &Chromium, what: &str) {
    let wider =
        browser.run("return document.documentElement.scrollWidth - window.innerWidth").await;
    assert!(wider.as_i64().unwrap() <= 0, "{what} is {wider} pixels wider than the window");
    assert_eq!(browser.violations().await, [""; 0], "{what}");
}

const ROWS: &str = "document.querySelectorAll('a.request').length";

fn shows(text: &str) -> String {
    format!("document.getElementById('app').innerText.includes({})", json!(text))
}

/// Every view, empty and full, in one kind of window.
async fn every_view(browser: Chromium, name: &'static str) {
    let emulator = builder().start().await.unwrap();
    open(&browser, &emulator, "").await;
    browser.until(&shows("No requests yet")).await;
    browser.until(&shows("curl -i")).await;
    is_sound(&browser, "the empty page").await;
    browser.screenshot(&format!("live-{name}-empty")).await;

    load(&emulator).await;
    browser.until(&format!("{ROWS} === 9")).await;
    browser.until(&shows("lambda_sync_response")).await;
    is_sound(&browser, "the list of requests").await;
    browser.screenshot(&format!("live-{name}-requests")).await;

    let id = refused(&emulator, "lambda_sync_response");
    invoke(&emulator, "behave", &json!({ "print": "out of luck", "error": "too bad" })).await;
    for (fragment, wanted, view) in [
        (format!("#/requests/{id}"), "presigned link", "story"),
        ("#/requests?status=bad".to_owned(), "of 10 requests", "filtered"),
        ("#/requests?search=nothing-has-this".to_owned(), "No request matches", "no-match"),
        ("#/limits".to_owned(), "Other limits", "limits"),
        ("#/faults".to_owned(), "Inject a fault", "faults"),
        ("#/connect".to_owned(), "AWS_ENDPOINT_URL", "connect"),
    ] {
        open(&browser, &emulator, &fragment).await;
        browser.until(&shows(wanted)).await;
        is_sound(&browser, view).await;
        browser.screenshot(&format!("live-{name}-{view}")).await;
    }

    browser.open(&format!("{}/report?format=html", emulator.control_url())).await;
    browser.until("document.querySelector('.gauge')").await;
    is_sound(&browser, "the report").await;
    browser.screenshot(&format!("report-{name}")).await;
    let pdf = browser.print().await;
    assert!(pdf.starts_with(b"%PDF"), "{}", pdf.len());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn every_view_is_legible_and_accessible_in_a_wide_light_window() {
    let window = Window { scheme: Scheme::Light, is_phone: false };
    Chromium::with_window(window, |browser| every_view(browser, "1280-light")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn every_view_is_legible_and_accessible_in_a_wide_dark_window() {
    let window = Window { scheme: Scheme::Dark, is_phone: false };
    Chromium::with_window(window, |browser| every_view(browser, "1280-dark")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn every_view_is_legible_and_accessible_on_a_light_phone() {
    let window = Window { scheme: Scheme::Light, is_phone: true };
    Chromium::with_window(window, |browser| every_view(browser, "390-light")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn every_view_is_legible_and_accessible_on_a_dark_phone() {
    let window = Window { scheme: Scheme::Dark, is_phone: true };
    Chromium::with_window(window, |browser| every_view(browser, "390-dark")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn a_request_leads_to_its_story_by_click_by_key_and_by_link() {
    Chromium::with(|browser| async move {
        let emulator = builder().start().await.unwrap();
        load(&emulator).await;
        let id = refused(&emulator, "lambda_sync_response");
        open(&browser, &emulator, "").await;
        browser.until(&format!("{ROWS} === 9")).await;
        browser.click(&format!("[data-request='{id}']")).await;
        let story = [
            "6,291,560 bytes of at most 6,291,556 bytes: 4 bytes over",
            "presigned link",
            "START RequestId: ",
            "\"httpMethod\": \"GET\"",
            "of at most 10,240 B",
            &id,
        ];
        for wanted in story {
            browser.until(&shows(wanted)).await;
        }
        let url = browser.url().await;
        assert!(url.ends_with(&format!("#/requests/{id}")), "{url}");
        // The address is a permanent link: another window shows the same.
        browser.open("about:blank").await;
        browser.open(&url).await;
        for wanted in story {
            browser.until(&shows(wanted)).await;
        }
        browser.press_key(Key::Escape).await;
        browser.until("!document.querySelector('article.story')").await;
        browser.until(&format!("document.activeElement.dataset.request === '{id}'")).await;
        browser.press_key(Key::Down).await;
        browser.until(&format!("document.activeElement.dataset.request !== '{id}'")).await;
        let next = browser.run("return document.activeElement.dataset.request").await;
        browser.press_key(Key::Enter).await;
        browser.until(&format!("location.hash === '#/requests/' + {next}")).await;
        browser.until("document.activeElement.id === 'story'").await;
        browser.press("/").await;
        browser.until("document.activeElement.id === 'search'").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn requests_are_filtered_by_text_status_function_and_limit_and_the_filter_is_a_link() {
    Chromium::with(|browser| async move {
        let emulator = builder().start().await.unwrap();
        load(&emulator).await;
        open(&browser, &emulator, "").await;
        browser.until(&format!("{ROWS} === 9")).await;
        browser.fill("#search", "giant").await;
        browser.until(&format!("{ROWS} === 4")).await;
        browser.choose("select[aria-label=Status]", "5xx").await;
        browser.until(&format!("{ROWS} === 1")).await;
        let url = browser.url().await;
        assert!(url.ends_with("#/requests?search=giant&status=5xx"), "{url}");
        for (fragment, rows) in [
            ("search=GIANT&status=2xx", 3),
            ("status=413", 1),
            ("status=bad", 2),
            ("function=echo", 4),
            ("function=giant", 4),
            ("limit=http_request_body", 5),
            ("limit=http_request_body&status=4xx", 1),
            ("search=longlong", 1),
        ] {
            open(&browser, &emulator, &format!("#/requests?{fragment}")).await;
            browser.until(&format!("{ROWS} === {rows}")).await;
        }
        browser.click(".filters .button").await;
        browser.until(&format!("{ROWS} === 9")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn limits_and_faults_are_changed_from_the_page_and_a_reset_undoes_both() {
    Chromium::with(|browser| async move {
        let emulator = builder().start().await.unwrap();
        let url = format!("{}/giant?size=1000", emulator.api_url("Giant").unwrap());
        assert_eq!(Client::new().get(&url).await.unwrap().status, 200);

        open(&browser, &emulator, "#/limits").await;
        browser.until(&shows("lambda_sync_response")).await;
        browser.click("[aria-label='Change lambda_sync_response']").await;
        browser.refill("#max-lambda_sync_response", "100").await;
        browser.click("form.inline .primary").await;
        browser.until(&shows("AWS has 6,291,556 B")).await;
        assert_eq!(Client::new().get(&url).await.unwrap().status, 502);
        browser.until(&shows("1 refused")).await;

        browser.click("nav a[href='#/faults']").await;
        browser.choose("#fault-kind", "throttle").await;
        browser.choose("#fault-function", "giant").await;
        browser.fill("#fault-count", "1").await;
        browser.click("form.card .primary").await;
        browser
            .until("document.querySelectorAll('[aria-label^=\"Remove throttle\"]').length === 1")
            .await;
        let faults = control(&emulator, "faults").await;
        let fault = &faults["faults"][0];
        assert_eq!(
            (&fault["fault"], &fault["function"], &fault["count"]),
            (&json!("throttle"), &json!("giant"), &json!(1))
        );
        assert_eq!(fault["probability"].as_f64().unwrap_or(1.0), 1.0, "{faults}");
        Client::new().get(&url).await.unwrap();
        assert_eq!(emulator.totals().throttles, 1);
        browser.choose("#fault-kind", "kill").await;
        browser.choose("#fault-phase", "after_response").await;
        browser.click("form.card .primary").await;
        browser.until("document.querySelector('[aria-label^=\"Remove kill\"]')").await;
        browser.click("[aria-label^='Remove throttle']").await;
        browser.until("!document.querySelector('[aria-label^=\"Remove throttle\"]')").await;
        assert_eq!(control(&emulator, "faults").await["faults"].as_array().unwrap().len(), 1);

        let run = control(&emulator, "health").await["run"].clone();
        browser.click("header.top > button").await;
        browser.click("dialog .primary").await;
        browser.until(&shows("No requests yet")).await;
        assert_ne!(control(&emulator, "health").await["run"], run);
        assert_eq!(control(&emulator, "faults").await["faults"], json!([]));
        assert_eq!(Client::new().get(&url).await.unwrap().status, 200);
        browser.until(&format!("{ROWS} === 1")).await;
    })
    .await;
}

/// Calls an operation of Parameter Store, and returns its status.
async fn ssm(emulator: &Emulator, operation: &str, input: Value) -> u16 {
    let call = Call::post(emulator.aws_url(), input.to_string())
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AmazonSSM.{operation}"));
    Client::new().send(&call).await.unwrap().status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn a_reset_from_the_page_restores_data_only_if_its_checkbox_is_checked() {
    Chromium::with(|browser| async move {
        let emulator = builder().start().await.unwrap();
        let written = json!({"Name": "/written", "Value": "1", "Type": "String"});
        assert_eq!(ssm(&emulator, "PutParameter", written).await, 200);
        let written = || ssm(&emulator, "GetParameter", json!({"Name": "/written"}));
        open(&browser, &emulator, "").await;
        for (is_checked, expected) in [(false, 200), (true, 400), (false, 400)] {
            let run = control(&emulator, "health").await["run"].clone();
            browser.click("header.top > button").await;
            browser.until("document.querySelector('dialog[open]')").await;
            // The checkbox of the reset before does not stay checked.
            let checked = "return document.querySelector('dialog input[name=data]').checked";
            assert_eq!(browser.run(checked).await, false);
            if is_checked {
                browser.click("dialog label").await;
                assert_eq!(browser.run(checked).await, true);
            }
            browser.click("dialog .primary").await;
            browser.until("!document.querySelector('dialog[open]')").await;
            assert_ne!(control(&emulator, "health").await["run"], run);
            assert_eq!(written().await, expected, "checked: {is_checked}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn content_of_requests_functions_and_commands_is_shown_as_text_and_never_runs() {
    Chromium::with(|browser| async move {
        let mut hostile = guest("behave");
        HOSTILE.clone_into(&mut hostile.name);
        let mirror = binary(env!("CARGO_PKG_NAME"), "mirror");
        let mut answer = Function::new("answer", [mirror.into_os_string(), "answer".into()]);
        answer.timeout = Millis(20_000);
        let command = Try { about: HOSTILE.to_owned(), command: HOSTILE.to_owned() };
        let emulator = builder()
            .function(answer)
            .function(hostile)
            .rest_api(HOSTILE, &[("ANY", "/{proxy+}", "answer")])
            .configure(|config| config.tries.push(command))
            .start()
            .await
            .unwrap();
        open(&browser, &emulator, "").await;
        browser.until(&shows(HOSTILE)).await;
        let body = json!({ "statusCode": 200, "headers": { "x-hostile": HOSTILE }, "body": HOSTILE });
        let path = "%3Cimg%20src=x%20onerror=window.pwned=1%3E";
        let call = Call::post(format!("{}/{path}?{path}", emulator.api_url(HOSTILE).unwrap()), body.to_string())
            .header("content-type", "application/json")
            .header("x-hostile", HOSTILE);
        let answer = Client::new().send(&call).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.text()), (200, HOSTILE));
        let id = invoke(&emulator, "behave", &json!({ "print": HOSTILE, "error": HOSTILE })).await;
        emulator.recorder().record("hostile", hardcap::record::Observation::Bug { cause: HOSTILE.to_owned() });
        let invoked = hardcap::record::Observation::Invoked {
            function: HOSTILE.to_owned(),
            event: 1,
            answer: 1,
            streamed: false,
            millis: 1,
            fault: Some(HOSTILE.to_owned()),
        };
        emulator.recorder().record(HOSTILE, invoked);

        let mut views: Vec<String> = ["", "#/limits", "#/faults", "#/connect"].map(str::to_owned).into();
        let records = emulator.recorder().newest();
        let mut ids: Vec<&str> = records.iter().map(|record| record.request_id.as_str()).collect();
        ids.dedup();
        assert!(ids.len() >= 4 && ids.contains(&id.as_str()), "{ids:?}");
        for id in ids {
            let encoded = browser.run(&format!("return encodeURIComponent({})", json!(id))).await;
            views.push(format!("#/requests/{}", encoded.as_str().unwrap()));
        }
        views.push("#/requests/%3Cimg%20src=x%20onerror=window.pwned=1%3E?search=%3Cimg%20src=x%20onerror=window.pwned=1%3E".to_owned());
        let mut shown = 0;
        for view in views {
            open(&browser, &emulator, &view).await;
            browser.until("document.querySelector('.card') && (!document.querySelector('article.story') || document.querySelector('article.story .body > *'))").await;
            // The details that are closed are there, too.
            browser.run("document.querySelectorAll('details').forEach((it) => { it.open = true; })").await;
            let found = browser.run("return [window.pwned ?? null, document.querySelectorAll('img, #app script').length]").await;
            assert_eq!(found, json!([null, 0]), "{view}");
            shown += usize::from(browser.run(&format!("return {}", shows(HOSTILE))).await == true);
        }
        assert!(shown >= 4, "the text was shown by {shown} views only");

        browser.open(&format!("{}/report?format=html", emulator.control_url())).await;
        let found = browser.run("return [window.pwned ?? null, document.querySelectorAll('img, script').length, document.body.innerText.includes('<img src=x')]").await;
        assert_eq!(found, json!([null, 0, true]), "the report");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn a_page_never_mixes_two_runs_and_says_when_its_run_has_ended() {
    Chromium::with(|browser| async move {
        let first = builder().start().await.unwrap();
        load(&first).await;
        open(&browser, &first, "").await;
        browser.until(&format!("{ROWS} === 9")).await;
        let port = first.aws_url().rsplit_once(':').unwrap().1.parse().unwrap();
        first.stop().await;
        browser.until("document.querySelector('.state.lost, .state.ended')").await;
        let second = builder().configure(|config| config.aws_port = port).start().await.unwrap();
        let url = format!("{}/giant?size=1000", second.api_url("Giant").unwrap());
        assert_eq!(Client::new().get(&url).await.unwrap().status, 200);
        browser.until("document.querySelector('.state.ended')").await;
        browser.until(&shows("Another run has this address now")).await;
        assert_eq!(browser.run(&format!("return {ROWS}")).await, 9, "the run before, whole");
        browser.reload().await;
        browser.until(&format!("document.querySelector('.state.live') && {ROWS} === 1")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn the_empty_page_has_the_commands_to_try_with_buttons_that_copy_them() {
    Chromium::with(|browser| async move {
        let command = Try {
            about: "one request".to_owned(),
            command: "curl ${hardcap:api:Giant}/giant".to_owned(),
        };
        let emulator =
            builder().configure(|config| config.tries.push(command)).start().await.unwrap();
        open(&browser, &emulator, "").await;
        browser.until(&shows(&format!("curl {}/giant", emulator.api_url("Giant").unwrap()))).await;
        browser.click(".tries button").await;
        browser.until("document.querySelector('.tries button').innerText === 'Copied'").await;
    })
    .await;
}
