//! UploadPartCopy: a part that is copied from a range of an object. Recorded 2026-02-21: LocalStack's
//! `test_upload_part_copy_range` and `test_upload_part_copy_with_*`.

use http::StatusCode;
use s3s::S3Response;
use s3s::dto::*;

use super::multipart::part_number;
use super::object::put_limit;
use super::{Api, OperationResult, copy, timestamp};
use crate::attributes;
use crate::call::Call;
use crate::checksum::{Algorithm, Hasher, show_checksum};
use crate::refusal::Refusal;
use crate::store::{self, Part};
use futures_util::TryStreamExt as _;
use s3s::crypto::{Checksum as _, Md5};

pub(super) async fn copy(
    api: &Api,
    call: &Call,
    input: UploadPartCopyInput,
) -> OperationResult<UploadPartCopyOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let number = part_number(call, input.part_number)?;
    let upload = bucket.upload(&input.key, &input.upload_id)?;
    let range = call.header("x-amz-copy-source-range");
    let source = copy::source(api, call, &input.copy_source)?;
    let (start, length) = match range {
        Some(range) => stretch(range, source.length())?,
        None => (0, source.length()),
    };
    let limit = put_limit(call);
    call.context()
        .admit(limit, hardcap_limits::Bytes(length))
        .map_err(|exceeded| copy::too_large(exceeded.max))?;
    let algorithm = upload.about.algorithm.unwrap_or(Algorithm::Crc64Nvme);
    let (mut md5, mut hasher) = (Md5::new(), Hasher::new(algorithm));
    let mut writer = bucket.writer();
    let mut data = std::pin::pin!(store::read(source.slices(start, length)));
    while let Some(piece) = data.try_next().await.map_err(|error| Refusal::bug(&error))? {
        md5.update(&piece);
        hasher.update(&piece);
        writer.write(piece).await.map_err(|error| Refusal::bug(&error))?;
    }
    let blob = writer.finish().await.map_err(|error| Refusal::bug(&error))?;
    let part = Part {
        number,
        modified: call.context().clock.now(),
        md5: md5.finalize(),
        checksum: Some(hasher.finish()),
        blob,
    };
    let mut result = CopyPartResult {
        e_tag: Some(ETag::Strong(hex::encode(part.md5))),
        last_modified: Some(timestamp(part.modified)),
        ..Default::default()
    };
    if let (Some(algorithm), Some(checksum)) = (upload.about.algorithm, &part.checksum) {
        show_checksum!(result, algorithm, checksum.base64());
    }
    upload.put(part).await?;
    let mut response = S3Response::new(UploadPartCopyOutput {
        copy_part_result: Some(result),
        ..Default::default()
    });
    attributes::insert(&mut response.headers, "x-amz-server-side-encryption", "AES256");
    Ok(response)
}

/// Parses `bytes=first-last` to the first byte and the number of bytes.
///
/// # Errors
///
/// If the range has another form or is not within the object.
fn stretch(range: &str, length: u64) -> Result<(u64, u64), Refusal> {
    let invalid = |message: String| {
        Refusal::new(StatusCode::BAD_REQUEST, "InvalidArgument", message)
            .with("ArgumentName", "x-amz-copy-source-range")
            .with("ArgumentValue", range)
    };
    let form = || {
        invalid(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy".to_owned(),
        )
    };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().ok()).flatten()
    };
    let (first, last) =
        range.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or_else(form)?;
    let (first, last) = number(first).zip(number(last)).ok_or_else(form)?;
    if first > last {
        return Err(form());
    }
    if first >= length {
        let message = "The specified copy range is invalid for the source object size";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "InvalidRequest", message));
    }
    if last >= length {
        return Err(invalid(format!(
            "Range specified is not valid for source object of size: {length}"
        )));
    }
    Ok((first, last - first + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_range_has_a_first_and_a_last_byte() {
        assert_eq!(stretch("bytes=0-8", 10).unwrap(), (0, 9));
        assert_eq!(stretch("bytes=8-8", 10).unwrap(), (8, 1));
        assert_eq!(stretch("bytes=0-9", 10).unwrap(), (0, 10));
    }

    #[test]
    fn every_recorded_invalid_copy_range_is_refused_with_its_recorded_text() {
        let form = "The x-amz-copy-source-range value must be of the form";
        for (range, code, message) in [
            ("0-8", "InvalidArgument", form),
            ("bytes=1-0", "InvalidArgument", form),
            ("bytes=-1-", "InvalidArgument", form),
            ("bytes=0--1", "InvalidArgument", form),
            ("bytes=0-1,3-4,7-9", "InvalidArgument", form),
            ("bytes=-", "InvalidArgument", form),
            ("bytes=-0", "InvalidArgument", form),
            ("bytes=-2", "InvalidArgument", form),
            ("bytes=1-", "InvalidArgument", form),
            (
                "bytes=0-100",
                "InvalidArgument",
                "Range specified is not valid for source object of size: 10",
            ),
            (
                "bytes=0-10",
                "InvalidArgument",
                "Range specified is not valid for source object of size: 10",
            ),
            (
                "bytes=100-200",
                "InvalidRequest",
                "The specified copy range is invalid for the source object size",
            ),
            (
                "bytes=10-10",
                "InvalidRequest",
                "The specified copy range is invalid for the source object size",
            ),
        ] {
            let refusal = stretch(range, 10).unwrap_err();
            assert_eq!(refusal.code, code, "{range}");
            assert!(refusal.message.starts_with(message), "{range}: {}", refusal.message);
        }
    }
}
