//! Tests of logins through the whole proxy: the form, the cookie, the request to the upstream, and the end of a session.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::support::bucket::Bucket;
use crate::support::upstream::{RawUpstream, answer};
use crate::support::{Reply, ask, config, event, proxy, s3};
use futures_util::future::BoxFuture;
use hardcap_proxy::handler::Proxy;
use hardcap_proxy::job::ports::Clock;
use hardcap_proxy::session::memory::MemoryStore;
use hardcap_proxy::session::{Role, SessionSettings, Sessions, admin};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

const PASSWORD: &str = "correct horse battery";
const SESSION: &str = "__Host-hardcap-session";
const LOGIN: &str = "__Host-hardcap-login";

/// A clock that a test advances.
#[derive(Debug, Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn wait(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

struct Stage {
    proxy: Proxy,
    store: Arc<MemoryStore>,
    clock: Arc<Hand>,
    upstream: RawUpstream,
    _bucket: Bucket,
}

/// A browser's cookie store.
#[derive(Clone, Default)]
struct Browser(Vec<(String, String)>);

impl Browser {
    fn cookie(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn keep(&mut self, reply: &Reply) {
        for (_, line) in reply.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.0.retain(|(known, _)| known != name);
            if !line.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

async fn stage(changes: &[(&str, &str)]) -> Stage {
    let upstream = RawUpstream::start(|_, request, mut socket| async move {
        let sent = request.header("cookie").unwrap_or("none").to_owned();
        let user = request.header("x-forwarded-user").unwrap_or("none").to_owned();
        let headers = [("x-cookie", sent.as_str()), ("x-user", &user), ("set-cookie", "sid=1")];
        let _ = socket.write_all(&answer("200 OK", &headers, b"found")).await;
    })
    .await;
    let bucket = Bucket::keeping().await;
    let mut all = vec![("ACCESS", "sessions"), ("SESSIONS_TABLE", "sessions")];
    all.extend(changes);
    let config = config(&upstream.url, &all);
    let hardcap_proxy::config::Access::Sessions(told) = &config.access else {
        panic!("{:?}", config.access)
    };
    let settings = told.settings.clone();
    let store = Arc::new(MemoryStore::default());
    let clock = Arc::new(Hand(AtomicU64::new(1_000_000_000)));
    let sessions = Sessions::new(store.clone(), settings, clock.clone());
    for (name, role) in [("alice", Role::Full), ("bob", Role::Read)] {
        admin::add(&*store, name, role, PASSWORD, 1).await.expect("a new user");
    }
    let proxy = proxy(config, s3(&bucket.url)).with_sessions(sessions);
    Stage { proxy, store, clock, upstream, _bucket: bucket }
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The value of a hidden field.
fn field<'a>(page: &'a str, name: &str) -> &'a str {
    let after = page.split(&format!("name=\"{name}\" value=\"")).nth(1);
    after.unwrap_or_else(|| panic!("no field {name} in {page}")).split('"').next().unwrap()
}

fn check_problem(reply: &Reply, status: u16, kind: &str) {
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert_eq!(reply.status, status, "{text}");
    assert_eq!(reply.json()["type"], format!("urn:hardcap:problem:{kind}"), "{text}");
    assert_eq!(reply.header("www-authenticate"), None, "API Gateway would rename it");
}

impl Stage {
    async fn send(
        &self,
        browser: &Browser,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut all = vec![("host", "proxy.example")];
        let cookie = browser.cookie();
        if !cookie.is_empty() {
            all.push(("cookie", &cookie));
        }
        all.extend(headers);
        let mut event = event(method, path, &all);
        event["body"] = json!(body);
        ask(&self.proxy, &event).await
    }

    async fn get(&self, browser: &Browser, path: &str) -> Reply {
        self.send(browser, "GET", path, &[], "").await
    }

    async fn post_form(&self, browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Reply {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "navigate"),
        ];
        self.send(browser, "POST", path, &headers, &form(fields)).await
    }

    /// Fetches, fills in and submits the form.
    async fn try_login(&self, browser: &mut Browser, user: &str, password: &str) -> Reply {
        let shown = self.get(browser, "/_proxy/login?return=%2Flogs%2F_search%3Fq%3D1").await;
        browser.keep(&shown);
        let page = String::from_utf8(shown.body).expect("a page is text");
        let fields = [
            ("csrf_token", field(&page, "csrf_token")),
            ("return", field(&page, "return")),
            ("user", user),
            ("password", password),
        ];
        let reply = self.post_form(browser, "/_proxy/login", &fields).await;
        browser.keep(&reply);
        reply
    }

    async fn logged_in(&self, user: &str) -> Browser {
        let mut browser = Browser::default();
        let reply = self.try_login(&mut browser, user, PASSWORD).await;
        assert_eq!(reply.status, 303, "{}", String::from_utf8_lossy(&reply.body));
        browser
    }

    fn advance(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    fn calls(&self) -> u64 {
        self.store.tables().calls
    }

    fn reached(&self) -> usize {
        self.upstream.received().len()
    }
}

#[tokio::test]
async fn a_user_logs_in_and_returns_to_the_requested_page() {
    let stage = stage(&[]).await;
    let navigation = [("sec-fetch-mode", "navigate"), ("accept", "text/html")];
    let browser = Browser::default();
    let away = stage.send(&browser, "GET", "/logs/_search?q=1", &navigation, "").await;
    assert_eq!(away.status, 303);
    assert_eq!(away.header("location"), Some("/_proxy/login?return=%2Flogs%2F_search%3Fq%3D1"));
    assert_eq!(stage.reached(), 0);

    let mut browser = Browser::default();
    let reply = stage.try_login(&mut browser, " Alice ", PASSWORD).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/logs/_search?q=1")));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(browser.get(LOGIN).is_none(), "the form is done with");
    let found = stage.get(&browser, "/logs/_search?q=1").await;
    assert_eq!((found.status, &found.body[..]), (200, &b"found"[..]));
    assert_eq!(found.header("vary"), Some("Cookie"));

    let who = stage.get(&browser, "/_proxy/session").await;
    assert_eq!(
        (who.status, &who.json()["user"], &who.json()["role"]),
        (200, &json!("alice"), &json!("full"))
    );
    assert_eq!(who.json()["since"], "1970-01-12T13:46:40Z");
    assert_eq!(who.json()["idle_expires"], "1970-01-12T14:46:40Z");
    assert_eq!(who.json()["expires"], "1970-01-13T01:46:40Z");
    let again = stage.get(&browser, "/_proxy/login").await;
    assert!(String::from_utf8_lossy(&again.body).contains("You are <strong>alice</strong>"));
}

#[tokio::test]
async fn a1_neither_cookie_nor_table_shows_the_user() {
    let stage = stage(&[]).await;
    let browser = stage.logged_in("alice").await;
    let cookie = browser.get(SESSION).expect("there is a session").to_owned();
    assert_eq!(cookie.len(), 64, "an id and a secret, and nothing else");
    let tables = stage.store.tables().clone();
    for (key, kept) in &tables.sessions {
        let text = format!("{key} {}", String::from_utf8_lossy(&kept.sealed));
        assert!(!text.contains("alice") && !text.contains("full"), "{text}");
        assert!(!text.contains(&cookie[..10]), "{text}");
    }
    assert!(!format!("{tables:?}").contains(PASSWORD));
    assert!(!format!("{tables:?}").contains("$argon2"), "not even in a log of everything");
}

#[tokio::test]
async fn a1_a_changed_cookie_is_not_a_session() {
    let stage = stage(&[]).await;
    let browser = stage.logged_in("alice").await;
    let cookie = browser.get(SESSION).unwrap().to_owned();
    for at in 0..cookie.len() {
        let mut changed = cookie.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let forged = Browser(vec![(SESSION.to_owned(), changed)]);
        check_problem(&stage.get(&forged, "/logs/_search").await, 401, "not-logged-in");
    }
    for value in ["", "x", "\"\"", &format!("{cookie}A"), &cookie[1..]] {
        let forged = Browser(vec![(SESSION.to_owned(), value.to_owned())]);
        check_problem(&stage.get(&forged, "/logs/_search").await, 401, "not-logged-in");
    }
    let mut twice = browser.clone();
    twice.0.push((SESSION.to_owned(), "x".to_owned()));
    check_problem(&stage.get(&twice, "/logs/_search").await, 401, "not-logged-in");
    assert_eq!(stage.get(&browser, "/logs/_search").await.status, 200, "the true one is good");
}

#[tokio::test]
async fn a2_a_ticket_from_before_the_login_is_invalid_after_it() {
    let stage = stage(&[]).await;
    let planted = hardcap_proxy::session::SessionTicket::new().cookie();
    let mut victim = Browser(vec![(SESSION.to_owned(), planted.clone())]);
    assert_eq!(stage.try_login(&mut victim, "alice", PASSWORD).await.status, 303);
    assert_ne!(victim.get(SESSION), Some(planted.as_str()), "the login gives another one");
    let attacker = Browser(vec![(SESSION.to_owned(), planted)]);
    check_problem(&stage.get(&attacker, "/a").await, 401, "not-logged-in");
}

#[tokio::test]
async fn a2_a_login_ends_the_previous_session() {
    let stage = stage(&[]).await;
    let first = stage.logged_in("alice").await;
    let login = json!({ "user": "bob", "password": PASSWORD }).to_string();
    let headers = [("content-type", "application/json")];
    let reply = stage.send(&first, "POST", "/_proxy/login", &headers, &login).await;
    assert_eq!((reply.status, &reply.json()["user"]), (200, &json!("bob")));
    let mut second = first.clone();
    second.keep(&reply);
    assert_eq!(stage.get(&second, "/a").await.header("x-user"), Some("bob"));
    check_problem(&stage.get(&first, "/a").await, 401, "not-logged-in");
}

#[tokio::test]
async fn a2_a_logout_ends_the_session_for_every_copy_of_the_cookie() {
    let stage = stage(&[]).await;
    let mut browser = stage.logged_in("alice").await;
    let copy = browser.clone();
    let page = stage.get(&browser, "/_proxy/login").await;
    let page = String::from_utf8(page.body).unwrap();
    let token = field(&page, "csrf_token");
    let reply = stage.post_form(&browser, "/_proxy/logout", &[("csrf_token", token)]).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/_proxy/login?logged-out=1")));
    browser.keep(&reply);
    assert_eq!(browser.get(SESSION), None);
    for left in [&browser, &copy] {
        check_problem(&stage.get(left, "/logs/_search").await, 401, "not-logged-in");
    }
    assert_eq!(stage.store.tables().sessions.len(), 0);
    let shown = stage.get(&browser, "/_proxy/login?logged-out=1").await;
    assert!(String::from_utf8_lossy(&shown.body).contains("You are logged out."));
    let again = stage.post_form(&browser, "/_proxy/logout", &[]).await;
    assert_eq!(again.status, 303, "who is out is out");
}

#[tokio::test]
async fn a2_a_session_ends_after_its_idle_time_and_its_lifetime() {
    let stage = stage(&[("SESSION_IDLE_SECONDS", "1000"), ("SESSION_MAX_SECONDS", "3000")]).await;
    let idle = stage.logged_in("alice").await;
    stage.advance(999);
    assert_eq!(stage.get(&idle, "/a").await.status, 200);
    stage.advance(1000);
    check_problem(&stage.get(&idle, "/a").await, 401, "not-logged-in");

    let busy = stage.logged_in("alice").await;
    for _ in 0..5 {
        stage.advance(599);
        assert_eq!(stage.get(&busy, "/a").await.status, 200);
    }
    stage.advance(4);
    assert_eq!(stage.get(&busy, "/a").await.status, 200, "2,999 seconds");
    stage.advance(1);
    check_problem(&stage.get(&busy, "/a").await, 401, "not-logged-in");
}

#[tokio::test]
async fn a3_concurrent_users_do_not_mix_and_the_upstream_sees_no_session() {
    let stage = stage(&[]).await;
    let (mut alice, bob) = (stage.logged_in("alice").await, stage.logged_in("bob").await);
    alice.0.push(("sid".to_owned(), "of-alice".to_owned()));
    for _ in 0..3 {
        let reply = stage.get(&alice, "/a").await;
        assert_eq!(
            (reply.header("x-user"), reply.header("x-cookie")),
            (Some("alice"), Some("sid=of-alice"))
        );
        let reply = stage.get(&bob, "/a").await;
        assert_eq!((reply.header("x-user"), reply.header("x-cookie")), (Some("bob"), Some("none")));
    }
    let all = format!("{:?}", stage.upstream.received());
    for browser in [&alice, &bob] {
        assert!(!all.contains(browser.get(SESSION).unwrap()), "{all}");
    }
}

#[tokio::test]
async fn a4_a_login_never_redirects_to_another_host() {
    let stage = stage(&[("PUBLIC_URL", "https://es.example/base")]).await;
    for (back, location) in [
        ("//evil.example", "https://es.example/base/"),
        ("https://evil.example/", "https://es.example/base/"),
        ("/\\evil.example", "https://es.example/base/"),
        ("/logs/_search?q=1", "https://es.example/base/logs/_search?q=1"),
    ] {
        let mut browser = Browser::default();
        let shown = stage.get(&browser, "/_proxy/login").await;
        browser.keep(&shown);
        let page = String::from_utf8(shown.body).unwrap();
        let token = field(&page, "csrf_token");
        let fields =
            [("csrf_token", token), ("return", back), ("user", "alice"), ("password", PASSWORD)];
        let reply = stage.post_form(&browser, "/_proxy/login", &fields).await;
        assert_eq!((reply.status, reply.header("location")), (303, Some(location)), "{back}");
    }
}

#[tokio::test]
async fn a5_x4_a_script_gets_a_readable_401() {
    let origin = "https://kibana.example";
    let stage = stage(&[("ALLOWED_ORIGINS", origin)]).await;
    let headers = [("origin", origin), ("sec-fetch-mode", "cors"), ("accept", "text/html")];
    for path in ["/logs/_search", "/_proxy/session", "/_proxy/jobs"] {
        let reply = stage.send(&Browser::default(), "GET", path, &headers, "").await;
        check_problem(&reply, 401, "not-logged-in");
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin), "{path}");
        assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    }
    assert_eq!(stage.reached(), 0);
    assert_eq!(stage.calls(), 2, "only these two users are looked up");
}

