//! The regions of buckets, endpoints and signatures.
//!
//! AWS has an endpoint for each region. A run has one address for all of them. A host that names a region, such as
//! `s3.eu-west-1.localhost`, is the endpoint of that region. For every other host, the region of the signature stands for the
//! endpoint that the client would use on AWS, and requests for an existing bucket reach the bucket's region, as by AWS's DNS.

use http::{HeaderName, HeaderValue, Method, header, request};

use crate::address::{self, Address};
use crate::refusal::Refusal;
use crate::store::ObjectStore;

/// The region of the endpoint without a region in its name.
pub(crate) const US_EAST_1: &str = "us-east-1";

/// `x-amz-bucket-region`, by which SDKs repeat a request in the right region.
const BUCKET_REGION: HeaderName = HeaderName::from_static("x-amz-bucket-region");

/// The values of `LocationConstraint` except `EU` (model of the S3 API, `BucketLocationConstraint`, read 2026-11-30).
const REGIONS: [&str; 37] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// Whether S3 has a region.
pub(crate) fn exists(region: &str) -> bool {
    region == US_EAST_1 || REGIONS.contains(&region)
}

/// The region of a location constraint: `EU` is the older name of `eu-west-1`.
pub(crate) fn of_constraint(constraint: &str) -> &str {
    if constraint == "EU" { "eu-west-1" } else { constraint }
}

/// The location constraint of a new bucket, `us-east-1` for the one without a constraint (all recorded 2026-02-21 and
/// 2026-02-23, `test_different_location_constraint` and `test_create_bucket_with_invalid_location_constraint`).
///
/// # Errors
///
/// A constraint that the endpoint of this region does not accept.
pub(crate) fn new_bucket<'a>(endpoint: &str, wanted: Option<&'a str>) -> Result<&'a str, Refusal> {
    match wanted.filter(|wanted| !wanted.is_empty()) {
        None if endpoint == US_EAST_1 => Ok(US_EAST_1),
        None => Err(Refusal::illegal_location("unspecified")),
        Some(wanted) if endpoint == US_EAST_1 => {
            let region = of_constraint(wanted);
            if region == US_EAST_1 || !exists(region) {
                return Err(Refusal::invalid_location().with("LocationConstraint", wanted));
            }
            Ok(wanted)
        }
        Some(wanted) if of_constraint(wanted) == endpoint => Ok(wanted),
        Some(wanted) => Err(Refusal::illegal_location(wanted)),
    }
}

/// The region that a signature must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SigningRegion {
    /// The region of the request's bucket.
    Bucket(String),
    /// The region that the host names.
    Endpoint(String),
    /// Each region that S3 has. The request is not for one bucket.
    Each {
        /// The region of the run, which refusals name.
        run: String,
    },
}

impl SigningRegion {
    /// The region for a request.
    ///
    /// # Errors
    ///
    /// `PermanentRedirect` if the host is the endpoint of another region than the bucket's. The response to an anonymous request
    /// is recorded (LocalStack's `test_access_bucket_different_region`, validated against AWS); headers and elements are those of
    /// yanganto/s3rs#18 and awspring/spring-cloud-aws#452.
    pub(crate) fn of(
        head: &request::Parts,
        address: &Address,
        (store, run): (&ObjectStore, &str),
    ) -> Result<SigningRegion, Refusal> {
        let bucket = address.bucket.as_deref().and_then(|name| store.bucket(name).ok());
        let of_bucket = bucket.as_ref().map(|bucket| bucket.region(run).to_owned());
        let creates = creates_bucket(head, address);
        match (address::endpoint_region(head, run), of_bucket) {
            (Some(endpoint), Some(region))
                if endpoint != region && !creates && !asks_for_location(head, address) =>
            {
                let redirect = Refusal::permanent_redirect()
                    .with("Endpoint", host_in(head, &endpoint, &region))
                    .with("Bucket", address.bucket.as_deref().unwrap_or_default());
                Err(named(redirect, &region))
            }
            (Some(endpoint), _) => Ok(SigningRegion::Endpoint(endpoint)),
            (None, Some(region)) if !asks_for_location(head, address) => {
                Ok(SigningRegion::Bucket(region))
            }
            (None, _) => Ok(SigningRegion::Each { run: run.to_owned() }),
        }
    }

    /// The region by which a signature of version 2 is accepted or refused. It does not contain a region.
    pub(crate) fn name(&self) -> &str {
        match self {
            SigningRegion::Bucket(region)
            | SigningRegion::Endpoint(region)
            | SigningRegion::Each { run: region } => region,
        }
    }

