//! The bucket and the key of a request, in path style or with the bucket in the host name.

use http::{StatusCode, Uri, header, request};

use super::refusal::Refusal;
use hardcap_core::uri;

/// The target of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    /// `None` for the list of all buckets.
    pub(super) bucket: Option<String>,
    /// `None` for the bucket itself.
    pub(super) key: Option<String>,
}

impl Address {
    /// Parses host and path.
    ///
    /// # Errors
    ///
    /// If the path is not UTF-8, or the bucket's name is invalid.
    pub(super) fn of(head: &request::Parts, region: &str) -> Result<Address, Refusal> {
        let path = uri::decode(head.uri.path())
            .and_then(|path| String::from_utf8(path).ok())
            .ok_or_else(|| Refusal::invalid_uri().with("URI", head.uri.path()))?;
        let rest = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) = match bucket_of_host(head, region) {
            Some(bucket) => (bucket, rest),
            None => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                (bucket.to_owned(), key)
            }
        };
        if bucket.is_empty() && key.is_empty() {
            return Ok(Address::default());
        }
        if !s3s::path::check_bucket_name(&bucket) {
            return Err(Refusal::invalid_bucket_name().with("BucketName", bucket));
        }
        let key = (!key.is_empty()).then(|| key.to_owned());
        Ok(Address { bucket: Some(bucket), key })
    }

    /// The same address in path style, the form that the protocol library gets.
    pub(super) fn path(&self) -> String {
        let encode = |text: &Option<String>| {
            text.as_ref().map(|text| format!("/{}", uri::encode(text.as_bytes(), true)))
        };
        let path = format!(
            "{}{}",
            encode(&self.bucket).unwrap_or_default(),
            encode(&self.key).unwrap_or_default()
        );
        if path.is_empty() { "/".to_owned() } else { path }
    }

    /// `BUCKET` or `OBJECT`, as errors name the target.
    pub(super) fn resource_type(&self) -> &'static str {
        match (&self.bucket, &self.key) {
            (_, Some(_)) => "OBJECT",
            (Some(_), None) => "BUCKET",
            (None, None) => "SERVICE",
        }
    }
}

/// The bucket in `bucket.s3.us-east-1.localhost:4566`; `None` for `localhost:4566`, an IP address or another name.
fn bucket_of_host(head: &request::Parts, region: &str) -> Option<String> {
    let host = host_name(head)?;
    let bases = [
        format!("s3.{region}.amazonaws.com"),
        "s3.amazonaws.com".to_owned(),
        format!("s3.{region}.localhost"),
        "s3.localhost".to_owned(),
        "localhost".to_owned(),
    ];
    let base = bases.iter().find(|base| {
        host.strip_suffix(base.as_str()).is_some_and(|head| head.is_empty() || head.ends_with('.'))
    })?;
    let bucket = host.strip_suffix(base.as_str())?.strip_suffix('.')?;
    (!bucket.is_empty()).then(|| bucket.to_owned())
}

fn host_name(head: &request::Parts) -> Option<String> {
    let host = match head.headers.get(header::HOST) {
        Some(host) => host.to_str().ok()?,
        None => head.uri.authority()?.as_str(),
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    Some(name.to_ascii_lowercase())
}

/// The request's URI in path style, without the parameters that only this crate evaluates.
///
/// # Errors
///
/// If the result is not a URI, which is a bug.
pub(super) fn rewritten(address: &Address, query: &str) -> Result<Uri, Refusal> {
    let path = address.path();
    let text = if query.is_empty() { path } else { format!("{path}?{query}") };
    text.parse().map_err(|error: http::uri::InvalidUri| {
        Refusal::new(StatusCode::BAD_REQUEST, "InvalidURI", error.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, path: &str) -> Result<Address, Refusal> {
        let request = http::Request::builder().uri(path).header("host", host).body(()).unwrap();
        Address::of(&request.into_parts().0, "us-east-1")
    }

    fn some(bucket: &str, key: &str) -> Result<Address, Refusal> {
        let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Address { bucket: optional(bucket), key: optional(key) })
    }

    #[test]
    fn path_style_and_host_style_name_the_same_object() {
        for (host, path) in [
            ("localhost:4566", "/bucket/a/b"),
            ("127.0.0.1:4566", "/bucket/a/b"),
            ("[::1]:4566", "/bucket/a/b"),
            ("emulator:4566", "/bucket/a/b"),
            ("s3.localhost:4566", "/bucket/a/b"),
            ("s3.amazonaws.com", "/bucket/a/b"),
            ("bucket.localhost:4566", "/a/b"),
            ("bucket.s3.localhost:4566", "/a/b"),
            ("BUCKET.s3.us-east-1.localhost", "/a/b"),
            ("bucket.s3.us-east-1.amazonaws.com", "/a/b"),
        ] {
            assert_eq!(address(host, path), some("bucket", "a/b"), "{host}{path}");
        }
        assert_eq!(address("dotted.bucket.localhost", "/k"), some("dotted.bucket", "k"));
    }

    #[test]
    fn keys_are_not_normalized_like_paths() {
        for (path, key) in [
            ("/bucket/x//y", "x//y"),
            ("/bucket//x", "/x"),
            ("/bucket/..%2Fescaped", "../escaped"),
            ("/bucket/a/../b", "a/../b"),
            ("/bucket/trail/", "trail/"),
            ("/bucket/%C3%A9%20+", "\u{e9} +"),
            ("/bucket/", ""),
            ("/bucket", ""),
        ] {
            assert_eq!(address("localhost", path), some("bucket", key), "{path}");
        }
        assert_eq!(address("localhost", "/"), some("", ""));
    }

    #[test]
    fn invalid_addresses_are_refused() {
        for (path, code) in [
            ("/b", "InvalidBucketName"),
            ("/bucket/%zz", "InvalidURI"),
            ("/bucket/%ff", "InvalidURI"),
        ] {
            assert_eq!(address("localhost", path).unwrap_err().code, code, "{path}");
        }
    }

    #[test]
    fn a_rewritten_address_parses_to_the_same_target() {
        for key in ["x//y", "../e", "a b+c?d#e%f", "\u{e9}", "/", "trail/"] {
            let before = Address { bucket: Some("bucket".to_owned()), key: Some(key.to_owned()) };
            let uri = rewritten(&before, "list-type=2").unwrap().to_string();
            assert_eq!(address("localhost", &uri), some("bucket", key), "{uri}");
        }
    }
}
