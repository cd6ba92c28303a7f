//! A template as a tree.

use num_bigint::BigInt;

/// A part of a template.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// Text that is rendered as it is.
    Text(String),
    /// A reference, whose value is rendered.
    Reference(Shown),
    /// `#set($a = 1)`
    Set(Reference, Expression),
    /// `#if … #elseif … #else … #end`: the branches with their conditions, then the rest.
    If(Vec<(Expression, Vec<Node>)>, Vec<Node>),
    /// `#foreach($item in $items) … #end`
    Foreach {
        /// The name of the variable.
        item: String,
        /// What is iterated over.
        items: Expression,
        /// The body.
        body: Vec<Node>,
    },
    /// `#break`: the innermost loop ends.
    Break,
    /// `#stop`: the template ends.
    Stop,
    /// `#define($name) … #end`
    Define(String, Vec<Node>),
}

/// A reference in a text.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The reference.
    pub(crate) reference: Reference,
    /// Its text in the template, which an escaped reference shows.
    pub(crate) source: String,
    /// The number of backslashes before it.
    pub(crate) backslashes: usize,
}

/// A variable, and the steps from it to a value.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// The name without `$`.
    pub(crate) name: String,
    /// The steps.
    pub(crate) steps: Vec<Step>,
}

/// A step from a value to another.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// `.name`
    Property(String),
    /// `.name(arguments)`
    Method(String, Vec<Expression>),
    /// `[index]`
    Index(Expression),
}

/// An expression.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    /// A bare word as the argument of a method, such as `null`.
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `12`
    Integer(BigInt),
    /// `1.5`
    Float(f64),
    /// A text without references and directives.
    Text(String),
    /// A text in double quotes with a reference or a directive: a template.
    Interpolated {
        /// Its parts.
        nodes: Vec<Node>,
        /// Whether the last character of the rendered text is not part of it: the parser added a space.
        is_padded: bool,
    },
    /// `$a.b`
    Reference(Reference),
    /// `[1, 2]`
    List(Vec<Expression>),
    /// `[1..5]`
    Range(Box<Expression>, Box<Expression>),
    /// `{"a": 1}`
    Map(Vec<(Expression, Expression)>),
    /// `!a`
    Not(Box<Expression>),
    /// `a + b - c`: the operators of one precedence with their right operands, from left to right.
    Operations(Box<Expression>, Vec<(Operator, Expression)>),
}

/// An operator with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    And,
    Or,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    Divide,
    Remainder,
}
