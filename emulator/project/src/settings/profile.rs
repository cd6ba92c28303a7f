//! Profiles of `hardcap.toml`: `[profiles.NAME]` has the same keys as the file, and takes precedence over them.

use super::{Settings, settings};
use crate::source::diagnostic::Diagnostic;
use crate::source::tree::{Mapping, MappingEntry, Node, Value};

/// Keys that exclude each other: one in a profile replaces the other.
const EXCLUSIVE: [[&str; 2]; 2] = [["command", "cargo"], ["cargo", "command"]];

/// Reads the settings under a profile. Every profile is read, so that an error in one is found whichever is chosen.
pub(super) fn read(mut root: Node, wanted: Option<&str>) -> Result<Settings, Diagnostic> {
    let profiles = match &mut root.value {
        Value::Map(entries) => entries.remove("profiles"),
        Value::Absent | Value::Text(_) | Value::List(_) => None,
    };
    let base = settings(&root)?;
    let (mut chosen, mut names) = (None, Vec::new());
    let at = profiles.as_ref().map_or(root.at, |entry| entry.at);
    if let Some(MappingEntry { value, .. }) = &profiles {
        for profile in value.entries("`profiles`")? {
            let what = format!("the profile `{}`", profile.key);
            if let Some(inner) = profile.value.entries(&what)?.find("profiles") {
                return Err(Diagnostic::new(inner.at, format!("{what} cannot have `profiles`")));
            }
            let read = settings(&merged(&root, &profile.value))?;
            if Some(profile.key.as_str()) == wanted {
                chosen = Some(read);
            }
            names.push(profile.key.as_str());
        }
    }
    let Some(wanted) = wanted else { return Ok(base) };
    chosen.ok_or_else(|| {
        let help = match names.as_slice() {
            [] => format!("add a table [profiles.{wanted}]"),
            names => format!("its profiles are: {}", names.join(", ")),
        };
        Diagnostic::new(at, format!("there is no profile `{wanted}`"))
            .help(help)
            .nearest(wanted, names.iter().copied())
    })
}

/// A value with another one on top: mappings are merged, everything else is replaced.
fn merged(below: &Node, above: &Node) -> Node {
    let (Value::Map(base), Value::Map(changes)) = (&below.value, &above.value) else {
        return above.clone();
    };
    let mut entries: Mapping = base.iter().cloned().collect();
    for [key, other] in EXCLUSIVE {
        if changes.contains(key) {
            entries.remove(other);
        }
    }
    for change in changes {
        let value = match entries.find(&change.key) {
            Some(entry) => merged(&entry.value, &change.value),
            None => change.value.clone(),
        };
        entries.insert(MappingEntry { key: change.key.clone(), at: change.at, value });
    }
    Node::new(above.at, Value::Map(entries))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::Settings;
    use crate::packaging::Program;
    use crate::source::diagnostic::TemplateError;

    const TEXT: &str = r#"
stack = "shop"
also = ["a.yaml"]
[environment]
STAGE = "local"
REGION = "eu"
[functions.F]
command = ["./f"]
[limits]
lambda_init = 100
[profiles.ci]
also = []
[profiles.ci.environment]
STAGE = "ci"
[profiles.ci.functions.F]
cargo = { bin = "f" }
[profiles.old]
limits = "classic"
"#;

    fn read(text: &str, profile: Option<&str>) -> Result<Settings, TemplateError> {
        Settings::read_profile(text, Path::new("hardcap.toml"), profile)
    }

    #[test]
    fn a_profile_takes_precedence_and_leaves_the_other_keys_as_they_are() {
        let ci = read(TEXT, Some("ci")).unwrap();
        assert_eq!((ci.stack.as_deref(), ci.also.len()), (Some("shop"), 0));
        assert_eq!((&*ci.environment["STAGE"], &*ci.environment["REGION"]), ("ci", "eu"));
        let program = Program::Cargo { package: None, bin: "f".to_owned() };
        assert_eq!(ci.functions["F"].program, Some(program));
        assert_eq!(ci.limits.len(), 1);
        let old = read(TEXT, Some("old")).unwrap();
        assert_eq!((old.limits.len(), old.date.is_some()), (0, true));
        let none = read(TEXT, None).unwrap();
        assert_eq!(
            (&*none.environment["STAGE"], none.also),
            ("local", vec![PathBuf::from("a.yaml")])
        );
    }

    #[test]
    fn an_unknown_profile_and_an_error_in_any_profile_are_errors_with_their_place() {
        let unknown = read(TEXT, Some("cii")).unwrap_err().to_string();
        assert!(
            unknown.contains("there is no profile `cii`") && unknown.contains("`ci`"),
            "{unknown}"
        );
        let diagnostic = read("[profiles.ci]\nstak = 'x'", None).unwrap_err().to_string();
        assert!(
            diagnostic.contains("no key `stak`") && diagnostic.contains(":2:1"),
            "{diagnostic}"
        );
        let nested = read("[profiles.ci.profiles.x]\nstack = 'x'", None).unwrap_err().to_string();
        assert!(nested.contains("the profile `ci` cannot have `profiles`"), "{nested}");
    }
}
