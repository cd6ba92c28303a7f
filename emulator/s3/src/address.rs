//! The bucket and the key of a request, in path style or with the bucket in the host name.

use http::{StatusCode, Uri, header, request};

use super::refusal::Refusal;
use super::region;
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
    pub(super) fn of(head: &request::Parts, run: &str) -> Result<Address, Refusal> {
        let path = uri::decode(head.uri.path())
            .and_then(|path| String::from_utf8(path).ok())
            .ok_or_else(|| Refusal::invalid_uri().with("URI", head.uri.path()))?;
        let rest = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) = match bucket_of_host(head, run) {
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
fn bucket_of_host(head: &request::Parts, run: &str) -> Option<String> {
    let host = host_name(head)?;
    let (names, is_aws) = names_of_host(&host)?;
    let names = without_region(names, run).map_or(names, |(names, _)| names);
    let bucket = match names.strip_suffix("s3").map(|head| head.strip_suffix('.')) {
        Some(Some(bucket)) => bucket,
        _ if names == "s3" || is_aws => return None,
        _ => names,
    };
    (!bucket.is_empty()).then(|| bucket.to_owned())
}

/// The region in `s3.eu-west-1.localhost` or `bucket.s3.eu-west-1.amazonaws.com`.
pub(super) fn endpoint_region(head: &request::Parts, run: &str) -> Option<String> {
    let host = host_name(head)?;
    let (_, region) = without_region(names_of_host(&host)?.0, run)?;
    Some(region.to_owned())
}

/// The names before `amazonaws.com` or `localhost`, and whether the host is of AWS.
fn names_of_host(host: &str) -> Option<(&str, bool)> {
    if host == "localhost" {
        return Some(("", false));
    }
    let of_aws = host.strip_suffix(".amazonaws.com").map(|names| (names, true));
    of_aws.or_else(|| host.strip_suffix(".localhost").map(|names| (names, false)))
}

/// Splits `bucket.s3.eu-west-1` into `bucket.s3` and `eu-west-1`.
fn without_region<'h>(names: &'h str, run: &str) -> Option<(&'h str, &'h str)> {
    let (names, region) = names.rsplit_once('.')?;
    let is_endpoint = names == "s3" || names.ends_with(".s3");
    (is_endpoint && (region == run || region::exists(region))).then_some((names, region))
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
    fn a_host_may_name_the_region_of_its_endpoint() {
        for (host, bucket, region) in [
            ("localhost:4566", None, None),
            ("127.0.0.1", None, None),
            ("s3.localhost", None, None),
            ("bucket.s3.localhost", Some("bucket"), None),
            ("s3.us-east-1.localhost:4566", None, Some("us-east-1")),
            ("bucket.s3.eu-west-1.localhost:4566", Some("bucket"), Some("eu-west-1")),
            ("a.b.s3.eu-west-1.amazonaws.com", Some("a.b"), Some("eu-west-1")),
            ("s3.eu-west-1.amazonaws.com", None, Some("eu-west-1")),
            ("bucket.s3.nowhere-1.localhost", Some("bucket.s3.nowhere-1"), None),
            ("bucket.amazonaws.com", None, None),
            ("eu-west-1.localhost", Some("eu-west-1"), None),
        ] {
            let request = http::Request::builder().uri("/").header("host", host).body(()).unwrap();
            let head = request.into_parts().0;
            let found = (bucket_of_host(&head, "us-east-1"), endpoint_region(&head, "us-east-1"));
            let expected = (bucket.map(str::to_owned), region.map(str::to_owned));
            assert_eq!(found, expected, "{host}");
        }
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
