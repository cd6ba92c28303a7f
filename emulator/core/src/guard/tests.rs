//! The guard as a table: every kind of caller at every surface.

use std::net::IpAddr;

use super::*;

const TRUSTED: &str = "http://localhost:5173";

fn trust(bound: &str) -> Trust {
    let bound: IpAddr = bound.parse().unwrap();
    Trust::new(bound, "us-east-1", &["hardcap".parse().unwrap()], &[TRUSTED.parse().unwrap()])
}

fn head(target: &str, headers: &[(&str, &str)]) -> request::Parts {
    let mut request = http::Request::builder().uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn verdict(
    bound: &str,
    endpoint: Endpoint,
    headers: &[(&str, &str)],
) -> Result<Caller, GuardRefusal> {
    judge(&trust(bound), endpoint, &head("/", headers))
}

const ALL: [Endpoint; 4] = [Endpoint::Api, Endpoint::S3, Endpoint::Control, Endpoint::Runtime];

#[test]
fn programs_and_users_pass_everywhere() {
    for headers in [
        &[("host", "127.0.0.1:4566")][..],
        &[("host", "127.8.9.1:4566")],
        &[("host", "localhost:4566")],
        &[("host", "LOCALHOST.")],
        &[("host", "[::1]:4566")],
        &[("host", "[::ffff:127.0.0.1]:4566")],
        &[("host", "bucket.localhost:4566")],
        &[("host", "bucket.s3.us-east-1.localhost:4566")],
        &[("host", "hardcap:4566")],
        &[("host", "localhost:4566"), ("sec-fetch-site", "none")],
        // Node's fetch sends `Sec-Fetch-Mode`.
        &[("host", "localhost:4566"), ("sec-fetch-mode", "cors")],
        &[("host", "localhost:4566"), ("referer", "https://evil.example/")],
        &[],
    ] {
        for endpoint in ALL {
            let caller = verdict("127.0.0.1", endpoint, headers);
            assert!(matches!(caller, Ok(Caller::Program | Caller::User)), "{headers:?} {caller:?}");
        }
    }
}

#[test]
fn untrusted_pages_are_refused_everywhere_except_at_s3_which_judges_them_itself() {
    let host = ("host", "127.0.0.1:4566");
    for (headers, refused) in [
        (&[host, ("origin", "https://evil.example")][..], "https://evil.example"),
        (&[host, ("origin", "http://127.0.0.1:3000")], "http://127.0.0.1:3000"),
        (&[host, ("origin", "http://localhost:4566")], "http://localhost:4566"),
        (&[host, ("origin", "https://127.0.0.1:4566")], "https://127.0.0.1:4566"),
        (&[host, ("origin", "http://localhost:51730")], "http://localhost:51730"),
        (&[host, ("origin", "")], ""),
        (&[host, ("origin", "?")], "?"),
        (&[host, ("origin", "null")], "null"),
        (&[host, ("origin", TRUSTED), ("origin", "https://evil.example")], "?"),
        (&[host, ("origin", "http://127.0.0.1:4566"), ("sec-fetch-site", "cross-site")], "4566"),
        (&[host, ("origin", "null"), ("sec-fetch-site", "none")], "null"),
        (&[host, ("sec-fetch-site", "cross-site")], "cross-site"),
        (&[host, ("sec-fetch-site", "same-site")], "same-site"),
        (&[host, ("sec-fetch-site", "")], "Sec-Fetch-Site"),
        (&[host, ("sec-fetch-site", "none"), ("sec-fetch-site", "none")], "Sec-Fetch-Site: ?"),
        (
            &[
                host,
                ("sec-fetch-site", "cross-site"),
                ("referer", "http://localhost:5173.evil.example/"),
            ],
            "cross-site",
        ),
        (&[host, ("origin", "http://127.0.0.1:4566")], "own origin"),
        (&[host, ("sec-fetch-site", "same-origin")], "own origin"),
    ] {
        for endpoint in [Endpoint::Api, Endpoint::Control, Endpoint::Runtime] {
            let refusal = verdict("127.0.0.1", endpoint, headers).unwrap_err().to_string();
            assert!(refusal.contains(refused), "{headers:?}: {refusal}");
            assert!(refusal.contains("--allow-origin"), "{refusal}");
        }
        let caller = verdict("127.0.0.1", Endpoint::S3, headers);
        assert!(matches!(caller, Ok(Caller::ForeignPage(_) | Caller::OwnPage)), "{caller:?}");
    }
}

#[test]
fn trusted_pages_and_their_images_and_links_pass_everywhere() {
    let host = ("host", "127.0.0.1:4566");
    for headers in [
        &[host, ("origin", TRUSTED)][..],
        &[host, ("origin", TRUSTED), ("sec-fetch-site", "same-site")],
        &[host, ("origin", TRUSTED), ("sec-fetch-site", "cross-site")],
        &[host, ("sec-fetch-site", "same-site"), ("referer", "http://localhost:5173/page?x#y")],
        &[host, ("sec-fetch-site", "same-site"), ("referer", "http://localhost:5173")],
    ] {
        for endpoint in ALL {
            let caller = verdict("127.0.0.1", endpoint, headers);
            assert!(matches!(caller, Ok(Caller::TrustedPage(_))), "{headers:?}: {caller:?}");
        }
    }
}

#[test]
fn hosts_that_a_page_could_have_bound_are_refused_everywhere() {
    for host in [
        "evil.example:4566",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evillocalhost",
        "other:4566",
        "hardcap.evil.example",
        "host.docker.internal",
        "printer.local",
        "lambda.us-east-1.amazonaws.com",
        "s3.amazonaws.com.evil.example",
        "evils3.amazonaws.com",
        "ec2-1-2-3-4.compute-1.amazonaws.com",
        "192.0.2.7:4566",
        "0.0.0.0:4566",
        "[::]:4566",
        "[fd00::2]",
        "2130706433",
        "0x7f.1",
        "localhost:4566@evil.example",
        "localhost:x",
        "",
        ".",
        "\u{2025}",
    ] {
        for endpoint in ALL {
            let refusal = verdict("127.0.0.1", endpoint, &[("host", host)]).unwrap_err();
            assert!(matches!(refusal, GuardRefusal::Host(_)), "{host}: {refusal}");
            assert!(refusal.to_string().contains("--allow-host"), "{refusal}");
        }
    }
    let two = [("host", "localhost"), ("host", "localhost")];
    assert!(verdict("127.0.0.1", Endpoint::Api, &two).is_err(), "two hosts");
    let absolute = head("http://evil.example/", &[("host", "localhost")]);
    assert!(judge(&trust("127.0.0.1"), Endpoint::Api, &absolute).is_err(), "an absolute target");
}

#[test]
fn s3_answers_to_the_names_that_aws_alone_can_own() {
    for host in ["s3.amazonaws.com", "b.s3.amazonaws.com", "b.s3.us-east-1.amazonaws.com"] {
        assert!(verdict("127.0.0.1", Endpoint::S3, &[("host", host)]).is_ok(), "{host}");
        assert!(verdict("127.0.0.1", Endpoint::Api, &[("host", host)]).is_err(), "{host}");
    }
}

#[test]
fn a_listener_beyond_loopback_accepts_any_address_and_no_further_name() {
    for (bound, host, passes) in [
        ("0.0.0.0", "192.0.2.7:4566", true),
        ("0.0.0.0", "[fd00::2]:4566", true),
        ("::", "192.0.2.7", true),
        ("192.0.2.9", "192.0.2.9", true),
        ("192.0.2.9", "localhost:4566", true),
        ("0.0.0.0", "hardcap", true),
        ("0.0.0.0", "0.0.0.0:4566", false),
        ("::", "[::]:4566", false),
        ("0.0.0.0", "evil.example", false),
        ("0.0.0.0", "other", false),
    ] {
        let caller = verdict(bound, Endpoint::Api, &[("host", host)]);
        assert_eq!(caller.is_ok(), passes, "{bound} {host}: {caller:?}");
    }
}

#[test]
fn a_page_of_the_own_origin_passes_with_the_token_at_the_control_surface_alone() {
    let trust = trust("127.0.0.1");
    let (token, own) = (trust.page_token().to_owned(), ("sec-fetch-site", "same-origin"));
    let host = ("host", "127.0.0.1:4566");
    let (query, wrong) = (format!("/?a=b&token={token}"), format!("/?token={token}0"));
    let header = ("x-hardcap-token", token.as_str());
    let foreign = ("origin", "https://evil.example");
    for (target, headers, endpoint, passes) in [
        ("/", &[host, own, header][..], Endpoint::Control, true),
        (&query, &[host, own], Endpoint::Control, true),
        ("/", &[host, ("origin", "http://127.0.0.1:4566"), header], Endpoint::Control, true),
        ("/", &[host, own], Endpoint::Control, false),
        (&wrong, &[host, own], Endpoint::Control, false),
        ("/?token=", &[host, own], Endpoint::Control, false),
        ("/", &[host, own, ("x-hardcap-token", "")], Endpoint::Control, false),
        ("/", &[host, own, header], Endpoint::Api, false),
        ("/", &[host, own, header], Endpoint::Runtime, false),
        ("/", &[host, foreign, header], Endpoint::Control, false),
        ("/", &[("host", "evil.example"), own, header], Endpoint::Control, false),
    ] {
        let caller = judge(&trust, endpoint, &head(target, headers));
        assert_eq!(caller.is_ok(), passes, "{target} {headers:?}: {caller:?}");
    }
}
