//! The body of a captured request: as captured, or filled up to its declared length. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;

use super::{BODIES_MAX, SYNTHESIZED_MAX};

/// The information of a capture about a body.
#[derive(Clone, Debug, Default)]
pub(super) struct CapturedBody<'c> {
    /// The text, if there is one.
    pub(super) text: Option<&'c str>,
    /// Whether the text is base64.
    pub(super) is_base64: bool,
    /// The number of bytes that were sent, if the capture has it.
    pub(super) declared: Option<u64>,
    /// Whether the body is a form with files.
    pub(super) is_multipart: bool,
}

/// A body that cannot be sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("its body had {0} bytes, and at most {SYNTHESIZED_MAX} are sent again")]
    TooLarge(u64),
    #[error(
        "its body had {declared} bytes, and those of the requests before it leave {room} of the {BODIES_MAX} that one \
         capture may have; replay it from a file of its own"
    )]
    NoRoom { declared: u64, room: u64 },
    #[error("its body is not base64: {0}")]
    NotBase64(#[from] base64::DecodeError),
}

impl CapturedBody<'_> {
    /// The body to send, and notes about the parts of it that were not captured. The previous bodies of the capture leave `room`
    /// bytes.
    ///
    /// # Errors
    ///
    /// [`BodyError`] if the body cannot be sent.
    pub(super) fn restore(&self, room: u64) -> Result<(Bytes, Vec<String>), BodyError> {
        if let Some(declared) = self.declared.filter(|declared| *declared > SYNTHESIZED_MAX) {
            return Err(BodyError::TooLarge(declared));
        }
        if let Some(declared) = self.declared.filter(|declared| *declared > room) {
            return Err(BodyError::NoRoom { declared, room });
        }
        let captured = self.captured()?;
        let declared = self.declared.and_then(|declared| usize::try_from(declared).ok());
        let Some(declared) = declared.filter(|declared| *declared != captured.len()) else {
            return Ok((captured, Vec::new()));
        };
        if captured.len() > declared {
            let note = format!(
                "the capture declares {declared} bytes and has {}; those that it has are sent",
                captured.len()
            );
            return Ok((captured, vec![note]));
        }
        let missing = declared - captured.len();
        let note = match captured.len() {
            0 => format!("the body is not in the capture; {missing} bytes of x are sent"),
            _ if self.is_multipart => format!(
                "the file is not in the capture: {} of {declared} bytes are; {missing} bytes of x are sent in its place",
                captured.len()
            ),
            _ => format!(
                "the capture has {} of {declared} bytes of the body; {missing} bytes of x are sent for the rest",
                captured.len()
            ),
        };
        Ok((self.fill(&captured, missing), vec![note]))
    }

    fn captured(&self) -> Result<Bytes, BodyError> {
        let Some(text) = self.text else { return Ok(Bytes::new()) };
        if self.is_base64 {
            let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            let decoded = STANDARD.decode(&compact).or_else(|_| STANDARD_NO_PAD.decode(&compact));
            return Ok(Bytes::from(decoded?));
        }
        // Browsers write each byte of a binary body as one character.
        let bytes: Option<Vec<u8>> =
            text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        match (bytes, self.declared) {
            (Some(bytes), Some(declared)) if bytes.len() as u64 == declared => {
                Ok(Bytes::from(bytes))
            }
            _ => Ok(Bytes::from(text.to_owned())),
        }
    }

    /// Adds filler in place of the first file of a form, otherwise at the end.
    fn fill(&self, captured: &[u8], missing: usize) -> Bytes {
        let position = |from: usize, wanted: &[u8]| {
            let rest = captured.get(from..)?;
            rest.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
        };
        let file = self.is_multipart.then(|| position(0, b"filename=")).flatten();
        let at = file.and_then(|at| position(at, b"\r\n\r\n")).map_or(captured.len(), |at| at + 4);
        let mut body = Vec::with_capacity(captured.len() + missing);
        body.extend_from_slice(&captured[..at]);
        body.resize(at + missing, b'x');
        body.extend_from_slice(&captured[at..]);
        Bytes::from(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: Option<&str>, declared: Option<u64>) -> CapturedBody<'_> {
        CapturedBody { text, declared, ..CapturedBody::default() }
    }

    #[test]
    fn a_body_is_as_long_as_it_was_declared() {
        for (text, declared, length, notes) in [
            (Some("abc"), Some(3), 3, 0),
            (Some("abc"), None, 3, 0),
            (None, Some(7), 7, 1),
            (Some("abc"), Some(7), 7, 1),
            (Some("abcdefgh"), Some(3), 8, 1),
            (None, None, 0, 0),
            (Some(""), Some(0), 0, 0),
        ] {
            let (restored, said) =
                body(text, declared).restore(BODIES_MAX).expect("it can be sent");
            assert_eq!(
                (restored.len(), said.len()),
                (length, notes),
                "{text:?} {declared:?} {said:?}"
            );
        }
        assert!(body(None, Some(u64::MAX)).restore(BODIES_MAX).is_err());
        let full = body(None, Some(7)).restore(6);
        assert!(full.is_err_and(|why| why.to_string().contains("a file of its own")));
    }

    #[test]
    fn a_file_is_filled_in_where_it_was() {
        let form = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n\r\n--b--\r\n";
        let captured = CapturedBody {
            text: Some(form),
            declared: Some(100),
            is_multipart: true,
            is_base64: false,
        };
        let (restored, _) = captured.restore(BODIES_MAX).expect("it can be sent");
        let text = String::from_utf8(restored.to_vec()).expect("text");
        assert_eq!(text.len(), 100);
        assert!(text.contains("\r\n\r\nxx") && text.ends_with("xx\r\n--b--\r\n"), "{text}");
    }

    #[test]
    fn bytes_that_are_not_text_are_restored() {
        let (latin, _) = body(Some("\u{ff}\u{d8}a"), Some(3)).restore(BODIES_MAX).expect("bytes");
        assert_eq!(latin.as_ref(), b"\xff\xd8a");
        let base64 =
            CapturedBody { text: Some("AA\nE="), is_base64: true, ..CapturedBody::default() };
        assert_eq!(base64.restore(BODIES_MAX).expect("bytes").0.as_ref(), b"\x00\x01");
        let wrong = CapturedBody { text: Some("$"), is_base64: true, ..CapturedBody::default() };
        assert!(wrong.restore(BODIES_MAX).is_err_and(|why| why.to_string().contains("not base64")));
    }
}
