//! The environment of the process, and how a variable is read: the only place that asks for one.

pub(crate) mod values;

use std::fmt;

/// One variable that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The name of the variable.
    pub name: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// Everything that is wrong with the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy cannot start:")?;
        for Mistake { name, problem } in &self.0 {
            write!(f, "\n  {name}: {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// A variable of the environment of this process.
#[expect(clippy::disallowed_methods, reason = "this is the module that reads it")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Where variables are found.
pub type Lookup<'a> = &'a dyn Fn(&'static str) -> Option<String>;

pub(crate) struct Reader<'a> {
    pub(crate) lookup: Lookup<'a>,
    pub(crate) mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    /// A variable that may be absent; empty is absent.
    pub(crate) fn given<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = (self.lookup)(name).filter(|text| !text.trim().is_empty())?;
        match parse(text.trim()) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.mistakes.push(Mistake { name, problem });
                None
            }
        }
    }

    /// A variable with a default, which has to be valid itself.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let given = self.given(name, &parse);
        given.unwrap_or_else(|| parse(default).expect("the default is valid"))
    }

    /// A variable that has to be there. While mistakes are collected, `stand_in` takes its place.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        meaning: &str,
        stand_in: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        if (self.lookup)(name).is_none_or(|text| text.trim().is_empty()) {
            let problem = format!("is not set; it is {meaning}");
            self.mistakes.push(Mistake { name, problem });
            return stand_in;
        }
        self.given(name, parse).unwrap_or(stand_in)
    }
}
