//! Multipart uploads: create, upload parts, complete, abort.

use std::sync::Arc;

use hardcap_limits::{Bytes, Count};
use http::StatusCode;
use s3s::S3Response;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::*;

use super::object::{admit_size, declared, expiration, identify, receive};
use super::{Api, OperationResult, plain, tagging};
use crate::attributes;
use crate::call::Call;
use crate::checksum::{self, Algorithm, Checksum, Hasher, show_checksum};
use crate::conditions::WriteCondition;
use crate::notify::{self, Change};
use crate::refusal::Refusal;
use crate::store::{Bucket, Object, ObjectChecksum, Part, Upload, UploadInfo};
use hardcap_core::record::Observation;

pub(super) async fn create(
    api: &Api,
    call: &Call,
    input: CreateMultipartUploadInput,
) -> OperationResult<CreateMultipartUploadOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let (algorithm, composite) = checksum_kind(call)?;
    let initiated = call.context().clock.now();
    let about = UploadInfo {
        id: bucket.new_upload_id(initiated),
        key: input.key.clone(),
        initiated: initiated.0,
        attributes: attributes::read(call)?,
        algorithm,
        composite,
        tags: tagging::of_call(call)?,
        before: bucket.get(&input.key).map(|object| (object.etag.clone(), object.modified.0)),
    };
    let id = about.id.clone();
    bucket.begin_upload(about).await?;
    let mut response = S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        ..Default::default()
    });
    let headers = &mut response.headers;
    attributes::insert(headers, "x-amz-server-side-encryption", "AES256");
    if let Some(algorithm) = algorithm {
        attributes::insert(headers, "x-amz-checksum-algorithm", algorithm.name());
        let kind = if composite { "COMPOSITE" } else { "FULL_OBJECT" };
        attributes::insert(headers, "x-amz-checksum-type", kind);
    }
    Ok(response)
}

/// The checksum algorithm, and whether the object's checksum is composite.
fn checksum_kind(call: &Call) -> Result<(Option<Algorithm>, bool), Refusal> {
    let invalid =
        |message: String| Refusal::new(StatusCode::BAD_REQUEST, "InvalidRequest", message);
    let algorithm = Algorithm::named(call.headers())?;
    let kind = call.header("x-amz-checksum-type");
    match (algorithm, kind) {
        (None, None) => Ok((None, false)),
        (None, Some(_)) => Err(invalid(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.".to_owned(),
        )),
        (Some(algorithm), None) => Ok((Some(algorithm), algorithm.is_composite_by_default())),
        (Some(algorithm @ (Algorithm::Sha1 | Algorithm::Sha256)), Some("FULL_OBJECT")) => {
            Err(invalid(format!(
                "The FULL_OBJECT checksum type cannot be used with the {} checksum algorithm.",
                algorithm.name().to_lowercase()
            )))
        }
        (Some(Algorithm::Crc64Nvme), Some("COMPOSITE")) => Err(invalid(
            "The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm."
                .to_owned(),
        )),
        (Some(algorithm), Some("COMPOSITE")) => Ok((Some(algorithm), true)),
        (Some(algorithm), Some("FULL_OBJECT")) => Ok((Some(algorithm), false)),
        (Some(_), Some(_)) => Err(checksum::invalid_value("x-amz-checksum-type")),
    }
}

