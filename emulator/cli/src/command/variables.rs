//! `--env` and `--env-file`: environment variables of functions from the command line.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use indexmap::IndexMap;
use serde_json::Value;

use super::Failure;
use hardcap_core::nearest::nearest;
use hardcap_project::settings::Settings;

/// The table of SAM's JSON whose variables belong to all functions.
const OF_ALL: &str = "Parameters";

/// `FUNCTION.NAME=VALUE`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    /// The logical id; `None` for all functions.
    function: Option<String>,
    name: String,
    value: String,
}

/// A text that is not `FUNCTION.NAME=VALUE`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write FUNCTION.NAME=VALUE, such as Hello.STAGE=dev; --env-file sets variables of all functions"
)]
pub(super) struct InvalidVariable;

impl FromStr for Variable {
    type Err = InvalidVariable;

    fn from_str(text: &str) -> Result<Variable, InvalidVariable> {
        let (key, value) = text.split_once('=').ok_or(InvalidVariable)?;
        let variable = Variable::new(key, value);
        let is_complete = variable.function.as_ref().is_some_and(|it| !it.is_empty());
        if is_complete && !variable.name.is_empty() { Ok(variable) } else { Err(InvalidVariable) }
    }
}

impl Variable {
    /// `NAME` or `FUNCTION.NAME`: neither a logical id nor the name of a variable of Lambda has a dot.
    fn new(key: &str, value: &str) -> Variable {
        let (function, name) = match key.split_once('.') {
            Some((function, name)) => (Some(function.to_owned()), name),
            None => (None, key),
        };
        Variable { function, name: name.to_owned(), value: value.to_owned() }
    }
}

/// The variables of the command line: those of the files in their order, then those of `--env`. Later ones take precedence.
pub(super) fn read(files: &[PathBuf], given: &[Variable]) -> Result<Vec<Variable>, Failure> {
    let mut all = Vec::new();
    for file in files {
        let bytes = super::terminal::read(Some(file))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::new(format!("{} is not UTF-8", file.display())))?;
        let is_json = file.extension().is_some_and(|it| it == "json");
        all.extend(if is_json { of_json(file, &text)? } else { of_lines(file, &text)? });
    }
    all.extend_from_slice(given);
    Ok(all)
}

/// Lines `NAME=VALUE` and `FUNCTION.NAME=VALUE`, with comments and quotes as in the `.env` files of other tools.
fn of_lines(file: &Path, text: &str) -> Result<Vec<Variable>, Failure> {
    let lines = dotenvy::from_read_iter(text.as_bytes());
    lines
        .map(|line| match line {
            Ok((key, value)) => Ok(Variable::new(&key, &value)),
            Err(error) => Err(Failure::new(format!(
                "{} has a line that is not NAME=VALUE: {error}\n  = help: quote values with spaces: NAME=\"a b\"",
                file.display()
            ))),
        })
        .collect()
}

/// The JSON of `sam local --env-vars`: a table for each function, and `Parameters` for all of them.
fn of_json(file: &Path, text: &str) -> Result<Vec<Variable>, Failure> {
    let invalid = |why: &str| {
        Failure::new(format!(
            "{} is not a file of environment variables: {why}\n  = help: write {{\"Hello\": {{\"STAGE\": \"dev\"}}, \"{OF_ALL}\": \
             {{\"REGION\": \"eu\"}}}}",
            file.display()
        ))
    };
    let tables: IndexMap<String, IndexMap<String, Value>> =
        serde_json::from_str(text).map_err(|error| invalid(&error.to_string()))?;
    let mut all = Vec::new();
    for (function, variables) in tables {
        for (name, value) in variables {
            let value = match value {
                Value::String(text) => text,
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => {
                    return Err(invalid(&format!("`{name}` of `{function}` is not a text")));
                }
            };
            let function = (function != OF_ALL).then(|| function.clone());
            all.push(Variable { function, name, value });
        }
    }
    Ok(all)
}

