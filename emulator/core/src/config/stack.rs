//! The stack of the template, as CloudFormation describes it.

use indexmap::IndexMap;

/// The stack of the template, as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// `AWS::StackName`.
    pub name: String,
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
            description: String::new(),
            parameters: IndexMap::new(),
            outputs: Vec::new(),
            resources: Vec::new(),
        }
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
