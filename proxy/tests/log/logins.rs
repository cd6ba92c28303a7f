//! What logins leave in the log: who and from where, and no secret.

use std::sync::Arc;

use crate::support::bucket::Bucket;
use crate::support::upstream::{RawUpstream, answer};
use crate::support::{ask, config, event, proxy, s3};
use crate::whole_log;
use hardcap_proxy::job::ports::SystemClock;
use hardcap_proxy::log::ACCESS;
use hardcap_proxy::session::memory::MemoryStore;
use hardcap_proxy::session::{Role, SessionSettings, Sessions, admin};
use serde_json::{Value, json};

#[tokio::test]
async fn p5_a_login_is_logged_with_the_name_and_without_secrets() {
    let (_turn, log) = whole_log().await;
    let upstream = RawUpstream::saying(answer("200 OK", &[], b"ok")).await;
    let bucket = Bucket::keeping().await;
    let told = [("SESSIONS_TABLE", "sessions"), ("ACCESS", "sessions")];
    let store = Arc::new(MemoryStore::default());
    admin::add(&*store, "alice", Role::Full, "canary-password", 1).await.unwrap();
    let sessions = Sessions::new(store.clone(), SessionSettings::default(), Arc::new(SystemClock));
    let proxy = proxy(config(&upstream.url, &told), s3(&bucket.url)).with_sessions(sessions);

    let login = |user: &str, password: &str| {
        let headers = [("host", "proxy.example"), ("content-type", "application/json")];
        let mut event = event("POST", "/_proxy/login?q=canary-query", &headers);
        event["body"] = json!(json!({ "user": user, "password": password }).to_string());
        event
    };
    assert_eq!(ask(&proxy, &login("canary-typed-into-the-name", "x")).await.status, 401);
    let reply = ask(&proxy, &login("alice", "canary-password")).await;
    let cookie = reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let token = reply.json()["csrf_token"].as_str().unwrap().to_owned();
    let found = ask(&proxy, &event("GET", "/a", &[("cookie", &cookie)])).await;
    assert_eq!(found.status, 200);
    store.tables().outage = true;
    let stranger = "__Host-hardcap-session=".to_owned() + &"A".repeat(64);
    assert_eq!(ask(&proxy, &event("GET", "/a", &[("cookie", &stranger)])).await.status, 503);

    let text = log.text();
    let secret = cookie.split_once('=').unwrap().1;
    for secret in ["canary", "argon2", &secret[..16], &token[..16], "AAAAAAAA"] {
        assert!(!text.contains(secret), "{secret} is in the log:\n{text}");
    }
    let of = |target: &str, field: &str| -> Vec<Value> {
        log.of(target).iter().map(|line| line[field].clone()).collect()
    };
    assert_eq!(of("login", "message"), ["a login failed", "logged in"], "{text}");
    assert_eq!(of("login", "address"), ["192.0.2.9", "192.0.2.9"]);
    assert_eq!(of(ACCESS, "user"), [Value::Null, Value::Null, json!("alice"), Value::Null]);
    assert!(text.contains("simulated outage"), "the cause is logged: {text}");
}
