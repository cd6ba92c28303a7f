//! The fields of a form before its file.

use bytes::BytesMut;
use hardcap_limits::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use multer::{Field, Multipart};

use crate::call::Call;
use crate::refusal::Refusal;

/// The placeholder for the file's name in a value.
const FILE_NAME: &str = "${filename}";

/// Names in lower case and values, in the order of the form.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Parses the fields up to the file, which is returned unread.
    ///
    /// # Errors
    ///
    /// If the fields exceed `s3_post_form`, the form is malformed, or it has no file.
    pub(super) async fn read<'form>(
        call: &Call,
        form: &mut Multipart<'form>,
        boundary: &str,
    ) -> Result<(Fields, Field<'form>), Refusal> {
        let mut fields = Fields::default();
        let mut size = 0;
        while let Some(mut field) = form.next_field().await.map_err(|error| malformed(&error))? {
            size += overhead(&field, boundary);
            let name = field.name().unwrap_or_default().to_ascii_lowercase();
            if name == "file" {
                admit(call, size)?;
                // A file that is an ordinary field has no name, and the placeholder stays (recorded 2026-02-21).
                if let Some(file_name) = field.file_name() {
                    fields.name_file(file_name);
                }
                return Ok((fields, field));
            }
            let mut value = BytesMut::new();
            while let Some(data) = field.chunk().await.map_err(|error| malformed(&error))? {
                size += data.len();
                admit_so_far(call, size)?;
                value.extend_from_slice(&data);
            }
            fields.0.push((name, String::from_utf8_lossy(&value).into_owned()));
        }
        Err(Refusal::one_file().with("ArgumentName", "file").with("ArgumentValue", "0"))
    }

    /// The value of a field; the first one if the name is repeated.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The value of a required field. `shown` is its name in the refusal.
    ///
    /// # Errors
    ///
    /// If the field is missing or follows the file.
    pub(super) fn required(&self, shown: &str) -> Result<&str, Refusal> {
        self.get(&shown.to_ascii_lowercase()).ok_or_else(|| {
            let message = format!(
                "Bucket POST must contain a field named '{shown}'.  If it is specified, please check the order of the fields."
            );
            Refusal::new(http::StatusCode::BAD_REQUEST, "InvalidArgument", message)
                .with("ArgumentName", shown)
                .with("ArgumentValue", "")
        })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The headers of an equivalent PUT.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.0 {
            let name = match name.as_str() {
                "acl" => "x-amz-acl",
                other => other,
            };
            // Latin-1, as for request headers.
            let bytes: Vec<u8> =
                value.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
            let parsed = (HeaderName::try_from(name), HeaderValue::from_bytes(&bytes));
            if let (Ok(name), Ok(value)) = parsed {
                headers.insert(name, value);
            }
        }
        headers
    }

    /// Replaces `${filename}` by the file's name, without the folders that some browsers send.
    fn name_file(&mut self, file_name: &str) {
        let base = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
        for (name, value) in &mut self.0 {
            if name != "policy" && value.contains(FILE_NAME) {
                *value = value.replace(FILE_NAME, base);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn of(fields: &[(&str, &str)]) -> Fields {
        let owned = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Fields(owned.collect())
    }
}

/// The size of a part without its value: boundary, headers and line ends.
fn overhead(field: &Field<'_>, boundary: &str) -> usize {
    let headers = field.headers().iter();
    let headers: usize =
        headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
    "--\r\n".len() + boundary.len() + headers + "\r\n".len() + "\r\n".len()
}

/// Compares the total size with the limit.
fn admit(call: &Call, size: usize) -> Result<(), Refusal> {
    let limit = &call.context().limits.s3_post_form;
    call.context().admit(limit, Bytes(size as u64)).map_err(|exceeded| {
        Refusal::limit(&exceeded).with("MaxPostPreDataLengthBytes", limit.max.0.to_string())
    })
}

/// Refuses as soon as the size exceeds the limit. Smaller sizes are compared once, at the end.
fn admit_so_far(call: &Call, size: usize) -> Result<(), Refusal> {
    if size as u64 <= call.context().limits.s3_post_form.max.0 {
        return Ok(());
    }
    admit(call, size)
}

/// The refusal for a parser error of an incomplete or malformed form.
pub(super) fn malformed(error: &multer::Error) -> Refusal {
    tracing::debug!(%error, "malformed form upload");
    match error {
        multer::Error::StreamReadFailed(_) => Refusal::incomplete_body(),
        // The enum is non-exhaustive. Everything but a failed read is an error in the form itself.
        _ => Refusal::malformed_form(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_is_inserted_without_its_folders() {
        let named = |file_name: &str| {
            let mut fields = Fields::of(&[("key", "in/${filename}"), ("policy", "${filename}")]);
            fields.name_file(file_name);
            (fields.get("key").unwrap().to_owned(), fields.get("policy").unwrap().to_owned())
        };
        let expected = |key: &str| (key.to_owned(), "${filename}".to_owned());
        assert_eq!(named("report.pdf"), expected("in/report.pdf"));
        assert_eq!(named("C:\\a/b\\c.txt"), expected("in/c.txt"));
        assert_eq!(named(""), expected("in/"));
    }

    #[test]
    fn fields_become_the_headers_of_a_put() {
        let fields = Fields::of(&[("acl", "private"), ("x-amz-meta-a", "\u{e9}"), ("a b", "c")]);
        let headers = fields.headers();
        assert_eq!(headers["x-amz-acl"], "private");
        assert_eq!(headers["x-amz-meta-a"].as_bytes(), b"\xe9");
        assert_eq!(headers.len(), 2);
    }
}
