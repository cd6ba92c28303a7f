//! Form uploads: `POST /bucket` with a policy, as browsers send them.
//!
//! The form is processed as it arrives: the fields with their signed policy, then the file, which is streamed to the store.
//! Content after the file is ignored, as on AWS.

mod fields;
mod file;
mod policy;
mod success;

use std::io;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, Method, Response, header, request};
use multer::Multipart;

use self::fields::{Fields, malformed};
use self::file::{FormBody, ReceivedFile};
use self::policy::Policy;
use super::address::Address;
use super::api::{checksum_headers, expiration, identify};
use super::auth::{FormSignature, FormSignature2};
use super::call::Call;
use super::notify::{self, Change};
use super::refusal::Refusal;
use super::region::SigningRegion;
use super::store::Object;
use super::{S3, admit_key, attributes, cors, pages, tags};
use hardcap_core::guard::Caller;
use hardcap_core::serve::RequestBody;

/// Whether a request is a form upload: a POST to a bucket without an operation.
pub(super) fn is_form(head: &request::Parts, address: &Address) -> bool {
    let names_operation = head.uri.query().is_some_and(|query| !query.is_empty());
    let is_multipart = content_type(head).starts_with("multipart/form-data");
    head.method == Method::POST
        && address.bucket.is_some()
        && (is_multipart || (address.key.is_none() && !names_operation))
}

