//! Uploads by form: what a policy allows is stored as it came, what it does not leaves nothing behind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hardcap::Emulator;
use hardcap::config::{BucketCorsRule, Credential};
use hardcap_limits::Millis;
use serde_json::{Value, json};

use super::vocabulary::{
    Answer, Ask, Signing, ask, config, emulator, encode, healthy, hmac, host, noise, refused,
    signed, start,
};

const BOUNDARY: &str = "----form";

/// A form whose policy covers what it says.
#[derive(Clone)]
struct Form {
    signing: Signing,
    fields: Vec<(String, String)>,
    conditions: Vec<Value>,
    /// Seconds from its date to its end.
    life: i64,
    file_name: String,
    file: Bytes,
    after: Vec<(String, String)>,
}

fn form(key: &str, file: impl Into<Bytes>) -> Form {
    Form {
        signing: Signing::now(),
        fields: vec![("key".to_owned(), key.to_owned())],
        conditions: vec![json!({"bucket": "bucket"}), json!(["starts-with", "$key", ""])],
        life: 60,
        file_name: "a.txt".to_owned(),
        file: file.into(),
        after: Vec::new(),
    }
}

impl Form {
    /// A field, and the condition that it has this value.
    fn field(mut self, name: &str, value: &str) -> Form {
        self.conditions.push(json!({ name: value }));
        self.uncovered(name, value)
    }

