//! The scope of a template's expressions: parameters, conditions, mappings, the names of resources.

use std::cell::{Cell, RefCell};

use indexmap::{IndexMap, IndexSet};

use super::diagnostic::{Diagnostic, Position};
use super::nested::Nesting;
use super::parameter::parameter;
use super::tree::{Mapping, MappingEntry, Node, Value};
use crate::rules::{self, Severity};
use hardcap_core::config::{ACCOUNT_ID, Stack};

/// The maximum work of a template's expressions: steps plus bytes of text. Only circular expressions need more.
const MOST_WORK: usize = 64 * 1024 * 1024;
/// The maximum depth of expressions. Only circular ones are deeper: `A` is `!Ref B` and `B` is `!Ref A`.
const DEEPEST_REFERENCE: usize = 60;

/// The names from which the names of a stack's resources are derived.
#[derive(Clone, Debug)]
pub(crate) struct StackNames {
    pub(crate) stack: String,
    pub(crate) region: String,
}

/// A template whose expressions are evaluated on demand: an expression that is not read cannot fail.
pub(crate) struct Scope<'a> {
    pub(crate) names: StackNames,
    pub(crate) resources: &'a Mapping,
    pub(super) declared: &'a Mapping,
    pub(super) parameters: IndexMap<String, Node>,
    pub(super) conditions: &'a Mapping,
    pub(super) mappings: Option<&'a Node>,
    /// The values of `Fn::ImportValue`, by the name of the export.
    pub(super) imports: IndexMap<String, String>,
    /// The stacks around this template and within it.
    pub(super) nesting: Nesting<'a>,
    decided: RefCell<IndexMap<String, bool>>,
    warnings: RefCell<IndexSet<Diagnostic>>,
    work: Cell<usize>,
    depth: Cell<usize>,
}

impl<'a> Scope<'a> {
    /// Takes the sections of a template, and the values that replace the defaults of parameters.
    pub(crate) fn new(
        template: &'a Node,
        names: StackNames,
        given: &IndexMap<String, String>,
        nesting: Nesting<'a>,
    ) -> Result<Scope<'a>, Diagnostic> {
        let section = |name: &str| -> Result<&'a Mapping, Diagnostic> {
            template
                .get(name)
                .map_or(Ok(Mapping::none()), |node| node.entries(&format!("`{name}`")))
        };
        let declared = section("Parameters")?;
        let (mut parameters, mut errors) = (IndexMap::new(), Vec::new());
        for entry in declared {
            if nesting.around.without_value.contains_key(&entry.key) {
                continue;
            }
            match parameter(entry, given.get(&entry.key)) {
                Ok(Some(value)) => drop(parameters.insert(entry.key.clone(), value)),
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        Diagnostic::all(errors)?;
        Ok(Scope {
            names,
            resources: section("Resources")?,
            declared,
            parameters,
            conditions: section("Conditions")?,
            mappings: template.get("Mappings"),
            imports: IndexMap::new(),
            nesting,
            decided: RefCell::default(),
            warnings: RefCell::default(),
            work: Cell::new(0),
            depth: Cell::new(0),
        })
    }

    /// Adds a warning, once.
    pub(crate) fn warn(&self, warning: Diagnostic) {
        self.warnings.borrow_mut().insert(warning);
    }

    /// The warnings of what AWS refuses.
    pub(crate) fn refusals(&self) -> Vec<Diagnostic> {
        let is_refusal = |warning: &&Diagnostic| {
            rules::find(warning.rule).is_some_and(|rule| rule.severity == Severity::Error)
        };
        self.warnings.borrow().iter().filter(is_refusal).cloned().collect()
    }

    pub(crate) fn into_warnings(self) -> Vec<Diagnostic> {
        let mut warnings = Vec::from_iter(self.warnings.into_inner());
        warnings.sort_by_key(|warning| warning.at);
        warnings
    }

    /// Whether a resource's condition is true.
    pub(crate) fn exists(&self, entry: &MappingEntry) -> Result<bool, Diagnostic> {
        match entry.value.get("Condition") {
            Some(condition) => {
                let name = condition.scalar("the `Condition` of a resource")?;
                self.condition(name, condition.at)
            }
            None => Ok(true),
        }
    }

    pub(crate) fn resource(&self, logical_id: &str) -> Option<&'a MappingEntry> {
        self.resources.find(logical_id)
    }

    /// The value of a pseudo parameter, such as `AWS::Region`.
    pub(super) fn pseudo_parameter(&self, name: &str, at: Position) -> Result<Node, Diagnostic> {
        let value = match name {
            "AWS::Region" => self.names.region.clone(),
            "AWS::AccountId" => ACCOUNT_ID.to_owned(),
            "AWS::StackName" => self.names.stack.clone(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackId" => Stack::arn_of(&self.names.stack, &self.names.region),
            "AWS::NotificationARNs" => return Ok(Node::new(at, Value::List(Vec::new()))),
            "AWS::NoValue" => return Ok(Node::new(at, Value::Absent)),
            _ => {
                let known = PSEUDO_PARAMETERS.iter().copied();
                return Err(Diagnostic::new(
                    at,
                    format!("CloudFormation has no pseudo parameter `{name}`"),
                )
                .nearest(name, known));
            }
        };
        Ok(Node::text(at, value))
    }

    /// The names of parameters and resources, to correct a misspelled name.
    pub(super) fn known_names(&self) -> impl Iterator<Item = &str> {
        let resources = self.resources.iter().map(|entry| entry.key.as_str());
        self.parameters.keys().map(String::as_str).chain(resources)
    }

    /// Caches the value of a condition, so each is evaluated once.
    pub(super) fn decide(
        &self,
        name: &str,
        evaluate: impl FnOnce() -> Result<bool, Diagnostic>,
    ) -> Result<bool, Diagnostic> {
        if let Some(known) = self.decided.borrow().get(name) {
            return Ok(*known);
        }
        let outcome = evaluate()?;
        self.decided.borrow_mut().insert(name.to_owned(), outcome);
        Ok(outcome)
    }

    /// Whether the work is used up, so that no further expression can be evaluated.
    pub(super) fn is_exhausted(&self) -> bool {
        self.work.get() > MOST_WORK
    }

    /// Runs one step of an evaluation, within the bounds of work and of depth.
    pub(super) fn step<T>(
        &self,
        at: Position,
        size: usize,
        evaluate: impl FnOnce() -> Result<T, Diagnostic>,
    ) -> Result<T, Diagnostic> {
        self.work.set(self.work.get().saturating_add(size).saturating_add(1));
        if self.is_exhausted() {
            return Err(Diagnostic::new(
                at,
                format!(
                    "the expressions of this template need more than {MOST_WORK} steps and bytes"
                ),
            ));
        }
        let depth = self.depth.get();
        if depth > DEEPEST_REFERENCE {
            return Err(Diagnostic::new(
                at,
                "this expression refers to itself or is nested too deep",
            ));
        }
        self.depth.set(depth + 1);
        let outcome = evaluate();
        self.depth.set(depth);
        outcome
    }
}

const PSEUDO_PARAMETERS: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];
