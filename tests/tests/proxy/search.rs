//! The upstream `search` and the signatures it computes: against the published vectors, and against AWS's own signer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use hardcap_tests::client::{Answer, Call, Client, RawConnection};
use hardcap_tests::content::{Content, ContentKind};
use hardcap_tests::process::Process;
use hardcap_tests::search::authorization::Authorization;
use hardcap_tests::search::sigv4::{self, WireRequest};
use hardcap_tests::search::{Flavor, Search, SearchConfig};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// A published signed request, taken apart.
struct Vector {
    folder: PathBuf,
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    payload_sha256: String,
    secret: String,
}

fn vectors() -> Vec<Vector> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/sigv4");
    let folders = std::fs::read_dir(&root).unwrap();
    let mut vectors: Vec<Vector> =
        folders.map(|folder| Vector::read(&folder.unwrap().path())).collect();
    vectors.sort_by(|one, other| one.folder.cmp(&other.folder));
    assert_eq!(vectors.len(), 31, "a vector is missing in {}", root.display());
    vectors
}

impl Vector {
    fn read(folder: &Path) -> Vector {
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let request = text("request.http");
        let (head, body) = request.split_once("\n\n").unwrap_or((&request, ""));
        let mut lines = head.lines();
        let (method, rest) = lines.next().unwrap().split_once(' ').unwrap();
        let target = rest.strip_suffix(" HTTP/1.1").unwrap_or(rest);
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().as_bytes().to_vec()))
            .collect();
        let origin = text("origin.toml");
        let secret = origin.lines().find_map(|line| line.strip_prefix("secret_access_key = "));
        Vector {
            folder: folder.to_owned(),
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            payload_sha256: sigv4::sha256_hex(body.trim_end_matches('\n').as_bytes()),
            secret: secret.unwrap().trim_matches('"').to_owned(),
        }
    }

    /// A stage as it was published, if it was.
    fn published(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.folder.join(name)).ok()?;
        Some(text.trim_end().to_owned())
    }
}

#[test]
fn every_published_signature_is_computed_stage_by_stage() {
    for vector in vectors() {
        let case = vector.folder.display();
        let wire = WireRequest {
            method: &vector.method,
            target: &vector.target,
            headers: &vector.headers,
            payload_sha256: &vector.payload_sha256,
        };
        let authorization = Authorization::of(&wire).unwrap();
        let date = vector.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-date"));
        let date = String::from_utf8(date.unwrap().1.clone()).unwrap();
        let canonical = sigv4::canonical_request(&wire, &authorization.signed_headers);
        assert_eq!(Some(&canonical), vector.published("canonical_request.txt").as_ref(), "{case}");
        let to_sign = sigv4::string_to_sign(&date, &authorization.scope, &canonical);
        assert_eq!(Some(&to_sign), vector.published("string_to_sign.txt").as_ref(), "{case}");
        let signature = sigv4::signature(&vector.secret, &authorization.scope, &to_sign);
        assert_eq!(signature, authorization.signature, "{case}");
        if let Some(published) = vector.published("signature.txt") {
            assert_eq!(signature, published, "{case}");
        }
    }
}

/// What a request is signed with.
struct Signer {
    secret: &'static str,
    region: &'static str,
    service: &'static str,
    token: Option<&'static str>,
    seconds_ahead: i64,
}

const SIGNER: Signer = Signer {
    secret: "a secret",
    region: "us-east-1",
    service: "es",
    token: None,
    seconds_ahead: 0,
};

impl Signer {
    /// Signs with AWS's own code, over `host`, what it adds, and nothing else.
    fn sign(&self, call: Call) -> Call {
        self.sign_over(call, &[])
    }

    /// As [`Signer::sign`], over these headers of the request too.
    fn sign_over(&self, mut call: Call, headers: &[(&str, &str)]) -> Call {
        let token = self.token.map(str::to_owned);
        let identity =
            aws_credential_types::Credentials::new("AKIDSEARCH", self.secret, token, None, "test")
                .into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(shifted(self.seconds_ahead))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let body = SignableBody::Bytes(&call.body);
        let request =
            SignableRequest::new(call.method.as_str(), &call.url, headers.iter().copied(), body)
                .unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        for (name, value) in instructions.headers() {
            call.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        }
        call
    }
}

#[expect(clippy::disallowed_methods, reason = "a signature carries the time")]
fn shifted(seconds: i64) -> SystemTime {
    let span = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::now() - span } else { SystemTime::now() + span }
}