#[tokio::test]
async fn x1_a_preflight_requires_no_session() {
    let stage = stage(&[("ALLOWED_ORIGINS", "https://kibana.example")]).await;
    let headers = [("origin", "https://kibana.example"), ("access-control-request-method", "POST")];
    let reply = stage.send(&Browser::default(), "OPTIONS", "/a/_search", &headers, "").await;
    assert_eq!((reply.status, stage.reached()), (204, 0));
}

#[tokio::test]
async fn a6_a_client_cannot_set_the_identity_of_another_user() {
    let stage = stage(&[]).await;
    let bob = stage.logged_in("bob").await;
    let smuggled = [
        ("X-Forwarded-User", "alice"),
        ("x_forwarded_user", "alice"),
        ("X-Forwarded-Groups", "full"),
        ("Remote_User", "alice"),
        ("x-proxy-user", "alice"),
    ];
    stage.send(&bob, "GET", "/a", &smuggled, "").await;
    let received = stage.upstream.received().pop().unwrap();
    let text = format!("{received:?}");
    assert!(!text.contains("alice"), "{text}");
    assert_eq!(received.header("x-forwarded-user"), Some("bob"));
    assert_eq!(received.header("x-forwarded-groups"), Some("read"));
}

#[tokio::test]
async fn a7_a_rule_sees_only_the_method_and_the_path() {
    let stage = stage(&[]).await;
    let bob = stage.logged_in("bob").await;
    let json = ("content-type", "application/json");
    for (method, path, headers) in [
        ("POST", "/logs/_doc?x=/logs/_search", &[json][..]),
        ("POST", "/logs/_doc?/_search", &[json]),
        (
            "POST",
            "/logs/_doc",
            &[json, ("x-original-url", "/logs/_search"), ("x-forwarded-uri", "/_search")],
        ),
        ("POST", "/logs/_doc", &[json, ("x-http-method-override", "GET")]),
        ("POST", "/logs/_doc", &[json, ("user-agent", "ELB-HealthChecker/2.0")]),
        ("DELETE", "/logs", &[("user-agent", "kube-probe/1.0")]),
    ] {
        check_problem(&stage.send(&bob, method, path, headers, "{}").await, 403, "forbidden");
    }
    assert_eq!(stage.reached(), 0);
    let reply = stage.send(&bob, "POST", "/logs/_search?x=_doc", &[json], "{}").await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a8_another_site_cannot_send_requests_as_a_user() {
    let stage = stage(&[]).await;
    let alice = stage.logged_in("alice").await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let text = ("content-type", "text/plain");
    for headers in [
        &[form, ("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")][..],
        &[form, ("sec-fetch-site", "same-site"), ("origin", "https://other.example")],
        &[form, ("origin", "https://evil.example")],
        &[text, ("origin", "null")],
        &[text],
        &[],
    ] {
        let reply = stage.send(&alice, "POST", "/logs/_doc", headers, "a=1").await;
        check_problem(&reply, 403, "cross-site");
        let reply = stage.send(&alice, "POST", "/_proxy/jobs", headers, "{}").await;
        check_problem(&reply, 403, "cross-site");
    }
    assert_eq!(stage.reached(), 0);
    for headers in [
        &[form, ("origin", "https://proxy.example")][..],
        &[text, ("osd-xsrf", "true")],
        &[("content-type", "application/x-ndjson")],
    ] {
        assert_eq!(
            stage.send(&alice, "POST", "/_bulk", headers, "{}\n").await.status,
            200,
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn a8_login_and_logout_require_the_token_of_this_browser() {
    let stage = stage(&[]).await;
    let mut attacker = Browser::default();
    let shown = stage.get(&attacker, "/_proxy/login").await;
    attacker.keep(&shown);
    let page = String::from_utf8(shown.body).unwrap();
    let token = field(&page, "csrf_token").to_owned();
    let fields = [("csrf_token", token.as_str()), ("user", "alice"), ("password", PASSWORD)];
    let victim = Browser::default();
    let reply = stage.post_form(&victim, "/_proxy/login", &fields).await;
    assert_eq!(reply.status, 403);
    assert!(String::from_utf8_lossy(&reply.body).contains("Log in again"), "the form is shown");
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ];
    let reply = stage.send(&attacker, "POST", "/_proxy/login", &headers, &form(&fields)).await;
    assert_eq!(reply.status, 403);
    let json = [("content-type", "application/json"), ("origin", "https://evil.example")];
    let body = json!({ "user": "alice", "password": PASSWORD }).to_string();
    check_problem(
        &stage.send(&victim, "POST", "/_proxy/login", &json, &body).await,
        403,
        "cross-site",
    );
    assert_eq!(stage.store.tables().attempts.len(), 0, "none of it was an attempt");

    let alice = stage.logged_in("alice").await;
    for token in ["", &token, "x"] {
        let reply = stage.post_form(&alice, "/_proxy/logout", &[("csrf_token", token)]).await;
        check_problem(&reply, 403, "bad-token");
    }
    let reply = stage.send(&alice, "GET", "/_proxy/logout", &[], "").await;
    check_problem(&reply, 405, "method-not-allowed");
    assert_eq!(stage.get(&alice, "/a").await.status, 200, "still there");
    let token = stage.get(&alice, "/_proxy/session").await.json()["csrf_token"].clone();
    let headers = [("x-csrf-token", token.as_str().unwrap())];
    assert_eq!(stage.send(&alice, "POST", "/_proxy/logout", &headers, "").await.status, 204);
}

#[tokio::test]
async fn a9_too_many_attempts_lock_a_user_at_an_address_for_a_while() {
    let stage = stage(&[]).await;
    for user in ["alice", "nobody"] {
        let mut browser = Browser::default();
        for attempt in 1..=5 {
            let reply = stage.try_login(&mut browser, user, "wrong").await;
            let page = String::from_utf8(reply.body).unwrap();
            assert_eq!(reply.status, 401, "{user} {attempt}");
            assert!(page.contains("The name or the password is wrong."), "{page}");
        }
        let reply = stage.try_login(&mut browser, user, PASSWORD).await;
        assert_eq!((reply.status, reply.header("retry-after")), (429, Some("900")), "{user}");
        assert_eq!(browser.get(SESSION), None);
    }
    let _ = stage.logged_in("bob").await;
    stage.advance(899);
    let mut browser = Browser::default();
    let reply = stage.try_login(&mut browser, "alice", PASSWORD).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("1")));
    stage.advance(1);
    assert_eq!(stage.try_login(&mut browser, "alice", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn a9_a_disabled_and_an_unknown_user_get_the_same_response() {
    let stage = stage(&[]).await;
    admin::change(&*stage.store, "bob", admin::Change::Disable, 2).await.unwrap();
    let mut pages = Vec::new();
    for user in ["bob", "nobody", "n0 name!"] {
        let mut browser = Browser::default();
        let reply = stage.try_login(&mut browser, user, PASSWORD).await;
        assert_eq!(reply.status, 401, "{user}");
        let page = String::from_utf8(reply.body).unwrap();
        let token = field(&page, "csrf_token").to_owned();
        pages.push(page.replace(user, "USER").replace(&token, "TOKEN"));
    }
    assert!(pages.windows(2).all(|two| two[0] == two[1]), "{pages:?}");
}

#[tokio::test]
async fn a10_an_outage_admits_only_sessions_checked_within_five_minutes() {
    let stage = stage(&[]).await;
    let alice = stage.logged_in("alice").await;
    let before = stage.calls();
    for _ in 0..20 {
        stage.advance(14);
        assert_eq!(stage.get(&alice, "/a").await.status, 200);
    }
    assert_eq!(stage.calls(), before, "the table is not read within 280 seconds");
    stage.store.tables().outage = true;
    assert_eq!(stage.get(&alice, "/a").await.status, 200, "it is known, for five minutes");
    stage.advance(20);
    let reached = stage.reached();
    let reply = stage.get(&alice, "/a").await;
    check_problem(&reply, 503, "sessions-unavailable");
    assert_eq!(reply.header("retry-after"), Some("5"));
    assert!(!String::from_utf8_lossy(&reply.body).contains("it is down"), "why is for the log");
    assert_eq!(stage.reached(), reached, "nothing was sent");
    let stranger =
        Browser(vec![(SESSION.to_owned(), hardcap_proxy::session::SessionTicket::new().cookie())]);
    check_problem(&stage.get(&stranger, "/a").await, 503, "sessions-unavailable");
    let mut browser = Browser::default();
    let reply = stage.try_login(&mut browser, "alice", PASSWORD).await;
    assert_eq!((reply.status, browser.get(SESSION)), (503, None));

    stage.store.tables().outage = false;
    assert_eq!(stage.get(&alice, "/a").await.status, 200, "it is over");
}

#[tokio::test]
async fn a10_changes_of_users_take_effect_within_five_minutes() {
    let stage = stage(&[]).await;
    let json = [("content-type", "application/json")];
    let alice = stage.logged_in("alice").await;
    admin::change(&*stage.store, "alice", admin::Change::Role(Role::Read), 2).await.unwrap();
    stage.advance(300);
    let reply = stage.send(&alice, "POST", "/_bulk", &json, "{}\n").await;
    check_problem(&reply, 403, "forbidden");
    for change in [admin::Change::Password("another password".to_owned()), admin::Change::Disable] {
        let bob = stage.logged_in("bob").await;
        admin::change(&*stage.store, "bob", admin::Change::Password(PASSWORD.to_owned()), 3)
            .await
            .unwrap();
        let other = stage.logged_in("bob").await;
        admin::change(&*stage.store, "bob", change, 4).await.unwrap();
        stage.advance(300);
        for browser in [&bob, &other] {
            check_problem(&stage.get(browser, "/a").await, 401, "not-logged-in");
        }
        admin::change(&*stage.store, "bob", admin::Change::Password(PASSWORD.to_owned()), 5)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a11_the_rules_define_the_rights_of_a_role() {
    let stage = stage(&[("ACCESS_RULES", "allow full DELETE /logs-*")]).await;
    let (alice, bob) = (stage.logged_in("alice").await, stage.logged_in("bob").await);
    let json = [("content-type", "application/json")];
    for (browser, method, path, status) in [
        (&bob, "POST", "/logs/_search", 200),
        (&bob, "POST", "/logs/_doc", 403),
        (&bob, "PUT", "/_cluster/settings", 403),
        (&alice, "POST", "/logs/_doc", 200),
        (&alice, "PUT", "/_cluster/settings", 403),
        (&alice, "DELETE", "/other", 403),
        (&alice, "DELETE", "/logs-1", 200),
    ] {
        let reply = stage.send(browser, method, path, &json, "{}").await;
        assert_eq!(
            reply.status,
            status,
            "{method} {path}: {}",
            String::from_utf8_lossy(&reply.body)
        );
    }
}

#[tokio::test]
async fn a11_an_export_requires_the_right_to_search() {
    let stage = stage(&[("ACCESS_RULES", "deny read * /secret-*/**")]).await;
    let (alice, bob) = (stage.logged_in("alice").await, stage.logged_in("bob").await);
    let json = [("content-type", "application/json")];
    for (browser, index, status) in [
        (&bob, "secret-1", 403),
        (&bob, "a,secret-1", 403),
        (&bob, "open", 501),
        (&alice, "secret-1", 501),
    ] {
        let body = json!({ "index": index }).to_string();
        let reply = stage.send(browser, "POST", "/_proxy/jobs", &json, &body).await;
        assert_eq!(reply.status, status, "{index}: 501 means that jobs are not configured");
    }
}

#[tokio::test]
async fn over_plain_http_a_login_is_possible_only_on_the_same_machine() {
    let stage = stage(&[]).await;
    for (host, status) in [("127.0.0.1:3000", 200), ("localhost", 200), ("proxy.example", 403)] {
        let headers = [("host", host), ("x-forwarded-proto", "http")];
        let reply = ask(&stage.proxy, &event("GET", "/_proxy/login", &headers)).await;
        assert_eq!(reply.status, status, "{host}");
    }
}

#[tokio::test]
async fn with_plain_http_cookies_the_login_works_without_tls() {
    let stage = stage(&[("SESSION_COOKIES", "plain-http")]).await;
    let mut browser = Browser::default();
    let reply = stage.try_login(&mut browser, "alice", PASSWORD).await;
    assert_eq!(reply.status, 303);
    let cookie = reply.headers.iter().find(|(_, value)| value.starts_with("hardcap-session="));
    let (_, cookie) = cookie.expect("it has another name");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    assert_eq!(stage.get(&browser, "/a").await.header("x-cookie"), Some("none"));
}

#[tokio::test]
async fn an_invalid_login_body_is_refused_with_the_reason() {
    let stage = stage(&[]).await;
    let browser = Browser::default();
    for (kind, body) in [
        ("text/plain", "user=a".to_owned()),
        ("application/json", "[1]".to_owned()),
        ("application/json", "{".to_owned()),
        ("application/x-www-form-urlencoded", format!("user={}", "a".repeat(17_000))),
    ] {
        let reply =
            stage.send(&browser, "POST", "/_proxy/login", &[("content-type", kind)], &body).await;
        check_problem(&reply, 400, "bad-login");
    }
    let json = [("content-type", "application/json")];
    let reply = stage.send(&browser, "POST", "/_proxy/login", &json, r#"{"user":1}"#).await;
    check_problem(&reply, 401, "wrong-password");
    let reply = stage.send(&browser, "PUT", "/_proxy/login", &json, "").await;
    check_problem(&reply, 405, "method-not-allowed");
}

#[tokio::test]
async fn settings_have_their_defaults_and_their_bounds() {
    let usual = SessionSettings::default();
    assert_eq!(
        (usual.idle, usual.lifetime),
        (Duration::from_secs(3_600), Duration::from_secs(43_200))
    );
    assert_eq!(usual.recheck, Duration::from_secs(300));
}
