//! Lists of objects (by prefix and delimiter), uploads and parts.

use std::ops::Bound;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use s3s::S3Response;
use s3s::dto::{self, *};

use super::{Api, OperationResult, initiator, owner, plain, timestamp};
use crate::attributes;
use crate::call::Call;
use crate::checksum::Algorithm;
use crate::refusal::Refusal;
use crate::store::{Bucket, Object, Upload};
use hardcap_core::uri;

/// The maximum number of entries in one response (S3 API reference).
const ENTRIES_MAX: i32 = 1000;

/// A page of a list.
#[derive(Debug, Default)]
struct Page {
    objects: Vec<Arc<Object>>,
    prefixes: Vec<String>,
    /// The last entry, if the list is truncated.
    next: Option<String>,
}

/// Lists objects after `after`. Keys that share a part up to the delimiter are one entry.
fn page(bucket: &Bucket, prefix: &str, delimiter: &str, after: &str, max: usize) -> Page {
    let mut page = Page::default();
    let mut last: Option<String> = None;
    let from = if after >= prefix { Bound::Excluded(after) } else { Bound::Included(prefix) };
    bucket.visit(from, |object| {
        let key: &str = &object.key;
        let Some(rest) = key.strip_prefix(prefix) else { return key < prefix };
        let group = (!delimiter.is_empty())
            .then(|| rest.find(delimiter))
            .flatten()
            .map(|at| &key[..prefix.len() + at + delimiter.len()]);
        // The group was listed already: on this page, or before a marker that is the group or within it (recorded 2026-02-21).
        if group.is_some_and(|group| after.starts_with(group) || last.as_deref() == Some(group)) {
            return true;
        }
        if page.objects.len() + page.prefixes.len() == max {
            page.next = last.take();
            return false;
        }
        last = Some(group.unwrap_or(key).to_owned());
        match group {
            Some(group) => page.prefixes.push(group.to_owned()),
            None => page.objects.push(object.clone()),
        }
        true
    });
    page
}

fn limit(given: Option<i32>, name: &'static str) -> Result<(i32, usize), Refusal> {
    let given = given.unwrap_or(ENTRIES_MAX);
    if given < 0 {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            format!("Argument {name} must be an integer between 0 and 2147483647"),
        )
        .with("ArgumentName", name)
        .with("ArgumentValue", given.to_string()));
    }
    let shown = given.min(ENTRIES_MAX);
    Ok((shown, usize::try_from(shown).unwrap_or(0)))
}

/// The encoding of keys: unchanged, or percent-encoded on request, because XML cannot represent all characters.
struct Encoding(bool);

impl Encoding {
    fn of(encoding: Option<&EncodingType>) -> Result<Encoding, Refusal> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Encoding(false)),
            Some("url") => Ok(Encoding(true)),
            Some(other) => Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "InvalidArgument",
                "Invalid Encoding Method specified in Request",
            )
            .with("ArgumentName", "encoding-type")
            .with("ArgumentValue", other)),
        }
    }

    fn write(&self, text: impl AsRef<str>) -> String {
        let text = text.as_ref();
        if self.0 { uri::encode(text.as_bytes(), true) } else { text.to_owned() }
    }

    fn write_all(&self, prefixes: Vec<String>) -> Option<Vec<CommonPrefix>> {
        let written =
            prefixes.into_iter().map(|prefix| CommonPrefix { prefix: Some(self.write(prefix)) });
        Some(written.collect())
    }
}

fn entry(object: &Object, encoding: &Encoding, with_owner: bool) -> dto::Object {
    dto::Object {
        checksum_algorithm: object.checksum.as_ref().map(|checksum| {
            vec![ChecksumAlgorithm::from(checksum.checksum.algorithm.name().to_owned())]
        }),
        checksum_type: object
            .checksum
            .as_ref()
            .map(|checksum| ChecksumType::from(checksum.kind().to_owned())),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        key: Some(encoding.write(&*object.key)),
        last_modified: Some(timestamp(object.modified)),
        owner: with_owner.then(owner),
        restore_status: None,
        size: i64::try_from(object.length()).ok(),
        storage_class: Some(ObjectStorageClass::from(
            object.attributes.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned()),
        )),
    }
}

