//! Bodies of any size and kind, generated from three numbers, so that both ends of a path can generate the same bytes.
//!
//! A body is generated in chunks and never held in memory: one of several GiB needs as much memory as one of 64 KiB.
//!
//! ```
//! use hardcap_demo::content::{Content, ContentKind};
//!
//! let content = Content { kind: ContentKind::Json, size: 4_718_560, seed: 7 };
//! let sent: u64 = content.chunks().map(|chunk| chunk.len() as u64).sum();
//! assert_eq!(sent, 4_718_560);
//! assert_eq!(content.digest(), content.digest());
//! ```

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

mod chunks;

pub use chunks::{CHUNK_BYTES, Chunks};

/// The content of a body. Each kind breaks a path that is not transparent in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentKind {
    /// A JSON document whose parts all differ: an array of small objects, or a string if the size is too small.
    Json,
    /// Letters, which take one byte in every encoding.
    Ascii,
    /// Only `"` and `\`, which take two bytes in a JSON string.
    Quotes,
    /// Only U+0001 to U+001F, most of which take six bytes in a JSON string.
    Controls,
    /// UTF-8 characters of two, three and four bytes, including U+2028.
    Multibyte,
    /// Bytes that are not UTF-8, from the first one.
    InvalidUtf8,
    /// Letters after a UTF-8 byte order mark, which decoders may drop.
    Bom,
    /// Noise, which is not compressible.
    Incompressible,
    /// A whole gzip member of exactly this size, or a part of its header if the size is too small.
    Gzip,
    /// Only NUL.
    Zeros,
}

impl ContentKind {
    /// All kinds.
    pub const ALL: [ContentKind; 10] = [
        ContentKind::Json,
        ContentKind::Ascii,
        ContentKind::Quotes,
        ContentKind::Controls,
        ContentKind::Multibyte,
        ContentKind::InvalidUtf8,
        ContentKind::Bom,
        ContentKind::Incompressible,
        ContentKind::Gzip,
        ContentKind::Zeros,
    ];

    /// The name in a query string.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ContentKind::Json => "json",
            ContentKind::Ascii => "ascii",
            ContentKind::Quotes => "quotes",
            ContentKind::Controls => "controls",
            ContentKind::Multibyte => "multibyte",
            ContentKind::InvalidUtf8 => "invalid_utf8",
            ContentKind::Bom => "bom",
            ContentKind::Incompressible => "incompressible",
            ContentKind::Gzip => "gzip",
            ContentKind::Zeros => "zeros",
        }
    }

    /// The content type of the kind.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            ContentKind::Json => "application/json; charset=UTF-8",
            ContentKind::Ascii
            | ContentKind::Quotes
            | ContentKind::Controls
            | ContentKind::Multibyte
            | ContentKind::Bom => "text/plain; charset=UTF-8",
            ContentKind::InvalidUtf8 | ContentKind::Incompressible | ContentKind::Zeros => {
                "application/octet-stream"
            }
            ContentKind::Gzip => "application/gzip",
        }
    }

    /// Whether bodies of this kind are UTF-8 at every size, without incomplete characters.
    #[must_use]
    pub fn is_text(self) -> bool {
        match self {
            ContentKind::Json
            | ContentKind::Ascii
            | ContentKind::Quotes
            | ContentKind::Controls => true,
            ContentKind::Multibyte | ContentKind::Zeros => true,
            ContentKind::Bom
            | ContentKind::InvalidUtf8
            | ContentKind::Incompressible
            | ContentKind::Gzip => false,
        }
    }
}

impl fmt::Display for ContentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ContentKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<ContentKind, UnknownKind> {
        ContentKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownKind { name: name.to_owned() })
    }
}

/// An unknown kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKind {
    name: String,
}

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = ContentKind::ALL.iter().map(|kind| kind.name()).collect();
        write!(f, "unknown kind of body `{}`; expected one of {}", self.name, names.join(", "))
    }
}

impl std::error::Error for UnknownKind {}

/// A body. Equal values have equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Content {
    /// The kind of content.
    pub kind: ContentKind,
    /// The exact length in bytes.
    pub size: u64,
    /// The seed of the generator.
    pub seed: u64,
}

impl Content {
    /// The bytes, in chunks of at most [`CHUNK_BYTES`], generated on demand.
    #[must_use]
    pub fn chunks(&self) -> Chunks {
        Chunks::new(*self)
    }