async fn search() -> Search {
    Search::start(SearchConfig::default().key("AKIDSEARCH", SIGNER.secret)).await.unwrap()
}

async fn open_search() -> Search {
    Search::start(SearchConfig::default().without_verification()).await.unwrap()
}

async fn get(search: &Search, target: &str) -> Answer {
    let call = Call::get(format!("{}{target}", search.url()));
    Client::new().send(&call).await.unwrap()
}

#[tokio::test]
async fn a_request_signed_by_the_signer_of_aws_is_admitted_for_every_path() {
    let search = search().await;
    let client = Client::new();
    let targets = [
        "/",
        "/logs/_search",
        "/logs-*/_search",
        "/logs-%2A/_search",
        "/*,-x/_search?ignore_unavailable=true",
        "/a%2Fb/_search",
        "/%3Clogstash-%7Bnow%2Fd%7D%3E/_search",
        "/%3Clogstash-%7Bnow%2Fd%7D%3E/_search?pretty&v",
        "/%C3%A9:;@'()!$&=,~_-./x",
        "/logs/_search?pretty",
        "/logs/_search?b=2&a=1&b=1&b=2",
        "/logs/_search?q=a%20b%2Bc%26d",
        "/logs/_search?q=user:(a%20OR%20b)&sort=@timestamp:desc",
    ];
    for target in targets {
        let call = SIGNER.sign(Call::get(format!("{}{target}", search.url())));
        let answer = client.send(&call).await.unwrap();
        assert_ne!(answer.status, StatusCode::FORBIDDEN, "{target}: {answer:?}");
        let received = search.received().pop().unwrap();
        assert_eq!(received.target, target);
        assert_eq!(received.refusal, None);
    }
}

#[tokio::test]
async fn a_plus_in_the_query_is_a_plus_where_the_signer_took_it_for_a_space() {
    let search = search().await;
    let call = SIGNER.sign(Call::get(format!("{}/logs/_search?q=a+b", search.url())));
    let answer = Client::new().send(&call).await.unwrap();
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    assert!(answer.text().contains("q=a%2Bb"), "{answer:?}");
}

#[tokio::test]
async fn a_signature_over_a_header_of_the_connection_does_not_survive_a_balancer() {
    let config = SearchConfig { behind_balancer: true, ..SearchConfig::default() };
    let search = Search::start(config.key("AKIDSEARCH", SIGNER.secret)).await.unwrap();
    let call = Call::get(search.url()).header("x-forwarded-for", "1.2.3.4").header("te", "a");
    let answer = Client::new().send(&SIGNER.sign(call.clone())).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let signed = SIGNER.sign_over(call, &[("x-forwarded-for", "1.2.3.4")]);
    assert!(refusal(&search, signed).await.starts_with("The request signature"));
}

#[tokio::test]
async fn a_path_that_was_rewritten_on_the_way_is_refused() {
    let search = search().await;
    let mut call = SIGNER.sign(Call::get(format!("{}/logs-*/_search", search.url())));
    call.url = format!("{}/logs-%2A/_search", search.url());
    let message = refusal(&search, call).await;
    assert!(message.starts_with("The request signature we calculated does not match"), "{message}");
    assert!(message.contains("'GET\n/logs-%252A/_search\n"), "{message}");
}

/// Sends what must be refused, and gives the words.
async fn refusal(search: &Search, call: Call) -> String {
    let answer = Client::new().send(&call).await.unwrap();
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    assert!(search.received().pop().unwrap().refusal.is_some());
    let json = answer.json();
    let message = json.get("message").or(json.get("Message"));
    message.unwrap_or_else(|| panic!("{answer:?}")).as_str().unwrap().to_owned()
}

