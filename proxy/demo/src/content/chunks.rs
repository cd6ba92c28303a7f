//! The generator of a body's bytes, chunk by chunk.
//!
//! A chunk is a copy of one block with its number stamped into it, in characters of the block's kind. So swapped, lost or
//! duplicated chunks change the digest, and generating one costs no more than copying it.

use bytes::Bytes;
use flate2::Crc;

use super::{Content, ContentKind};

/// The maximum size of a chunk, in bytes.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// The maximum size of a stored (uncompressed) DEFLATE block, in bytes.
const STORED_MAX: u64 = 65_535;
/// The header of a gzip member without name, comment or time.
const GZIP_HEADER: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];
/// The header, one empty stored block, and the trailer.
const GZIP_MIN: u64 = 10 + 5 + 8;
/// One object of the JSON array, with its comma and its line.
const OBJECT_BYTES: usize = 64;
const OBJECT: &[u8; OBJECT_BYTES] =
    b"{\"id\":\"0000000000000000\",\"level\":\"info\",\"text\":\"a\\tb \\\"see\\\"\"},\n";
const OBJECT_ID_AT: usize = 7;
/// Sixteen bytes: characters of two, three, three, four, two and two bytes. The first and the last two can be replaced.
const CHARACTERS: &str = "é\u{2028}語😀ñü";

/// The chunks of a [`Content`].
#[derive(Debug)]
pub struct Chunks {
    content: Content,
    block: Vec<u8>,
    made: u64,
    number: u64,
    gzip: Option<Crc>,
}

impl Chunks {
    pub(super) fn new(content: Content) -> Chunks {
        let gzip = (content.kind == ContentKind::Gzip && content.size >= GZIP_MIN).then(Crc::new);
        Chunks { content, block: block(content.kind, content.seed), made: 0, number: 0, gzip }
    }

    fn remaining(&self) -> u64 {
        self.content.size - self.made
    }

    /// The next whole block with its stamp.
    fn stamped(&mut self) -> Vec<u8> {
        let mut chunk = self.block.clone();
        stamp(self.content.kind, self.content.seed, self.number, &mut chunk);
        self.number += 1;
        chunk
    }

    fn plain(&mut self) -> Vec<u8> {
        let first = self.made == 0;
        let last_chunk = self.remaining() <= CHUNK_BYTES as u64;
        let mut chunk = self.stamped();
        if last_chunk {
            chunk.truncate(small(self.remaining()));
        } else if self.content.kind == ContentKind::Json
            && self.remaining() < (CHUNK_BYTES + OBJECT_BYTES) as u64
        {
            // The last chunk must have room for the end of the document.
            chunk.truncate(CHUNK_BYTES - OBJECT_BYTES);
        }
        match self.content.kind {
            ContentKind::Json => json_edges(&mut chunk, first, last_chunk),
            ContentKind::Multibyte if last_chunk => {
                let whole = chunk.len() - chunk.len() % CHARACTERS.len();
                chunk[whole..].fill(b'x');
            }
            ContentKind::Bom if first => overwrite(&mut chunk, b"\xEF\xBB\xBF"),
            ContentKind::InvalidUtf8 if first => overwrite(&mut chunk, b"\xFF"),
            ContentKind::Gzip => overwrite(&mut chunk, &GZIP_HEADER),
            ContentKind::Ascii
            | ContentKind::Quotes
            | ContentKind::Controls
            | ContentKind::Multibyte => {}
            ContentKind::InvalidUtf8
            | ContentKind::Bom
            | ContentKind::Incompressible
            | ContentKind::Zeros => {}
        }
        chunk
    }

    /// One stored block, with the header before the first and the trailer after the last.
    fn stored(&mut self, mut crc: Crc) -> (Vec<u8>, Crc) {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + 32);
        let mut space = self.remaining() - 8;
        if self.made == 0 {
            chunk.extend_from_slice(&GZIP_HEADER);
            space -= GZIP_HEADER.len() as u64;
        }
        // The number of blocks for the rest. This one is as full as the headers of the others permit.
        let blocks = space.div_ceil(STORED_MAX + 5).max(1);
        let data = small((space - 5 * blocks).min(STORED_MAX));
        let length = u16::try_from(data).expect("a stored block holds at most 65,535 bytes");
        chunk.push(u8::from(blocks == 1));
        chunk.extend_from_slice(&length.to_le_bytes());
        chunk.extend_from_slice(&(!length).to_le_bytes());
        let noise = self.stamped();
        crc.update(&noise[..data]);
        chunk.extend_from_slice(&noise[..data]);
        if blocks == 1 {
            chunk.extend_from_slice(&crc.sum().to_le_bytes());
            chunk.extend_from_slice(&crc.amount().to_le_bytes());
        }
        (chunk, crc)
    }
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.remaining() == 0 {
            return None;
        }
        let chunk = match self.gzip.take() {
            Some(crc) => {
                let (chunk, crc) = self.stored(crc);
                self.gzip = Some(crc);
                chunk
            }
            None => self.plain(),
        };
        self.made += chunk.len() as u64;
        Some(chunk.into())
    }
}

