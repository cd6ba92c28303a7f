//! The digests of S3, and the checksums that a client declares.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use s3s::crypto::{self, Checksum as _};
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;

/// A checksum algorithm of S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(super) const ALL: [Algorithm; 5] = [
        Algorithm::Crc32,
        Algorithm::Crc32c,
        Algorithm::Crc64Nvme,
        Algorithm::Sha1,
        Algorithm::Sha256,
    ];

    /// The value of `x-amz-checksum-algorithm`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "CRC32",
            Algorithm::Crc32c => "CRC32C",
            Algorithm::Crc64Nvme => "CRC64NVME",
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
        }
    }

    /// The header of a checksum.
    pub(super) fn header(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "x-amz-checksum-crc32",
            Algorithm::Crc32c => "x-amz-checksum-crc32c",
            Algorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Algorithm::Sha1 => "x-amz-checksum-sha1",
            Algorithm::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// Parses the name of a header or an algorithm, in any case.
    pub(super) fn find(text: &str) -> Option<Algorithm> {
        let text = text.trim();
        Algorithm::ALL.into_iter().find(|algorithm| {
            text.eq_ignore_ascii_case(algorithm.name())
                || text.eq_ignore_ascii_case(algorithm.header())
        })
    }

    /// The algorithm that `x-amz-checksum-algorithm` names; `None` without this header.
    ///
    /// # Errors
    ///
    /// If S3 does not have the algorithm, or several are named. The texts are those of CreateMultipartUpload; UNCONFIRMED: for
    /// CopyObject.
    pub(super) fn named(headers: &HeaderMap) -> Result<Option<Algorithm>, Refusal> {
        let Some(name) = headers.get("x-amz-checksum-algorithm") else { return Ok(None) };
        if name.as_bytes().contains(&b',') {
            return Err(Refusal::many_checksum_algorithms());
        }
        let found = name.to_str().ok().and_then(Algorithm::find);
        found.map(Some).ok_or_else(Refusal::unknown_checksum_algorithm)
    }

    /// Whether the checksum of an upload in parts is that of the checksums of its parts, unless its type is given.
    pub(super) fn is_composite_by_default(self) -> bool {
        self != Algorithm::Crc64Nvme
    }

    /// The length of a digest in bytes.
    fn length(self) -> usize {
        match self {
            Algorithm::Crc32 | Algorithm::Crc32c => 4,
            Algorithm::Crc64Nvme => 8,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
        }
    }

    /// Parses a declared value.
    pub(super) fn decode(self, text: &str) -> Result<Checksum, Refusal> {
        let value = STANDARD.decode(text.trim()).unwrap_or_default();
        if value.len() != self.length() {
            return Err(invalid_value(self.header()));
        }
        Ok(Checksum { algorithm: self, value })
    }
}

/// Sets the member for an algorithm of a response that shows checksums.
macro_rules! show_checksum {
    ($shown:expr, $algorithm:expr, $text:expr) => {{
        let text = Some($text);
        match $algorithm {
            $crate::checksum::Algorithm::Crc32 => $shown.checksum_crc32 = text,
            $crate::checksum::Algorithm::Crc32c => $shown.checksum_crc32c = text,
            $crate::checksum::Algorithm::Crc64Nvme => $shown.checksum_crc64nvme = text,
            $crate::checksum::Algorithm::Sha1 => $shown.checksum_sha1 = text,
            $crate::checksum::Algorithm::Sha256 => $shown.checksum_sha256 = text,
        }
    }};
}
pub(crate) use show_checksum;

/// A checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    /// The algorithm.
    pub(crate) algorithm: Algorithm,
    /// The digest.
    pub(crate) value: Vec<u8>,
}

impl Checksum {
    pub(super) fn base64(&self) -> String {
        STANDARD.encode(&self.value)
    }
}

/// The digests of a body.
#[derive(Clone, Debug)]
pub(crate) struct Digests {
    /// MD5, for the ETag.
    pub(crate) md5: [u8; 16],
    /// The declared checksum and the one that the operation requested.
    pub(crate) checksums: Vec<Checksum>,
}

impl Digests {
    /// The checksum of an algorithm, if it was computed.
    pub(super) fn checksum(&self, algorithm: Algorithm) -> Option<&Checksum> {
        self.checksums.iter().find(|checksum| checksum.algorithm == algorithm)
    }
}

