//! `aws-chunked`: a body in chunks, each with a signature, and trailing headers.
//!
//! The data of a chunk is passed on before its signature is verified. This is safe because an object becomes visible only after
//! its whole body was verified.

use bytes::{Buf as _, Bytes, BytesMut};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::refusal::Refusal;

/// The maximum length of a line that is not data: the head of a chunk, a trailer.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// The minimum size of all chunks except the last (S3 reference, sigv4-streaming).
const CHUNK_BYTES_MIN: u64 = 8 * 1024;
/// The SHA-256 of an empty text.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Verifies the chain of chunk signatures.
#[derive(Clone)]
pub(super) struct Signer {
    key: [u8; 32],
    /// The time and the scope: the second and third line of the string to sign.
    context: String,
    previous: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("context", &self.context).finish_non_exhaustive()
    }
}

impl Signer {
    /// `seed` is the signature of the request's head.
    pub(super) fn new(key: [u8; 32], time: &str, scope: impl AsRef<str>, seed: &str) -> Signer {
        Signer { key, context: format!("{time}\n{}", scope.as_ref()), previous: seed.to_owned() }
    }

    fn check(&mut self, kind: &str, digests: &str, given: &str) -> Result<(), Refusal> {
        let text = format!("{kind}\n{}\n{}\n{digests}", self.context, self.previous);
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(text.as_bytes());
        let calculated = hex::encode(mac.finalize().into_bytes());
        if calculated != given {
            return Err(Refusal::signature_does_not_match());
        }
        self.previous = calculated;
        Ok(())
    }
}

/// What the decoder expects next.
#[derive(Debug)]
enum DecoderState {
    ChunkHead,
    Data { left: u64 },
    AfterData,
    Trailers,
    Done,
}

/// Decodes a body piece by piece.
pub(super) struct Decoder {
    state: DecoderState,
    line: BytesMut,
    signer: Option<Signer>,
    expects_trailer: bool,
    /// The current chunk: its number, size, signature and the digest so far.
    chunk: Chunk,
    trailers: HeaderMap,
    trailer_text: String,
    trailer_signature: Option<String>,
}

#[derive(Default)]
struct Chunk {
    number: u64,
    size: u64,
    signature: String,
    sha256: Sha256,
}

impl Decoder {
    pub(super) fn new(signer: Option<Signer>, expects_trailer: bool) -> Decoder {
        Decoder {
            state: DecoderState::ChunkHead,
            line: BytesMut::new(),
            signer,
            expects_trailer,
            chunk: Chunk::default(),
            trailers: HeaderMap::new(),
            trailer_text: String::new(),
            trailer_signature: None,
        }
    }

