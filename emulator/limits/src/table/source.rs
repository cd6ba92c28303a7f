//! Sources that many rows share. A source says where a number or a text is stated, and when it was read or recorded.

pub(super) const LAMBDA_QUOTAS: &str =
    "AWS, Lambda quotas (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), 2026";
pub(super) const LAMBDA_GUIDE: &str = "AWS, Lambda developer guide, 2023-10-30";
pub(super) const LAMBDA_RELEASES: &str = "AWS, Lambda developer guide, release history";
pub(super) const LAMBDA_MODEL: &str = "AWS SDK model of Lambda (botocore), 2026-08-07";
pub(super) const TELEMETRY: &str =
    "AWS, Lambda Telemetry API reference, for schema version 2022-12-13";
pub(super) const RIE: &str = "AWS, source of the Lambda Runtime Interface Emulator, 2026-01-02";
pub(super) const LAMBDA_2025_11: &str = "LocalStack's snapshots of AWS, recorded 2025-11-24 and 25";
pub(super) const LAMBDA_2024_03: &str = "LocalStack's snapshots of AWS, recorded 2024-03-27";
pub(super) const NET_TOOL: &str = "AWS, source of the .NET Lambda Test Tool, 2025-04-14";
pub(super) const GATEWAY_GUIDE: &str = "AWS, API Gateway developer guide, quotas, 2023-06-29";
pub(super) const REST_413_CAPTURE: &str =
    "capture with headers, koki-develop/lgtm-generator#10, 2021-09-12";
pub(super) const REST_LAB_CAPTURE: &str = "curl and execution log captures of 2025-05-20";
pub(super) const REST_502_CAPTURE: &str =
    "captures in DataBiosphere/azul#3886 (2022-02-25) and #7470 (2025-10-05)";
pub(super) const HTTP_500_REPORT: &str =
    "brefphp/bref#1090 (2021-11-09); aws/aws-sam-cli#2590 for any function error";
pub(super) const REST_STREAMING: &str = "AWS, announcement of REST response streaming, 2025-11-19";
pub(super) const S3_GUIDE: &str = "AWS, S3 user guide, 2023-06-15";
pub(super) const S3_2026_02: &str = "LocalStack's snapshots of AWS S3, recorded 2026-02-21";
pub(super) const CLOUDFRONT_GUIDE: &str = "AWS, CloudFront developer guide, 2023-06-15";
pub(super) const ALB_GUIDE: &str =
    "AWS, Elastic Load Balancing: Lambda functions as targets, and troubleshooting";
