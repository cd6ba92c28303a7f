//! The rules of S3 for a CORS configuration. PutBucketCors and templates share them. Part of [`crate::config`].

use crate::config::BucketCorsRule;

/// The most rules of a configuration (S3 API reference, `CORSConfiguration`).
const RULES_MAX: usize = 100;
/// The methods that a rule can allow (S3 API reference, `CORSRule`).
const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "HEAD"];

/// The reason why S3 refuses a CORS configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsRefusal {
    /// `MalformedXML`: the configuration does not match the schema. This text is hardcap's.
    Schema(&'static str),
    /// `InvalidRequest`.
    Invalid {
        /// The text of S3.
        text: String,
        /// What to do.
        remedy: &'static str,
    },
}

/// Checks the number of rules of a configuration.
///
/// # Errors
///
/// If there is no rule (recorded 2023-07-31), or more than 100. UNCONFIRMED: the code for more than 100.
pub fn check_cors_rule_count(count: usize) -> Result<(), CorsRefusal> {
    match count {
        1..=RULES_MAX => Ok(()),
        _ => Err(CorsRefusal::Schema("a CORS configuration has 1 to 100 rules")),
    }
}

impl BucketCorsRule {
    /// Checks a rule.
    ///
    /// # Errors
    ///
    /// If the rule has no origin or no method, an unsupported method (recorded 2023-07-31), a `*` in an exposed header, or two in
    /// an origin or in an allowed header (texts of Ceph's s3-tests and of users of S3).
    pub fn check(&self) -> Result<(), CorsRefusal> {
        if self.allowed_origins.is_empty() || self.allowed_methods.is_empty() {
            let text = "a CORS rule needs an allowed origin and an allowed method";
            return Err(CorsRefusal::Schema(text));
        }
        let refuse = |text: String, remedy| Err(CorsRefusal::Invalid { text, remedy });
        let is_unknown = |method: &&String| !METHODS.contains(&method.as_str());
        if let Some(method) = self.allowed_methods.iter().find(is_unknown) {
            return refuse(
                format!(
                    "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                ),
                "write GET, PUT, POST, DELETE or HEAD",
            );
        }
        if let Some(name) = self.expose_headers.iter().find(|name| name.contains('*')) {
            return refuse(
                format!(
                    "ExposeHeader \"{name}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
                ),
                "write the name of each header",
            );
        }
        for (kind, patterns) in
            [("AllowedOrigin", &self.allowed_origins), ("AllowedHeader", &self.allowed_headers)]
        {
            let has_many = |text: &&String| text.matches('*').count() > 1;
            if let Some(pattern) = patterns.iter().find(has_many) {
                return refuse(
                    format!("{kind} \"{pattern}\" can not have more than one wildcard."),
                    "write one `*` at most",
                );
            }
        }
        Ok(())
    }
}