    /// Consumes `input` up to the next piece of data; `None` if all of it was consumed.
    ///
    /// # Errors
    ///
    /// If the input is not `aws-chunked`, or a signature is wrong.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, Refusal> {
        while input.has_remaining() {
            if let DecoderState::Data { left } = &mut self.state {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                let data = input.split_to(length);
                *left -= length as u64;
                if *left == 0 {
                    self.state = DecoderState::AfterData;
                }
                if self.signer.is_some() {
                    self.chunk.sha256.update(&data);
                }
                return Ok(Some(data));
            }
            if matches!(self.state, DecoderState::Done) {
                return Err(Refusal::incomplete_body());
            }
            if let Some(line) = self.take_line(input)? {
                self.line(&line)?;
            }
        }
        Ok(None)
    }

    /// Ends the input and returns the trailing headers.
    ///
    /// # Errors
    ///
    /// If the input is incomplete, or the signature of the trailer is wrong.
    pub(super) fn finish(&mut self) -> Result<HeaderMap, Refusal> {
        // Some clients omit the last empty line if there is no trailer.
        let ended = match self.state {
            DecoderState::Done => true,
            DecoderState::Trailers => !self.expects_trailer && self.line.is_empty(),
            DecoderState::ChunkHead | DecoderState::Data { .. } | DecoderState::AfterData => false,
        };
        if !ended {
            return Err(Refusal::incomplete_body());
        }
        Ok(std::mem::take(&mut self.trailers))
    }

    fn take_line(&mut self, input: &mut Bytes) -> Result<Option<String>, Refusal> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let piece = input.split_to(end.map_or(input.len(), |at| at + 1));
        self.line.extend_from_slice(&piece);
        if self.line.len() > LINE_BYTES_MAX {
            return Err(Refusal::incomplete_body());
        }
        if end.is_none() {
            return Ok(None);
        }
        let line = self.line.split();
        let line = line.strip_suffix(b"\r\n").ok_or_else(Refusal::incomplete_body)?;
        let text = std::str::from_utf8(line).map_err(|_| Refusal::incomplete_body())?;
        Ok(Some(text.to_owned()))
    }

    fn line(&mut self, line: &str) -> Result<(), Refusal> {
        match self.state {
            DecoderState::ChunkHead => self.chunk_head(line),
            DecoderState::AfterData => {
                if !line.is_empty() {
                    return Err(Refusal::incomplete_body());
                }
                self.end_chunk()?;
                self.state = DecoderState::ChunkHead;
                Ok(())
            }
            DecoderState::Trailers => self.trailer(line),
            DecoderState::Data { .. } | DecoderState::Done => Err(Refusal::incomplete_body()),
        }
    }

    fn chunk_head(&mut self, line: &str) -> Result<(), Refusal> {
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size =
            Some(size).filter(|_| digits).and_then(|size| u64::from_str_radix(size, 16).ok());
        let size = size.ok_or_else(Refusal::incomplete_body)?;
        if self.chunk.number > 0 && self.chunk.size < CHUNK_BYTES_MIN && size > 0 {
            return Err(Refusal::invalid_chunk_size()
                .with("Chunk", self.chunk.number.to_string())
                .with("BadChunkSize", self.chunk.size.to_string()));
        }
        let signature = extension.strip_prefix("chunk-signature=").unwrap_or_default();
        if self.signer.is_some() && signature.is_empty() {
            return Err(Refusal::incomplete_body());
        }
        self.chunk = Chunk {
            number: self.chunk.number + 1,
            size,
            signature: signature.to_owned(),
            sha256: Sha256::new(),
        };
        if size > 0 {
            self.state = DecoderState::Data { left: size };
            return Ok(());
        }
        self.end_chunk()?;
        self.state = DecoderState::Trailers;
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), Refusal> {
        let Some(signer) = &mut self.signer else { return Ok(()) };
        let digest = hex::encode(std::mem::take(&mut self.chunk.sha256).finalize());
        signer.check(
            "AWS4-HMAC-SHA256-PAYLOAD",
            &format!("{EMPTY}\n{digest}"),
            &self.chunk.signature,
        )
    }

    fn trailer(&mut self, line: &str) -> Result<(), Refusal> {
        if line.is_empty() {
            self.state = DecoderState::Done;
            return self.end_trailers();
        }
        let (name, value) = line.split_once(':').ok_or_else(Refusal::malformed_trailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == "x-amz-trailer-signature" {
            self.trailer_signature = Some(value.to_owned());
            return Ok(());
        }
        self.trailer_text.push_str(&format!("{name}:{value}\n"));
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value);
        let (Ok(name), Ok(value)) = (name, value) else { return Err(Refusal::malformed_trailer()) };
        self.trailers.append(name, value);
        Ok(())
    }

    fn end_trailers(&mut self) -> Result<(), Refusal> {
        let (Some(signer), true) = (&mut self.signer, self.expects_trailer) else { return Ok(()) };
        let given = self.trailer_signature.as_deref().ok_or_else(Refusal::malformed_trailer)?;
        let digest = hex::encode(Sha256::digest(&self.trailer_text));
        signer.check("AWS4-HMAC-SHA256-TRAILER", &digest, given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(
        mut decoder: Decoder,
        wire: &[u8],
        step: usize,
    ) -> Result<(Vec<u8>, HeaderMap), Refusal> {
        let mut data = Vec::new();
        for piece in wire.chunks(step) {
            let mut input = Bytes::copy_from_slice(piece);
            while let Some(bytes) = decoder.next(&mut input)? {
                data.extend_from_slice(&bytes);
            }
        }
        Ok((data, decoder.finish()?))
    }

    /// The example of the S3 reference, "Transferring Payload in Multiple Chunks": 65 KiB of `a` in two chunks.
    fn example() -> (Decoder, Vec<u8>) {
        let mut key = b"AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_vec();
        for part in ["20130524", "us-east-1", "s3", "aws4_request"] {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            mac.update(part.as_bytes());
            key = mac.finalize().into_bytes().to_vec();
        }
        let signer = Signer::new(
            key.try_into().unwrap(),
            "20130524T000000Z",
            "20130524/us-east-1/s3/aws4_request",
            "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        );
        let mut wire = b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n".to_vec();
        wire.extend_from_slice(&[b'a'; 65_536]);
        wire.extend_from_slice(b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n");
        wire.extend_from_slice(&[b'a'; 1024]);
        wire.extend_from_slice(b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n");
        (Decoder::new(Some(signer), false), wire)
    }

    #[test]
    fn the_example_of_the_reference_is_decoded_in_pieces_of_any_size() {
        for step in [1, 7, 1000, 65_600, 1_000_000] {
            let (decoder, wire) = example();
            let (data, _) = decode(decoder, &wire, step).unwrap();
            assert_eq!(data.len(), 66_560, "in steps of {step}");
            assert!(data.iter().all(|byte| *byte == b'a'));
        }
    }

    #[test]
    fn a_changed_byte_is_a_wrong_signature() {
        for at in [100, 60_000, 65_800] {
            let (decoder, mut wire) = example();
            wire[at] = b'b';
            assert_eq!(
                decode(decoder, &wire, 4096).unwrap_err().code,
                "SignatureDoesNotMatch",
                "byte {at}"
            );
        }
    }

    #[test]
    fn a_truncated_body_is_incomplete_at_any_position() {
        let (_, wire) = example();
        for length in [0, 5, 90, 40_000, 65_626, 65_700, wire.len() - 60] {
            let (decoder, wire) = example();
            assert_eq!(
                decode(decoder, &wire[..length], 4096).unwrap_err().code,
                "IncompleteBody",
                "cut at {length}"
            );
        }
    }

    #[test]
    fn unsigned_chunks_can_have_trailers() {
        let wire = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
        let (data, trailers) = decode(Decoder::new(None, true), wire, 3).unwrap();
        assert_eq!(data, b"hello");
        assert_eq!(trailers["x-amz-checksum-crc32"], "NhCmhg==");
    }

    #[test]
    fn only_the_last_chunk_may_be_small() {
        let wire = b"5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n";
        assert_eq!(
            decode(Decoder::new(None, true), wire, 100).unwrap_err().code,
            "InvalidChunkSizeError"
        );
    }

    #[test]
    fn a_malformed_chunk_is_refused() {
        for wire in [
            &b"zz\r\n"[..],
            b"-5\r\nhello\r\n0\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhelloX\r\n0\r\n\r\n",
            b"0\r\n\r\nmore",
            b"ffffffffffffffffff\r\n",
        ] {
            assert_eq!(
                decode(Decoder::new(None, true), wire, 100).unwrap_err().code,
                "IncompleteBody"
            );
        }
    }
}
