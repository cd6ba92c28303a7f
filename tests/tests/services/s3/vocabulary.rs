//! A bucket to talk to, a client, and a signature made by hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use bytes::Bytes;
use hardcap::config::{Bucket, Config};
use hardcap::{Clock, Emulator};
use hardcap_limits::Limits;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::{Digest as _, Sha256};

pub(crate) const BUCKET: &str = "bucket";

/// An emulator with one bucket.
pub(crate) async fn emulator() -> Emulator {
    start(config()).await
}

pub(crate) fn config() -> Config {
    let mut config = Config::empty(Limits::classic());
    config.buckets.push(Bucket { name: BUCKET.to_owned(), ..Bucket::default() });
    config
}

pub(crate) async fn start(config: Config) -> Emulator {
    Emulator::start(config).await.expect("the emulator starts")
}

/// The SDK's client, path style.
pub(crate) fn sdk(emulator: &Emulator) -> aws_sdk_s3::Client {
    sdk_at(emulator.aws_url())
}

pub(crate) fn sdk_at(url: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(url)
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new("us-east-1"))
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The text of an element.
    pub(crate) fn element(&self, name: &str) -> Option<String> {
        self.elements(name).into_iter().next()
    }

    /// The texts of all elements of a name.
    pub(crate) fn elements(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let (opening, closing) = (format!("<{name}>"), format!("</{name}>"));
        let pieces = text.split(&opening).skip(1);
        pieces
            .filter_map(|piece| Some(piece.split_once(&closing)?.0))
            .map(|text| {
                let entities = [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
                entities.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
            })
            .collect()
    }

    /// Status and code, as most tests compare them. An error must carry the ids of its headers.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (u16, String) {
        let code = self.element("Code").unwrap_or_else(|| panic!("no error: {self:?}"));
        assert_eq!(self.element("RequestId").as_deref(), self.header("x-amz-request-id"));
        assert_eq!(self.element("HostId").as_deref(), self.header("x-amz-id-2"));
        (self.status, code)
    }
}

/// A request that is signed by hand, or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    /// As it stands on the wire.
    pub(crate) path: String,
    /// Names and values as they stand on the wire, encoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// What a signature is made with.
#[derive(Clone, Debug)]
pub(crate) struct Signing {
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) seconds: i64,
    pub(crate) expires: String,
    /// Headers that are sent and not signed.
    pub(crate) unsigned: Vec<String>,
}

impl Signing {
    /// By the machine's clock, as every process signs.
    pub(crate) fn now() -> Signing {
        Signing {
            access_key_id: "test".to_owned(),
            secret: "test".to_owned(),
            token: None,
            region: "us-east-1".to_owned(),
            service: "s3".to_owned(),
            seconds: i64::try_from(Clock::default().wall().0 / 1000).unwrap(),
            expires: "60".to_owned(),
            unsigned: Vec::new(),
        }
    }

    /// `20260221T101112Z`
    pub(crate) fn time(&self) -> String {
        let time = time::OffsetDateTime::from_unix_timestamp(self.seconds).unwrap();
        let (date, (hour, minute, second)) = (time.date(), time.to_hms());
        let (year, month, day) = date.to_calendar_date();
        format!("{year:04}{:02}{day:02}T{hour:02}{minute:02}{second:02}Z", u8::from(month))
    }

    pub(crate) fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", &self.time()[..8], self.region, self.service)
    }

    pub(crate) fn key(&self) -> Vec<u8> {
        let first = format!("AWS4{}", self.secret).into_bytes();
        let time = self.time();
        [&time[..8], &self.region, &self.service, "aws4_request"]
            .iter()
            .fold(first, |key, part| hmac(&key, part.as_bytes()))
    }
}

pub(crate) fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// In base64, by a library that the emulator does not use for it.
pub(crate) fn ring_hmac_sha1(key: &[u8], data: &[u8]) -> String {
    use base64::Engine as _;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    base64::engine::general_purpose::STANDARD.encode(ring::hmac::sign(&key, data))
}

pub(crate) fn ask(method: &str, path: &str) -> Ask {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    });
    Ask {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.collect(),
        headers: Vec::new(),
        body: Bytes::new(),
    }
}

impl Ask {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Ask {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Ask {
        self.body = body.into();
        self
    }

    pub(crate) fn parameter(mut self, name: &str, value: &str) -> Ask {
        self.query.push((name.to_owned(), encode(value)));
        self
    }

    /// Signs in the query, as a link.
    pub(crate) fn presigned(mut self, host: &str, signing: &Signing) -> Ask {
        let names = self.signed_names(signing);
        let claim = [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("X-Amz-Credential", format!("{}/{}", signing.access_key_id, signing.scope())),
            ("X-Amz-Date", signing.time()),
            ("X-Amz-Expires", signing.expires.clone()),
            ("X-Amz-SignedHeaders", names.join(";")),
        ];
        for (name, value) in claim {
            self = self.parameter(name, &value);
        }
        if let Some(token) = &signing.token {
            self = self.parameter("X-Amz-Security-Token", token);
        }
        let signature = self.signature(host, signing, &names, "UNSIGNED-PAYLOAD");
        self.parameter("X-Amz-Signature", &signature)
    }

