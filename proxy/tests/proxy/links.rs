//! Tests of links to stored responses: renewal for the owner, and the clock that dates them.

use crate::support::bucket::Bucket;
use crate::support::upstream::{RawUpstream, answer};
use crate::support::{Reply, ask, config, event, get, proxy, s3};

use hardcap_proxy::handler::Proxy;
use hardcap_proxy::overflow_id::OverflowId;

const SIZES: [usize; 2] = [5_000_000, 9_000_000];

async fn stage(length: usize, changes: &[(&str, &str)]) -> (Proxy, Bucket, RawUpstream) {
    let body = vec![0xff; length];
    let upstream = RawUpstream::saying(answer("200 OK", &[("content-type", "a/b")], &body)).await;
    let bucket = Bucket::keeping().await;
    let proxy = proxy(config(&upstream.url, changes), s3(&bucket.url));
    (proxy, bucket, upstream)
}

/// The URL at which the owner of a response requests a new link.
fn renew(reply: &Reply) -> String {
    reply.json()["renew"].as_str().expect("a stored response has a renew URL").to_owned()
}

fn check_problem(reply: &Reply, status: u16, kind: &str) {
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert_eq!(reply.status, status, "{text}");
    assert_eq!(reply.json()["type"], format!("urn:hardcap:problem:{kind}"), "{text}");
}

#[tokio::test]
async fn p3_the_owner_of_a_response_gets_a_new_link_to_the_same_bytes() {
    for length in SIZES {
        let (proxy, bucket, upstream) = stage(length, &[]).await;
        let first = get(&proxy, "/a.csv", &[]).await;
        let (key, _) = bucket.only();
        let again = get(&proxy, &renew(&first), &[]).await;
        assert_eq!(again.status, 303, "{:?}", String::from_utf8_lossy(&again.body));
        let location = again.header("location").expect("a 303 leads somewhere");
        assert!(location.starts_with(&format!("{}{key}?", bucket.url)), "{location}");
        assert_eq!(again.header("cache-control"), Some("no-store"));
        let (told, retold) = (first.json(), again.json());
        assert_eq!((&told["size"], &told["renew"]), (&retold["size"], &retold["renew"]));
        // The digest of an upload in parts is known only after the object's metadata was sent.
        let known = if length == SIZES[0] { told["sha256"].as_str() } else { None };
        assert_eq!(retold["sha256"].as_str(), known);
        assert_eq!(upstream.received().len(), 1, "nothing is asked of the upstream again");
        assert_eq!(bucket.objects().len(), 1, "nothing is stored again");
    }
}

#[tokio::test]
async fn p3_every_form_of_a_stored_response_has_the_renew_url() {
    for mode in ["redirect", "link", "error"] {
        let (proxy, ..) = stage(SIZES[0], &[("PUBLIC_URL", "https://public.example/prod")]).await;
        let first = get(&proxy, "/a", &[("x-overflow", mode)]).await;
        let address = renew(&first);
        let path = address.strip_prefix("https://public.example/prod").expect("it is public");
        let again = get(&proxy, path, &[("x-overflow", "link")]).await;
        assert_eq!((again.status, again.header("location")), (200, None), "{mode}");
        assert!(again.json()["location"].is_string());
    }
}

#[tokio::test]
async fn p3_a_deleted_response_is_gone_and_an_unknown_id_is_unknown() {
    let (proxy, bucket, upstream) = stage(SIZES[0], &[]).await;
    let path = renew(&get(&proxy, "/a.csv", &[]).await);
    bucket.expire();
    check_problem(&get(&proxy, &path, &[]).await, 410, "answer-gone");
    for id in ["1", "..", "0e7b9a53-1f6c-4c43-9d55-0a3c7c1f2b11", "a.csv"] {
        let reply = get(&proxy, &format!("/_proxy/overflow/{id}"), &[]).await;
        assert!([400, 404].contains(&reply.status), "{id}: {}", reply.status);
    }
    for method in ["HEAD", "POST", "DELETE"] {
        let refused = ask(&proxy, &event(method, &path, &[])).await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET")), "{method}");
    }
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test]
async fn p3_a_response_of_another_owner_is_unknown_even_with_the_right_id() {
    let (proxy, bucket, _) = stage(SIZES[0], &[]).await;
    get(&proxy, "/a.csv", &[]).await;
    let (path, object) = bucket.only();
    let key = path.strip_prefix("/answers/").expect("the bucket is in the path");
    let of = |owner: &str| OverflowId::of_key(key, owner).expect("the key is one of ours");
    assert_eq!(object.headers.get("x-amz-meta-owner").unwrap(), of("open").mark.as_str());
    let bobs = get(&proxy, &format!("/_proxy/overflow/{}", of("bob").id()), &[]).await;
    check_problem(&bobs, 404, "no-such-answer");

    // The other case: the id is this user's, but the object is another user's.
    let foreign = Bucket::keeping().await;
    foreign.put(&path, "x-amz-meta-owner", &of("bob").mark);
    let upstream = RawUpstream::saying(answer("200 OK", &[], b"")).await;
    let proxy = crate::support::proxy(config(&upstream.url, &[]), s3(&foreign.url));
    let own = get(&proxy, &format!("/_proxy/overflow/{}", of("open").id()), &[]).await;
    check_problem(&own, 404, "no-such-answer");
}