/// Computes one checksum.
pub(super) enum Hasher {
    Crc32(crypto::Crc32),
    Crc32c(crypto::Crc32c),
    Crc64Nvme(crypto::Crc64Nvme),
    Sha1(crypto::Sha1),
    Sha256(crypto::Sha256),
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Hasher {
        match algorithm {
            Algorithm::Crc32 => Hasher::Crc32(crypto::Crc32::new()),
            Algorithm::Crc32c => Hasher::Crc32c(crypto::Crc32c::new()),
            Algorithm::Crc64Nvme => Hasher::Crc64Nvme(crypto::Crc64Nvme::new()),
            Algorithm::Sha1 => Hasher::Sha1(crypto::Sha1::new()),
            Algorithm::Sha256 => Hasher::Sha256(crypto::Sha256::new()),
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        match self {
            Hasher::Crc32(hasher) => hasher.update(data),
            Hasher::Crc32c(hasher) => hasher.update(data),
            Hasher::Crc64Nvme(hasher) => hasher.update(data),
            Hasher::Sha1(hasher) => hasher.update(data),
            Hasher::Sha256(hasher) => hasher.update(data),
        }
    }

    pub(super) fn finish(self) -> Checksum {
        let (algorithm, value) = match self {
            Hasher::Crc32(hasher) => (Algorithm::Crc32, hasher.finalize().to_vec()),
            Hasher::Crc32c(hasher) => (Algorithm::Crc32c, hasher.finalize().to_vec()),
            Hasher::Crc64Nvme(hasher) => (Algorithm::Crc64Nvme, hasher.finalize().to_vec()),
            Hasher::Sha1(hasher) => (Algorithm::Sha1, hasher.finalize().to_vec()),
            Hasher::Sha256(hasher) => (Algorithm::Sha256, hasher.finalize().to_vec()),
        };
        Checksum { algorithm, value }
    }
}

/// The declared digests of a body.
#[derive(Clone, Debug, Default)]
pub(super) struct DeclaredDigests {
    /// `Content-MD5`.
    pub(super) md5: Option<[u8; 16]>,
    /// `x-amz-checksum-*`.
    pub(super) checksum: Option<Checksum>,
    /// `x-amz-trailer`: the algorithm of the checksum in the trailer.
    pub(super) trailer: Option<Algorithm>,
}

impl DeclaredDigests {
    /// Parses the headers.
    ///
    /// # Errors
    ///
    /// If a value is malformed, there is more than one, an algorithm has no value, or another algorithm is named.
    pub(super) fn read(headers: &HeaderMap) -> Result<DeclaredDigests, Refusal> {
        let md5 =
            headers.get("content-md5").map(|value| decode_md5(value.as_bytes())).transpose()?;
        let mut checksums = Algorithm::ALL
            .into_iter()
            .filter_map(|algorithm| Some((algorithm, headers.get(algorithm.header())?)));
        let checksum = checksums
            .next()
            .map(|(algorithm, value)| algorithm.decode(value.to_str().unwrap_or_default()))
            .transpose()?;
        if checksums.next().is_some() {
            return Err(Refusal::many_checksums());
        }
        let trailer = headers
            .get("x-amz-trailer")
            .map(|value| {
                let name = value.to_str().unwrap_or_default();
                Algorithm::find(name).ok_or_else(|| {
                    Refusal::new(
                        http::StatusCode::BAD_REQUEST,
                        "InvalidRequest",
                        "The value specified in the x-amz-trailer header is not supported",
                    )
                })
            })
            .transpose()?;
        if checksum.is_some() && trailer.is_some() {
            return Err(Refusal::many_checksums());
        }
        let algorithm_alone = headers.contains_key("x-amz-sdk-checksum-algorithm")
            && checksum.is_none()
            && trailer.is_none()
            && md5.is_none();
        if algorithm_alone {
            return Err(Refusal::checksum_without_value());
        }
        let declared = DeclaredDigests { md5, checksum, trailer };
        let named = headers.get("x-amz-sdk-checksum-algorithm");
        let other = declared.algorithm().zip(named).is_some_and(|(algorithm, named)| {
            named.to_str().ok().and_then(Algorithm::find) != Some(algorithm)
        });
        // As AWS responds (versity/versitygw#1598, 2025-10-24, and #1659 for a trailer).
        if other { Err(invalid_value("x-amz-sdk-checksum-algorithm")) } else { Ok(declared) }
    }

