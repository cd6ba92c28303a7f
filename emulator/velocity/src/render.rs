//! Walks the tree of a template.

mod arithmetic;
mod changed;
mod context;
mod foreach;

use std::collections::HashMap;
use std::rc::Rc;

use changed::Changed;

use crate::budget::{Budget, MEMBER_SIZE};
use crate::gateway::{self, Request};
use crate::print::Printer;
use crate::tree::{Expression, Node, Operator, Reference, Shown, Step};
use crate::value::{Key, Kind, Loop, Value};
use crate::{Inputs, RenderError, Rendered, methods};

/// The maximum depth of blocks that render each other, as in Velocity.
const BLOCKS_MAX: usize = 20;
/// The maximum depth of directives and expressions, those of blocks together.
const DEPTH_MAX: usize = 200;

/// Renders nodes for a request.
pub(crate) fn render(nodes: &[Node], inputs: &Inputs<'_>) -> Result<Rendered, RenderError> {
    let request = Request::new(inputs);
    let mut budget = Budget::new();
    let context = context::prepared(inputs, &mut budget)?;
    let stage_variables = inputs.stage_variables.iter();
    let stage_variables =
        stage_variables.map(|(name, value)| (name.as_str(), Value::text(value.as_str())));
    let variables = [
        ("context", context.clone()),
        ("input", Value::Input),
        ("stageVariables", Value::map_of(stage_variables)),
        ("util", Value::Util),
    ];
    let mut renderer = Renderer {
        request: &request,
        iterations_max: usize::try_from(inputs.iterations_max).unwrap_or(usize::MAX),
        variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        blocks: Vec::new(),
        numbers: HashMap::new(),
        position: None,
        changed: Changed::default(),
        out: String::new(),
        budget,
        block_depth: 0,
        depth: 0,
    };
    match renderer.nodes(nodes) {
        Ok(()) | Err(Interrupt::Break | Interrupt::Stop) => {}
        Err(Interrupt::Error(error)) => return Err(error),
    }
    let context = context.to_json(crate::print::LEVELS_MAX, &mut renderer.budget)?;
    Ok(Rendered { text: std::mem::take(&mut renderer.out), context })
}

/// What ends nodes before their end.
#[derive(Debug)]
enum Interrupt {
    /// `#break`: the innermost loop or block ends, or the template outside of them.
    Break,
    /// `#stop`: the template ends.
    Stop,
    Error(RenderError),
}

impl From<RenderError> for Interrupt {
    fn from(error: RenderError) -> Interrupt {
        Interrupt::Error(error)
    }
}

type Rendering<T> = Result<T, Interrupt>;

/// The state of a rendering.
struct Renderer<'t, 'r> {
    request: &'r Request<'r>,
    iterations_max: usize,
    variables: HashMap<String, Value>,
    /// The blocks of `#define`, with their names.
    blocks: Vec<(&'t str, &'t [Node])>,
    /// The numbers of the blocks, by the place of their nodes.
    numbers: HashMap<*const [Node], usize>,
    /// The position of the innermost loop.
    position: Option<Rc<Loop>>,
    changed: Changed,
    out: String,
    budget: Budget,
    block_depth: usize,
    depth: usize,
}