pub(super) async fn objects_v2(
    api: &Api,
    _call: &Call,
    input: ListObjectsV2Input,
) -> OperationResult<ListObjectsV2Output> {
    let bucket = api.store.bucket(&input.bucket)?;
    let (shown, max) = limit(input.max_keys, "max-keys")?;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let token = input.continuation_token.as_deref().map(decode_token).transpose()?;
    let after = token.or_else(|| input.start_after.clone()).unwrap_or_default();
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = input.delimiter.clone().unwrap_or_default();
    let page = match max {
        0 => Page::default(),
        max => page(&bucket, &prefix, &delimiter, &after, max),
    };
    let with_owner = input.fetch_owner.unwrap_or(false);
    let count = page.objects.len() + page.prefixes.len();
    // A list that a token continues does not show where the first page began (recorded 2026-02-21).
    let start_after = input.start_after.filter(|_| input.continuation_token.is_none());
    in_region(
        api,
        &bucket,
        ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(encoding.write(prefix)),
            max_keys: Some(shown),
            key_count: i32::try_from(count).ok(),
            continuation_token: input.continuation_token,
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_deref().map(encode_token),
            contents: Some(page.objects.iter().map(|o| entry(o, &encoding, with_owner)).collect()),
            common_prefixes: encoding.write_all(page.prefixes),
            delimiter: repeated(input.delimiter, &encoding),
            encoding_type: input.encoding_type,
            start_after: start_after.map(|after| encoding.write(after)),
            request_charged: None,
        },
    )
}

/// Every object has one version, named `null` (recorded 2026-02-21: `test_list_object_versions_order_unversioned`).
pub(super) async fn versions(
    api: &Api,
    _call: &Call,
    input: ListObjectVersionsInput,
) -> OperationResult<ListObjectVersionsOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let (shown, max) = limit(input.max_keys, "max-keys")?;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let marker = input.key_marker.unwrap_or_default();
    let version_marker = input.version_id_marker.unwrap_or_default();
    if marker.is_empty() && !version_marker.is_empty() {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "A version-id marker cannot be specified without a key marker.",
        )
        .with("ArgumentName", "version-id-marker")
        .with("ArgumentValue", version_marker));
    }
    let prefix = input.prefix.unwrap_or_default();
    let delimiter = input.delimiter.clone().unwrap_or_default();
    let page = match max {
        0 => Page::default(),
        max => page(&bucket, &prefix, &delimiter, &marker, max),
    };
    let version = |object: &Arc<Object>| {
        let entry = entry(object, &encoding, true);
        ObjectVersion {
            checksum_algorithm: entry.checksum_algorithm,
            checksum_type: entry.checksum_type,
            e_tag: entry.e_tag,
            is_latest: Some(true),
            key: entry.key,
            last_modified: entry.last_modified,
            owner: entry.owner,
            restore_status: None,
            size: entry.size,
            storage_class: entry
                .storage_class
                .map(|class| ObjectVersionStorageClass::from(class.as_str().to_owned())),
            version_id: Some("null".to_owned()),
        }
    };
    plain(ListObjectVersionsOutput {
        name: Some(input.bucket),
        prefix: Some(encoding.write(prefix)),
        key_marker: Some(encoding.write(marker)),
        version_id_marker: Some(version_marker),
        max_keys: Some(shown),
        is_truncated: Some(page.next.is_some()),
        next_version_id_marker: page.next.as_ref().map(|_| "null".to_owned()),
        next_key_marker: page.next.map(|last| encoding.write(last)),
        versions: Some(page.objects.iter().map(version).collect()),
        common_prefixes: encoding.write_all(page.prefixes),
        delimiter: repeated(input.delimiter, &encoding),
        encoding_type: input.encoding_type,
        ..Default::default()
    })
}

/// A list of objects with the header of the bucket's region (recorded 2026-02-21, `test_region_header_exists_outside_us_east_1`).
fn in_region<T>(api: &Api, bucket: &Bucket, output: T) -> OperationResult<T> {
    let mut response = S3Response::new(output);
    attributes::insert(&mut response.headers, "x-amz-bucket-region", bucket.region(&api.region));
    Ok(response)
}