/// Puts the variables on top of those of `hardcap.toml`.
pub(super) fn apply(variables: &[Variable], settings: &mut Settings) {
    for Variable { function, name, value } in variables {
        match function {
            Some(function) => {
                let own = settings.functions.entry(function.clone()).or_default();
                own.environment.insert(name.clone(), value.clone());
            }
            None => {
                settings.environment.insert(name.clone(), value.clone());
                for own in settings.functions.values_mut() {
                    own.environment.entry(name.clone()).and_modify(|it| it.clone_from(value));
                }
            }
        }
    }
}

/// Refuses a variable of a function that the template does not have, which would have no effect.
pub(super) fn check(variables: &[Variable], known: &[&str]) -> Result<(), Failure> {
    let unknown = |variable: &&Variable| {
        variable.function.as_deref().is_some_and(|function| !known.contains(&function))
    };
    let Some(Variable { function, name, .. }) = variables.iter().find(unknown) else {
        return Ok(());
    };
    let function = function.as_deref().unwrap_or_default();
    let help = match nearest(function, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("its functions are: {}", known.join(", ")),
    };
    Err(Failure::new(format!(
        "the variable `{function}.{name}`: the template has no function `{function}`\n  = help: {help}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(function: Option<&str>, name: &str, value: &str) -> Variable {
        let function = function.map(str::to_owned);
        Variable { function, name: name.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn a_variable_names_its_function() {
        assert_eq!("F.A=b=c".parse(), Ok(variable(Some("F"), "A", "b=c")));
        assert_eq!("F.A=".parse(), Ok(variable(Some("F"), "A", "")));
        for text in ["", "A=b", "F.A", ".A=b", "F.=b"] {
            assert_eq!(text.parse::<Variable>(), Err(InvalidVariable), "{text}");
        }
    }

    #[test]
    fn a_file_has_lines_or_the_json_of_sam() {
        let text = "# comment\n\nA=1\nexport B=\"two words\"\nF.C='$x'\n";
        let lines = of_lines(Path::new(".env"), text).unwrap();
        let expected = [
            variable(None, "A", "1"),
            variable(None, "B", "two words"),
            variable(Some("F"), "C", "$x"),
        ];
        assert_eq!(lines, expected);
        let json = r#"{"Parameters": {"A": 1}, "F": {"B": "two", "C": true}}"#;
        let read = of_json(Path::new("env.json"), json).unwrap();
        let expected = [
            variable(None, "A", "1"),
            variable(Some("F"), "B", "two"),
            variable(Some("F"), "C", "true"),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn an_invalid_file_is_an_error_that_names_it() {
        let error = of_lines(Path::new(".env"), "A B").unwrap_err().to_string();
        assert!(error.starts_with(".env has a line that is not NAME=VALUE"), "{error}");
        for json in ["[]", r#"{"F": "x"}"#, r#"{"F": {"A": []}}"#, "{"] {
            let error = of_json(Path::new("env.json"), json).unwrap_err().to_string();
            assert!(error.starts_with("env.json is not a file of environment"), "{error}");
        }
    }

    #[test]
    fn a_variable_of_all_functions_replaces_the_variable_of_one_function_in_hardcap_toml() {
        let text = "[functions.F.environment]\nA = '1'\nB = '2'";
        let mut settings = Settings::read(text, Path::new("hardcap.toml")).unwrap();
        apply(&[variable(None, "A", "x"), variable(Some("F"), "B", "y")], &mut settings);
        let own = &settings.functions["F"].environment;
        assert_eq!((&*own["A"], &*own["B"], &*settings.environment["A"]), ("x", "y", "x"));
        let error =
            check(&[variable(Some("Fn"), "A", "x")], &["F", "Other"]).unwrap_err().to_string();
        assert!(error.contains("`Fn.A`: the template has no function `Fn`"), "{error}");
    }
}