#[tokio::test]
async fn p3_an_interrupted_download_can_be_resumed_with_a_new_link() {
    let (proxy, ..) = stage(SIZES[0], &[]).await;
    let path = renew(&get(&proxy, "/a.csv", &[]).await);
    let resumed = get(&proxy, &path, &[("range", "bytes=1000-"), ("if-range", "\"e\"")]).await;
    assert_eq!(resumed.status, 303, "S3 understands what is said about its own bytes");
    let signed = get(&proxy, &path, &[("x-amz-date", "20261125T000000Z")]).await;
    check_problem(&signed, 406, "answer-too-large");
}

#[tokio::test]
async fn p3_a_closed_proxy_gives_no_links() {
    let (open, bucket, upstream) = stage(SIZES[0], &[]).await;
    let path = renew(&get(&open, "/a.csv", &[]).await);
    let closed = proxy(config(&upstream.url, &[("ACCESS", "")]), s3(&bucket.url));
    check_problem(&get(&closed, &path, &[]).await, 403, "closed");
    assert_eq!(bucket.operations(), ["PutObject"], "S3 is not even asked");
}

#[tokio::test]
async fn p3_an_error_of_s3_does_not_mean_that_the_response_is_gone() {
    let (open, ..) = stage(SIZES[0], &[]).await;
    let path = renew(&get(&open, "/a.csv", &[]).await);
    let refusing = RawUpstream::saying(answer("403 Forbidden", &[], b"")).await;
    let proxy = proxy(config(&refusing.url, &[]), s3(&refusing.url));
    let reply = get(&proxy, &path, &[]).await;
    check_problem(&reply, 502, "store-failed");
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("HeadObject failed: HTTP 403"), "{detail}");
}

/// The seconds since 1970 in `X-Amz-Date` of a link.
fn dated(reply: &Reply) -> u64 {
    use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
    let location = reply.header("location").expect("a 303 leads somewhere");
    let date = location.split("X-Amz-Date=").nth(1).and_then(|rest| rest.split('&').next());
    let date = date.expect("a link is dated");
    let (day, time) = date.trim_end_matches('Z').split_once('T').expect("a day and a time");
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &day[..4],
        &day[4..6],
        &day[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    );
    let date = DateTime::from_str(&text, DateTimeFormat::DateTime).expect("it is a date");
    u64::try_from(date.secs()).expect("after 1970")
}

#[tokio::test]
async fn p4_links_use_the_clock_of_s3() {
    // 2038-01-01 and 2001-01-01: ahead of this machine's clock by years, and behind.
    for (date, seconds) in [
        ("Fri, 01 Jan 2038 00:00:00 GMT", 2_145_916_800),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 978_307_200),
    ] {
        for length in SIZES {
            let (proxy, bucket, _) = stage(length, &[]).await;
            bucket.says_it_is(date);
            let first = get(&proxy, "/a", &[]).await;
            let again = get(&proxy, &renew(&first), &[]).await;
            for reply in [&first, &again] {
                // The clock of this bucket stands still while the proxy's clock advances.
                let dated = dated(reply);
                assert!((seconds..seconds + 600).contains(&dated), "{dated} is not {seconds}");
                let expires = reply.json()["expires"].as_str().unwrap().to_owned();
                assert!(expires.starts_with(&date[12..16]), "{expires}: by the same clock");
            }
        }
    }
}

#[tokio::test]
async fn p4_a_clock_that_s3_refuses_is_named() {
    let body = vec![0xff; SIZES[0]];
    let upstream = RawUpstream::saying(answer("200 OK", &[], &body)).await;
    let xml = b"<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the current time is too large.</Message></Error>";
    let strict = RawUpstream::saying(answer("403 Forbidden", &[], xml)).await;
    let proxy = proxy(config(&upstream.url, &[]), s3(&strict.url));
    let reply = get(&proxy, "/a", &[]).await;
    check_problem(&reply, 502, "store-failed");
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("RequestTimeTooSkewed"), "{detail}");
}