#[tokio::test]
async fn everything_else_that_can_be_wrong_is_refused_in_the_words_of_the_service() {
    let search = search().await;
    let call = || Call::get(format!("{}/logs/_search", search.url()));
    let anonymous = refusal(&search, call()).await;
    assert_eq!(anonymous, "User: anonymous is not authorized to perform: es:ESHttpGet");
    let region = refusal(&search, Signer { region: "eu-west-1", ..SIGNER }.sign(call())).await;
    assert_eq!(region, "Credential should be scoped to a valid region, not 'eu-west-1'. ");
    let service = refusal(&search, Signer { service: "s3", ..SIGNER }.sign(call())).await;
    assert_eq!(service, "Credential should be scoped to correct service: 'es'. ");
    let expired = refusal(&search, Signer { seconds_ahead: -310, ..SIGNER }.sign(call())).await;
    assert!(expired.starts_with("Signature expired: "), "{expired}");
    assert!(expired.ends_with(" - 5 min.)"), "{expired}");
    let early = refusal(&search, Signer { seconds_ahead: 310, ..SIGNER }.sign(call())).await;
    assert!(early.starts_with("Signature not yet current: "), "{early}");
    let unsigned = SIGNER.sign(call()).header("x-amz-meta-x", "1");
    let unsigned = refusal(&search, unsigned).await;
    assert!(unsigned.ends_with("not signed: x-amz-meta-x"), "{unsigned}");
    let secret = refusal(&search, Signer { secret: "another", ..SIGNER }.sign(call())).await;
    assert!(secret.starts_with("The request signature"), "{secret}");
    let body = refusal(&search, SIGNER.sign(call().body("signed")).body("sent")).await;
    assert!(body.contains("'x-amz-content-sha256' header does not match"), "{body}");
    for seconds_ahead in [-290, 290] {
        let fine = Signer { seconds_ahead, ..SIGNER }.sign(call());
        assert_eq!(Client::new().send(&fine).await.unwrap().status, StatusCode::OK);
    }
}

