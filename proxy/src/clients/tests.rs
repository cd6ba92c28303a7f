//! Tests of `clients`. The values of headers are those that the clients sent when they were run.

use proptest::prelude::*;

use super::*;
use crate::event::testing;

fn request(headers: &[(&str, &str)]) -> Request {
    testing::request("GET", "/", headers)
}

fn follows(headers: &[(&str, &str)]) -> bool {
    Clients::default().follows(&request(headers))
}

fn agent(value: &str) -> bool {
    follows(&[("User-Agent", value)])
}

#[test]
fn r5_clients_that_treat_a_303_as_success_are_not_redirected() {
    for value in [
        "elasticsearch-js/8.19.2 (linux 6.18.44 x64; Node.js 20.20.2; Transport 8.11.0)",
        "elasticsearch-js/7.17.14 (linux 6.18.44 x64; Node.js v20.20.2)",
        "opensearch-js/3.9.0 (linux 6.18.44 x64; Node.js v20.20.2)",
        "opensearch-js/1.0.0",
        "elasticsearch-py/7.17.12 (Python 3.11.7)",
        "go-elasticsearch/8.11.1 (linux amd64; Go 1.21.5)",
        "opensearch-go/2.3.0 (linux amd64; Go 1.21.5)",
    ] {
        assert!(!agent(value), "{value}");
    }
}

#[test]
fn r5_the_transport_of_an_elastic_client_decides() {
    let agent = ("user-agent", "elasticsearch-py/8.19.3 (Python/3.11.7; elastic-transport/8.19.0)");
    for (meta, expected) in [
        ("es=8.19.3,py=3.11.7,t=8.19.0,rq=2.34.2", false),
        ("es=8.19.3,py=3.11.7,t=8.19.0,ai=3.14.5", false),
        ("es=8.19.3,py=3.11.7,t=8.19.0,ur=2.8.0", false),
        ("es=8.19.2,js=20.20.2,t=8.11.0,un=20.20.2", false),
        ("es=9.0.0,zz=1", false),
    ] {
        assert_eq!(follows(&[("x-elastic-client-meta", meta), agent]), expected, "{meta}");
        // The header takes precedence over a name that another program may have too.
        let curl = ("user-agent", "curl/8.5.0");
        assert_eq!(follows(&[curl, ("X-Elastic-Client-Meta", meta)]), expected, "{meta}");
    }
}

#[test]
fn r5_clients_that_are_known_to_follow_are_redirected() {
    for value in [
        "curl/7.88.1",
        "Wget/1.21.3",
        "python-requests/2.34.2",
        "elasticsearch-rs/8.5.0-alpha.1",
        "opensearch-rs/2.3.0",
        "Python-urllib/3.11",
        "Python/3.11 aiohttp/3.14.5",
        "opensearch-py/3.2.0 (Python 3.11.7)",
        "opensearch-py/1.1.0 (Python 3.8.1)",
        "axios/1.7.2",
        "got (https://github.com/sindresorhus/got)",
        "Java/17.0.10",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    ] {
        assert!(agent(value), "{value}");
    }
    assert!(follows(&[("user-agent", "node"), ("sec-fetch-mode", "cors")]), "Node's fetch");
}

#[test]
fn r5_an_unknown_program_is_not_redirected() {
    assert!(!follows(&[]), "no name");
    for value in [
        "",
        "undici",
        "node",
        "python-httpx/0.27.0",
        "HTTPie/3.2.2",
        "Java-http-client/17.0.10",
        "Go-http-client/1.1",
        "my-curl/1.0",
        "CURL/8",
        "opensearch-pyx/1",
    ] {
        assert!(!agent(value), "{value}");
    }
}

#[test]
fn a_configured_row_comes_before_the_built_in_ones() {
    let clients = Clients::read(
        "redirect user-agent my-tool/* 2..3.4; refuse user-agent curl/* ..7\nredirect X-Team search *  # ours",
    )
    .expect("they are rows");
    for (name, value, expected) in [
        ("user-agent", "my-tool/1.9.9", false),
        ("user-agent", "my-tool/2", true),
        ("user-agent", "my-tool/2.0.0-beta", true),
        ("user-agent", "my-tool/3.4.9 (linux)", true),
        ("user-agent", "my-tool/3.5", false),
        ("user-agent", "my-tool/next", false),
        ("user-agent", "curl/7.99", false),
        ("user-agent", "curl/8.0", true),
        ("x-team", "search", true),
        ("x-team", "searching", false),
    ] {
        assert_eq!(clients.follows(&request(&[(name, value)])), expected, "{name}: {value}");
    }
}

#[test]
fn an_invalid_row_is_reported_with_the_expected_form() {
    for (text, why) in [
        ("redirect user-agent x", "four words"),
        ("follow user-agent x/* *", "neither `redirect` nor `refuse`"),
        ("redirect user:agent x/* *", "not the name of a header"),
        ("redirect user-agent x/* new", "versions"),
        ("redirect user-agent x/* ..", "versions"),
        ("redirect user-agent x/* 1..a", "versions"),
    ] {
        let error = Clients::read(text).expect_err(text).to_string();
        assert!(error.contains(text) && error.contains(why), "{error}");
    }
}

#[test]
fn every_built_in_row_decides_for_some_client() {
    let clients = Clients::default();
    for (at, row) in clients.rows.iter().enumerate() {
        let value = row.value.replace('*', "1.2.3");
        let first =
            clients.rows.iter().position(|other| other.header == row.header && other.is_of(&value));
        assert_eq!(first, Some(at), "{row:?} is hidden by a row before it");
    }
}

proptest! {
    #[test]
    fn no_header_makes_the_table_panic(name in "[ -~é]{0,40}", meta in "[ -~é]{0,40}") {
        let request = request(&[("user-agent", &name), ("x-elastic-client-meta", &meta)]);
        let _ = Clients::read("redirect user-agent é*a 1..2").expect("a row").follows(&request);
        let shown = name_of(&request).unwrap_or_default();
        prop_assert!(shown.is_ascii() && shown.len() <= 100);
    }
}