    /// Whether a signature may have a region.
    pub(crate) fn accepts(&self, given: &str) -> bool {
        match self {
            SigningRegion::Bucket(region) | SigningRegion::Endpoint(region) => given == region,
            SigningRegion::Each { run } => given == run || exists(given),
        }
    }

    /// Adds the expected region to the refusal of another one. SDKs read it and repeat the request. The header was seen with the
    /// region of a bucket (jsoma/flatware#10), and not for the region of an endpoint (iterate-ch/cyberduck#11827).
    pub(crate) fn add_to(&self, refusal: Refusal) -> Refusal {
        let refusal = refusal.with("Region", self.name());
        match self {
            SigningRegion::Bucket(region) => named(refusal, region),
            SigningRegion::Endpoint(_) | SigningRegion::Each { .. } => refusal,
        }
    }
}

/// The host of a request with another region. On AWS this is the host of the bucket's endpoint.
fn host_in(head: &request::Parts, from: &str, to: &str) -> String {
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default();
    match host.rsplit_once(&format!("s3.{from}.")) {
        Some((bucket, domain)) => format!("{bucket}s3.{to}.{domain}"),
        None => host.to_owned(),
    }
}

/// Adds `x-amz-bucket-region`.
fn named(refusal: Refusal, region: &str) -> Refusal {
    match HeaderValue::try_from(region) {
        Ok(value) => refusal.header(BUCKET_REGION, value),
        Err(_) => refusal,
    }
}

/// Whether a request is GetBucketLocation, which every endpoint answers for the buckets of every region (S3 API reference,
/// GetBucketLocation).
fn asks_for_location(head: &request::Parts, address: &Address) -> bool {
    let query = head.uri.query().unwrap_or_default();
    head.method == Method::GET
        && address.key.is_none()
        && query.split('&').any(|pair| pair.split('=').next() == Some("location"))
}

fn creates_bucket(head: &request::Parts, address: &Address) -> bool {
    head.method == Method::PUT
        && address.key.is_none()
        && head.uri.query().is_none_or(str::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraint(endpoint: &str, wanted: Option<&str>) -> Result<String, String> {
        new_bucket(endpoint, wanted).map(str::to_owned).map_err(|it| it.code.into_owned())
    }

    #[test]
    fn the_endpoint_of_us_east_1_creates_buckets_of_every_region() {
        assert_eq!(constraint("us-east-1", None).as_deref(), Ok("us-east-1"));
        assert_eq!(constraint("us-east-1", Some("")).as_deref(), Ok("us-east-1"));
        for wanted in ["EU", "eu-west-1", "mx-central-1"] {
            assert_eq!(constraint("us-east-1", Some(wanted)).as_deref(), Ok(wanted));
        }
        for wanted in ["us-east-1", "foo", "aws-global"] {
            let refused = constraint("us-east-1", Some(wanted));
            assert_eq!(refused, Err("InvalidLocationConstraint".to_owned()), "{wanted}");
        }
    }

    #[test]
    fn the_endpoint_of_another_region_creates_buckets_of_this_region_only() {
        assert_eq!(constraint("eu-west-1", Some("eu-west-1")).as_deref(), Ok("eu-west-1"));
        assert_eq!(constraint("eu-west-1", Some("EU")).as_deref(), Ok("EU"));
        for wanted in [None, Some("us-east-1"), Some("us-west-2"), Some("bar"), Some("aws-global")]
        {
            let refused = constraint("eu-west-1", wanted);
            assert_eq!(refused, Err("IllegalLocationConstraintException".to_owned()), "{wanted:?}");
        }
        let refused = new_bucket("us-east-2", Some("EU")).unwrap_err();
        assert_eq!(
            refused.message,
            "The EU location constraint is incompatible for the region specific endpoint this request was sent to."
        );
    }

    #[test]
    fn a_signature_has_the_region_of_the_bucket_or_of_the_endpoint_or_each_region_of_s3() {
        let bucket = SigningRegion::Bucket("eu-west-1".to_owned());
        assert!(bucket.accepts("eu-west-1") && !bucket.accepts("us-east-1"));
        let each = SigningRegion::Each { run: "local-1".to_owned() };
        for (region, accepted) in
            [("local-1", true), ("us-east-1", true), ("eu-west-1", true), ("aws-global", false)]
        {
            assert_eq!(each.accepts(region), accepted, "{region}");
        }
    }
}