impl<'t> Renderer<'t, '_> {
    fn nodes(&mut self, nodes: &'t [Node]) -> Rendering<()> {
        self.deeper(|renderer| nodes.iter().try_for_each(|node| renderer.node(node)))
    }

    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Rendering<T>) -> Rendering<T> {
        if self.depth == DEPTH_MAX {
            return Err(RenderError::Depth(DEPTH_MAX).into());
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }

    fn node(&mut self, node: &'t Node) -> Rendering<()> {
        self.budget.spend(1)?;
        match node {
            Node::Text(text) => self.printer().text(text)?,
            Node::Reference(shown) => self.show(shown)?,
            Node::Set(reference, value) => {
                let value = self.value(value)?;
                self.set(reference, value)?;
            }
            Node::If(branches, otherwise) => {
                for (condition, body) in branches {
                    if self.holds(condition)? {
                        return self.nodes(body);
                    }
                }
                return self.nodes(otherwise);
            }
            Node::Foreach { item, items, body } => return self.foreach(item, items, body),
            Node::Break => return Err(Interrupt::Break),
            Node::Stop => return Err(Interrupt::Stop),
            Node::Define(name, body) => {
                let number = *self.numbers.entry(&raw const body[..]).or_insert_with(|| {
                    self.blocks.push((name, body));
                    self.blocks.len() - 1
                });
                self.variables.insert(name.clone(), Value::Block(number));
            }
        }
        Ok(())
    }

    fn printer(&mut self) -> Printer<'_> {
        Printer::new(&mut self.out, &mut self.budget)
    }

    /// Renders the value of a reference. Two backslashes before it are one, and one backslash shows the reference itself.
    fn show(&mut self, shown: &'t Shown) -> Rendering<()> {
        let value = self.follow(&shown.reference)?;
        for _ in 0..shown.backslashes / 2 {
            self.printer().text("\\")?;
        }
        if shown.backslashes % 2 == 1 {
            return Ok(self.printer().text(&shown.source)?);
        }
        match value {
            Value::Block(number) => self.block(number),
            value => Ok(self.printer().value(&value)?),
        }
    }

    /// Renders a block; too deep a one shows its name.
    fn block(&mut self, number: usize) -> Rendering<()> {
        let Some((name, body)) = self.blocks.get(number).copied() else { return Ok(()) };
        if self.block_depth == BLOCKS_MAX {
            return Ok(self.printer().text(&format!("${name}"))?);
        }
        self.block_depth += 1;
        let result = self.nodes(body);
        self.block_depth -= 1;
        match result {
            Err(Interrupt::Break) => Ok(()),
            result => result,
        }
    }

    fn assign(&mut self, name: &str, value: Value) {
        match self.variables.get_mut(name) {
            Some(place) => *place = value,
            None => drop(self.variables.insert(name.to_owned(), value)),
        }
    }

    /// `#set`. A null changes nothing, as in Velocity 1.7.
    fn set(&mut self, reference: &'t Reference, value: Value) -> Rendering<()> {
        if value.is_null() {
            return Ok(());
        }
        let Some((last, steps)) = reference.steps.split_last() else {
            self.assign(&reference.name, value);
            return Ok(());
        };
        let Some(mut owner) = self.variables.get(&reference.name).cloned() else { return Ok(()) };
        for step in steps {
            owner = self.step(&owner, step)?;
        }
        let index = match last {
            Step::Index(index) => Some(self.value(index)?),
            Step::Property(_) | Step::Method(..) => None,
        };
        self.changed.note(&owner, std::slice::from_ref(&value));
        match (last, index, &owner) {
            (_, Some(index), owner) => {
                methods::set_index(owner, &index, value, &mut self.budget)?;
            }
            (Step::Property(name) | Step::Method(name, _), None, Value::Map(map)) => {
                self.budget.allocate(MEMBER_SIZE)?;
                map.members.borrow_mut().insert(Key::text(name.as_str()), value);
            }
            _ => {}
        }
        Ok(())
    }

    /// The value of a reference. API Gateway has an empty text for what is not there: LocalStack's recordings of AWS, 2023-08-07
    /// and 2025-06-18. UNCONFIRMED for methods that return null.
    fn follow(&mut self, reference: &'t Reference) -> Rendering<Value> {
        let mut value = self.variables.get(&reference.name).cloned().unwrap_or(Value::Null);
        for step in &reference.steps {
            if value.is_null() {
                break;
            }
            value = self.step(&value, step)?;
        }
        Ok(if value.is_null() { Value::text("") } else { value })
    }

    fn step(&mut self, value: &Value, step: &'t Step) -> Rendering<Value> {
        self.budget.spend(1)?;
        match (step, value) {
            (Step::Property(name), Value::Input) if name == "body" => {
                Ok(self.request.body(&mut self.budget)?)
            }
            (Step::Property(name), value) => Ok(methods::property(value, name, &mut self.budget)?),
            (Step::Index(index), _) => {
                let index = self.plain(index)?;
                Ok(methods::index(value, &index, &mut self.budget)?)
            }
            (Step::Method(name, arguments), _) => {
                let mut given = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    given.push(self.plain(argument)?);
                }
                self.changed.note(value, &given);
                Ok(match value {
                    Value::Input => self.request.method(name, &given, &mut self.budget)?,
                    Value::Util => gateway::util(name, &given, &mut self.budget)?,
                    value => methods::call(value, name, &given, &mut self.budget)?,
                })
            }
        }
    }

    /// Whether a condition holds. Velocity 1.7 evaluates literals and arithmetic as false.
    fn holds(&mut self, expression: &'t Expression) -> Rendering<bool> {
        self.budget.spend(1)?;
        Ok(match expression {
            Expression::Bool(flag) => *flag,
            Expression::Reference(reference) => self.follow(reference)?.is_true(),
            Expression::Not(inner) => !self.deeper(|renderer| renderer.holds(inner))?,
            Expression::Operations(_, operations) => {
                let is_arithmetic = operations.iter().all(|(operator, _)| operator.is_arithmetic());
                !is_arithmetic && self.value(expression)?.is_true()
            }
            Expression::Null
            | Expression::Integer(_)
            | Expression::Float(_)
            | Expression::Text(_)
            | Expression::List(_)
            | Expression::Map(_)
            | Expression::Range(..)
            | Expression::Interpolated { .. } => false,
        })
    }

    /// A value, in which a block is its text.
    fn plain(&mut self, expression: &'t Expression) -> Rendering<Value> {
        match self.value(expression)? {
            Value::Block(number) => {
                self.captured(|renderer| renderer.block(number)).map(Value::text)
            }
            value => Ok(value),
        }
    }

    fn value(&mut self, expression: &'t Expression) -> Rendering<Value> {
        self.deeper(|renderer| renderer.value_of(expression))
    }

    fn value_of(&mut self, expression: &'t Expression) -> Rendering<Value> {
        self.budget.spend(1)?;
        Ok(match expression {
            Expression::Null => Value::Null,
            Expression::Bool(flag) => Value::Bool(*flag),
            Expression::Integer(number) => Value::of_big(number.clone()),
            Expression::Float(number) => Value::Float(*number),
            Expression::Text(text) => {
                self.budget.allocate(text.len())?;
                Value::text(text.as_str())
            }
            Expression::Interpolated { nodes, is_padded } => {
                let mut text = self.captured(|renderer| renderer.nodes(nodes))?;
                if *is_padded {
                    text.pop();
                }
                Value::text(text)
            }
            Expression::Reference(reference) => self.follow(reference)?,
            Expression::List(items) => {
                self.budget.items(items.len())?;
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.plain(item)?);
                }
                Value::list(Kind::List, values)
            }
            Expression::Range(first, last) => {
                let (first, last) = (self.value(first)?, self.value(last)?);
                self.range(&first, &last)?
            }
            Expression::Map(members) => {
                self.budget.allocate(members.len().saturating_mul(MEMBER_SIZE))?;
                let mut map = indexmap::IndexMap::with_capacity(members.len());
                for (name, value) in members {
                    let name = self.plain(name)?;
                    let name = Key::of(&name, &mut self.budget)?;
                    map.insert(name, self.plain(value)?);
                }
                Value::map(map)
            }
            Expression::Not(inner) => Value::Bool(!self.holds(inner)?),
            Expression::Operations(first, operations) => self.operations(first, operations)?,
        })
    }

    /// What a part of the template renders.
    fn captured(&mut self, render: impl FnOnce(&mut Self) -> Rendering<()>) -> Rendering<String> {
        let before = std::mem::take(&mut self.out);
        let result = render(self);
        let text = std::mem::replace(&mut self.out, before);
        result.map(|()| text)
    }

    /// `[first..last]`, which may count down.
    fn range(&mut self, first: &Value, last: &Value) -> Rendering<Value> {
        let (Value::Integer(first), Value::Integer(last)) = (first, last) else {
            return Ok(Value::Null);
        };
        let count = usize::try_from(first.abs_diff(*last)).unwrap_or(usize::MAX);
        self.budget.items(count.saturating_add(1))?;
        let items: Vec<Value> = match first <= last {
            true => (*first..=*last).map(Value::Integer).collect(),
            false => (*last..=*first).rev().map(Value::Integer).collect(),
        };
        Ok(Value::list(Kind::List, items))
    }

    /// Operators of one precedence, from left to right.
    fn operations(
        &mut self,
        first: &'t Expression,
        operations: &'t [(Operator, Expression)],
    ) -> Rendering<Value> {
        if matches!(operations.first(), Some((Operator::And | Operator::Or, _))) {
            let mut holds = self.holds(first)?;
            for (operator, right) in operations {
                if holds == (*operator == Operator::And) {
                    holds = self.holds(right)?;
                }
            }
            return Ok(Value::Bool(holds));
        }
        let mut left = self.plain(first)?;
        for (operator, right) in operations {
            let right = self.plain(right)?;
            left = arithmetic::result(*operator, &left, &right, &mut self.budget)?;
        }
        Ok(left)
    }
}
