//! Mapping templates of API Gateway: Apache Velocity 1.7 with the variables `$input`, `$util`, `$context` and `$stageVariables`.
//!
//! The crate promises: a template renders as API Gateway renders it; every rendering ends, within bounds of steps and of memory,
//! whatever the template and the request are. It never reads a file, a clock or the network.
//!
//! Start reading at [`Template`]: [`parse`] makes a tree of a text, [`render`] walks it, [`value`] is what expressions have,
//! [`mod@print`] makes texts of values, [`methods`] are those of Java that templates call, [`gateway`] is `$input` and `$util`, [`path`]
//! is JSONPath, [`budget`] bounds all of them. [`templates`] and [`SelectionPattern`] are the texts of one integration.
//!
//! Sources: Velocity's user guide and its grammar for 1.7; developer guide of API Gateway, "Mapping template and access logging
//! variable reference", read 2026-11-30; LocalStack's recordings of AWS in its repositories `localstack` and `airspeed`, whose dates
//! are at the rules that they show. What API Gateway changes in Velocity: a reference without a value is an empty text, and macros,
//! `#evaluate`, `#include` and `#parse` are text.

mod budget;
mod gateway;
mod integration;
mod methods;
mod parse;
mod path;
mod print;
mod render;
mod tree;
mod value;

use indexmap::IndexMap;

pub use integration::{InvalidIntegration, SelectionPattern, templates};
pub use path::{PathError, json_path};

/// A mapping template, parsed once.
///
/// ```
/// use hardcap_velocity::{Inputs, Template};
///
/// let template = Template::parse(r#"{"id": $input.json('$.order.id')}"#)?;
/// let inputs = Inputs { body: r#"{"order": {"id": 7}}"#, ..Inputs::default() };
/// assert_eq!(template.render(&inputs)?.text, r#"{"id": 7}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Template {
    nodes: Vec<tree::Node>,
}

/// What a template reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'r> {
    /// The body: `$input.body`, and `$input.json` and `$input.path` if it is JSON. An empty one is `{}` in `$input.body`.
    pub body: &'r str,
    /// The headers, whose names are compared without case.
    pub headers: &'r [(String, String)],
    /// The parameters of the query, decoded.
    pub query: &'r [(String, String)],
    /// The parameters of the path.
    pub path: &'r [(String, String)],
    /// `$context`, an object. Its members `requestOverride` and `responseOverride` are there in every template.
    pub context: &'r serde_json::Value,
    /// `$stageVariables`.
    pub stage_variables: &'r IndexMap<String, String>,
    /// The number of iterations after which a `#foreach` ends.
    pub iterations_max: u64,
}

impl Default for Inputs<'_> {
    /// No request at all.
    fn default() -> Self {
        static NONE: std::sync::LazyLock<IndexMap<String, String>> =
            std::sync::LazyLock::new(IndexMap::new);
        Inputs {
            body: "",
            headers: &[],
            query: &[],
            path: &[],
            context: &serde_json::Value::Null,
            stage_variables: &NONE,
            iterations_max: 1_000,
        }
    }
}

/// The result of a template.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// `$context` as the template left it, with what it set in `requestOverride` and `responseOverride`.
    pub context: serde_json::Value,
}

/// The error of a text that is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What was expected or found.
    pub what: String,
}

/// The error of a rendering. AWS refuses such a request with status 500: UNCONFIRMED for the bounds, which are hardcap's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A method failed, as the method of Java does.
    #[error("the method `{name}` of the mapping template failed: {what}")]
    Method {
        /// The name of the method.
        name: String,
        /// Why it failed.
        what: String,
    },
    /// The template made more steps than any useful one.
    #[error("the mapping template made more than {0} steps")]
    Steps(u64),
    /// The text, or the values together, are larger than any body of a gateway.
    #[error("the mapping template made values of more than {0} bytes")]
    Size(usize),
    /// Directives, expressions and blocks are within each other too deeply.
    #[error("the blocks of the mapping template are more than {0} levels deep")]
    Depth(usize),
    /// A number is larger than any useful one.
    #[error("the mapping template made a number of more than {0} bits")]
    Number(u64),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// [`SyntaxError`] for a directive or a reference that is not complete, and for nesting of more than 100 levels.
    pub fn parse(text: &str) -> Result<Template, SyntaxError> {
        Ok(Template { nodes: parse::template(text)? })
    }

    /// Renders the template for a request.
    ///
    /// # Errors
    ///
    /// [`RenderError`] if a method fails or a bound is exceeded.
    pub fn render(&self, inputs: &Inputs<'_>) -> Result<Rendered, RenderError> {
        render::render(&self.nodes, inputs)
    }
}

#[cfg(test)]
mod tests;
