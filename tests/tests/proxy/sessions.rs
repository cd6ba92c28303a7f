//! People who log in to the real proxy, with the emulator's DynamoDB behind it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hardcap_limits::Date;
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use hardcap::Emulator;
use hardcap::config::{Bucket, Function, Table};
use hardcap_proxy::session::dynamo::DynamoStore;
use hardcap_proxy::session::memory::MemoryStore;
use hardcap_proxy::session::store::{
    AttemptCount, Expected, SessionRecord, SessionStore, UserRecord,
};
use hardcap_proxy::session::{Role, admin};
use hardcap_tests::agents::Agent;
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::content::{Content, ContentKind};
use hardcap_tests::eventually::eventually;
use hardcap_tests::functions::proxy;
use hardcap_tests::process::{Process, binary};
use hardcap_tests::search::{Search, SearchConfig};

const PASSWORD: &str = "correct horse battery";
const SESSION: &str = "__Host-hardcap-session";

struct Stage {
    emulator: Emulator,
    search: Search,
    client: Client,
}

/// Cookies, and nothing else of a browser.
#[derive(Clone, Default)]
struct Browser(Vec<(String, String)>);

impl Browser {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn keep(&mut self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.0.retain(|(known, _)| known != name);
            if !line.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

fn table() -> Table {
    Table { ttl_attribute: Some("forget".to_owned()), ..Table::new("sessions", "pk") }
}

fn dynamodb(emulator: &Emulator) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(emulator.aws_url())
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

async fn stage() -> Stage {
    let search = Search::start(SearchConfig::default()).await.unwrap();
    let mut function: Function = proxy(&search.url(), "answers");
    for (name, value) in [
        ("ACCESS", "sessions"),
        ("ACCESS_RULES", "allow full GET /_bytes/**"),
        ("SESSIONS_TABLE", "sessions"),
        ("SESSION_RECHECK_SECONDS", "1"),
    ] {
        function.environment.insert(name.to_owned(), value.to_owned());
    }
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(function)
        .function_url("proxy")
        .bucket(Bucket { name: "answers".to_owned(), ..Bucket::default() })
        .table(table())
        .start()
        .await
        .unwrap();
    search.ask_for_keys_at(format!("{}/keys", emulator.control_url()));
    let store = DynamoStore::new(dynamodb(&emulator), "sessions");
    for (name, role) in [("alice", Role::Full), ("bob", Role::Read)] {
        admin::add(&store, name, role, PASSWORD, 1).await.unwrap();
    }
    Stage { emulator, search, client: Client::new() }
}

/// The value of a hidden field.
fn field<'a>(page: &'a str, name: &str) -> &'a str {
    let after = page.split(&format!("name=\"{name}\" value=\"")).nth(1);
    after.unwrap_or_else(|| panic!("no field {name} in {page}")).split('"').next().unwrap()
}