#[tokio::test]
async fn keys_that_are_not_known_are_asked_for_once() {
    let keys = wiremock::MockServer::start().await;
    let secret = json!({"secret": SIGNER.secret, "session_token": "a/token+="});
    wiremock::Mock::given(wiremock::matchers::path("/_hardcap/keys/AKIDSEARCH"))
        .respond_with(wiremock::ResponseTemplate::new(200).set_body_json(secret))
        .expect(1)
        .mount(&keys)
        .await;
    let keys_url = Some(format!("{}/_hardcap/keys", keys.uri()));
    let search = Search::start(SearchConfig { keys_url, ..SearchConfig::default() }).await.unwrap();
    let call = Call::get(format!("{}/", search.url()));
    let signer = Signer { token: Some("a/token+="), ..SIGNER };
    for _ in 0..2 {
        let answer = Client::new().send(&signer.sign(call.clone())).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    let invalid = "The security token included in the request is invalid.";
    let other_token = Signer { token: Some("other"), ..SIGNER };
    assert_eq!(refusal(&search, other_token.sign(call.clone())).await, invalid);
    let unknown = Search::start(SearchConfig::default()).await.unwrap();
    let call = SIGNER.sign(Call::get(unknown.url()));
    assert_eq!(refusal(&unknown, call).await, invalid);
}

#[tokio::test]
async fn bodies_of_every_kind_and_size_are_the_ones_that_both_ends_compute() {
    let search = open_search().await;
    let client = Client::new();
    for kind in ContentKind::ALL {
        for size in [0, 1, 100, 65_536, 65_537, 1_000_000] {
            for more in ["", "&chunked=1"] {
                let content = Content { kind, size, seed: 11 };
                let url = format!("{}{}{more}", search.url(), content.path());
                let answer = client.send(&Call::get(url)).await.unwrap();
                assert_eq!(answer.status, StatusCode::OK);
                assert_eq!(answer.sha256(), content.digest(), "{content:?}");
                if more.is_empty() {
                    let declared = answer.header("content-length");
                    assert_eq!(declared, Some(size.to_string().as_str()), "{content:?}");
                } else {
                    assert_eq!(answer.header("transfer-encoding"), Some("chunked"), "{content:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_gibibyte_is_never_held() {
    let program = &hardcap_tests::process::binary("hardcap-demo", "search");
    let mut search = Process::start(program, ["--port", "0", "--no-auth"], &[]).unwrap();
    let url = search.line().await.unwrap();
    let content = Content { kind: ContentKind::Zeros, size: 1_073_741_824, seed: 0 };
    let call = Call::get(format!("{url}{}", content.path()));
    let digested = Client::new().digest(&call).await.unwrap();
    assert_eq!(digested.length, 1_073_741_824);
    // What sha256sum says of 1 GiB of zeros.
    assert_eq!(
        hex::encode(digested.sha256),
        "49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14"
    );
    let status = std::fs::read_to_string(format!("/proc/{}/status", search.id().unwrap())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 64 * 1024, "it held {kilobytes} kB");
    search.stop().await.unwrap();
}

#[tokio::test]
async fn an_odd_answer_is_as_odd_as_it_was_asked_for() {
    let search = open_search().await;
    let target = "/_bytes/5?status=418&type=text/x&content_encoding=br&header=Set-Cookie:a%3D1&header=Set-Cookie:b";
    let answer = get(&search, target).await;
    assert_eq!(answer.status.as_u16(), 418);
    assert_eq!(answer.header("content-type"), Some("text/x"));
    assert_eq!(answer.header("content-encoding"), Some("br"));
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b"]);
    assert!(get(&search, "/_bytes/5?status=204").await.body.is_empty());

    let head = Call::new(Method::HEAD, format!("{}/_bytes/20000000", search.url()));
    let head = Client::new().send(&head).await.unwrap();
    assert_eq!(head.header("content-length"), Some("20000000"));

    for lie in ["/_bytes/10?declare=11", "/_bytes/100000?abort_after=70000"] {
        let call = Call::get(format!("{}{lie}", search.url()));
        let broken = Client::new().send(&call).await.unwrap_err();
        assert!(broken.to_string().contains("broke"), "{lie}: {broken}");
    }
    let wrong = ["/x", "/-1", "/1?kind=x", "/1?status=99999", "/1?delay_ms=60001", "/1?header=x"];
    for wrong in wrong {
        let answer = get(&search, &format!("/_bytes{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn compression_is_for_those_who_ask() {
    let search = open_search().await;
    let call = Call::get(format!("{}/wide/_search?size=500", search.url()));
    let plain = Client::new().send(&call).await.unwrap();
    assert_eq!(plain.header("content-encoding"), None);
    for refusing in ["identity", "gzip;q=0", "br, zstd"] {
        let refusing = call.clone().header("accept-encoding", refusing);
        let answer = Client::new().send(&refusing).await.unwrap();
        assert_eq!(answer.header("content-encoding"), None, "{refusing:?}");
    }
    let call = call.header("accept-encoding", "br, gzip;q=0.5");
    let packed = Client::new().send(&call).await.unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(&packed.body[..]);
    std::io::Read::read_to_end(&mut decoder, &mut unpacked).unwrap();
    assert!(unpacked == plain.body, "the compressed answer is another one");
    assert!(packed.body.len() * 3 < plain.body.len());
}

fn ids(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let hits = json["hits"]["hits"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    hits.iter().map(|hit| hit["_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_document_comes_once_by_pages_by_scroll_and_by_search_after() {
    let search = open_search().await;
    let url = search.url();
    let client = Client::new();
    let index = "logstash-2017.10.01";
    let all: Vec<String> = (0..2_000).map(|number| number.to_string()).collect();

    let mut paged = Vec::new();
    for from in (0..2_000).step_by(300) {
        paged.extend(ids(&get(&search, &format!("/{index}/_search?size=300&from={from}")).await));
    }
    assert_eq!(paged, all);

    let mut scrolled = Vec::new();
    let mut answer = get(&search, &format!("/{index}/_search?scroll=1m&size=700")).await;
    while !ids(&answer).is_empty() {
        scrolled.extend(ids(&answer));
        let body = json!({"scroll": "1m", "scroll_id": answer.json()["_scroll_id"]});
        let call = Call::post(format!("{url}/_search/scroll"), body.to_string());
        answer = client.send(&call).await.unwrap();
    }
    assert_eq!(scrolled, all);

    let open = Call::post(format!("{url}/{index}/_pit?keep_alive=1m"), "");
    let pit = client.send(&open).await.unwrap().json()["id"].clone();
    let mut found = Vec::new();
    let mut body = json!({"size": 999, "pit": {"id": pit}, "sort": [{"seq": "desc"}]});
    loop {
        let call = Call::post(format!("{url}/_search"), body.to_string());
        let answer = client.send(&call).await.unwrap();
        if ids(&answer).is_empty() {
            break;
        }
        found.extend(ids(&answer));
        let hits = answer.json()["hits"]["hits"].as_array().unwrap().clone();
        body["search_after"] = hits.last().unwrap()["sort"].clone();
    }
    found.reverse();
    assert_eq!(found, all);

    let pit = json!({"id": pit});
    let close = Call::new(Method::DELETE, format!("{url}/_pit")).body(pit.to_string());
    assert_eq!(client.send(&close).await.unwrap().json()["num_freed"], 1);
    let closed = Call::post(format!("{url}/_search"), json!({"pit": pit}).to_string());
    let answer = client.send(&closed).await.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
}

#[tokio::test]
async fn lines_go_in_and_lines_are_counted() {
    let search = open_search().await;
    let client = Client::new();
    let bulk = concat!(
        "{\"index\":{\"_index\":\"a\"}}\n{\"x\":1}\n",
        "{\"delete\":{\"_index\":\"a\",\"_id\":\"7\"}}\n"
    );
    let url = format!("{}/_bulk", search.url());
    let answer = client.send(&Call::post(&url, bulk)).await.unwrap().json();
    assert_eq!(answer["received"]["items"], 2);
    assert_eq!(answer["received"]["sha256"], sigv4::sha256_hex(bulk.as_bytes()));
    assert_eq!(answer["items"][1]["delete"]["_id"], "7");
    let cut = client.send(&Call::post(&url, bulk.trim_end())).await.unwrap();
    assert_eq!(cut.status, StatusCode::BAD_REQUEST);
    assert!(cut.text().contains("must be terminated by a newline"), "{cut:?}");

    let searches = concat!(
        "{\"index\":\"logs\"}\n{\"size\":2}\n",
        "{\"index\":\"missing\"}\n{}\n",
        "{}\n{\"size\":0}\n"
    );
    let call = Call::post(format!("{}/_msearch", search.url()), searches);
    let responses = client.send(&call).await.unwrap().json()["responses"].clone();
    let hits = |at: usize| responses[at]["hits"]["hits"].as_array().map(Vec::len);
    assert_eq!(hits(0), Some(2));
    assert_eq!(responses[0]["status"], 200);
    assert_eq!(responses[1]["error"]["type"], "index_not_found_exception");
    assert_eq!(hits(2), Some(0));
    assert_eq!(responses.as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn a_refusal_by_elasticsearch_has_its_shape() {
    let search = open_search().await;
    let missing = get(&search, "/missing/_search").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.json()["error"]["type"], "index_not_found_exception");
    assert_eq!(missing.json()["error"]["reason"], "no such index [missing]");
    assert_eq!(get(&search, "/missing-*/_search").await.json()["hits"]["total"]["value"], 0);
    assert_eq!(get(&search, "/logs/_search?size=10000").await.status, StatusCode::OK);
    let window = get(&search, "/logs/_search?size=10001").await;
    assert_eq!(window.status, StatusCode::BAD_REQUEST);
    assert!(window.text().contains("[10000] but was [10001]"), "{window:?}");
    assert_eq!(get(&search, "/logs/_search?size=10").await.status, StatusCode::OK);
    assert_eq!(get(&search, "/_nothing").await.status, StatusCode::BAD_REQUEST);
    let events: Value = get(&search, "/events/_search?size=0").await.json();
    assert_eq!(events["hits"]["total"], json!({"value": 10_000, "relation": "gte"}));
}

#[tokio::test]
async fn each_flavor_says_who_it_is() {
    let search = open_search().await;
    let answer = get(&search, "/").await;
    assert_eq!(answer.json()["version"]["distribution"], "opensearch");
    assert_eq!(answer.header("x-elastic-product"), None);
    let config = SearchConfig { flavor: Flavor::Elasticsearch, ..SearchConfig::default() };
    let search = Search::start(config.without_verification()).await.unwrap();
    assert_eq!(get(&search, "/").await.header("x-elastic-product"), Some("Elasticsearch"));
}

#[tokio::test]
async fn received_requests_can_be_read_as_they_were_on_the_wire() {
    let search = open_search().await;
    let mut raw = RawConnection::open(&search.url()).await.unwrap();
    let head =
        "POST //a/../%2e%2E/b?x=%2a&x&&y=a+b HTTP/1.1\r\nHost: h\r\nX-B: 2\r\nx-a: 1\r\nX-B: é\r\n";
    raw.write(format!("{head}content-length: 3\r\nconnection: close\r\n\r\nabc")).await.unwrap();
    raw.read_to_end().await.unwrap();
    let received = get(&search, "/_received").await.json();
    assert_eq!(received[0]["target"], "//a/../%2e%2E/b?x=%2a&x&&y=a+b");
    assert_eq!(received[0]["body_bytes"], 3);
    assert_eq!(received[0]["body_sha256"], sigv4::sha256_hex(b"abc"));
    assert_eq!(search.received()[0].header("x-b"), ["2", "é"]);
}

#[tokio::test]
async fn dropping_it_closes_its_connections() {
    let search = open_search().await;
    let mut raw = RawConnection::open(&search.url()).await.unwrap();
    raw.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    raw.read_until("\r\n\r\n").await.unwrap();
    drop(search);
    raw.read_to_end().await.unwrap();
}
