//! The AWS account and the default region of everything that the emulator runs.

/// The default region.
pub const DEFAULT_REGION: &str = "us-east-1";
/// The account id of all resources, as in other local clouds.
pub const ACCOUNT_ID: &str = "000000000000";
