//! The code in a request: received, measured and unpacked.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use hardcap_limits::Bytes;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use super::Shared;
use super::answer::{Problem, constraint, invalid, not_built, over_limit};
use super::entry::Code;
use super::storage::{code_of, zip_of};
use hardcap_core::context::Context;
use hardcap_lambda::package::PackageFolder;
use hardcap_project::packaging::unzip::{UnzipError, unzip};
use hardcap_s3::ObjectError;

/// The text for a file that is not a zip file. Many reports.
const NO_ZIP: &str =
    "Could not unzip uploaded file. Please check your file, then try to upload again.";

/// The location of the code: `Code` of CreateFunction, the members of UpdateFunctionCode.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CodeInput<'a> {
    /// The package as base64. Borrowed, because it may be as large as the request.
    #[serde(borrow)]
    zip_file: Option<Cow<'a, str>>,
    s3_bucket: Option<String>,
    s3_key: Option<String>,
    s3_object_version: Option<String>,
    image_uri: Option<String>,
}

/// The position of the code in a request. CreateFunction has a member for it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Packed<'a> {
    #[serde(borrow)]
    code: Option<CodeInput<'a>>,
    #[serde(borrow)]
    zip_file: Option<Cow<'a, str>>,
}

/// The length of the package in a request, by the length of its base64.
pub(super) fn package_length(request: &[u8]) -> Option<Bytes> {
    let Packed { code, zip_file } = serde_json::from_slice(request).ok()?;
    let base64 = code.and_then(|code| code.zip_file).or(zip_file)?;
    let padding = base64.bytes().rev().take_while(|&byte| byte == b'=').count();
    Some(Bytes((base64.len() / 4 * 3).saturating_sub(padding) as u64))
}

/// A received and unpacked package.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) code: Code,
    pub(super) folder: Arc<PackageFolder>,
}

/// Receives the code of a function. Its folder is removed with the returned value, unless it is kept.
pub(super) async fn receive(
    shared: &Shared,
    ctx: &Context,
    function: &str,
    input: CodeInput<'_>,
) -> Result<Received, Problem> {
    let folder = shared.storage.new_package(function)?;
    match input {
        CodeInput { image_uri: Some(_), .. } => return Err(images()),
        CodeInput { zip_file: Some(base64), .. } => {
            let zip = STANDARD.decode(base64.as_bytes()).map_err(|_| invalid(NO_ZIP))?;
            if zip.is_empty() {
                return Err(invalid("Uploaded file must be a non-empty zip"));
            }
            ctx.admit(&ctx.limits.lambda_zip, Bytes::of(&zip))
                .map_err(|exceeded| over_limit(&exceeded, &[]))?;
            tokio::fs::write(zip_of(&folder), zip).await?;
        }
        CodeInput { s3_object_version: Some(_), .. } => {
            return Err(not_built("versions of objects", "leave S3ObjectVersion out"));
        }
        CodeInput { s3_bucket: Some(bucket), s3_key: Some(key), .. } => {
            fetch(shared, ctx, &bucket, &key, &zip_of(&folder)).await?;
        }
        _ => return Err(invalid("Please provide a source for function code.")),
    }
    let limit = ctx.limits.lambda_unzipped;
    let unpacking = tokio::task::spawn_blocking(move || {
        let unpacked = unpack(&folder, limit.max.0);
        (folder, unpacked)
    });
    let (folder, unpacked) = unpacking.await.map_err(|error| Problem::Bug(error.to_string()))?;
    let (written, code) = match unpacked {
        Ok(unpacked) => unpacked,
        Err(UnzipError::TooLarge(observed)) => {
            let admitted = ctx.admit(&limit, Bytes(observed));
            let exceeded = admitted.err().unwrap_or_else(|| limit.exceeded_by(Bytes(observed)));
            return Err(over_limit(&exceeded, &[]));
        }
        Err(UnzipError::Invalid(why)) => {
            tracing::warn!(function, why, "a deployment package is refused");
            return Err(invalid(NO_ZIP));
        }
        Err(UnzipError::Disk(error)) => return Err(error.into()),
    };
    let _ = ctx.admit(&limit, Bytes(written));
    Ok(Received { code, folder: Arc::new(folder) })
}

/// A source of code that hardcap does not implement.
pub(super) fn images() -> Problem {
    not_built("container images", "give the function a zip package")
}

fn unpack(folder: &PackageFolder, most: u64) -> Result<(u64, Code), UnzipError> {
    let mut zip = File::open(zip_of(folder)).map_err(UnzipError::Disk)?;
    let (sha256, size) = digest(&mut zip).map_err(UnzipError::Disk)?;
    let written = unzip(zip, &code_of(folder), most)?;
    let name = folder.path().file_name().map(|name| name.to_string_lossy().into_owned());
    Ok((written, Code { sha256, size, folder: name }))
}

/// The digest of a file and its length. The file is rewound.
fn digest(file: &mut File) -> io::Result<(String, u64)> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
        size += read as u64;
    }
    file.rewind()?;
    Ok((STANDARD.encode(digest.finalize()), size))
}

/// Copies a package from the emulator's S3, unless it is larger than an unpacked package may be.
async fn fetch(
    shared: &Shared,
    ctx: &Context,
    bucket: &str,
    key: &str,
    to: &Path,
) -> Result<(), Problem> {
    if bucket.is_empty() || key.is_empty() {
        let member = if bucket.is_empty() { "code.s3Bucket" } else { "code.s3Key" };
        return Err(constraint(format!(
            "Value '' at '{member}' failed to satisfy constraint: Member must have length greater than or equal to 1"
        )));
    }
    let fetched = shared.s3.fetch(bucket, key).map_err(|ObjectError { code, message }| {
        invalid(format!(
            "Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
        ))
    })?;
    if fetched.length > ctx.limits.lambda_unzipped.max.0 {
        let admitted = ctx.admit(&ctx.limits.lambda_unzipped, Bytes(fetched.length));
        admitted.map_err(|exceeded| over_limit(&exceeded, &[]))?;
    }
    let mut file = tokio::fs::File::create(to).await?;
    let mut body = std::pin::pin!(fetched.body);
    while let Some(chunk) = body.next().await {
        file.write_all(&chunk?).await?;
    }
    file.flush().await?;
    Ok(())
}
