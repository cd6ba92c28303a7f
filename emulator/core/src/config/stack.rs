//! The stack of the template, as CloudFormation describes it.

use indexmap::IndexMap;

use crate::account::ACCOUNT_ID;

/// The stack of the template, as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// `AWS::StackName`.
    pub name: String,
    /// The logical ids of the nested stacks that lead to this one, each with a `/` after it; empty for the stack of the run.
    pub path: String,
    /// The template's `Description`; may be empty.
    pub description: String,
    /// The values of the template's parameters.
    pub parameters: IndexMap<String, String>,
    /// The template's outputs. Their values may contain the placeholders of [`Addresses`](crate::addresses::Addresses).
    pub outputs: Vec<Output>,
    /// The template's resources.
    pub resources: Vec<StackResource>,
}

impl Default for Stack {
    /// An empty stack named `hardcap`.
    fn default() -> Stack {
        Stack {
            name: "hardcap".to_owned(),
            path: String::new(),
            description: String::new(),
            parameters: IndexMap::new(),
            outputs: Vec::new(),
            resources: Vec::new(),
        }
    }
}

impl Stack {
    /// The id of the stack of this name, an ARN. AWS ends it with a random id.
    #[must_use]
    pub fn arn_of(name: &str, region: &str) -> String {
        format!("arn:aws:cloudformation:{region}:{ACCOUNT_ID}:stack/{name}/hardcap")
    }

    /// The path of the stack that contains this one; `None` for the stack of the run.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        let path = self.path.strip_suffix('/')?;
        Some(path.rfind('/').map_or("", |at| &path[..=at]))
    }

    /// The stack's resources, each with its logical id in the run: `Nested/Function` in a nested stack.
    pub fn resources_of_run(&self) -> impl Iterator<Item = (String, &StackResource)> {
        self.resources.iter().map(|it| (format!("{}{}", self.path, it.logical_id), it))
    }
}

/// An output of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The name.
    pub key: String,
    /// The value.
    pub value: String,
    /// The description in the template.
    pub description: Option<String>,
    /// The export name.
    pub export: Option<String>,
}

/// A resource of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackResource {
    /// The logical id in the template.
    pub logical_id: String,
    /// The value of `Ref`: a name, an id, an ARN or a URL.
    pub physical_id: String,
    /// The type after SAM's transform: `AWS::Lambda::Function` for `AWS::Serverless::Function`.
    pub kind: String,
}