/// A delimiter as responses repeat it. An empty one is left out (Ceph's s3-tests, which run against AWS too:
/// `test_bucket_list_delimiter_empty`).
fn repeated(delimiter: Option<String>, encoding: &Encoding) -> Option<String> {
    delimiter.filter(|it| !it.is_empty()).map(|delimiter| encoding.write(delimiter))
}

/// The type of the checksum of an upload with an algorithm.
fn checksum_type(upload: &Upload) -> Option<ChecksumType> {
    upload.about.algorithm.map(|_| {
        let kind = if upload.about.composite { "COMPOSITE" } else { "FULL_OBJECT" };
        ChecksumType::from(kind.to_owned())
    })
}

/// The token of the page after an entry.
pub(super) fn encode_token(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

pub(super) fn decode_token(token: &str) -> Result<String, Refusal> {
    let last = URL_SAFE_NO_PAD.decode(token).ok().and_then(|last| String::from_utf8(last).ok());
    // An empty token is refused too (recorded 2026-02-21).
    last.filter(|last| !last.is_empty()).ok_or_else(|| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "The continuation token provided is incorrect",
        )
        .with("ArgumentName", "continuation-token")
    })
}

pub(super) async fn objects(
    api: &Api,
    _call: &Call,
    input: ListObjectsInput,
) -> OperationResult<ListObjectsOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let (shown, max) = limit(input.max_keys, "max-keys")?;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let marker = input.marker.unwrap_or_default();
    let prefix = input.prefix.unwrap_or_default();
    let delimiter = input.delimiter.clone().unwrap_or_default();
    let page = match max {
        0 => Page::default(),
        max => page(&bucket, &prefix, &delimiter, &marker, max),
    };
    in_region(
        api,
        &bucket,
        ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(encoding.write(prefix)),
            marker: Some(encoding.write(marker)),
            max_keys: Some(shown),
            is_truncated: Some(page.next.is_some()),
            contents: Some(page.objects.iter().map(|o| entry(o, &encoding, true)).collect()),
            common_prefixes: encoding.write_all(page.prefixes),
            // Only lists with a delimiter name the next marker; for others it is their last key.
            next_marker: page
                .next
                .filter(|_| input.delimiter.is_some())
                .map(|last| encoding.write(last)),
            delimiter: repeated(input.delimiter, &encoding),
            encoding_type: input.encoding_type,
            request_charged: None,
        },
    )
}

