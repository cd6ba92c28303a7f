//! The stack that a template makes: what CloudFormation tells about it.

use indexmap::IndexMap;

/// The stack that a template makes, as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// `AWS::StackName`.
    pub name: String,
    /// The template's `Description`; may be empty.
    pub description: String,
    /// The values of the template's parameters.
    pub parameters: IndexMap<String, String>,
    /// The template's outputs. Their values may hold the placeholders of [`Addresses`](crate::addresses::Addresses).
    pub outputs: Vec<Output>,
    /// The template's resources.
    pub resources: Vec<StackResource>,
}

impl Default for Stack {
    /// A stack called `hardcap` that has nothing.
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
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What the template says about it.
    pub description: Option<String>,
    /// The name that other stacks import it by.
    pub export: Option<String>,
}

/// A resource of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackResource {
    /// Its name in the template.
    pub logical_id: String,
    /// What `Ref` gives: a name, an id, an ARN or a URL.
    pub physical_id: String,
    /// Its type as AWS deploys it: `AWS::Lambda::Function` for `AWS::Serverless::Function`.
    pub kind: String,
}