impl Stage {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.function_url("proxy").unwrap().trim_end_matches('/'))
    }

    fn origin(&self) -> String {
        self.emulator.function_url("proxy").unwrap().trim_end_matches('/').to_owned()
    }

    async fn send(&self, browser: &Browser, call: Call) -> Answer {
        let pairs = browser.0.iter().map(|(name, value)| format!("{name}={value}"));
        let cookie = pairs.collect::<Vec<_>>().join("; ");
        let call = if cookie.is_empty() { call } else { call.header("cookie", cookie) };
        self.client.send(&Agent::Curl.named(&call)).await.expect("the function URL answers")
    }

    async fn get(&self, browser: &Browser, path: &str) -> Answer {
        self.send(browser, Call::get(self.url(path))).await
    }

    async fn post(&self, browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
        let plain = |text: &str| {
            let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
            bytes.collect::<String>()
        };
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
        let call = Call::post(self.url(path), body.join("&"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "text/html")
            .header("origin", self.origin());
        self.send(browser, call).await
    }

    async fn try_login(&self, browser: &mut Browser, user: &str, password: &str) -> Answer {
        let shown = self.get(browser, "/_proxy/login?return=%2Flogs%2F_search%3Fsize%3D2").await;
        browser.keep(&shown);
        let fields = [
            ("csrf_token", field(shown.text(), "csrf_token")),
            ("return", field(shown.text(), "return")),
            ("user", user),
            ("password", password),
        ];
        let answer = self.post(browser, "/_proxy/login", &fields).await;
        browser.keep(&answer);
        answer
    }

    async fn logged_in(&self, user: &str) -> Browser {
        let mut browser = Browser::default();
        let answer = self.try_login(&mut browser, user, PASSWORD).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        browser
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_logs_in_searches_and_logs_out_and_no_copy_is_left() {
    let stage = stage().await;
    let page = Call::get(stage.url("/logs/_search?size=2")).header("accept", "text/html");
    let away = stage.send(&Browser::default(), page).await;
    assert_eq!(away.status, 303, "{away:?}");
    assert_eq!(away.header("location"), Some("/_proxy/login?return=%2Flogs%2F_search%3Fsize%3D2"));
    let script = stage.get(&Browser::default(), "/logs/_search?size=2").await;
    assert_eq!((script.status.as_u16(), script.header("www-authenticate")), (401, None));

    let mut browser = Browser::default();
    let answer = stage.try_login(&mut browser, "alice", PASSWORD).await;
    assert_eq!(answer.header("location"), Some("/logs/_search?size=2"), "{answer:?}");
    let found = stage.get(&browser, "/logs/_search?size=2").await;
    assert_eq!(found.status, 200, "{found:?}");
    assert_eq!(found.json()["hits"]["hits"].as_array().map(Vec::len), Some(2));
    let received = stage.search.received().pop().unwrap();
    assert_eq!(received.header("x-forwarded-user"), ["alice"]);
    assert_eq!(received.header("cookie"), [""; 0], "the session stays here");

    let content = Content { kind: ContentKind::Incompressible, size: 20_000_000, seed: 3 };
    let large = stage.get(&browser, &content.path()).await;
    assert_eq!(large.status, 303, "{large:?}");
    let fetched = stage.client.get(large.header("location").unwrap()).await.unwrap();
    assert_eq!(hex::encode(fetched.sha256()), hex::encode(content.digest()));

    let copy = browser.clone();
    let who = stage.get(&browser, "/_proxy/session").await.json();
    assert_eq!((&who["user"], &who["role"]), (&"alice".into(), &"full".into()));
    let token = who["csrf_token"].as_str().unwrap();
    let out = stage.post(&browser, "/_proxy/logout", &[("csrf_token", token)]).await;
    assert_eq!(out.status, 303, "{out:?}");
    browser.keep(&out);
    assert_eq!(browser.get(SESSION), None);
    assert_eq!(stage.get(&copy, "/logs/_search").await.status, 401, "the copy is dead");
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_two_users_at_once_are_two() {
    let stage = stage().await;
    let (alice, bob) = (stage.logged_in("alice").await, stage.logged_in("bob").await);
    for _ in 0..3 {
        for (browser, user) in [(&alice, "alice"), (&bob, "bob")] {
            let found = stage.get(browser, "/logs/_search?size=0").await;
            assert_eq!(found.status, 200, "{found:?}");
            let received = stage.search.received().pop().unwrap();
            assert_eq!(received.header("x-forwarded-user"), [user]);
        }
    }
    let json = |browser, path: &str| {
        let call = Call::post(stage.url(path), "{}").header("content-type", "application/json");
        stage.send(browser, call)
    };
    let refused = json(&bob, "/logs/_doc").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(json(&bob, "/logs/_search").await.status, 200, "a search is a read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a8_a_form_of_another_site_changes_nothing() {
    let stage = stage().await;
    let alice = stage.logged_in("alice").await;
    let before = stage.search.received().len();
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("x-nothing", "a form of an old browser"),
    ] {
        let call = Call::post(stage.url("/logs/_doc"), "a=1")
            .header("content-type", "application/x-www-form-urlencoded")
            .header(name, value);
        let answer = stage.send(&alice, call).await;
        assert_eq!(answer.status, 403, "{name}: {value}: {answer:?}");
        assert_eq!(answer.json()["type"], "urn:hardcap:problem:cross-site");
    }
    assert_eq!(stage.search.received().len(), before, "nothing went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a9_after_five_wrong_passwords_the_right_one_has_to_wait() {
    let stage = stage().await;
    let mut browser = Browser::default();
    for _ in 0..5 {
        let answer = stage.try_login(&mut browser, "alice", "wrong").await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.text().contains("The name or the password is wrong."));
    }
    let locked = stage.try_login(&mut browser, "alice", PASSWORD).await;
    assert_eq!(locked.status, 429, "{locked:?}");
    let wait: u64 = locked.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=900).contains(&wait), "{locked:?}");
    assert_eq!(browser.get(SESSION), None);
    let _ = stage.logged_in("bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_without_its_table_the_proxy_admits_no_user() {
    let stage = stage().await;
    let alice = stage.logged_in("alice").await;
    dynamodb(&stage.emulator).delete_table().table_name("sessions").send().await.unwrap();
    let ticket = hardcap_proxy::session::SessionTicket::new().cookie();
    let stranger = Browser(vec![(SESSION.to_owned(), ticket)]);
    let refused = stage.get(&stranger, "/logs/_search").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.json()["type"], "urn:hardcap:problem:sessions-unavailable");
    assert!(!refused.text().contains("ResourceNotFound"), "{refused:?}");
    // A session that was just looked up is known for a second more; nothing tells when it is over.
    let answer =
        eventually(Duration::from_secs(60), "the session is looked up again", async || {
            let answer = stage.get(&alice, "/logs/_search").await;
            if answer.status == 200 { Err(answer) } else { Ok(answer) }
        })
        .await;
    assert_eq!(answer.status, 503, "{answer:?}");
    let login = stage.get(&Browser::default(), "/_proxy/login").await;
    let fields = [
        ("csrf_token", field(login.text(), "csrf_token")),
        ("user", "alice"),
        ("password", PASSWORD),
    ];
    let mut browser = Browser::default();
    browser.keep(&login);
    let answer = stage.post(&browser, "/_proxy/login", &fields).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.text().contains("Try again in a moment."));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_admin_adds_a_user_who_logs_in() {
    let stage = stage().await;
    let url = stage.emulator.aws_url().to_owned();
    let admin = |words: &[&str]| {
        let place = ["--table", "sessions", "--endpoint-url", &url];
        let words: Vec<&str> = place.iter().chain(words).copied().collect();
        let program = binary("hardcap-proxy", "admin");
        Process::start(&program, words, &[("AWS_REGION", "us-east-1")]).unwrap()
    };
    let mut adding = admin(&["add", "carol", "--role", "read"]);
    assert_eq!(adding.line().await.unwrap(), "added carol with the role read; the password is");
    let password = adding.line().await.unwrap();
    let mut browser = Browser::default();
    let answer = stage.try_login(&mut browser, "carol", &password).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let mut listing = admin(&["list"]);
    for line in ["alice  full", "bob    read", "carol  read"] {
        assert_eq!(listing.line().await.unwrap(), line);
    }
    let mut disabling = admin(&["disable", "carol"]);
    assert_eq!(disabling.line().await.unwrap(), "carol can no longer log in");
    let mut browser = Browser::default();
    assert_eq!(stage.try_login(&mut browser, "carol", &password).await.status, 401);
}

#[tokio::test]
async fn the_store_keeps_its_contract_in_memory() {
    keeps_its_contract(&MemoryStore::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_keeps_its_contract_in_dynamodb() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).table(table()).start().await.unwrap();
    keeps_its_contract(&DynamoStore::new(dynamodb(&emulator), "sessions")).await;
}

async fn keeps_its_contract(store: &dyn SessionStore) {
    let kept = SessionRecord { sealed: vec![0, 255, 7], seen: 10, forget: 4_000_000_000 };
    assert_eq!(store.session("a").await, Ok(None));
    assert_eq!(store.touch("a", 1).await, Ok(false), "nothing is brought into being");
    assert_eq!(store.session("a").await, Ok(None));
    assert_eq!(store.keep("a", kept.clone()).await, Ok(()));
    assert_eq!(store.session("a").await, Ok(Some(kept.clone())));
    assert_eq!(store.touch("a", 20).await, Ok(true));
    assert_eq!(store.session("a").await, Ok(Some(SessionRecord { seen: 20, ..kept })));
    assert_eq!(store.revoke("a").await, Ok(()));
    assert_eq!(store.revoke("a").await, Ok(()), "twice is as good");
    assert_eq!(store.session("a").await, Ok(None));

    let user = UserRecord {
        name: "ann".to_owned(),
        hash: "h".to_owned(),
        role: Role::Read,
        enabled: true,
        stamp: "s".to_owned(),
        changed: 5,
    };
    let other = UserRecord { role: Role::Full, stamp: "t".to_owned(), ..user.clone() };
    assert_eq!(store.write_user(&user, Expected::Unchanged(&other)).await, Ok(false));
    assert_eq!(store.write_user(&user, Expected::Absent).await, Ok(true));
    assert_eq!(store.write_user(&other, Expected::Absent).await, Ok(false), "the name is taken");
    assert_eq!(store.write_user(&other, Expected::Unchanged(&other)).await, Ok(false));
    assert_eq!(store.write_user(&other, Expected::Unchanged(&user)).await, Ok(true));
    assert_eq!(store.user("ann").await, Ok(Some(other.clone())));
    assert_eq!(store.user("bea").await, Ok(None));
    let bea = UserRecord { name: "bea".to_owned(), ..user };
    assert_eq!(store.write_user(&bea, Expected::Absent).await, Ok(true));
    assert_eq!(store.users().await, Ok(vec![other, bea]));

    for (now, count) in [(100, 1), (149, 2), (150, 1), (151, 2)] {
        let ends = if now < 150 { 150 } else { 200 };
        assert_eq!(store.count("k", now, 50).await, Ok(AttemptCount { count, ends }), "{now}");
    }
    assert_eq!(store.uncount("k").await, Ok(()));
    assert_eq!(store.count("k", 152, 50).await.map(|attempts| attempts.count), Ok(2));
    assert_eq!(store.forgive("k").await, Ok(()));
    assert_eq!(store.uncount("k").await, Ok(()), "nothing is counted below nothing");
    assert_eq!(store.count("k", 153, 50).await, Ok(AttemptCount { count: 1, ends: 203 }));
    assert_eq!(store.users().await.map(|users| users.len()), Ok(2), "attempts are not users");
}