pub(super) async fn uploads(
    api: &Api,
    _call: &Call,
    input: ListMultipartUploadsInput,
) -> OperationResult<ListMultipartUploadsOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let (shown, max) = limit(input.max_uploads, "max-uploads")?;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = input.delimiter.clone().unwrap_or_default();
    let key_marker = input.key_marker.clone().unwrap_or_default();
    // A marker of an upload is ignored without one of a key (recorded 2026-02-21: `test_list_multiparts_next_marker`).
    let id_marker = input.upload_id_marker.clone().filter(|_| !key_marker.is_empty());
    let id_marker = id_marker.unwrap_or_default();
    let all = bucket.uploads();
    let marked = all.iter().find(|upload| upload.about.id == id_marker).cloned();
    // A marker that is an upload must be one of the key beside it (recorded 2026-02-21).
    if marked.as_ref().is_some_and(|upload| upload.about.key != key_marker) {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "Invalid uploadId marker",
        )
        .with("ArgumentName", "upload-id-marker")
        .with("ArgumentValue", id_marker));
    }
    let (mut found, mut prefixes, mut more) = (Vec::new(), Vec::<String>::new(), false);
    // The last entry of this page: a key and its upload, or a common prefix.
    let mut last = (String::new(), String::new());
    let is_later = |upload: &Upload| match &marked {
        Some(marked) => upload.about.order() > marked.about.order(),
        // The upload of the marker has ended since.
        None => !id_marker.is_empty() && upload.about.id > id_marker,
    };
    for upload in all {
        let key = &upload.about.key;
        let beyond = *key > key_marker || (*key == key_marker && is_later(&upload));
        let Some(rest) = key.strip_prefix(prefix.as_str()).filter(|_| beyond) else { continue };
        let at = (!delimiter.is_empty()).then(|| rest.find(&delimiter)).flatten();
        let group = at.map(|at| key[..prefix.len() + at + delimiter.len()].to_owned());
        if group.is_some() && prefixes.last() == group.as_ref() {
            continue;
        }
        if found.len() + prefixes.len() == max {
            more = true;
            break;
        }
        match group {
            Some(group) => {
                last = (group.clone(), String::new());
                prefixes.push(group);
            }
            None => {
                last = (upload.about.key.clone(), upload.about.id.clone());
                found.push(upload);
            }
        }
    }
    let entries = found.iter().map(|upload| MultipartUpload {
        checksum_algorithm: upload
            .about
            .algorithm
            .map(|a| ChecksumAlgorithm::from(a.name().to_owned())),
        checksum_type: checksum_type(upload),
        initiated: Some(timestamp(hardcap_core::clock::EpochMillis(upload.about.initiated))),
        key: Some(encoding.write(&upload.about.key)),
        initiator: Some(initiator()),
        owner: Some(owner()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        upload_id: Some(upload.about.id.clone()),
    });
    plain(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        common_prefixes: encoding.write_all(prefixes),
        delimiter: repeated(input.delimiter, &encoding),
        encoding_type: input.encoding_type,
        is_truncated: Some(more),
        key_marker: Some(encoding.write(key_marker)),
        max_uploads: Some(shown),
        // These are there on the last page too (recorded 2026-02-21).
        next_key_marker: Some(encoding.write(last.0)),
        next_upload_id_marker: Some(last.1),
        prefix: input.prefix.map(|prefix| encoding.write(prefix)),
        request_charged: None,
        upload_id_marker: Some(id_marker),
        uploads: Some(entries.collect()),
    })
}

pub(super) async fn parts(
    api: &Api,
    _call: &Call,
    input: ListPartsInput,
) -> OperationResult<ListPartsOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let upload = bucket.upload(&input.key, &input.upload_id)?;
    let (shown, max) = limit(input.max_parts, "max-parts")?;
    let marker = input.part_number_marker.unwrap_or(0);
    let all = upload.parts();
    let mut beyond = all.iter().filter(|part| i32::from(part.number) > marker);
    let listed: Vec<_> = beyond.by_ref().take(max).collect();
    let more = beyond.next().is_some();
    let entries = listed.iter().map(|part| {
        // Without an algorithm of the upload, S3 shows no checksum (recorded 2026-02-21).
        let text = |algorithm: Algorithm| {
            let shown = part.checksum.as_ref().filter(|_| upload.about.algorithm.is_some());
            shown.filter(|checksum| checksum.algorithm == algorithm).map(|it| it.base64())
        };
        dto::Part {
            checksum_crc32: text(Algorithm::Crc32),
            checksum_crc32c: text(Algorithm::Crc32c),
            checksum_crc64nvme: text(Algorithm::Crc64Nvme),
            checksum_sha1: text(Algorithm::Sha1),
            checksum_sha256: text(Algorithm::Sha256),
            e_tag: Some(ETag::Strong(hex::encode(part.md5))),
            last_modified: Some(timestamp(part.modified)),
            part_number: Some(i32::from(part.number)),
            size: i64::try_from(part.blob.length()).ok(),
        }
    });
    plain(ListPartsOutput {
        bucket: Some(input.bucket),
        is_truncated: Some(more),
        key: Some(input.key),
        max_parts: Some(shown),
        checksum_algorithm: (upload.about.algorithm)
            .map(|it| ChecksumAlgorithm::from(it.name().to_owned())),
        checksum_type: checksum_type(&upload),
        initiator: Some(initiator()),
        next_part_number_marker: Some(listed.last().map_or(0, |part| i32::from(part.number))),
        owner: Some(owner()),
        part_number_marker: Some(marker),
        parts: Some(entries.collect()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        upload_id: Some(input.upload_id),
        ..Default::default()
    })
}
