//! Everything about who signed a request and what its body is, each refused as AWS refuses it, and nothing stored.

use hardcap::config::Credential;
use hardcap_limits::Millis;

use super::vocabulary::*;

#[tokio::test]
async fn a_request_needs_one_authentication() {
    let emulator = emulator().await;
    let (url, host) = (emulator.aws_url(), host(&emulator));
    let signing = Signing::now();
    let anonymous = ask("GET", "/bucket/key").send(url).await;
    refused("anonymous", &anonymous, (403, "AccessDenied", "Access Denied"));
    let absent = ask("GET", "/absent/key").send(url).await;
    refused("absent", &absent, (404, "NoSuchBucket", "The specified bucket does not exist"));
    let both =
        ask("GET", "/bucket/key").presigned(&host, &signing).header("authorization", "Basic eA==");
    let answer = both.send(url).await;
    refused(
        "query and header",
        &answer,
        (
            400,
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
        ),
    );
    assert_eq!(answer.element("ArgumentName").as_deref(), Some("Authorization"));
    assert_eq!(answer.element("ArgumentValue").as_deref(), Some("Basic eA=="));
    for (name, value, expected) in [
        ("bearer", "Bearer x", (400, "InvalidArgument", "Unsupported Authorization Type")),
        ("version 2", "AWS test:abc=", (400, "InvalidRequest", "Please use AWS4-HMAC-SHA256.")),
        (
            "no credential",
            "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0",
            (400, "AuthorizationHeaderMalformed", "Credential"),
        ),
        (
            "four parts",
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3, SignedHeaders=host, Signature=0",
            (400, "AuthorizationHeaderMalformed", "expecting \"<YOUR-AKID>/YYYYMMDD"),
        ),
        (
            "no signature",
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host",
            (400, "AuthorizationHeaderMalformed", "Signature"),
        ),
        (
            "no date",
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
            (403, "AccessDenied", "valid Date or x-amz-date header"),
        ),
    ] {
        let answer = ask("GET", "/bucket/key").header("authorization", value).send(url).await;
        refused(name, &answer, expected);
    }
    healthy(&emulator).await;
}

#[tokio::test]
async fn the_key_must_be_known_and_its_token_right() {
    let mut config = config();
    config.credentials.push(Credential {
        access_key_id: "ASIATEMPORARY".to_owned(),
        secret_access_key: "secret".to_owned(),
        session_token: Some("token".to_owned()),
    });
    let emulator = start(config).await;
    let (url, host) = (emulator.aws_url(), host(&emulator));
    let signing = Signing::now();
    let temporary = Signing {
        access_key_id: "ASIATEMPORARY".to_owned(),
        secret: "secret".to_owned(),
        ..signing.clone()
    };
    let with = |token: Option<&str>, base: &Signing| Signing {
        token: token.map(str::to_owned),
        ..base.clone()
    };
    let unknown = (403, "InvalidAccessKeyId", "does not exist in our records");
    let invalid = (400, "InvalidToken", "malformed or otherwise invalid");
    for (name, signing, expected) in [
        ("unknown", Signing { access_key_id: "AKIANOBODY".to_owned(), ..signing.clone() }, unknown),
        ("no token", with(None, &temporary), unknown),
        ("another token", with(Some("other"), &temporary), invalid),
        ("a token nobody asked for", with(Some("token"), &signing), invalid),
    ] {
        let answer = ask("GET", "/bucket/key").signed(&host, &signing).send(url).await;
        refused(name, &answer, expected);
        let answer = ask("GET", "/bucket/key").presigned(&host, &signing).send(url).await;
        refused(name, &answer, expected);
    }
    let right = with(Some("token"), &temporary);
    let put = ask("PUT", "/bucket/key").body("x").signed(&host, &right).send(url).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let get = ask("GET", "/bucket/key").presigned(&host, &right).send(url).await;
    assert_eq!(get.status, 200, "{}", get.text());
}