    fn uncovered(mut self, name: &str, value: &str) -> Form {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    fn condition(mut self, condition: Value) -> Form {
        self.conditions.push(condition);
        self
    }

    /// The form with its policy and its signature.
    fn signed_fields(&self) -> Vec<(String, String)> {
        let signing = &self.signing;
        let credential = format!("{}/{}", signing.access_key_id, signing.scope());
        let claim = [
            ("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("x-amz-credential", credential),
            ("x-amz-date", signing.time()),
        ];
        let mut conditions = self.conditions.clone();
        conditions.extend(claim.iter().map(|(name, value)| json!({ *name: value })));
        let end = time::OffsetDateTime::from_unix_timestamp(signing.seconds + self.life).unwrap();
        let end = end.format(&time::format_description::well_known::Rfc3339).unwrap();
        let document = json!({ "expiration": end, "conditions": conditions });
        let policy = STANDARD.encode(document.to_string());
        let signature = hex::encode(hmac(&signing.key(), policy.as_bytes()));
        let mut fields = self.fields.clone();
        fields.extend(claim.map(|(name, value)| (name.to_owned(), value)));
        fields.push(("policy".to_owned(), policy));
        fields.push(("x-amz-signature".to_owned(), signature));
        fields
    }

    async fn send(&self, emulator: &Emulator) -> Answer {
        self.send_with(emulator, &[]).await
    }

    async fn send_with(&self, emulator: &Emulator, headers: &[(&str, &str)]) -> Answer {
        let fields = self.signed_fields();
        let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let mut body = parts(&fields, &self.file_name, &self.file);
        for (name, value) in &self.after {
            body.extend(part(name, value));
        }
        body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
        let posted =
            headers.iter().fold(posted(body), |ask, (name, value)| ask.header(name, value));
        posted.send(emulator.aws_url()).await
    }
}

fn part(name: &str, value: &str) -> Vec<u8> {
    format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        .into_bytes()
}

fn parts(fields: &[(&str, &str)], file_name: &str, file: &[u8]) -> Vec<u8> {
    let mut body: Vec<u8> = fields.iter().flat_map(|(name, value)| part(name, value)).collect();
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\n\r\n"
    );
    body.extend(head.into_bytes());
    body.extend(file);
    body.extend(b"\r\n");
    body
}

fn posted(body: impl Into<Bytes>) -> Ask {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    ask("POST", "/bucket").header("content-type", &kind).body(body)
}

async fn stored(emulator: &Emulator, path: &str) -> Answer {
    signed(emulator, ask("GET", path)).await
}

async fn keys(emulator: &Emulator) -> Vec<String> {
    signed(emulator, ask("GET", "/bucket")).await.elements("Key")
}

#[tokio::test]
async fn a_file_is_stored_as_it_came_with_what_its_form_says_of_it() {
    let emulator = emulator().await;
    let file = noise(3_000_000, 7);
    let mut wanted = form("photos/${filename}", file.clone())
        .field("Content-Type", "image/x-test")
        .field("x-amz-meta-color", "green")
        .field("Cache-Control", "no-store")
        .uncovered("x-ignore-me", "whatever");
    wanted.file_name = "C:\\holiday\\\u{fc}.png".to_owned();
    wanted.after = vec![("key".to_owned(), "other".to_owned())];
    let answer = wanted.send(&emulator).await;
    assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    let path = format!("/bucket/photos/{}", encode("\u{fc}.png"));
    let get = stored(&emulator, &path).await;
    assert_eq!(get.status, 200, "{}", get.text());
    assert!(get.body == file, "{} bytes of {}", get.body.len(), file.len());
    for (name, value) in [
        ("content-type", "image/x-test"),
        ("x-amz-meta-color", "green"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(get.header(name), Some(value), "{name}");
    }
    assert_eq!(get.header("etag"), answer.header("etag"));
    assert_eq!(keys(&emulator).await, ["photos/\u{fc}.png"]);
}

#[tokio::test]
async fn a_form_chooses_the_response_to_its_success() {
    let emulator = emulator().await;
    let host = host(&emulator);
    let at = format!("http://{host}/bucket/a%2Fb%20c");
    for (field, value, status, location) in [
        ("x-ignore-nothing", "", 204, at.clone()),
        ("success_action_status", "200", 200, at.clone()),
        ("success_action_status", "404", 204, at.clone()),
        ("redirect", "ftp://example.com/", 204, at.clone()),
        ("redirect", "http://x.test/?a=b", 303, "http://x.test/?a=b&".to_owned()),
        ("success_action_redirect", "https://x.test/done", 303, "https://x.test/done?".to_owned()),
    ] {
        let answer = form("a/b c", "abc").field(field, value).send(&emulator).await;
        assert_eq!(answer.status, status, "{field}={value}: {}", answer.text());
        let expected = match status {
            303 => format!(
                "{location}bucket=bucket&key=a%2Fb%20c&etag=%22900150983cd24fb0d6963f7d28e17f72%22"
            ),
            _ => location,
        };
        assert_eq!(answer.header("location"), Some(expected.as_str()), "{field}={value}");
        assert!(answer.body.is_empty());
    }
    let answer = form("a/b c", "abc").field("success_action_status", "201").send(&emulator).await;
    assert_eq!(answer.status, 201);
    let told = ["Location", "Bucket", "Key", "ETag"].map(|name| answer.element(name).unwrap());
    assert_eq!(told, [at.as_str(), "bucket", "a/b c", "\"900150983cd24fb0d6963f7d28e17f72\""]);
}

/// Both texts and elements are recorded, 2026-02-21.
#[tokio::test]
async fn a_policy_bounds_the_size_of_the_file_at_both_ends() {
    let emulator = emulator().await;
    let sized = |size: usize| {
        form("sized", noise(size, 1)).condition(json!(["content-length-range", 8, 10]))
    };
    for (size, status) in [(7, 400), (8, 204), (10, 204), (11, 400)] {
        let answer = sized(size).send(&emulator).await;
        assert_eq!(answer.status, status, "{size}: {}", answer.text());
    }
    let large = sized(2_000_000).send(&emulator).await;
    let text = "Your proposed upload exceeds the maximum allowed size";
    refused("large", &large, (400, "EntityTooLarge", text));
    assert_eq!(large.element("ProposedSize").as_deref(), Some("2000000"));
    assert_eq!(large.element("MaxSizeAllowed").as_deref(), Some("10"));
    let small = sized(7).send(&emulator).await;
    let text = "Your proposed upload is smaller than the minimum allowed size";
    refused("small", &small, (400, "EntityTooSmall", text));
    assert_eq!(small.element("ProposedSize").as_deref(), Some("7"));
    assert_eq!(small.element("MinSizeAllowed").as_deref(), Some("8"));
    assert_eq!(stored(&emulator, "/bucket/sized").await.body.len(), 10);
    healthy(&emulator).await;
}

/// The text is recorded, 2026-02-21.
#[tokio::test]
async fn a_policy_ends() {
    let emulator = emulator().await;
    let wanted = form("k", "abc");
    assert_eq!(wanted.send(&emulator).await.status, 204);
    emulator.clock().advance(Millis(62_000)).await;
    let answer = wanted.send(&emulator).await;
    let text = "Invalid according to Policy: Policy expired.";
    refused("expired", &answer, (403, "AccessDenied", text));
    assert_eq!(form("k", "abc").send(&emulator).await.status, 204, "one that was signed since");
}

#[tokio::test]
async fn a_form_that_the_policy_does_not_allow_is_refused_and_leaves_nothing() {
    let emulator = emulator().await;
    let forged = |change: fn(&mut Form)| {
        let mut forged = form("k", "abc");
        change(&mut forged);
        forged
    };
    let cases: [(&str, Form, (u16, &str, &str)); 8] = [
        (
            "condition",
            form("k", "abc").condition(json!(["starts-with", "$key", "user/"])),
            (403, "AccessDenied", r#"Policy Condition failed: ["starts-with", "$key", "user/"]"#),
        ),
        (
            "extra field",
            form("k", "abc").uncovered("x-amz-meta-a", "b"),
            (403, "AccessDenied", "Invalid according to Policy: Extra input fields: x-amz-meta-a"),
        ),
        (
            "other bucket",
            form("k", "abc").condition(json!({"bucket": "theirs"})),
            (403, "AccessDenied", r#"["eq", "$bucket", "theirs"]"#),
        ),
        (
            "wrong secret",
            forged(|form| form.signing.secret = "wrong".to_owned()),
            (403, "SignatureDoesNotMatch", "does not match the signature you provided"),
        ),
        (
            "unknown key",
            forged(|form| form.signing.access_key_id = "nobody".to_owned()),
            (403, "InvalidAccessKeyId", "does not exist in our records"),
        ),
        (
            "other region",
            forged(|form| form.signing.region = "eu-west-1".to_owned()),
            (400, "InvalidArgument", "the region 'eu-west-1' is wrong"),
        ),
        (
            "ACL",
            form("k", "abc").field("acl", "public-read"),
            (400, "AccessControlListNotSupported", "does not allow ACLs"),
        ),
        (
            "condition that is none",
            form("k", "abc").condition(json!({"a": "1", "b": "2"})),
            (400, "InvalidPolicyDocument", "Simple-Conditions must have exactly one property"),
        ),
    ];
    for (name, form, expected) in cases {
        refused(name, &form.send(&emulator).await, expected);
    }
    assert_eq!(keys(&emulator).await, Vec::<String>::new());
    healthy(&emulator).await;
}

#[tokio::test]
async fn an_incomplete_form_is_refused_and_leaves_nothing() {
    let emulator = emulator().await;
    let fields = form("k", "abc").signed_fields();
    let named: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let end = format!("--{BOUNDARY}--\r\n");
    let whole = |fields: &[(&str, &str)]| [parts(fields, "f", b"abc"), end.clone().into()].concat();
    let without = |name: &str| {
        let kept: Vec<_> = named.iter().copied().filter(|(field, _)| *field != name).collect();
        whole(&kept)
    };
    let key_behind =
        [parts(&named[1..], "f", b"abc"), part("key", "k"), end.clone().into()].concat();
    let no_file: Vec<u8> = [part("key", "k"), end.clone().into()].concat();
    let malformed = (400, "MalformedPOSTRequest", "not well-formed multipart/form-data");
    for (name, body, expected) in [
        ("no end", parts(&named, "f", b"abc"), malformed),
        ("no form", b"key=k&file=abc".to_vec(), malformed),
        ("empty", Vec::new(), malformed),
        ("no file", no_file, (400, "InvalidArgument", "exactly one file upload")),
        ("no key", without("key"), (400, "InvalidArgument", "a field named 'key'.  If it is")),
        ("key behind", key_behind, (400, "InvalidArgument", "a field named 'key'")),
        ("no policy", without("policy"), (403, "AccessDenied", "Access Denied")),
        (
            "no signature",
            without("x-amz-signature"),
            (400, "InvalidArgument", "a field named 'X-Amz-Signature'"),
        ),
    ] {
        refused(name, &posted(body).send(emulator.aws_url()).await, expected);
    }
    let urlencoded = ask("POST", "/bucket")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("key=k");
    let answer = urlencoded.send(emulator.aws_url()).await;
    refused("urlencoded", &answer, (412, "PreconditionFailed", "pre-conditions"));
    let mut to_object = posted(whole(&named));
    "/bucket/k".clone_into(&mut to_object.path);
    let answer = to_object.send(emulator.aws_url()).await;
    refused("object", &answer, (405, "MethodNotAllowed", "not allowed against this resource"));
    let mut nowhere = posted(whole(&named));
    "/nowhere".clone_into(&mut nowhere.path);
    refused("bucket", &nowhere.send(emulator.aws_url()).await, (404, "NoSuchBucket", ""));
    assert_eq!(keys(&emulator).await, Vec::<String>::new());
    assert_eq!(posted(whole(&named)).send(emulator.aws_url()).await.status, 204);
}

/// Recorded on AWS, 2026-02-21: `test_post_object_policy_conditions_validation_eq` and `test_post_object_policy_validation_size`.
#[tokio::test]
async fn a_condition_that_no_form_can_meet_is_refused_with_its_own_text() {
    let emulator = emulator().await;
    for (condition, words) in [
        (json!(["eq", "key", "k"]), r#"Policy Condition failed: ["eq", "key", "k"]"#),
        (
            json!(["content-length-range", "test", "10"]),
            r#"Policy Condition failed: ["content-length-range", "test", "10"]"#,
        ),
    ] {
        let answer = form("k", "abc").condition(condition).send(&emulator).await;
        let expected = format!("Invalid according to Policy: {words}");
        refused(words, &answer, (403, "AccessDenied", &expected));
    }
    let text = form("k", "abc").condition(json!(["content-length-range", "3", "10"]));
    assert_eq!(text.send(&emulator).await.status, 204);
    assert_eq!(keys(&emulator).await, ["k"]);
    healthy(&emulator).await;
}

/// Recorded on AWS, 2026-02-21: `test_post_object_default_checksum`, with this file and this checksum.
#[tokio::test]
async fn the_response_to_a_form_has_the_checksum_of_its_file() {
    let emulator = emulator().await;
    let answer = form("k", "test-body-tagging").send(&emulator).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(answer.header("x-amz-checksum-crc64nvme"), Some("L1qdhyEV1JY="));
    assert_eq!(answer.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
    let head = ask("HEAD", "/bucket/k").header("x-amz-checksum-mode", "ENABLED");
    let head = signed(&emulator, head).await;
    assert_eq!(head.header("x-amz-checksum-crc64nvme"), Some("L1qdhyEV1JY="));
    let own = form("own", "abc").field("x-amz-checksum-crc32", "NSRBwg==").send(&emulator).await;
    assert_eq!(own.header("x-amz-checksum-crc32"), Some("NSRBwg=="), "{}", own.text());
    assert_eq!(own.header("x-amz-checksum-crc64nvme"), None);
}

/// s3_post_form: 20,480 bytes before the file, one more, healthy after.
#[tokio::test]
async fn fields_before_the_file_have_a_limit() {
    let emulator = emulator().await;
    let before_file = |padding: usize| {
        let padded = form("k", "abc").uncovered("x-ignore-padding", &"p".repeat(padding));
        let fields = padded.signed_fields();
        let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        // Without the file's own line end; with that of the part, which the limit counts too.
        let length = parts(&fields, &padded.file_name, b"").len();
        (padded, length)
    };
    let (_, least) = before_file(0);
    let (at, length) = before_file(20_480 - least);
    assert_eq!(length, 20_480);
    let answer = at.send(&emulator).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    let answer = before_file(20_481 - least).0.send(&emulator).await;
    let text = "Your POST request fields preceeding the upload file was too large.";
    refused("over", &answer, (400, "MaxPostPreDataLengthExceeded", text));
    assert_eq!(answer.element("MaxPostPreDataLengthBytes").as_deref(), Some("20480"));
    let answer = before_file(5_000_000).0.send(&emulator).await;
    refused("far over", &answer, (400, "MaxPostPreDataLengthExceeded", text));
    assert_eq!(emulator.totals().limits["s3_post_form"].refused, 2);
    healthy(&emulator).await;
}

#[tokio::test]
async fn a_form_of_a_page_is_taken_by_a_secret_key_or_a_rule_and_not_by_the_published_key() {
    const PAGES: [&[(&str, &str)]; 3] = [
        &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-origin")],
    ];
    let mut config = config();
    config.buckets[0].cors = vec![BucketCorsRule {
        allowed_origins: vec!["https://app.example".to_owned()],
        allowed_methods: vec!["POST".to_owned()],
        ..BucketCorsRule::default()
    }];
    config.credentials.push(Credential {
        access_key_id: "AKIASECRET".to_owned(),
        secret_access_key: "of-nobody-else".to_owned(),
        session_token: None,
    });
    let emulator = start(config).await;
    for page in PAGES {
        let answer = form("published", "x").send_with(&emulator, page).await;
        assert_eq!(answer.refusal(), (403, "AccessDenied".to_owned()), "{page:?}");
        assert!(answer.element("Message").unwrap().contains("--allow-origin"), "{answer:?}");
    }
    assert!(keys(&emulator).await.is_empty());
    let mut secret = form("secret", "x");
    secret.signing.access_key_id = "AKIASECRET".to_owned();
    secret.signing.secret = "of-nobody-else".to_owned();
    for page in PAGES {
        assert_eq!(secret.send_with(&emulator, page).await.status, 204, "{page:?}");
    }
    let by_rule = [("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];
    assert_eq!(form("rule", "x").send_with(&emulator, &by_rule).await.status, 204);
    assert_eq!(keys(&emulator).await, ["rule", "secret"]);
}

/// What boto3's `generate_presigned_post` makes by default in us-east-1: SigV2 over the policy.
#[tokio::test]
async fn a_form_of_version_2_is_taken_and_its_signature_compared() {
    let emulator = emulator().await;
    let now = Signing::now();
    let end = time::OffsetDateTime::from_unix_timestamp(now.seconds + 60).unwrap();
    let policy = |end: time::OffsetDateTime| {
        let end = end.format(&time::format_description::well_known::Rfc3339).unwrap();
        let conditions = json!([{ "bucket": "bucket" }, { "key": "k" }]);
        STANDARD.encode(json!({ "expiration": end, "conditions": conditions }).to_string())
    };
    let send = async |policy: &str, secret: &str, without: &str| {
        let signature = super::vocabulary::ring_hmac_sha1(secret.as_bytes(), policy.as_bytes());
        let fields = [
            ("key", "k"),
            ("AWSAccessKeyId", "test"),
            ("policy", policy),
            ("signature", &signature),
        ];
        let mut body = String::new();
        for (name, value) in fields.iter().filter(|(name, _)| *name != without) {
            body += &format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        body += &format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nthe file\r\n--{BOUNDARY}--\r\n"
        );
        let ask = ask("POST", "/bucket").body(body);
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        ask.header("content-type", &kind).send(emulator.aws_url()).await
    };
    let right = policy(end);
    assert_eq!(send(&right, "test", "").await.status, 204);
    assert_eq!(signed(&emulator, ask("GET", "/bucket/k")).await.text(), "the file");
    let wrong = send(&right, "other", "").await;
    refused("wrong secret", &wrong, (403, "SignatureDoesNotMatch", ""));
    let missing = send(&right, "test", "signature").await;
    // Recorded on AWS, 2026-02-21: `test_post_request_missing_signature[s3]`.
    refused(
        "missing",
        &missing,
        (400, "InvalidArgument", "Bucket POST must contain a field named 'Signature'."),
    );
    let old = policy(end - time::Duration::seconds(120));
    refused("old", &send(&old, "test", "").await, (403, "AccessDenied", "Policy expired."));
    healthy(&emulator).await;
}
