//! Templates in YAML and JSON.

use std::path::Path;

use hardcap_limits::Limits;
use hardcap_project::settings::Settings;
use hardcap_project::template::{self, Position};

/// Reading ends with a value or an error, twice with the same one, and whatever it tells has a place in the text.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A file of the machine could be anything.
    if text.contains("Location") || text.contains("DefinitionUri") {
        return;
    }
    let load = || {
        let path = Path::new("no-such-folder/template.yaml");
        template::load(text, path, &Settings::default(), Limits::current())
    };
    match (load(), load()) {
        (Ok(loaded), Ok(again)) => {
            assert_eq!(loaded.config.functions, again.config.functions);
            assert_eq!(loaded.packages.len(), loaded.config.functions.len(), "{text}");
            for warning in &loaded.warnings {
                must_be_inside(text, warning.position);
                assert!(!warning.to_string().contains('\n') || warning.message.contains('\n'));
            }
            for (_, at) in loaded.places.values() {
                must_be_inside(text, *at);
            }
        }
        (Err(error), Err(again)) => {
            must_be_inside(text, error.position);
            assert!(!error.message.is_empty());
            assert_eq!(error.to_string(), again.to_string());
        }
        (first, second) => panic!("{text}\nfirst {first:?}\nthen {second:?}"),
    }
}

/// A place is a line of the text, or the one behind its end.
pub(super) fn must_be_inside(text: &str, at: Position) {
    let lines = text.split('\n').count() + text.matches('\r').count();
    assert!(
        (1..=lines + 1).contains(&at.line) && at.column >= 1,
        "{at} of {lines} lines: {text:?}"
    );
}
