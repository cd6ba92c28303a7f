//! Pages that must gain nothing, in real Chromium: one of another origin, and one that is an object of S3.

use hardcap_limits::Date;
use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use hardcap::Emulator;
use hardcap::config::{Bucket, Table};
use hardcap_tests::client::{Call, Client};
use hardcap_tests::functions::guest;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::chromium::Chromium;

/// Tries every attack in every way that a page has, and keeps what it could read.
const SCRIPT: &str = r#"
const read = [];
const attempt = async (attack, mode, headers) => {
  const { method, url, body } = attack;
  try {
    const response = await fetch(url, { method, mode, headers, body: body || undefined });
    if (response.type !== "opaque" && response.ok) read.push(`${method} ${url}: ${response.status}`);
  } catch {}
};
const tag = (name, url) => new Promise((done) => {
  const element = document.createElement(name);
  element.onload = () => { read.push(`${name} ${url}`); done(); };
  element.onerror = done;
  element.src = url;
  document.body.append(element);
});
const form = (attack, enctype) => new Promise((done) => {
  const frame = document.createElement("iframe"), form = document.createElement("form");
  frame.name = "frame" + Math.random();
  document.body.append(frame);
  const field = document.createElement("input");
  field.name = '{"x":"'; field.value = '"}';
  Object.assign(form, { method: "post", action: attack.url, enctype, target: frame.name });
  form.append(field);
  document.body.append(form);
  frame.onload = done;
  form.submit();
});
(async () => {
  for (const attack of ATTACKS) {
    await attempt(attack, "no-cors", { "content-type": "text/plain" });
    await attempt(attack, "cors", { "content-type": "text/plain" });
    await attempt(attack, "cors", attack.headers);
    await attempt(attack, "same-origin", attack.headers);
    if (attack.method === "GET") for (const name of ["img", "script"]) await tag(name, attack.url);
    if (attack.method === "POST") for (const kind of ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded"]) await form(attack, kind);
  }
  for (const url of FRAMES) {
    const frame = document.createElement("iframe");
    await new Promise((done) => { frame.onload = done; frame.src = url; document.body.append(frame); });
    try { if (frame.contentDocument.body.innerText) read.push(`frame ${url}`); } catch {}
    try {
      const opened = window.open(url);
      await new Promise((done) => setTimeout(done, 500));
      if (opened.document.body.innerText) read.push(`window ${url}`);
    } catch {}
  }
  window.result = { read, origin: self.origin };
})();
"#;

/// A picture, so that an image which is let in loads.
const PICTURE: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>";

async fn builder() -> hardcap::Builder {
    Emulator::builder()
        .limits(Date::CLASSIC)
        .function(guest("echo"))
        .bucket(Bucket { name: "bucket".to_owned(), ..Bucket::default() })
        .table(Table::new("table", "pk"))
}

fn s3(emulator: &Emulator) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .endpoint_url(emulator.aws_url())
        .force_path_style(true)
        .credentials_provider(aws_sdk_s3::config::Credentials::new("test", "test", None, None, "t"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

fn an_hour() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(3600)).unwrap()
}

async fn store(emulator: &Emulator, key: &str, kind: &str, body: impl Into<Vec<u8>>) {
    let body = ByteStream::from(body.into());
    let put = s3(emulator).put_object().bucket("bucket").key(key).content_type(kind).body(body);
    put.send().await.unwrap();
}

async fn presigned(emulator: &Emulator, key: &str) -> String {
    let get = s3(emulator).get_object().bucket("bucket").key(key).presigned(an_hour()).await;
    get.unwrap().uri().to_owned()
}

/// What a page could want of every service, a page that signs with the published keys included.
async fn attacks(emulator: &Emulator) -> Value {
    let aws = emulator.aws_url();
    let new = json!({
        "FunctionName": "pwn", "Runtime": "provided.al2023", "Handler": "x",
        "Role": "arn:aws:iam::000000000000:role/x", "Code": { "ZipFile": "" },
    });
    let attack = |method: &str, path: &str, headers: Value, body: &str| {
        let url = format!("{aws}{path}");
        json!({ "method": method, "url": url, "headers": headers, "body": body })
    };
    let target = |name: &str, body: &str| {
        let headers = json!({ "x-amz-target": name, "content-type": "application/x-amz-json-1.0" });
        attack("POST", "/", headers, body)
    };
    let key = r#"{"Name":"/pwn","Value":"x","Type":"String"}"#;
    let sdk = s3(emulator);
    let put = sdk.put_object().bucket("bucket").key("pwn").presigned(an_hour()).await.unwrap();
    let delete =
        sdk.delete_object().bucket("bucket").key("picture").presigned(an_hour()).await.unwrap();
    let picture = presigned(emulator, "picture").await;
    let at = |method: &str, url: &str| {
        let body = if method == "PUT" { "x" } else { "" };
        json!({ "method": method, "url": url, "headers": {}, "body": body })
    };
    json!([
        attack("POST", "/2015-03-31/functions", json!({}), &new.to_string()),
        attack("POST", "/2015-03-31/functions/echo/invocations", json!({}), "{}"),
        attack("GET", "/2015-03-31/functions/", json!({}), ""),
        attack("DELETE", "/2015-03-31/functions/echo", json!({}), ""),
        target("DynamoDB_20120810.ListTables", "{}"),
        target("AmazonSSM.PutParameter", key),
        target("AmazonSSM.DescribeParameters", "{}"),
        target("secretsmanager.ListSecrets", "{}"),
        attack("POST", "/", json!({}), "Action=GetCallerIdentity&Version=2011-06-15"),
        attack("GET", "/_hardcap/", json!({}), ""),
        attack("GET", "/_hardcap/records", json!({}), ""),
        attack("GET", "/_hardcap/requests/any", json!({}), ""),
        attack("GET", "/_hardcap/report?format=html", json!({}), ""),
        attack("GET", "/_hardcap/tries", json!({}), ""),
        attack("GET", "/_hardcap/page/app.js", json!({}), ""),
        attack("GET", "/_hardcap/keys/test", json!({}), ""),
        attack("POST", "/_hardcap/reset", json!({}), ""),
        attack(
            "PUT",
            "/_hardcap/limits/lambda_sync_response",
            json!({ "content-type": "application/json" }),
            r#"{"max":1}"#
        ),
        attack("GET", "/", json!({}), ""),
        at("GET", &picture),
        at("PUT", put.uri()),
        at("DELETE", delete.uri()),
        at("POST", put.uri()),
    ])
}

async fn page(emulator: &Emulator) -> String {
    let frames = json!([
        format!("{}/", emulator.control_url()),
        format!("{}/records", emulator.control_url()),
        presigned(emulator, "picture").await,
    ]);
    let attacks = attacks(emulator).await;
    format!(
        "<!doctype html><meta charset=utf-8><body><script>const ATTACKS = {attacks}, FRAMES = {frames};{SCRIPT}</script>"
    )
}

/// Another server on this machine, which any page of the internet is worse than.
async fn elsewhere(page: String) -> MockServer {
    let server = MockServer::start().await;
    let page = ResponseTemplate::new(200).set_body_raw(page, "text/html; charset=utf-8");
    Mock::given(any()).respond_with(page).mount(&server).await;
    server
}

async fn told(browser: &Chromium) -> Value {
    browser.until("window.result").await;
    browser.run("return window.result").await
}

/// Nothing was created, changed, removed or run.
async fn nothing_happened(emulator: &Emulator) {
    assert_eq!(emulator.totals().invocations, 0, "the function ran");
    let control = |path: &str| Call::get(format!("{}/{path}", emulator.control_url()));
    let functions = Client::new().send(&control("functions")).await.unwrap().json();
    let names: Vec<_> =
        functions["functions"].as_array().unwrap().iter().map(|f| &f["name"]).collect();
    assert_eq!(names, ["echo"]);
    let limits = Client::new().send(&control("limits")).await.unwrap().json();
    assert!(limits["rows"].as_array().unwrap().iter().all(|row| row["max"] == row["aws"]));
    let call = Call::post(format!("{}/", emulator.aws_url()), "{}")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "AmazonSSM.DescribeParameters");
    let parameters = Client::new().send(&call).await.unwrap().json();
    assert_eq!(parameters, json!({ "Parameters": [] }));
    let keys = s3(emulator).list_objects_v2().bucket("bucket").send().await.unwrap();
    let keys: Vec<_> = keys.contents().iter().filter_map(|object| object.key()).collect();
    assert!(keys.contains(&"picture") && !keys.contains(&"pwn"), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn a_page_of_another_origin_reads_changes_and_runs_nothing() {
    Chromium::with(|browser| async move {
        let emulator = builder().await.start().await.unwrap();
        store(&emulator, "picture", "image/svg+xml", PICTURE).await;
        let server = elsewhere(page(&emulator).await).await;
        // Another port is the same site and another origin; another name is another site.
        let here = server.uri();
        for url in [here.replace("127.0.0.1", "localhost"), here] {
            browser.open(&url).await;
            let told = told(&browser).await;
            assert_eq!(told["read"], json!([]), "{url}: {told}");
            nothing_happened(&emulator).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn a_page_that_is_an_object_of_s3_reads_changes_and_runs_nothing() {
    Chromium::with(|browser| async move {
        let emulator = builder().await.start().await.unwrap();
        store(&emulator, "picture", "image/svg+xml", PICTURE).await;
        let page = page(&emulator).await;
        store(&emulator, "page", "text/html", page).await;
        browser.open(&presigned(&emulator, "page").await).await;
        let told = told(&browser).await;
        assert_eq!((&told["read"], &told["origin"]), (&json!([]), &json!("null")), "{told}");
        nothing_happened(&emulator).await;
    })
    .await;
}

/// The attacks are real ones: where the origin is trusted, the same page creates what it wants.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn the_same_page_succeeds_where_its_origin_is_trusted() {
    Chromium::with(|browser| async move {
        let server = MockServer::start().await;
        let emulator = builder().await.allow_origin(&server.uri()).start().await.unwrap();
        store(&emulator, "picture", "image/svg+xml", PICTURE).await;
        let page = page(&emulator).await;
        let page = ResponseTemplate::new(200).set_body_raw(page, "text/html; charset=utf-8");
        Mock::given(any()).respond_with(page).mount(&server).await;
        browser.open(&server.uri()).await;
        let told = told(&browser).await;
        let read = told["read"].to_string();
        for what in ["/2015-03-31/functions/echo/invocations: 200", "img ", "records: 200"] {
            assert!(read.contains(what), "{what}: {told}");
        }
    })
    .await;
}

/// Where the embedded DynamoDB listens: the one socket of this process that has no guard.
fn engines() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let listening = table.lines().filter(|line| line.split_whitespace().nth(3) == Some("0A"));
    let addresses = listening.filter_map(|line| line.split_whitespace().nth(1)?.split_once(':'));
    addresses
        .filter_map(|(address, port)| {
            let address = u32::from_str_radix(address, 16).ok()?.to_le_bytes();
            let port = u16::from_str_radix(port, 16).ok()?;
            let is_ours = address[0] == 127 && address != [127, 0, 0, 1] && port > 1023;
            let [a, b, c, d] = address;
            is_ours.then(|| format!("http://{a}.{b}.{c}.{d}:{port}/"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn a_page_that_knows_where_the_embedded_dynamodb_listens_cannot_reach_it() {
    Chromium::with(|browser| async move {
        let emulator = builder().await.start().await.unwrap();
        let call = Call::post(format!("{}/", emulator.aws_url()), "{}")
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "DynamoDB_20120810.ListTables");
        let tables = Client::new().send(&call).await.unwrap();
        assert_eq!(tables.json(), json!({ "TableNames": ["table"] }));
        let server = elsewhere("<!doctype html>".to_owned()).await;
        browser.open(&server.uri()).await;
        let mut reached = 0;
        for engine in engines() {
            let Ok(health) = Client::new().send(&Call::get(&engine)).await else { continue };
            reached += usize::from(health.text().starts_with("healthy: dynamodb"));
            let get = format!("fetch('{engine}', {{ mode: 'no-cors' }}).then(() => 'reached')");
            assert_eq!(browser.wait_for(&get).await, "TypeError: Failed to fetch", "{engine}");
        }
        assert!(reached > 0, "the engine was not found: {:?}", engines());
    })
    .await;
}
