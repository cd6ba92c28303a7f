//! Compressed input: a file with gzip, and the event of a subscription to CloudWatch Logs. Pure.

use std::io::{self, Read};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// The maximum length of an unpacked file, in bytes.
const FILE_MAX: u64 = 1 << 30;
/// The maximum length of an unpacked event, in bytes. Lambda's events have 6 MB at most, and log lines are compressed to about a tenth.
const EVENT_MAX: u64 = 64 << 20;
/// The first bytes of gzip (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// An input without its compression; the input itself if it is not gzip.
///
/// # Errors
///
/// [`io::Error`] if the gzip is invalid, or has more than 1 GiB of content.
pub fn unpacked(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if bytes.starts_with(&GZIP) { unzip(&bytes, FILE_MAX) } else { Ok(bytes) }
}

fn unzip(bytes: &[u8], most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    MultiGzDecoder::new(bytes).take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(io::Error::other(format!("the gzip has more than {most} bytes of content")));
    }
    Ok(content)
}

/// The log lines in the event of a subscription: `{"awslogs": {"data": "…"}}`, with gzip in base64 (AWS, CloudWatch Logs user guide,
/// subscription filters with Lambda). `None` for other documents.
pub(crate) fn of_subscription(json: &Value) -> Option<Value> {
    let data = json["awslogs"]["data"].as_str()?;
    let packed = BASE64_STANDARD.decode(data.trim()).ok()?;
    let logs = unzip(&packed, EVENT_MAX).ok()?;
    serde_json::from_slice(&logs).ok().filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;

    use super::*;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_gzip_is_unpacked_up_to_a_bound() {
        assert_eq!(unpacked(packed(b"one")).unwrap(), b"one");
        let two = [packed(b"one"), packed(b"two")].concat();
        assert_eq!(unpacked(two).unwrap(), b"onetwo");
        assert_eq!(unpacked(b"plain".to_vec()).unwrap(), b"plain");
        assert_eq!(unzip(&packed(&[b'x'; 1000]), 1000).unwrap().len(), 1000);
        assert!(unzip(&packed(&[b'x'; 1001]), 1000).is_err());
        let whole = packed(b"one");
        assert!(unpacked(whole[..whole.len() - 4].to_vec()).is_err());
    }

    #[test]
    fn the_event_of_a_subscription_has_its_log_lines() {
        let logs = json!({"logGroup": "g", "logEvents": [{"message": "m"}]});
        let data = BASE64_STANDARD.encode(packed(logs.to_string().as_bytes()));
        assert_eq!(of_subscription(&json!({"awslogs": {"data": data}})), Some(logs));
        assert_eq!(of_subscription(&json!({"awslogs": {"data": "eA=="}})), None);
        assert_eq!(of_subscription(&json!({"data": "x"})), None);
    }
}