    /// The SHA-256 of the bytes.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut sha256 = Sha256::new();
        for chunk in self.chunks() {
            sha256.update(&chunk);
        }
        sha256.finalize().into()
    }

    /// The bytes in one piece, for sizes that fit into memory.
    ///
    /// # Panics
    ///
    /// If the size exceeds the address space.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        let size = usize::try_from(self.size).expect("a body in one piece fits memory");
        let mut whole = Vec::with_capacity(size);
        for chunk in self.chunks() {
            whole.extend_from_slice(&chunk);
        }
        whole.into()
    }

    /// The path at which [`crate::search`] serves the body: `/_bytes/{size}?kind=…&seed=…`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/_bytes/{}?kind={}&seed={}", self.size, self.kind, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [u64; 16] =
        [0, 1, 2, 3, 4, 22, 23, 24, 63, 64, 130, 65_535, 65_536, 65_537, 131_072, 1_000_003];

    fn every_edge() -> impl Iterator<Item = Content> {
        ContentKind::ALL
            .into_iter()
            .flat_map(|kind| EDGES.into_iter().map(move |size| Content { kind, size, seed: 42 }))
    }

    #[test]
    fn every_kind_has_exactly_the_size_asked_for() {
        for content in every_edge() {
            assert_eq!(content.bytes().len() as u64, content.size, "{content:?}");
        }
    }

    #[test]
    fn every_gzip_up_to_three_blocks_decodes_to_its_end() {
        use std::io::Read as _;
        for size in (23..400).chain(65_500..65_700).chain(131_050..131_200) {
            let content = Content { kind: ContentKind::Gzip, size, seed: 1 };
            let bytes = content.bytes();
            assert_eq!(bytes.len() as u64, size);
            let mut decoder = flate2::bufread::GzDecoder::new(&bytes[..]);
            let mut plain = Vec::new();
            decoder.read_to_end(&mut plain).unwrap_or_else(|error| panic!("{content:?}: {error}"));
            assert!(decoder.into_inner().is_empty(), "{content:?} has bytes behind its trailer");
        }
    }

    #[test]
    fn json_parses_at_every_size_from_one_byte_on() {
        for size in (1..300).chain(65_400..65_700) {
            let content = Content { kind: ContentKind::Json, size, seed: 3 };
            let bytes = content.bytes();
            serde_json::from_slice::<serde_json::Value>(&bytes)
                .unwrap_or_else(|error| panic!("{content:?}: {error}: {bytes:?}"));
        }
    }

    #[test]
    fn every_kind_has_the_content_of_its_name() {
        for content in every_edge() {
            let bytes = content.bytes();
            let text = std::str::from_utf8(&bytes);
            if content.kind.is_text() {
                assert!(text.is_ok(), "{content:?}");
            }
            match content.kind {
                ContentKind::InvalidUtf8 => {
                    assert!(text.is_err() || bytes.is_empty(), "{content:?}")
                }
                ContentKind::Quotes => assert!(bytes.iter().all(|byte| b"\"\\".contains(byte))),
                ContentKind::Controls => assert!(bytes.iter().all(|byte| (1..0x20).contains(byte))),
                ContentKind::Bom => {
                    assert!(bytes.starts_with(&b"\xEF\xBB\xBF"[..bytes.len().min(3)]))
                }
                ContentKind::Zeros => assert!(bytes.iter().all(|byte| *byte == 0)),
                ContentKind::Gzip => assert!(bytes.starts_with(&b"\x1F\x8B"[..bytes.len().min(2)])),
                ContentKind::Json
                | ContentKind::Ascii
                | ContentKind::Multibyte
                | ContentKind::Incompressible => {}
            }
        }
    }

    #[test]
    fn noise_does_not_become_smaller_by_compression() {
        use std::io::Write as _;
        let content = Content { kind: ContentKind::Incompressible, size: 1_000_000, seed: 5 };
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&content.bytes()).unwrap();
        let compressed = encoder.finish().unwrap().len();
        assert!(compressed > 1_000_000, "{compressed}");
    }

    #[test]
    fn no_two_chunks_and_no_two_seeds_are_equal() {
        for kind in ContentKind::ALL.into_iter().filter(|kind| *kind != ContentKind::Zeros) {
            let chunks: Vec<Bytes> = Content { kind, size: 300_000, seed: 8 }.chunks().collect();
            let other: Vec<Bytes> = Content { kind, size: 300_000, seed: 9 }.chunks().collect();
            assert_ne!(chunks, other, "{kind}");
            let distinct: std::collections::HashSet<&Bytes> = chunks.iter().collect();
            assert_eq!(distinct.len(), chunks.len(), "{kind}");
        }
    }
}
