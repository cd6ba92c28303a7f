//! The fields of a form: what stands before its file.

use bytes::BytesMut;
use hardcap_limits::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use multer::{Field, Multipart};

use crate::call::Call;
use crate::refusal::Refusal;

/// What `${filename}` in a value stands for.
const FILE_NAME: &str = "${filename}";

/// Names in lower case and values, in the order of the form.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads up to the file, which is handed back unread.
    ///
    /// # Errors
    ///
    /// Fields over `s3_post_form`; a form that is none; one without a file.
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
                fields.name_file(field.file_name().unwrap_or_default());
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

    /// A value; of several fields of one name the first.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The value of a field that the form must have. `shown` is its name as the refusal spells it.
    ///
    /// # Errors
    ///
    /// When it is not there, or stands behind the file.
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

    /// The headers that a PUT of the same object would have.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.0 {
            let name = match name.as_str() {
                "acl" => "x-amz-acl",
                other => other,
            };
            // Latin-1, as headers are read.
            let bytes: Vec<u8> =
                value.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
            let parsed = (HeaderName::try_from(name), HeaderValue::from_bytes(&bytes));
            if let (Ok(name), Ok(value)) = parsed {
                headers.insert(name, value);
            }
        }
        headers
    }

    /// The name of the file takes the place of `${filename}`, without the folders that some browsers send.
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

/// What a part takes beside its value: its boundary, its headers and the line ends.
fn overhead(field: &Field<'_>, boundary: &str) -> usize {
    let headers = field.headers().iter();
    let headers: usize =
        headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
    "--\r\n".len() + boundary.len() + headers + "\r\n".len() + "\r\n".len()
}

/// Compares the whole size with the limit.
fn admit(call: &Call, size: usize) -> Result<(), Refusal> {
    let limit = &call.context().limits.s3_post_form;
    call.context().admit(limit, Bytes(size as u64)).map_err(|exceeded| {
        Refusal::limit(&exceeded).with("MaxPostPreDataLengthBytes", limit.max.0.to_string())
    })
}

/// Refuses as soon as it is too much; what is not is compared once, when all of it is there.
fn admit_so_far(call: &Call, size: usize) -> Result<(), Refusal> {
    if size as u64 <= call.context().limits.s3_post_form.max.0 {
        return Ok(());
    }
    admit(call, size)
}

/// What the parser makes of a form that breaks off or is none.
pub(super) fn malformed(error: &multer::Error) -> Refusal {
    tracing::debug!(%error, "a form cannot be read");
    match error {
        multer::Error::StreamReadFailed(_) => Refusal::incomplete_body(),
        _ => Refusal::malformed_form(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_s_name_is_put_in_without_its_folders() {
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