fn content_type(head: &request::Parts) -> &str {
    head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

impl S3 {
    /// Handles a form upload.
    pub(super) async fn post_form(
        &self,
        call: &Call,
        address: &Address,
        (caller, head, region): (&Caller, &request::Parts, &SigningRegion),
        body: RequestBody,
    ) -> Result<Response<Body>, Refusal> {
        let rest = FormBody::new(body);
        let boundary = boundary(head, address)?;
        let name = address.bucket.as_deref().unwrap_or_default();
        let bucket = self.store.bucket(name)?;
        let mut form = Multipart::new(rest, boundary.as_str());
        let (fields, mut file) = Fields::read(call, &mut form, &boundary).await?;
        let (policy, key_id) = self.verified_policy(call, (name, region), &fields)?;
        let by_rule = cors::allows(&self.store, address, head);
        pages::admit_form(caller, by_rule, &key_id).map_err(|refused| Refusal::page(&refused))?;
        let key = fields.required("key")?;
        if key.is_empty() {
            return Err(Refusal::empty_key().with("ArgumentName", "key").with("ArgumentValue", ""));
        }
        let headers = fields.headers();
        attributes::refuse_unsupported(&headers, false)?;
        let target = Address { bucket: address.bucket.clone(), key: Some(key.to_owned()) };
        admit_key(call, &target)?;
        let call = call.with_headers(headers);
        let attributes = attributes::read(&call)?;
        let received = ReceivedFile::read(&call, &bucket, &mut file, policy.sizes()).await?;
        drop(file);
        to_the_end(&mut form).await?;
        let object = Object {
            key: Arc::from(key),
            modified: call.context().clock.now(),
            attributes,
            tags: form_tags(&fields)?,
            etag: received.etag,
            checksum: received.checksum,
            upload: None,
            body: vec![received.blob],
        };
        let mut answer = HeaderMap::new();
        identify(&object, &mut answer);
        // Recorded 2026-02-21, `test_post_object_default_checksum`.
        checksum_headers(object.checksum.as_ref(), &mut answer);
        expiration(&bucket, &object, &mut answer);
        let stored = success::StoredObject {
            bucket: name,
            key,
            etag: &object.etag.clone(),
            location: success::location(head, address, key),
        };
        call.set_access_key(key_id);
        let notifications = self.notifier.of_call(&call, &bucket, Change::Post, &object);
        bucket.put(object, |_| Ok(())).await?;
        notify::send(notifications).await;
        let wish = success::SuccessAction {
            redirect: fields.get("success_action_redirect").or_else(|| fields.get("redirect")),
            status: fields.get("success_action_status"),
        };
        Ok(success::response(&stored, &wish, answer))
    }

    /// The form's policy and the id of its key, after signature, expiration and conditions are verified.
    fn verified_policy(
        &self,
        call: &Call,
        (bucket, region): (&str, &SigningRegion),
        fields: &Fields,
    ) -> Result<(Policy, String), Refusal> {
        fields.required("key")?;
        let Some(document) = fields.get("policy") else { return Err(Refusal::access_denied()) };
        if fields.get("signature").is_some() || fields.get("awsaccesskeyid").is_some() {
            let claim = FormSignature2 {
                access_key_id: fields.required("AWSAccessKeyId")?,
                signature: fields.required("Signature")?,
                token: fields.get("x-amz-security-token"),
                policy: document,
            };
            claim.verify(region, &self.platform.keyring, call.context())?;
            let policy = Policy::read(document)?;
            if FormSignature2::has_expired(policy.expiration, call.context()) {
                return Err(policy::violated("Policy expired."));
            }
            policy.check(bucket, fields)?;
            return Ok((policy, claim.access_key_id.to_owned()));
        }
        let claim = FormSignature {
            algorithm: fields.required("X-Amz-Algorithm")?,
            credential: fields.required("X-Amz-Credential")?,
            date: fields.required("X-Amz-Date")?,
            signature: fields.required("X-Amz-Signature")?,
            token: fields.get("x-amz-security-token"),
            policy: document,
        };
        let key_id = claim.verify(region, &self.platform.keyring, call.context())?;
        let policy = Policy::read(document)?;
        if claim.has_expired(policy.expiration, call.context())? {
            return Err(policy::violated("Policy expired."));
        }
        policy.check(bucket, fields)?;
        Ok((policy, key_id))
    }
}

/// The tags of a form: its field `tagging` contains the XML of `PutObjectTagging` (S3 API reference, POST Object).
fn form_tags(fields: &Fields) -> Result<Vec<(String, String)>, Refusal> {
    fields.get("tagging").map_or(Ok(Vec::new()), tags::of_xml)
}

/// The boundary of the form's parts.
fn boundary(head: &request::Parts, address: &Address) -> Result<String, Refusal> {
    if address.key.is_some() {
        return Err(Refusal::method_not_allowed()
            .with("Method", "POST")
            .with("ResourceType", "OBJECT"));
    }
    multer::parse_boundary(content_type(head)).map_err(|error| match error {
        multer::Error::NoBoundary => Refusal::malformed_form(),
        // The enum is non-exhaustive. Everything else is another content type.
        _ => Refusal::precondition_failed()
            .with("Condition", "Bucket POST must be of the enclosure-type multipart/form-data"),
    })
}

/// Parses a form like an upload, without storing it, and returns its fields and its file. For [`crate::fuzz`].
pub(super) async fn whole<S>(
    call: &Call,
    boundary: &str,
    body: S,
) -> Result<(Vec<(String, String)>, Vec<u8>), Refusal>
where
    S: Stream<Item = io::Result<Bytes>> + Send,
{
    let mut form = Multipart::new(body, boundary);
    let (fields, mut file) = Fields::read(call, &mut form, boundary).await?;
    if let Some(policy) = fields.get("policy").and_then(|policy| Policy::read(policy).ok()) {
        let _ = (policy.check("bucket", &fields), policy.sizes());
    }
    let named = |name: &str| (name.to_owned(), fields.get(name).unwrap_or_default().to_owned());
    let pairs = fields.names().map(named).collect();
    let mut bytes = Vec::new();
    while let Some(data) = file.chunk().await.map_err(|error| malformed(&error))? {
        bytes.extend_from_slice(&data);
    }
    drop(file);
    to_the_end(&mut form).await?;
    Ok((pairs, bytes))
}

/// Nothing of an incomplete form is stored.
async fn to_the_end(form: &mut Multipart<'_>) -> Result<(), Refusal> {
    while form.next_field().await.map_err(|error| malformed(&error))?.is_some() {}
    Ok(())
}