pub(super) async fn upload_part(
    api: &Api,
    call: &Call,
    input: UploadPartInput,
) -> OperationResult<UploadPartOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let number = part_number(call, input.part_number)?;
    let upload = bucket.upload(&input.key, &input.upload_id)?;
    admit_size(call, &call.context().limits.s3_part_max)?;
    let declared = declared(call);
    let wanted = upload.about.algorithm.unwrap_or(Algorithm::Crc64Nvme);
    // A part of a composite checksum needs its own (floci-io/floci#3093, 2026-09, as AWS responds).
    let needs_checksum = upload.about.composite || declared.is_some();
    if let Some(expected) = upload.about.algorithm
        && declared != Some(expected)
        && needs_checksum
    {
        let actual = declared.map_or("null".to_owned(), |actual| actual.name().to_lowercase());
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequest",
            format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {actual}",
                expected.name().to_lowercase()
            ),
        ));
    }
    call.compute(wanted);
    let (blob, digests) = receive(call, &bucket, input.body).await?;
    let mut response = S3Response::new(UploadPartOutput::default());
    let headers = &mut response.headers;
    attributes::insert(headers, "etag", &format!("\"{}\"", hex::encode(digests.md5)));
    attributes::insert(headers, "x-amz-server-side-encryption", "AES256");
    let shown = declared.or(upload.about.algorithm);
    if let Some(checksum) = shown.and_then(|algorithm| digests.checksum(algorithm)) {
        attributes::insert(headers, checksum.algorithm.header(), &checksum.base64());
    }
    let part = Part {
        number,
        modified: call.context().clock.now(),
        md5: digests.md5,
        checksum: digests.checksum(wanted).cloned(),
        blob,
    };
    upload.put(part).await?;
    Ok(response)
}

pub(super) fn part_number(call: &Call, number: i32) -> Result<u16, Refusal> {
    let limit = &call.context().limits.s3_part_count;
    let refuse = |exceeded: hardcap_limits::Exceeded| {
        Refusal::limit(&exceeded)
            .with("ArgumentName", "partNumber")
            .with("ArgumentValue", number.to_string())
    };
    let count = u64::try_from(number).ok().filter(|count| *count > 0);
    let count = Count(count.ok_or_else(|| refuse(limit.exceeded_by(Count(0))))?);
    call.context().admit(limit, count).map_err(refuse)?;
    u16::try_from(number).map_err(|_| refuse(limit.exceeded_by(count)))
}

pub(super) async fn abort(
    api: &Api,
    _call: &Call,
    input: AbortMultipartUploadInput,
) -> OperationResult<AbortMultipartUploadOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let upload = bucket.take_upload(&input.key, &input.upload_id)?;
    bucket.end_upload(&upload).await?;
    plain(AbortMultipartUploadOutput::default())
}

/// An upload that is being completed. If the completion fails, it becomes available again.
struct CompletingUpload {
    bucket: Arc<Bucket>,
    upload: Option<Arc<Upload>>,
}

impl Drop for CompletingUpload {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            self.bucket.return_upload(upload);
        }
    }
}

pub(super) async fn complete(
    api: &Api,
    call: &Call,
    input: CompleteMultipartUploadInput,
) -> OperationResult<CompleteMultipartUploadOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let condition = WriteCondition::of(call.headers())?;
    let listed = input.multipart_upload.and_then(|listed| listed.parts).unwrap_or_default();
    let upload = match bucket.take_upload(&input.key, &input.upload_id) {
        Ok(upload) => upload,
        Err(missing) => {
            // A repeated completion: the client did not receive the response to the first one.
            let object = bucket.get(&input.key).filter(|object| {
                object.upload.as_ref() == Some(&input.upload_id) && is_made_of(object, &listed)
            });
            let object = object.ok_or(missing)?;
            return answer(call, &bucket, &object);
        }
    };
    let mut claimed = CompletingUpload { bucket: bucket.clone(), upload: Some(upload.clone()) };
    same_mode(call, &upload)?;
    let declared = declared_checksum(call, &upload)?;
    let parts = chosen(call, &upload, &listed)?;
    let length: u64 = parts.iter().map(|part| part.blob.length()).sum();
    agrees(call, length)?;
    let checksum = whole_checksum(&upload, &parts);
    compare(call, &upload, declared, checksum.as_ref())?;
    let object = Object {
        key: input.key.as_str().into(),
        modified: call.context().clock.now(),
        attributes: upload.about.attributes.clone(),
        tags: upload.about.tags.clone(),
        etag: etag(&parts),
        checksum,
        upload: Some(upload.about.id.clone()),
        body: parts.iter().map(|part| part.blob.clone()).collect(),
    };
    let response = answer(call, &bucket, &object)?;
    let (key, before) = (input.key, upload.about.before.clone());
    let change = Change::CompleteMultipartUpload;
    let notifications = api.notifier.of_call(call, &bucket, change, &object);
    bucket
        .put(object, move |current| {
            let conflict = |condition: &str| {
                Err(Refusal::conditional_request_conflict()
                    .with("Condition", condition)
                    .with("Key", key.clone()))
            };
            // The object that existed at the start of the upload was deleted since (recorded 2026-02-21).
            if condition == WriteCondition::Absent && before.is_some() && current.is_none() {
                return conflict("If-None-Match");
            }
            condition.check(&key, current)?;
            // It was replaced since, even if by the same bytes (recorded 2026-02-21).
            let now = current.map(|object| (object.etag.clone(), object.modified.0));
            if matches!(condition, WriteCondition::Matches(_)) && now != before {
                return conflict("If-Match");
            }
            Ok(())
        })
        .await?;
    claimed.upload = None;
    bucket.end_upload(&upload).await?;
    notify::send(notifications).await;
    Ok(response)
}