    /// Signs in the query by SigV2, as boto3 does by default in us-east-1.
    pub(crate) fn presigned_by_version_2(self, signing: &Signing) -> Ask {
        let expires = signing.seconds + signing.expires.parse::<i64>().unwrap();
        let text = |name: &str| {
            let found = self.headers.iter().find(|(given, _)| given == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let mut amazon: Vec<String> = self
            .headers
            .iter()
            .filter(|(name, _)| name.starts_with("x-amz-"))
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        amazon.sort();
        let mut resource = self.path.clone();
        let named: Vec<String> = self
            .query
            .iter()
            .filter(|(name, _)| {
                ["acl", "partNumber", "tagging", "uploadId"].contains(&name.as_str())
            })
            .map(
                |(name, value)| {
                    if value.is_empty() { name.clone() } else { format!("{name}={value}") }
                },
            )
            .collect();
        if !named.is_empty() {
            write!(resource, "?{}", named.join("&")).unwrap();
        }
        let signed = format!(
            "{}\n{}\n{}\n{expires}\n{}{resource}",
            self.method,
            text("content-md5"),
            text("content-type"),
            amazon.concat()
        );
        let key = ring_hmac_sha1(signing.secret.as_bytes(), signed.as_bytes());
        self.parameter("AWSAccessKeyId", &signing.access_key_id)
            .parameter("Signature", &key)
            .parameter("Expires", &expires.to_string())
    }

    /// Signs in the `Authorization` header.
    pub(crate) fn signed(self, host: &str, signing: &Signing) -> Ask {
        self.signed_with_payload(host, signing, None).0
    }

    /// As [`Ask::signed`], with another text for the payload; gives the signature too.
    pub(crate) fn signed_with_payload(
        mut self,
        host: &str,
        signing: &Signing,
        payload: Option<&str>,
    ) -> (Ask, String) {
        let digest = hex::encode(Sha256::digest(&self.body));
        let payload = payload.unwrap_or(&digest);
        self = self.header("x-amz-date", &signing.time()).header("x-amz-content-sha256", payload);
        if let Some(token) = &signing.token {
            self = self.header("x-amz-security-token", token);
        }
        let names = self.signed_names(signing);
        let signature = self.signature(host, signing, &names, payload);
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={signature}",
            signing.access_key_id,
            signing.scope(),
            names.join(";")
        );
        (self.header("authorization", &value), signature)
    }

    fn signed_names(&self, signing: &Signing) -> Vec<String> {
        let mut names: Vec<String> = self.headers.iter().map(|(name, _)| name.clone()).collect();
        names.push("host".to_owned());
        names.retain(|name| !signing.unsigned.contains(name));
        names.sort();
        names.dedup();
        names
    }

    fn signature(&self, host: &str, signing: &Signing, names: &[String], payload: &str) -> String {
        let mut values = BTreeMap::from([("host", host.to_owned())]);
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "host") {
            let trimmed = value.split_whitespace().collect::<Vec<_>>().join(" ");
            values
                .entry(name)
                .and_modify(|all| write!(all, ",{trimmed}").unwrap())
                .or_insert_with(|| trimmed.clone());
        }
        let mut query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        query.sort();
        let headers: String =
            names.iter().map(|name| format!("{name}:{}\n", values[name.as_str()])).collect();
        let request = format!(
            "{}\n{}\n{}\n{headers}\n{}\n{payload}",
            self.method,
            self.path,
            query.join("&"),
            names.join(";")
        );
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{}\n{}",
            signing.time(),
            signing.scope(),
            hex::encode(Sha256::digest(request))
        );
        hex::encode(hmac(&signing.key(), text.as_bytes()))
    }

    pub(crate) fn path_and_query(&self) -> String {
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, query.join("&"))
        }
    }

    /// Sends it as it is.
    pub(crate) async fn send(&self, url: &str) -> Answer {
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            .uri(format!("{url}{}", self.path_and_query()));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(self.body.clone())).unwrap();
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }
}

/// `127.0.0.1:4566`
pub(crate) fn host(emulator: &Emulator) -> String {
    emulator.aws_url().trim_start_matches("http://").trim_end_matches('/').to_owned()
}

/// Signs and sends.
pub(crate) async fn signed(emulator: &Emulator, ask: Ask) -> Answer {
    let signing = Signing::now();
    ask.signed(&host(emulator), &signing).send(emulator.aws_url()).await
}

pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Bytes that no one else has.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(length)
    .collect()
}

/// A refusal: status, code, and words of its message.
pub(crate) type Expected<'a> = (u16, &'a str, &'a str);

#[track_caller]
pub(crate) fn refused(name: &str, answer: &Answer, (status, code, words): Expected<'_>) {
    assert_eq!(answer.refusal(), (status, code.to_owned()), "{name}: {}", answer.text());
    let message = answer.element("Message").unwrap_or_default();
    assert!(message.contains(words), "{name}: {message}");
}

/// After each refusal, a healthy request.
pub(crate) async fn healthy(emulator: &Emulator) {
    let answer = signed(emulator, ask("PUT", "/bucket/healthy").body("yes")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}
