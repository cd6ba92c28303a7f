//! The signature of a request for an object: Signature Version 4, without its payload, as the SDKs sign a stream.

use std::net::SocketAddr;

use hardcap::Clock;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// The key pair that hardcap accepts, and that s3s-fs is started with.
pub(crate) const ACCESS_KEY_ID: &str = "test";
pub(crate) const SECRET: &str = "test";
const PAYLOAD: &str = "UNSIGNED-PAYLOAD";
const SIGNED: &str = "host;x-amz-content-sha256;x-amz-date";

/// The headers that sign a request, each with its line end.
pub(crate) fn headers(method: &str, path: &str, address: SocketAddr) -> String {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let time = Clock::default().wall().to_utc().format(format).unwrap_or_default();
    let scope = format!("{}/us-east-1/s3/aws4_request", &time[..8]);
    let request = format!(
        "{method}\n{path}\n\nhost:{address}\nx-amz-content-sha256:{PAYLOAD}\nx-amz-date:{time}\n\n{SIGNED}\n{PAYLOAD}"
    );
    let digest = hex::encode(Sha256::digest(request));
    let key =
        scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| hmac(&key, part));
    let signature =
        hex::encode(hmac(&key, &format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}")));
    format!(
        "x-amz-content-sha256: {PAYLOAD}\r\nx-amz-date: {time}\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential={ACCESS_KEY_ID}/{scope}, SignedHeaders={SIGNED}, Signature={signature}\r\n"
    )
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
