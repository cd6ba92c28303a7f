//! Structured values out of the bytes of a fuzzer. What is missing at the end is zero, empty or false.

/// The bytes that have not been used yet.
pub(super) struct Input<'d>(&'d [u8]);

impl<'d> Input<'d> {
    pub(super) fn new(data: &'d [u8]) -> Input<'d> {
        Input(data)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `most`, which is at most 256.
    pub(super) fn below(&mut self, most: usize) -> usize {
        usize::from(self.byte()) % most.max(1)
    }

    pub(super) fn is_set(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(super) fn choose<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        &choices[self.below(choices.len())]
    }

    /// Bytes behind a byte that says how many; at most `most`.
    pub(super) fn bytes(&mut self, most: usize) -> &'d [u8] {
        let length = usize::from(self.byte()).min(most).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    /// A text behind a byte that says how many bytes it has at most.
    pub(super) fn text(&mut self, most: usize) -> String {
        String::from_utf8_lossy(self.bytes(most)).into_owned()
    }

    pub(super) fn rest(&mut self) -> &'d [u8] {
        std::mem::take(&mut self.0)
    }
}

/// The same bytes in pieces of `size`.
pub(super) fn pieces(bytes: &[u8], size: usize) -> Vec<bytes::Bytes> {
    bytes.chunks(size.max(1)).map(bytes::Bytes::copy_from_slice).collect()
}
