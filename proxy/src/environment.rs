//! The environment of the process and how variables are read. Only this module reads variables.

pub(crate) mod values;

use std::fmt;

/// An invalid variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableError {
    /// The name of the variable.
    pub name: &'static str,
    /// The error, and the expected value.
    pub problem: String,
}

/// All invalid variables of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<VariableError>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy cannot start:")?;
        for VariableError { name, problem } in &self.0 {
            write!(f, "\n  {name}: {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// A variable of the environment of this process.
#[expect(clippy::disallowed_methods, reason = "this is the module that reads it")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Finds the value of a variable.
pub type Lookup<'a> = &'a dyn Fn(&'static str) -> Option<String>;

pub(crate) struct Reader<'a> {
    pub(crate) lookup: Lookup<'a>,
    pub(crate) errors: Vec<VariableError>,
}

impl Reader<'_> {
    /// An optional variable; an empty value counts as absent.
    pub(crate) fn given<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = (self.lookup)(name).filter(|text| !text.trim().is_empty())?;
        match parse(text.trim()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.errors.push(VariableError { name, problem: error.to_string() });
                None
            }
        }
    }

    /// A variable with a default, which must be valid.
    pub(crate) fn optional<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> T {
        let given = self.given(name, &parse);
        given.unwrap_or_else(|| {
            parse(default)
                .unwrap_or_else(|error| panic!("the default of {name} is invalid: {error}"))
        })
    }

    /// A required variable. If it is missing or invalid, `stand_in` is returned so that further variables can be checked.
    pub(crate) fn required<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        meaning: &str,
        stand_in: T,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> T {
        if (self.lookup)(name).is_none_or(|text| text.trim().is_empty()) {
            let problem = format!("is not set; it is {meaning}");
            self.errors.push(VariableError { name, problem });
            return stand_in;
        }
        self.given(name, parse).unwrap_or(stand_in)
    }
}