/// The response of a completion.
fn answer(
    call: &Call,
    bucket: &Bucket,
    object: &Object,
) -> OperationResult<CompleteMultipartUploadOutput> {
    let mut response = S3Response::new(completed(call, &bucket.name, object));
    identify(object, &mut response.headers);
    response.headers.remove("etag");
    expiration(bucket, object, &mut response.headers);
    Ok(response)
}

/// Whether an object was completed from the listed parts.
fn is_made_of(object: &Object, listed: &[CompletedPart]) -> bool {
    let mut md5 = Md5::new();
    for part in listed {
        let tag = part.e_tag.as_ref().and_then(|tag| hex::decode(tag.value()).ok());
        md5.update(&tag.unwrap_or_default());
    }
    object.etag == format!("{}-{}", hex::encode(md5.finalize()), listed.len())
}

/// The checksum type of a completion must be that of its upload, and an upload without an algorithm has none (recorded 2026-02-21:
/// LocalStack's `test_multipart_parts_checksum_exceptions_composite` and `test_complete_multipart_parts_checksum_default`).
fn same_mode(call: &Call, upload: &Upload) -> Result<(), Refusal> {
    let mode = match upload.about.algorithm {
        None => "null",
        Some(_) if upload.about.composite => "COMPOSITE",
        Some(_) => "FULL_OBJECT",
    };
    match call.header("x-amz-checksum-type") {
        Some(given) if given != mode => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequest",
            format!(
                "The upload was created using the {mode} checksum mode. The complete request must use the same checksum mode."
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

/// The listed parts, in the client's order, after their entity tags and checksums are verified.
fn chosen(
    call: &Call,
    upload: &Upload,
    listed: &[CompletedPart],
) -> Result<Vec<Arc<Part>>, Refusal> {
    if listed.is_empty() {
        // Recorded 2026-02-21.
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequest",
            "You must specify at least one part",
        ));
    }
    readable_checksums(listed)?;
    let numbers = listed.iter().map(|part| part.part_number.unwrap_or(0));
    if !numbers.is_sorted_by(|a, b| a < b) {
        return Err(Refusal::invalid_part_order().with("UploadId", upload.about.id.clone()));
    }
    let mut parts = Vec::with_capacity(listed.len());
    for wanted in listed {
        let number = wanted.part_number.unwrap_or(0);
        let tag = wanted.e_tag.as_ref().map(|tag| tag.value().to_owned()).unwrap_or_default();
        let found = u16::try_from(number).ok().and_then(|number| upload.part(number));
        let same =
            |part: &Arc<Part>| hex::encode(part.md5) == tag && same_checksum(upload, part, wanted);
        let part = found.filter(same).ok_or_else(|| {
            Refusal::invalid_part()
                .with("UploadId", upload.about.id.clone())
                .with("PartNumber", number.to_string())
                .with("ETag", tag)
        })?;
        listed_checksums(upload, &part, wanted)?;
        parts.push(part);
    }
    let limit = &call.context().limits.s3_part_min;
    for part in &parts[..parts.len() - 1] {
        let size = part.blob.length();
        let admitted = size >= limit.max.0;
        call.context().record(Observation::Measured {
            row: limit.row.into(),
            observed: size,
            max: limit.max.0,
            admitted,
        });
        if !admitted {
            return Err(Refusal::limit(&limit.exceeded_by(Bytes(size)))
                .with("ETag", hex::encode(part.md5))
                .with("MinSizeAllowed", limit.max.0.to_string())
                .with("PartNumber", part.number.to_string())
                .with("ProposedSize", size.to_string()));
        }
    }
    Ok(parts)
}

/// The checksums that a client lists for a part.
fn checksums(wanted: &CompletedPart) -> impl Iterator<Item = (Algorithm, &str)> {
    let listed = [
        (Algorithm::Crc32, &wanted.checksum_crc32),
        (Algorithm::Crc32c, &wanted.checksum_crc32c),
        (Algorithm::Crc64Nvme, &wanted.checksum_crc64nvme),
        (Algorithm::Sha1, &wanted.checksum_sha1),
        (Algorithm::Sha256, &wanted.checksum_sha256),
    ];
    listed.into_iter().filter_map(|(algorithm, text)| Some((algorithm, text.as_deref()?)))
}

/// Whether the listed checksum, if there is one, equals the part's. A part of an upload without an algorithm has none (recorded
/// 2026-02-21: LocalStack's `test_complete_multipart_parts_checksum_default`; aws/aws-sdk-go-v2#3005, 2025-02-07).
fn same_checksum(upload: &Upload, part: &Part, wanted: &CompletedPart) -> bool {
    checksums(wanted).all(|(algorithm, text)| match &part.checksum {
        _ if upload.about.algorithm.is_none() => false,
        Some(checksum) if checksum.algorithm == algorithm => text == checksum.base64(),
        _ => true,
    })
}

/// Refuses listed checksums that are no digests, or several for a part. AWS does so before it looks at the upload (a fork of
/// OpenStack Swift, `test/s3api/test_object_checksums.py`, which also runs against AWS).
fn readable_checksums(listed: &[CompletedPart]) -> Result<(), Refusal> {
    for wanted in listed {
        let given: Vec<_> = checksums(wanted).collect();
        let is_digest = given.iter().all(|(algorithm, text)| algorithm.decode(text).is_ok());
        if given.len() > 1 || !is_digest {
            let shown =
                given.iter().map(|(algorithm, text)| format!("{}:{text};", algorithm.name()));
            return Err(Refusal::invalid_part_checksum()
                .with("ArgumentName", "Checksum")
                .with("ArgumentValue", shown.collect::<String>()));
        }
    }
    Ok(())
}

/// Refuses checksums of another algorithm than that of the parts, and a missing part checksum for a composite object. Recorded
/// 2026-02-21: LocalStack's `test_multipart_parts_checksum_exceptions_composite` and similar tests.
fn listed_checksums(upload: &Upload, part: &Part, wanted: &CompletedPart) -> Result<(), Refusal> {
    let other = checksums(wanted).find(|(listed, _)| {
        part.checksum.as_ref().is_none_or(|checksum| checksum.algorithm != *listed)
    });
    if let Some((algorithm, _)) = other {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "BadDigest",
            format!(
                "The {} you specified for part {} did not match what we received.",
                algorithm.name().to_lowercase(),
                part.number
            ),
        ));
    }
    match upload.about.algorithm {
        Some(algorithm) if upload.about.composite && checksums(wanted).next().is_none() => {
            Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "InvalidRequest",
                format!(
                    "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {} in the request.",
                    algorithm.name().to_lowercase(),
                    part.number
                ),
            ))
        }
        _ => Ok(()),
    }
}

