//! `hardcap.toml`.

use std::path::Path;

use hardcap_limits::Limits;
use hardcap_project::settings::Settings;

use super::template::must_be_inside;

/// Reading ends with settings or with an error that has a place in the text; limits that were read can be applied.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Settings::read(text, Path::new("hardcap.toml")) {
        Ok(settings) => {
            let mut limits = Limits::current();
            settings.apply_limits(&mut limits);
            let set = |name: &str| settings.limits.iter().rev().find(|(known, _)| known == name);
            for (row, max) in limits.in_force() {
                if let Some((_, wanted)) = set(row.name) {
                    assert_eq!(max, *wanted, "{}", row.name);
                }
            }
        }
        Err(error) => {
            must_be_inside(text, error.position);
            assert!(error.to_string().contains(&error.position.to_string()), "{error}");
        }
    }
}