#[tokio::test]
async fn a_wrong_signature_is_shown_what_was_signed() {
    let emulator = emulator().await;
    let (url, host) = (emulator.aws_url(), host(&emulator));
    let wrong = Signing { secret: "wrong".to_owned(), ..Signing::now() };
    let link = ask("GET", "/bucket/key").presigned(&host, &wrong).send(url).await;
    let head = ask("GET", "/bucket/key").signed(&host, &wrong).send(url).await;
    for answer in [link, head] {
        refused(
            "secret",
            &answer,
            (403, "SignatureDoesNotMatch", "Check your key and signing method."),
        );
        assert_eq!(answer.element("AWSAccessKeyId").as_deref(), Some("test"));
        let request = answer.element("CanonicalRequest").expect("it is there");
        assert!(request.starts_with("GET\n/bucket/key\n"), "{request}");
        let text = answer.element("StringToSign").expect("it is there");
        assert!(text.starts_with("AWS4-HMAC-SHA256\n"), "{text}");
        assert!(answer.element("SignatureProvided").is_some_and(|given| given.len() == 64));
        let spaced = |text: &str| {
            text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(answer.element("StringToSignBytes"), Some(spaced(&text)));
        assert_eq!(answer.element("CanonicalRequestBytes"), Some(spaced(&request)));
    }
    healthy(&emulator).await;
}

#[tokio::test]
async fn a_link_is_for_one_method_one_key_and_one_query() {
    let emulator = emulator().await;
    let (url, host) = (emulator.aws_url(), host(&emulator));
    signed(&emulator, ask("PUT", "/bucket/key").body("data")).await;
    let link = ask("GET", "/bucket/key").presigned(&host, &Signing::now());
    assert_eq!(link.send(url).await.text(), "data");
    let mut changed = Vec::new();
    for method in ["PUT", "DELETE", "POST"] {
        changed.push((method, Ask { method: method.to_owned(), ..link.clone() }));
    }
    changed.push(("key", Ask { path: "/bucket/other".to_owned(), ..link.clone() }));
    changed.push(("added", link.clone().parameter("response-content-type", "text/html")));
    let mut longer = link.clone();
    longer.query.iter_mut().find(|(name, _)| name == "X-Amz-Expires").unwrap().1 =
        "6000".to_owned();
    changed.push(("expiry", longer));
    for (name, ask) in changed {
        refused(name, &ask.send(url).await, (403, "SignatureDoesNotMatch", ""));
    }
    let head = Ask { method: "HEAD".to_owned(), ..link.clone() }.send(url).await;
    assert_eq!((head.status, head.body.len()), (403, 0));
    assert_eq!(link.send(url).await.text(), "data");
}

#[tokio::test]
async fn a_link_ends_by_the_emulators_clock() {
    let emulator = emulator().await;
    let (url, host) = (emulator.aws_url(), host(&emulator));
    signed(&emulator, ask("PUT", "/bucket/key").body("data")).await;
    let link = ask("GET", "/bucket/key").presigned(&host, &Signing::now());
    emulator.clock().advance(Millis(55_000)).await;
    assert_eq!(link.send(url).await.status, 200);
    emulator.clock().advance(Millis(10_000)).await;
    let answer = link.send(url).await;
    refused("expired", &answer, (403, "AccessDenied", "Request has expired"));
    assert_eq!(answer.element("X-Amz-Expires").as_deref(), Some("60"));
    for name in ["Expires", "ServerTime"] {
        let time = answer.element(name).unwrap_or_default();
        assert!(time.len() == 20 && time.ends_with('Z'), "{name}: {time}");
    }
    let again = ask("GET", "/bucket/key").presigned(&host, &Signing::now());
    assert_eq!(again.send(url).await.status, 200);
}

#[tokio::test]
async fn an_expired_link_is_refused_before_its_signature_is_looked_at() {
    let emulator = emulator().await;
    let now = Signing::now();
    let old = Signing { seconds: now.seconds - 61, secret: "wrong".to_owned(), ..now };
    let answer = ask("GET", "/bucket/key").presigned(&host(&emulator), &old);
    refused(
        "old",
        &answer.send(emulator.aws_url()).await,
        (403, "AccessDenied", "Request has expired"),
    );
}

#[tokio::test]
async fn the_parameters_of_a_link_are_checked_one_by_one() {
    let emulator = emulator().await;
    let (url, host) = (emulator.aws_url(), host(&emulator));
    let now = Signing::now();
    let code = "AuthorizationQueryParametersError";
    let missing = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";
    let link = ask("GET", "/bucket/key").presigned(&host, &now);
    for (name, _) in link.query.clone() {
        let mut less = link.clone();
        less.query.retain(|(given, _)| *given != name);
        refused(&name, &less.send(url).await, (400, code, missing));
    }
    let replaced = |name: &str, value: &str| {
        let mut ask = link.clone();
        ask.query.iter_mut().find(|(given, _)| given == name).unwrap().1 = encode(value);
        ask
    };
    for (name, ask, words) in [
        (
            "algorithm",
            replaced("X-Amz-Algorithm", "AWS4-HMAC-SHA1"),
            "X-Amz-Algorithm only supports",
        ),
        ("credential", replaced("X-Amz-Credential", "test/20260101/s3"), "mal-formed"),
        ("date", replaced("X-Amz-Date", "yesterday"), "ISO8601 Long Format"),
        ("another day", replaced("X-Amz-Date", "20150101T000000Z"), "not the same as X-Amz-Date"),
        ("letters", replaced("X-Amz-Expires", "soon"), "should be a number"),
        ("negative", replaced("X-Amz-Expires", "-1"), "must be non-negative"),
    ] {
        refused(name, &ask.send(url).await, (400, code, words));
    }
    let elsewhere = Signing { region: "eu-west-1".to_owned(), ..now.clone() };
    let answer = ask("GET", "/bucket/key").presigned(&host, &elsewhere).send(url).await;
    refused(
        "region",
        &answer,
        (400, code, "the region 'eu-west-1' is wrong; expecting 'us-east-1'"),
    );
    assert_eq!(answer.element("Region").as_deref(), Some("us-east-1"));
}

/// s3_presign_expiry: seven days are accepted, a second more is not.
#[tokio::test]
async fn a_link_lasts_a_week_at_most() {
    let emulator = emulator().await;
    let (url, host) = (emulator.aws_url(), host(&emulator));
    signed(&emulator, ask("PUT", "/bucket/key").body("data")).await;
    let lasting = |seconds: &str| Signing { expires: seconds.to_owned(), ..Signing::now() };
    let week = ask("GET", "/bucket/key").presigned(&host, &lasting("604800")).send(url).await;
    assert_eq!(week.status, 200, "{}", week.text());
    let more = ask("GET", "/bucket/key").presigned(&host, &lasting("604801")).send(url).await;
    refused(
        "a second more",
        &more,
        (
            400,
            "AuthorizationQueryParametersError",
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
        ),
    );
    let seen = &emulator.totals().limits["s3_presign_expiry"];
    assert_eq!((seen.highest, seen.refused), (604_801_000, 1));
    healthy(&emulator).await;
}

#[tokio::test]
async fn clocks_may_differ_by_a_quarter_of_an_hour() {
    let emulator = emulator().await;
    let (url, host) = (emulator.aws_url(), host(&emulator));
    signed(&emulator, ask("PUT", "/bucket/key").body("data")).await;
    let off = |seconds: i64| {
        let now = Signing::now();
        Signing { seconds: now.seconds + seconds, ..now }
    };
    for seconds in [-890, 890] {
        let answer = ask("GET", "/bucket/key").signed(&host, &off(seconds)).send(url).await;
        assert_eq!(answer.status, 200, "{seconds}: {}", answer.text());
    }
    for seconds in [-910, 910] {
        let answer = ask("GET", "/bucket/key").signed(&host, &off(seconds)).send(url).await;
        refused(
            "skew",
            &answer,
            (
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
        );
        assert_eq!(answer.element("MaxAllowedSkewMilliseconds").as_deref(), Some("900000"));
        assert!(answer.element("RequestTime").is_some() && answer.element("ServerTime").is_some());
    }
    let soon = ask("GET", "/bucket/key").presigned(&host, &off(890)).send(url).await;
    assert_eq!(soon.status, 200, "{}", soon.text());
    let later = ask("GET", "/bucket/key").presigned(&host, &off(910)).send(url).await;
    refused("from the future", &later, (403, "AccessDenied", "not valid yet"));
}

#[tokio::test]
async fn every_amz_header_must_be_signed_but_a_content_type_need_not() {
    let emulator = emulator().await;
    let (url, host) = (emulator.aws_url(), host(&emulator));
    let now = Signing::now();
    let words = "There were headers present in the request which were not signed";
    let link = ask("PUT", "/bucket/key").body("data").presigned(&host, &now);
    let answer =
        link.clone().header("x-amz-meta-b", "2").header("x-amz-meta-a", "1").send(url).await;
    refused("link", &answer, (403, "AccessDenied", words));
    assert_eq!(answer.element("HeadersNotSigned").as_deref(), Some("x-amz-meta-a, x-amz-meta-b"));
    let unsigned = Signing { unsigned: vec!["x-amz-meta-a".to_owned()], ..now.clone() };
    let answer = ask("PUT", "/bucket/key").header("x-amz-meta-a", "1").signed(&host, &unsigned);
    refused("header", &answer.send(url).await, (403, "AccessDenied", words));
    let hostless = Signing { unsigned: vec!["host".to_owned()], ..now.clone() };
    let answer = ask("PUT", "/bucket/key").signed(&host, &hostless).send(url).await;
    refused("host", &answer, (403, "AccessDenied", words));
    let missing = signed(&emulator, ask("GET", "/bucket/key")).await;
    refused("nothing was stored", &missing, (404, "NoSuchKey", ""));
    let typed = link.header("content-type", "text/odd").send(url).await;
    assert_eq!(typed.status, 200, "{}", typed.text());
    let get = signed(&emulator, ask("GET", "/bucket/key")).await;
    assert_eq!(get.header("content-type"), Some("text/odd"));
    let signed_header =
        ask("PUT", "/bucket/key").header("x-amz-meta-a", "1").presigned(&host, &now);
    assert_eq!(signed_header.send(url).await.status, 200);
    let get = signed(&emulator, ask("GET", "/bucket/key")).await;
    assert_eq!(get.header("x-amz-meta-a"), Some("1"));
}

#[tokio::test]
async fn a_link_may_carry_headers_in_its_query() {
    let emulator = emulator().await;
    let now = Signing::now();
    let link = ask("PUT", "/bucket/key?x-amz-meta-a=one%20two&x-amz-storage-class=STANDARD_IA")
        .body("data")
        .presigned(&host(&emulator), &now);
    let put = link.send(emulator.aws_url()).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let get = signed(&emulator, ask("GET", "/bucket/key")).await;
    assert_eq!(get.header("x-amz-meta-a"), Some("one two"));
    assert_eq!(get.header("x-amz-storage-class"), Some("STANDARD_IA"));
}

#[tokio::test]
async fn a_feature_that_is_not_emulated_is_refused_and_not_ignored() {
    let emulator = emulator().await;
    let acl = (400, "AccessControlListNotSupported", "The bucket does not allow ACLs");
    let absent = (501, "NotImplemented", "A header you provided implies functionality");
    for (name, value, expected) in [
        ("x-amz-acl", "public-read", acl),
        ("x-amz-grant-read", "id=1", acl),
        ("x-amz-server-side-encryption", "aws:kms", absent),
        ("x-amz-object-lock-mode", "GOVERNANCE", absent),
        ("x-amz-expected-bucket-owner", "123456789012", (403, "AccessDenied", "")),
    ] {
        let put = ask("PUT", "/bucket/key").body("x").header(name, value);
        refused(name, &signed(&emulator, put).await, expected);
    }
    let put = ask("PUT", "/bucket/key?acl").header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    let answer = signed(&emulator, put).await;
    assert!(answer.status >= 400, "{}", answer.text());
    // A 501 names its operation, and only of a bucket that is there.
    for (method, path, name) in [
        ("PUT", "/bucket?versioning", "PutBucketVersioning"),
        ("PUT", "/bucket?policy", "PutBucketPolicy"),
        ("PUT", "/bucket?website", "PutBucketWebsite"),
        ("GET", "/bucket/key?torrent", "GetObjectTorrent"),
    ] {
        let body = match name {
            "PutBucketVersioning" => {
                "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
            }
            "PutBucketPolicy" => "{}",
            "PutBucketWebsite" => "<WebsiteConfiguration></WebsiteConfiguration>",
            _ => "",
        };
        let answer = signed(&emulator, ask(method, path).body(body)).await;
        refused(name, &answer, (501, "NotImplemented", name));
        let absent = path.replace("/bucket", "/absent");
        let answer = signed(&emulator, ask(method, &absent).body(body)).await;
        refused(name, &answer, (404, "NoSuchBucket", ""));
    }
    let class = ask("PUT", "/bucket/key").body("x").header("x-amz-storage-class", "GLACIER");
    refused("GLACIER", &signed(&emulator, class).await, (501, "NotImplemented", "GLACIER"));
    healthy(&emulator).await;
}

/// s3_key and s3_metadata: at the limit, one byte over, healthy after.
#[tokio::test]
async fn keys_and_metadata_have_limits() {
    let emulator = emulator().await;
    let put = |length: usize| ask("PUT", &format!("/bucket/{}", "k".repeat(length))).body("x");
    assert_eq!(signed(&emulator, put(1024)).await.status, 200);
    let answer = signed(&emulator, put(1025)).await;
    refused("key", &answer, (400, "KeyTooLongError", "Your key is too long"));
    assert_eq!(answer.element("Size").as_deref(), Some("1025"));
    assert_eq!(answer.element("MaxSizeAllowed").as_deref(), Some("1024"));
    let put = |length: usize| {
        ask("PUT", "/bucket/meta").body("x").header("x-amz-meta-a", &"v".repeat(length - 1))
    };
    assert_eq!(signed(&emulator, put(2048)).await.status, 200);
    let answer = signed(&emulator, put(2049)).await;
    refused("metadata", &answer, (400, "MetadataTooLarge", "maximum allowed metadata size"));
    let totals = emulator.totals();
    assert_eq!(totals.limits["s3_key"].refused, 1);
    assert_eq!(totals.limits["s3_metadata"].refused, 1);
    healthy(&emulator).await;
}

/// s3_put, with a smaller number than AWS's, for no machine here sends five gigabytes.
#[tokio::test]
async fn one_put_has_a_limit() {
    let mut config = config();
    config.limits.set("s3_put", 1_000).unwrap();
    let emulator = start(config).await;
    let put = |length: usize| ask("PUT", "/bucket/key").body(noise(length, 1));
    assert_eq!(signed(&emulator, put(1_000)).await.status, 200);
    let answer = signed(&emulator, put(1_001)).await;
    refused(
        "put",
        &answer,
        (400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"),
    );
    assert_eq!(answer.element("ProposedSize").as_deref(), Some("1001"));
    assert_eq!(answer.element("MaxSizeAllowed").as_deref(), Some("1000"));
    let get = signed(&emulator, ask("GET", "/bucket/key")).await;
    assert_eq!(get.body.len(), 1_000);
    healthy(&emulator).await;
}

#[tokio::test]
async fn a_missing_resource_is_named() {
    let emulator = emulator().await;
    let get = |path: &str| signed(&emulator, ask("GET", path));
    let key = get("/bucket/nothing%20here").await;
    refused("key", &key, (404, "NoSuchKey", "The specified key does not exist."));
    assert_eq!(key.element("Key").as_deref(), Some("nothing here"));
    let bucket = get("/nowhere/key").await;
    refused("bucket", &bucket, (404, "NoSuchBucket", "The specified bucket does not exist"));
    assert_eq!(bucket.element("BucketName").as_deref(), Some("nowhere"));
    refused("name", &get("/B/key").await, (400, "InvalidBucketName", "not valid"));
    refused("version", &get("/bucket/key?versionId=1").await, (400, "InvalidArgument", "version"));
    let head = signed(&emulator, ask("HEAD", "/bucket/nothing")).await;
    assert_eq!((head.status, head.body.len()), (404, 0));
    assert!(head.header("x-amz-request-id").is_some_and(|id| id.len() == 16));
}
