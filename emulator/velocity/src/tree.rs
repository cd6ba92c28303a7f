//! A template as a tree.

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
    /// `#macro(name $a $b) … #end`
    Macro(String, Macro),
    /// `#name($a "b")`, with the text of the call, which is rendered if the template has no such macro.
    Call(String, Vec<Expression>, String),
    /// `#define($name) … #end`
    Define(String, Vec<Node>),
}

/// A macro.
#[derive(Clone, Debug)]
pub(crate) struct Macro {
    /// The names of its parameters.
    pub(crate) parameters: Vec<String>,
    /// Its body.
    pub(crate) body: Vec<Node>,
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
    /// `true`, `false`
    Bool(bool),
    /// `12`
    Integer(i64),
    /// `1.5`
    Float(f64),
    /// A text in single quotes.
    Text(String),
    /// A text in double quotes: a template.
    Interpolated(Vec<Node>),
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
    /// `-a`
    Negative(Box<Expression>),
    /// `a && b`, `a || b`, `a == b`, `a + b` and the others.
    Binary(Operator, Box<Expression>, Box<Expression>),
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