fn agrees(call: &Call, length: u64) -> Result<(), Refusal> {
    let limit = &call.context().limits.s3_object;
    call.context()
        .admit(limit, Bytes(length))
        .map_err(|exceeded| Refusal::limit(&exceeded).with("ProposedSize", length.to_string()))?;
    match call.header("x-amz-mp-object-size") {
        Some(given) if given.parse() != Ok(length) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequest",
            format!(
                "The provided 'x-amz-mp-object-size' header value {given} does not match what was computed: {length}"
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

/// The digest of the parts' digests, and the number of parts.
fn etag(parts: &[Arc<Part>]) -> String {
    let mut md5 = Md5::new();
    parts.iter().for_each(|part| md5.update(&part.md5));
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}

fn whole_checksum(upload: &Upload, parts: &[Arc<Part>]) -> Option<ObjectChecksum> {
    let algorithm = upload.about.algorithm.unwrap_or(Algorithm::Crc64Nvme);
    let values: Option<Vec<&Checksum>> = parts.iter().map(|part| part.checksum.as_ref()).collect();
    let values = values?;
    if upload.about.composite {
        let mut hasher = Hasher::new(algorithm);
        values.iter().for_each(|checksum| hasher.update(&checksum.value));
        return Some(ObjectChecksum::of_parts(hasher.finish(), &values));
    }
    let lengths = parts.iter().map(|part| part.blob.length());
    let empty = Hasher::new(algorithm).finish().value;
    let value = values.iter().zip(lengths).fold(empty, |whole, (part, length)| {
        checksum::combine(algorithm, &whole, &part.value, length)
    });
    Some(ObjectChecksum::of_bytes(Checksum { algorithm, value }))
}

/// A declared checksum of the whole object, and its algorithm. S3 ignores it if the upload has no algorithm (recorded 2026-02-21:
/// LocalStack's `test_complete_multipart_parts_checksum_default`).
///
/// # Errors
///
/// If the value is not a digest, with or without a number of parts.
fn declared_checksum<'c>(
    call: &'c Call,
    upload: &Upload,
) -> Result<Option<(Algorithm, &'c str)>, Refusal> {
    let Some(algorithm) = declared(call).filter(|_| upload.about.algorithm.is_some()) else {
        return Ok(None);
    };
    let given = call.header(algorithm.header()).unwrap_or_default().trim();
    let (digest, parts) = given.split_once('-').map_or((given, None), |(a, b)| (a, Some(b)));
    algorithm.decode(digest)?;
    match parts {
        Some(parts) if parts.parse::<u32>().is_err() => {
            Err(checksum::invalid_value(algorithm.header()))
        }
        _ => Ok(Some((algorithm, given))),
    }
}

/// Compares the checksum of the whole object with the declared one, if there is one. Without a type, S3 takes the declared one for one
/// of the type that its algorithm has by default (recorded 2026-02-21: LocalStack's
/// `test_multipart_parts_checksum_exceptions_full_object`, whose refusals name the algorithm of the upload).
fn compare(
    call: &Call,
    upload: &Upload,
    declared: Option<(Algorithm, &str)>,
    whole: Option<&ObjectChecksum>,
) -> Result<(), Refusal> {
    let (Some((algorithm, given)), Some(expected)) = (declared, upload.about.algorithm) else {
        return Ok(());
    };
    let is_composite = match call.header("x-amz-checksum-type") {
        Some(kind) => kind == "COMPOSITE",
        None => expected.is_composite_by_default(),
    };
    let same = whole.is_some_and(|whole| {
        is_composite == whole.parts.is_some()
            && whole.checksum.algorithm == algorithm
            && (given == whole.text() || given == whole.checksum.base64())
    });
    if same {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::BAD_REQUEST,
        "BadDigest",
        format!(
            "The {} you specified did not match the calculated checksum.",
            expected.name().to_lowercase()
        ),
    ))
}

fn completed(call: &Call, bucket: &str, object: &Object) -> CompleteMultipartUploadOutput {
    let host = call.header("host").unwrap_or("localhost");
    let path = hardcap_core::uri::encode(object.key.as_bytes(), true);
    let mut output = CompleteMultipartUploadOutput {
        bucket: Some(bucket.to_owned()),
        key: Some(object.key.to_string()),
        location: Some(format!("http://{host}/{bucket}/{path}")),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        ..Default::default()
    };
    if let Some(checksum) = &object.checksum {
        show_checksum!(output, checksum.checksum.algorithm, checksum.text());
        output.checksum_type = Some(ChecksumType::from(checksum.kind().to_owned()));
    }
    output
}
