//! The remedies for limits of the table and for other causes. Pure.

use hardcap_limits::{Limits, Row};

/// The remedy for a row or for another cause.
#[must_use]
pub fn remedy(name: &str) -> &'static str {
    if let Some(other) = super::cause::other(name) {
        return other.remedy;
    }
    Limits::row(name).map_or(UNKNOWN, Row::remedy)
}

const UNKNOWN: &str = "find the line that names a limit: the function's log, the API's execution log, or its access log with $context.integrationErrorMessage";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_remedy() {
        for row in hardcap_limits::ROWS {
            assert_ne!(remedy(row.name), UNKNOWN, "{}", row.name);
        }
    }
}
