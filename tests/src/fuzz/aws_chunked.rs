//! Bodies in `aws-chunked`.

use hardcap_s3::fuzz::{Signing, decode};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::input::{Input, pieces};

/// A body that was encoded decodes to its data, in whatever pieces it comes and not once a byte of it is changed; any other
/// bytes decode to exactly the data of their chunks, or to an error.
pub fn aws_chunked(data: &[u8]) {
    let mut input = Input::new(data);
    let mode = input.byte();
    let size = usize::from(input.byte()) + 1;
    if mode & 1 == 1 {
        encoded(&mut input, mode, size);
        return;
    }
    let wire = input.rest();
    let expects_trailer = mode & 2 == 2;
    let signing = (mode & 4 == 4).then(signing);
    let whole = decode(signing.as_ref(), expects_trailer, pieces(wire, wire.len()));
    let cut = decode(signing.as_ref(), expects_trailer, pieces(wire, size));
    assert_eq!(whole, cut, "in pieces of {size}");
    let Ok((data, trailers)) = whole else { return };
    assert!(signing.is_none(), "nobody has signed it");
    assert!(data.len() + trailers.len() <= wire.len());
    assert_eq!(Some(data), plainly_decoded(wire), "{:?}", String::from_utf8_lossy(wire));
}

fn signing() -> Signing {
    Signing {
        key: [7; 32],
        time: "20260221T101112Z".to_owned(),
        scope: "20260221/us-east-1/s3/aws4_request".to_owned(),
        seed: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9".to_owned(),
    }
}

fn encoded(input: &mut Input<'_>, mode: u8, size: usize) {
    let (is_signed, has_trailer) = (mode & 2 == 2, mode & 4 == 4);
    let flip = usize::from(input.byte()) * 256 + usize::from(input.byte());
    // No chunk but the last may have less than 8 KiB.
    let repeat = if mode & 8 == 8 { 600 } else { 1 };
    let mut data = input.rest().repeat(repeat);
    data.truncate(20_000);
    let signing = signing();
    let mut signer = Signer { signing: &signing, previous: signing.seed.clone() };
    let mut wire = Vec::new();
    for chunk in data.chunks(8192).chain([&[][..]]) {
        let signature = signer.chunk(chunk);
        let extension =
            if is_signed { format!(";chunk-signature={signature}") } else { String::new() };
        wire.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
        wire.extend_from_slice(chunk);
        if !chunk.is_empty() {
            wire.extend_from_slice(b"\r\n");
        }
    }
    if has_trailer {
        let line = "x-amz-checksum-crc32:NhCmhg==";
        wire.extend_from_slice(format!("{line}\r\n").as_bytes());
        if is_signed {
            let signature = signer.trailer(&format!("{line}\n"));
            wire.extend_from_slice(format!("x-amz-trailer-signature:{signature}\r\n").as_bytes());
        }
    }
    wire.extend_from_slice(b"\r\n");
    let used = is_signed.then_some(&signing);
    let decoded = decode(used, has_trailer, pieces(&wire, size * if repeat > 1 { 97 } else { 1 }));
    let (got, trailers) =
        decoded.unwrap_or_else(|code| panic!("{code}: {:?}", String::from_utf8_lossy(&wire)));
    assert_eq!(got.len(), data.len());
    assert!(got == data && trailers.len() == usize::from(has_trailer));
    let short = wire.len() - 1 - flip % (wire.len() - 1);
    let cut = decode(used, has_trailer, pieces(&wire[..short], wire.len()));
    // Without a trailer some clients leave out the last empty line.
    assert!(
        cut.is_err() || (!has_trailer && short + 2 == wire.len()),
        "cut at {short} of {}",
        wire.len()
    );
    if is_signed {
        let at = flip % wire.len();
        wire[at] ^= 1;
        let changed = decode(used, has_trailer, pieces(&wire, wire.len()));
        assert!(changed.is_err(), "byte {at} was changed, and the signature still holds");
    }
}

/// Signs as the S3 reference describes it, "Signature calculations: chunked upload".
struct Signer<'s> {
    signing: &'s Signing,
    previous: String,
}

impl Signer<'_> {
    fn chunk(&mut self, data: &[u8]) -> String {
        let nothing = hex::encode(Sha256::digest(b""));
        let digests = format!("{nothing}\n{}", hex::encode(Sha256::digest(data)));
        self.sign("AWS4-HMAC-SHA256-PAYLOAD", &digests)
    }

    fn trailer(&mut self, lines: &str) -> String {
        self.sign("AWS4-HMAC-SHA256-TRAILER", &hex::encode(Sha256::digest(lines)))
    }

    fn sign(&mut self, kind: &str, digests: &str) -> String {
        let Signing { key, time, scope, .. } = self.signing;
        let text = format!("{kind}\n{time}\n{scope}\n{}\n{digests}", self.previous);
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(text.as_bytes());
        self.previous = hex::encode(mac.finalize().into_bytes());
        self.previous.clone()
    }
}

/// The data of a body without signatures, read in one go: the sum of its chunks.
fn plainly_decoded(wire: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    let mut rest = wire;
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(data);
        }
        data.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}