/// The block that all chunks of a kind are copied from.
fn block(kind: ContentKind, seed: u64) -> Vec<u8> {
    let mut noise = Noise::new(seed);
    let from = |alphabet: &'static [u8], noise: &mut Noise| -> Vec<u8> {
        noise
            .bytes(CHUNK_BYTES)
            .into_iter()
            .map(|byte| alphabet[usize::from(byte) % alphabet.len()])
            .collect()
    };
    match kind {
        ContentKind::Json => OBJECT.repeat(CHUNK_BYTES / OBJECT_BYTES),
        ContentKind::Ascii | ContentKind::Bom => {
            from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .", &mut noise)
        }
        ContentKind::Quotes => from(b"\"\\", &mut noise),
        ContentKind::Controls => from(
            b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F\x10\x1B\x1F",
            &mut noise,
        ),
        ContentKind::Multibyte => CHARACTERS.as_bytes().repeat(CHUNK_BYTES / CHARACTERS.len()),
        // Invalid first bytes, incomplete characters, surrogates, and letters between them.
        ContentKind::InvalidUtf8 => {
            from(b"\xFF\xFE\xC3(\xED\xA0\x80\xF0\x9Fabc\xC0\xAF{}\"", &mut noise)
        }
        ContentKind::Incompressible | ContentKind::Gzip => noise.bytes(CHUNK_BYTES),
        ContentKind::Zeros => vec![0; CHUNK_BYTES],
    }
}

/// Writes the number and the seed into a block, in characters of its kind.
fn stamp(kind: ContentKind, seed: u64, number: u64, block: &mut [u8]) {
    let mark = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number);
    let bit = |at: usize| mark >> (at % 64) & 1 == 1;
    match kind {
        ContentKind::Json => {
            for (row, object) in block.chunks_exact_mut(OBJECT_BYTES).enumerate() {
                let id = mark.wrapping_mul(1024).wrapping_add(row as u64);
                write_hex(&mut object[OBJECT_ID_AT..OBJECT_ID_AT + 16], id);
            }
        }
        ContentKind::Ascii | ContentKind::Bom => write_hex(&mut block[8..24], mark),
        ContentKind::Quotes => {
            for (at, byte) in block.iter_mut().take(64).enumerate() {
                *byte = if bit(at) { b'"' } else { b'\\' };
            }
        }
        ContentKind::Controls => {
            for (at, byte) in block.iter_mut().take(64).enumerate() {
                *byte = if bit(at) { 0x01 } else { 0x1F };
            }
        }
        ContentKind::Multibyte => {
            for (at, characters) in block.chunks_exact_mut(CHARACTERS.len()).take(64).enumerate() {
                let first = if bit(at) { "é" } else { "ß" };
                characters[..2].copy_from_slice(first.as_bytes());
            }
        }
        ContentKind::InvalidUtf8 | ContentKind::Incompressible | ContentKind::Gzip => {
            block[16..24].copy_from_slice(&mark.to_le_bytes());
        }
        ContentKind::Zeros => {}
    }
}

/// Completes objects to a JSON document: an array from the first chunk to the last.
fn json_edges(chunk: &mut [u8], first: bool, last: bool) {
    let length = chunk.len();
    if !first && !last {
        return;
    }
    if first && last && length < 2 * OBJECT_BYTES {
        return json_short(chunk);
    }
    if first {
        // A bracket and a string replace the first object, and are one byte shorter.
        json_string(&mut chunk[1..OBJECT_BYTES - 2]);
        chunk[0] = b'[';
        chunk[OBJECT_BYTES - 2] = b',';
        chunk[OBJECT_BYTES - 1] = b'\n';
    }
    if last {
        json_end(chunk);
    }
}

/// Replaces the bytes after the last whole object by a string and the closing bracket, including that object if there is too
/// little room.
fn json_end(chunk: &mut [u8]) {
    let length = chunk.len();
    let rest = length % OBJECT_BYTES;
    let from = if rest >= 3 { length - rest } else { length - rest - OBJECT_BYTES };
    json_string(&mut chunk[from..length - 1]);
    chunk[length - 1] = b']';
}

fn json_short(chunk: &mut [u8]) {
    match chunk {
        [] => {}
        [only] => *only = b'0',
        _ => json_string(chunk),
    }
}

/// Writes a string of letters into at least two bytes.
fn json_string(place: &mut [u8]) {
    let last = place.len() - 1;
    place.fill(b'a');
    place[0] = b'"';
    place[last] = b'"';
}

fn overwrite(chunk: &mut [u8], start: &[u8]) {
    let length = start.len().min(chunk.len());
    chunk[..length].copy_from_slice(&start[..length]);
}

fn write_hex(place: &mut [u8], mut number: u64) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for digit in place.iter_mut().rev() {
        *digit = HEX[(number & 0xF) as usize];
        number >>= 4;
    }
}

/// Converts a number that is not larger than a chunk.
fn small(number: u64) -> usize {
    usize::try_from(number).expect("a chunk fits memory")
}

/// SplitMix64: noise that is equal on every machine.
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Noise {
        Noise(seed ^ 0x5DEE_CE66_D1CE_4E5B)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).take(length).collect()
    }
}