    /// The algorithm to compute.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.checksum.as_ref().map(|checksum| checksum.algorithm).or(self.trailer)
    }
}

fn decode_md5(text: &[u8]) -> Result<[u8; 16], Refusal> {
    STANDARD
        .decode(text.trim_ascii())
        .ok()
        .and_then(|value| value.try_into().ok())
        .ok_or_else(|| Refusal::invalid_digest().with("Content-MD5", String::from_utf8_lossy(text)))
}

/// The refusal of a header about checksums whose value has no meaning.
pub(super) fn invalid_value(header: &str) -> Refusal {
    Refusal::new(
        http::StatusCode::BAD_REQUEST,
        "InvalidRequest",
        format!("Value for {header} header is invalid."),
    )
}

/// The refusal of a wrong checksum.
pub(super) fn mismatch(algorithm: Algorithm) -> Refusal {
    Refusal::new(
        http::StatusCode::BAD_REQUEST,
        "BadDigest",
        format!("The {} you specified did not match the calculated checksum.", algorithm.name()),
    )
}

/// The CRC of two concatenated pieces, from the CRC of each and the length of the second.
///
/// A CRC is linear: appending `n` zero bytes multiplies the remainder by x^8n modulo the polynomial. So the CRC of a whole
/// object is computed from those of its parts without reading them again.
pub(super) fn combine(algorithm: Algorithm, first: &[u8], second: &[u8], length: u64) -> Vec<u8> {
    let (polynomial, width) = match algorithm {
        Algorithm::Crc32 => (0xEDB8_8320_u64, 32),
        Algorithm::Crc32c => (0x82F6_3B78, 32),
        Algorithm::Crc64Nvme => (0x9A6C_9329_AC4B_C9B5, 64),
        Algorithm::Sha1 | Algorithm::Sha256 => return Vec::new(),
    };
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let shifted = multiply(number(first), power_of_x(length, polynomial, width), polynomial, width);
    let combined = shifted ^ number(second);
    combined.to_be_bytes()[8 - width / 8..].to_vec()
}

/// `a * b` modulo the polynomial, all reflected: the highest bit is the coefficient of x^0.
fn multiply(a: u64, mut b: u64, polynomial: u64, width: usize) -> u64 {
    let mut product = 0;
    for bit in (0..width).rev() {
        if a >> bit & 1 == 1 {
            product ^= b;
        }
        b = b >> 1 ^ if b & 1 == 1 { polynomial } else { 0 };
    }
    product
}

/// x to the power of 8 times `length`, modulo the polynomial.
fn power_of_x(length: u64, polynomial: u64, width: usize) -> u64 {
    let mut power = 1_u64 << (width - 1);
    let mut square = 1_u64 << (width - 9);
    let mut left = length;
    while left > 0 {
        if left & 1 == 1 {
            power = multiply(power, square, polynomial, width);
        }
        square = multiply(square, square, polynomial, width);
        left >>= 1;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(algorithm: Algorithm, data: &[u8]) -> Vec<u8> {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(data);
        hasher.finish().value
    }

    #[test]
    fn the_crc_of_a_whole_is_computed_from_those_of_its_pieces() {
        let data: Vec<u8> = (0..100_003_u32).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            for cut in [0, 1, 7, 50_000, 100_002, 100_003] {
                let (first, second) = data.split_at(cut);
                let combined = combine(
                    algorithm,
                    &of(algorithm, first),
                    &of(algorithm, second),
                    second.len() as u64,
                );
                assert_eq!(combined, of(algorithm, &data), "{algorithm:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn the_checksums_of_the_word_hello_are_known() {
        let text = |algorithm| STANDARD.encode(of(algorithm, b"hello"));
        assert_eq!(text(Algorithm::Crc32), "NhCmhg==");
        assert_eq!(text(Algorithm::Sha1), "qvTGHdzF6KLavt4PO0gs2a6pQ00=");
    }
}
