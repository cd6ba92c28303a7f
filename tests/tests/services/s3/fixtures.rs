//! Every recording in `fixtures/s3`, sent and compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hardcap::Emulator;
use hardcap::config::{Bucket, BucketCorsRule};
use serde::Deserialize;

use super::vocabulary::*;

/// What came back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: u16,
    body: Option<String>,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    elements: BTreeMap<String, String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/s3")
}

async fn emulator_of_the_recordings() -> Emulator {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let bucket = |name: &str, rule: Option<BucketCorsRule>| Bucket {
        name: name.to_owned(),
        cors: rule.into_iter().collect(),
        ..Bucket::default()
    };
    let rule = BucketCorsRule {
        allowed_origins: list(&["https://localhost:4200"]),
        allowed_methods: list(&["GET", "PUT"]),
        max_age_seconds: Some(3000),
        ..BucketCorsRule::default()
    };
    let get = BucketCorsRule {
        allowed_methods: list(&["GET"]),
        allowed_headers: list(&[
            "x-amz-expected-bucket-owner",
            "x-amz-server-side-encryption-customer-algorithm",
            "x-AMZ-server-SIDE-encryption",
        ]),
        ..rule.clone()
    };
    let wild = BucketCorsRule {
        allowed_origins: list(&["*"]),
        allowed_methods: list(&["GET"]),
        expose_headers: list(&["x-amz-id-2", "x-amz-request-id", "x-amz-request-payer"]),
        ..BucketCorsRule::default()
    };
    let mut config = config();
    config.buckets = vec![
        bucket("bucket", None),
        bucket("cors", Some(rule)),
        bucket("get", Some(get)),
        bucket("wild", Some(wild)),
    ];
    // Recorded pages had secret keys, whatever their origin. Here they are trusted, so that only AWS's own rules decide.
    config.allow_origins = ORIGINS.map(|origin| origin.parse().expect("an origin")).to_vec();
    let emulator = start(config).await;
    for name in ["bucket", "cors", "get", "wild"] {
        let put = ask("PUT", &format!("/{name}/key")).body("test-cors");
        assert_eq!(signed(&emulator, put).await.status, 200);
    }
    emulator
}

/// The origins of the pages of the recordings.
const ORIGINS: [&str; 4] = [
    "http://fail.origin.com",
    "https://localhost:4200",
    "https://localhost:4201",
    "https://random:1234",
];

/// Reads `request.http` and signs what it says.
fn request(text: &str, host: &str) -> Ask {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, path) = lines.next().and_then(|line| line.split_once(' ')).expect("a first line");
    let mut wanted = ask(method, path).body(body.to_owned());
    let mut signing = Signing::now();
    let (mut sign, mut without) = ("", "");
    for line in lines {
        let directive = line.strip_prefix(':').and_then(|line| line.split_once(' '));
        match directive {
            Some(("sign", how)) => sign = how,
            Some(("secret", secret)) => signing.secret = secret.to_owned(),
            Some(("age", seconds)) => signing.seconds -= seconds.parse::<i64>().expect("seconds"),
            Some(("unsigned", name)) => signing.unsigned.push(name.to_owned()),
            Some(("without", name)) => without = name,
            Some((other, _)) => panic!("`:{other}` says nothing"),
            None => {
                let (name, value) = line.split_once(": ").expect("a header");
                wanted = wanted.header(name, value);
            }
        }
    }
    let mut wanted = match sign {
        "query" => wanted.presigned(host, &signing),
        "header" => wanted.signed(host, &signing),
        "version-2" => wanted.presigned_by_version_2(&signing),
        _ => wanted,
    };
    wanted.query.retain(|(name, _)| name != without);
    wanted
}

fn compare(name: &str, answer: &Answer, expected: &Expected) {
    assert_eq!(answer.status, expected.status, "{name}: {answer:?}");
    if let Some(body) = &expected.body {
        assert_eq!(answer.text(), *body, "{name}");
    }
    for (header, value) in &expected.headers {
        let found = answer.header(header).unwrap_or_else(|| panic!("{name}: no {header}"));
        assert!(value.is_empty() || value == found, "{name}: {header}: {found}");
    }
    for header in &expected.absent {
        assert_eq!(answer.header(header), None, "{name}: {header}");
    }
    for (element, value) in &expected.elements {
        let found = answer.element(element).unwrap_or_else(|| panic!("{name}: no {element}"));
        assert!(value.is_empty() || *value == found, "{name}: {element}: {found}");
    }
}

#[tokio::test]
async fn every_recording_is_reproduced() {
    let mut compared = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let case = entry.unwrap().path();
        if !case.is_dir() {
            continue;
        }
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let read = |file: &str| fs::read_to_string(case.join(file)).unwrap();
        let expected = toml::from_str(&read("expected.toml")).unwrap();
        // Each its own, so that none sees what another wrote.
        let emulator = emulator_of_the_recordings().await;
        let ask = request(&read("request.http"), &host(&emulator));
        compare(&name, &ask.send(emulator.aws_url()).await, &expected);
        compared += 1;
    }
    assert!(compared >= 39, "only {compared} recordings were found");
}
