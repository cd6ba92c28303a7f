//! Walks the tree of a template.

use std::collections::HashMap;
use std::rc::Rc;

use indexmap::IndexMap;

use crate::tree::{Expression, Macro, Node, Operator, Reference, Shown, Step};
use crate::value::{LEVELS_MAX, Value};
use crate::{Inputs, RenderError, Rendered, gateway, methods};

/// The maximum number of nodes, expressions and characters of a pattern that a rendering visits.
const STEPS_MAX: u64 = 2_000_000;
/// The maximum size in bytes of a rendered text and of all texts that expressions make.
const SIZE_MAX: usize = 64 * 1024 * 1024;
/// The maximum depth of macros that call each other: `velocimacro.max.depth` of Velocity.
const CALLS_MAX: usize = 20;

/// Renders nodes for a request.
pub(crate) fn render(nodes: &[Node], inputs: &Inputs<'_>) -> Result<Rendered, RenderError> {
    let mut context = inputs.context.clone();
    let overrides = [
        ("requestOverride", &["header", "querystring", "path"][..]),
        ("responseOverride", &["header"][..]),
    ];
    if !context.is_object() {
        context = serde_json::Value::Object(serde_json::Map::new());
    }
    for (name, members) in overrides {
        for member in members {
            let place = &mut context[name][member];
            if place.is_null() {
                *place = serde_json::Value::Object(serde_json::Map::new());
            }
        }
    }
    let context = Value::of_json(&context);
    let variables = inputs.stage_variables.iter();
    let stage_variables =
        variables.map(|(name, value)| (name.clone(), Value::text(value.as_str()))).collect();
    let variables = [
        ("context", context.clone()),
        ("input", Value::Input),
        ("stageVariables", Value::map(stage_variables)),
        ("util", Value::Util),
    ];
    let mut renderer = Renderer {
        inputs,
        variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        macros: HashMap::new(),
        blocks: HashMap::new(),
        out: String::new(),
        steps: 0,
        made: 0,
        calls: 0,
    };
    renderer.nodes(nodes)?;
    Ok(Rendered { text: renderer.out, context: context.to_json(LEVELS_MAX) })
}

/// How the nodes of a sequence ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Stop,
}

struct Renderer<'t, 'r> {
    inputs: &'t Inputs<'r>,
    variables: HashMap<String, Value>,
    macros: HashMap<&'t str, &'t Macro>,
    blocks: HashMap<String, &'t [Node]>,
    out: String,
    steps: u64,
    /// The bytes of the texts that expressions have made.
    made: usize,
    calls: usize,
}

impl<'t> Renderer<'t, '_> {
    fn step(&mut self) -> Result<(), RenderError> {
        self.steps += 1;
        if self.steps > STEPS_MAX { Err(RenderError::Steps(STEPS_MAX)) } else { Ok(()) }
    }

    fn bounded(&self) -> Result<(), RenderError> {
        match self.out.len() > SIZE_MAX || self.made > SIZE_MAX {
            true => Err(RenderError::Size(SIZE_MAX)),
            false => Ok(()),
        }
    }

    fn nodes(&mut self, nodes: &'t [Node]) -> Result<Flow, RenderError> {
        for node in nodes {
            self.step()?;
            match self.node(node)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &'t Node) -> Result<Flow, RenderError> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Reference(shown) => self.show(shown)?,
            Node::Set(reference, value) => {
                let value = self.value(value)?;
                self.set(reference, value)?;
            }
            Node::If(branches, otherwise) => {
                for (condition, body) in branches {
                    if self.value(condition)?.is_true() {
                        return self.nodes(body);
                    }
                }
                return self.nodes(otherwise);
            }
            Node::Foreach { item, items, body } => return self.foreach(item, items, body),
            Node::Break => return Ok(Flow::Break),
            Node::Stop => return Ok(Flow::Stop),
            Node::Macro(name, definition) => {
                self.macros.insert(name, definition);
            }
            Node::Call(name, arguments, source) => return self.call(name, arguments, source),
            Node::Define(name, body) => {
                self.blocks.insert(name.clone(), body);
                self.variables.insert(name.clone(), Value::Block(Rc::from(name.as_str())));
            }
        }
        self.bounded()?;
        Ok(Flow::Next)
    }

    /// Renders the value of a reference. Two backslashes before it are one, and one backslash shows the reference itself if it has
    /// a value.
    fn show(&mut self, shown: &'t Shown) -> Result<(), RenderError> {
        let value = self.follow(&shown.reference)?;
        if shown.backslashes > 0 {
            let count = if value.is_null() { shown.backslashes } else { shown.backslashes / 2 };
            self.out.extend(std::iter::repeat_n('\\', count));
            if shown.backslashes % 2 == 1 {
                self.out.push_str(&shown.source);
                return Ok(());
            }
        }
        if let Value::Block(name) = &value
            && let Some(body) = self.blocks.get(name.as_ref()).copied()
        {
            self.deeper(|renderer| renderer.nodes(body))?;
            return Ok(());
        }
        value.print(&mut self.out, LEVELS_MAX);
        self.bounded()
    }

    fn deeper<T>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<T, RenderError>,
    ) -> Result<T, RenderError> {
        if self.calls == CALLS_MAX {
            return Err(RenderError::Depth(CALLS_MAX));
        }
        self.calls += 1;
        let result = run(self);
        self.calls -= 1;
        result
    }

    fn foreach(
        &mut self,
        item: &str,
        items: &'t Expression,
        body: &'t [Node],
    ) -> Result<Flow, RenderError> {
        let items = match self.value(items)? {
            Value::List(list) => list.borrow().items.clone(),
            Value::Map(members) => members.borrow().values().cloned().collect(),
            _ => return Ok(Flow::Next),
        };
        let names = [item, "foreach", "velocityCount"];
        let before = names.map(|name| self.variables.get(name).cloned());
        let parent = before[1].clone().unwrap_or(Value::Null);
        let count = items.len();
        let max = usize::try_from(self.inputs.iterations_max).unwrap_or(usize::MAX);
        let mut flow = Flow::Next;
        for (at, value) in items.into_iter().enumerate().take(max) {
            let position = i64::try_from(at).unwrap_or(i64::MAX);
            let state = [
                ("index", Value::Integer(position)),
                ("count", Value::Integer(position + 1)),
                ("hasNext", Value::Bool(at + 1 < count)),
                ("first", Value::Bool(at == 0)),
                ("last", Value::Bool(at + 1 == count)),
                ("parent", parent.clone()),
            ];
            let state = state.into_iter().map(|(name, value)| (name.to_owned(), value));
            self.variables.insert("foreach".to_owned(), Value::map(state.collect()));
            self.variables.insert("velocityCount".to_owned(), Value::Integer(position + 1));
            self.variables.insert(item.to_owned(), value);
            self.step()?;
            match self.nodes(body)? {
                Flow::Next => {}
                Flow::Break => break,
                Flow::Stop => {
                    flow = Flow::Stop;
                    break;
                }
            }
        }
        for (name, value) in names.into_iter().zip(before) {
            match value {
                Some(value) => self.variables.insert(name.to_owned(), value),
                None => self.variables.remove(name),
            };
        }
        Ok(flow)
    }

    /// A macro with the values of its arguments; the text of the call if the template has no such macro.
    fn call(
        &mut self,
        name: &str,
        arguments: &'t [Expression],
        source: &'t str,
    ) -> Result<Flow, RenderError> {
        let Some(definition) = self.macros.get(name).copied() else {
            self.out.push_str(source);
            return Ok(Flow::Next);
        };
        let mut before = Vec::new();
        for (at, parameter) in definition.parameters.iter().enumerate() {
            let value = match arguments.get(at) {
                Some(argument) => self.value(argument)?,
                None => Value::Null,
            };
            before.push((parameter, value));
        }
        for (parameter, value) in &mut before {
            let old = self.variables.insert((*parameter).clone(), value.clone());
            *value = old.unwrap_or(Value::Null);
        }
        let flow = self.deeper(|renderer| renderer.nodes(&definition.body))?;
        for (parameter, value) in before {
            self.variables.insert(parameter.clone(), value);
        }
        Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Next })
    }

    /// `#set`. A null changes nothing, as in Velocity 1.7.
    fn set(&mut self, reference: &'t Reference, value: Value) -> Result<(), RenderError> {
        let Some((last, steps)) = reference.steps.split_last() else {
            if value.is_null() {
                self.variables.remove(&reference.name);
            } else {
                self.variables.insert(reference.name.clone(), value);
            }
            return Ok(());
        };
        let owner = self.walk(&reference.name, steps)?;
        match last {
            Step::Property(name) => {
                methods::call(&owner, "put", &[Value::text(name.as_str()), value]);
            }
            Step::Index(index) => {
                let index = self.value(index)?;
                let method = if matches!(owner, Value::List(_)) { "set" } else { "put" };
                methods::call(&owner, method, &[index, value]);
            }
            Step::Method(..) => {}
        }
        Ok(())
    }

    fn follow(&mut self, reference: &'t Reference) -> Result<Value, RenderError> {
        self.walk(&reference.name, &reference.steps)
    }

    fn walk(&mut self, name: &str, steps: &'t [Step]) -> Result<Value, RenderError> {
        let mut value = self.variables.get(name).cloned().unwrap_or(Value::Null);
        for step in steps {
            self.step()?;
            value = match (step, &value) {
                (Step::Property(name), Value::Input) => gateway::input_property(self.inputs, name),
                (Step::Property(name), value) => methods::property(value, name),
                (Step::Index(index), _) => {
                    let index = self.value(index)?;
                    methods::index(&value, &index)
                }
                (Step::Method(name, arguments), _) => {
                    let mut given = Vec::with_capacity(arguments.len());
                    for argument in arguments {
                        given.push(self.value(argument)?);
                    }
                    // A pattern or a search reads the whole text.
                    self.steps += (value.size() / 64) as u64;
                    match &value {
                        Value::Input => gateway::input_method(self.inputs, name, &given),
                        Value::Util => gateway::util_method(name, &given),
                        value => methods::call(value, name, &given),
                    }
                }
            };
            self.made += value.size();
            self.bounded()?;
        }
        Ok(value)
    }

    fn value(&mut self, expression: &'t Expression) -> Result<Value, RenderError> {
        self.step()?;
        Ok(match expression {
            Expression::Bool(flag) => Value::Bool(*flag),
            Expression::Integer(number) => Value::Integer(*number),
            Expression::Float(number) => Value::Float(*number),
            Expression::Text(text) => Value::text(text.as_str()),
            Expression::Interpolated(nodes) => self.interpolated(nodes)?,
            Expression::Reference(reference) => self.follow(reference)?,
            Expression::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.value(item)?);
                }
                Value::list(values)
            }
            Expression::Range(first, last) => {
                let (first, last) = (self.value(first)?, self.value(last)?);
                self.range(&first, &last)?
            }
            Expression::Map(members) => {
                let mut map = IndexMap::with_capacity(members.len());
                for (name, value) in members {
                    let name = self.value(name)?.to_text();
                    map.insert(name, self.value(value)?);
                }
                Value::map(map)
            }
            Expression::Not(inner) => Value::Bool(!self.value(inner)?.is_true()),
            Expression::Negative(inner) => match self.value(inner)? {
                Value::Integer(number) => Value::Integer(number.wrapping_neg()),
                Value::Float(number) => Value::Float(-number),
                _ => Value::Null,
            },
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right)?,
        })
    }

    /// A text in double quotes.
    fn interpolated(&mut self, nodes: &'t [Node]) -> Result<Value, RenderError> {
        if let [Node::Text(text)] = nodes {
            return Ok(Value::text(text.as_str()));
        }
        let before = std::mem::take(&mut self.out);
        let result = self.nodes(nodes);
        let text = std::mem::replace(&mut self.out, before);
        result?;
        self.made += text.len();
        self.bounded()?;
        Ok(Value::text(text))
    }

    /// `[first..last]`, which may count down.
    fn range(&mut self, first: &Value, last: &Value) -> Result<Value, RenderError> {
        let (Value::Integer(first), Value::Integer(last)) = (first, last) else {
            return Ok(Value::Null);
        };
        self.steps = self.steps.saturating_add(first.abs_diff(*last));
        self.step()?;
        let items: Vec<Value> = match first <= last {
            true => (*first..=*last).map(Value::Integer).collect(),
            false => (*last..=*first).rev().map(Value::Integer).collect(),
        };
        Ok(Value::list(items))
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &'t Expression,
        right: &'t Expression,
    ) -> Result<Value, RenderError> {
        let left = self.value(left)?;
        match operator {
            Operator::And if !left.is_true() => return Ok(Value::Bool(false)),
            Operator::Or if left.is_true() => return Ok(Value::Bool(true)),
            _ => {}
        }
        let right = self.value(right)?;
        let ordered = |holds: fn(std::cmp::Ordering) -> bool| {
            let order = match (left.number(), right.number()) {
                (Some(left), Some(right)) => left.partial_cmp(&right),
                _ => None,
            };
            order.map_or(Value::Null, |order| Value::Bool(holds(order)))
        };
        Ok(match operator {
            Operator::And | Operator::Or => Value::Bool(right.is_true()),
            Operator::Equal => Value::Bool(left.equals(&right)),
            Operator::NotEqual => Value::Bool(!left.equals(&right)),
            Operator::Less => ordered(std::cmp::Ordering::is_lt),
            Operator::LessOrEqual => ordered(std::cmp::Ordering::is_le),
            Operator::Greater => ordered(std::cmp::Ordering::is_gt),
            Operator::GreaterOrEqual => ordered(std::cmp::Ordering::is_ge),
            Operator::Plus
            | Operator::Minus
            | Operator::Times
            | Operator::Divide
            | Operator::Remainder => {
                let result = arithmetic(operator, &left, &right);
                self.made += result.size();
                self.bounded()?;
                result
            }
        })
    }
}

/// The result of arithmetic; null if an operand is not a number, and for a division by zero, as in Velocity 1.7.
fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Value {
    if operator == Operator::Plus
        && (matches!(left, Value::Text(_)) || matches!(right, Value::Text(_)))
    {
        return Value::text(left.to_text() + &right.to_text());
    }
    if let (Value::Integer(left), Value::Integer(right)) = (left, right) {
        return match operator {
            Operator::Plus => Value::Integer(left.wrapping_add(*right)),
            Operator::Minus => Value::Integer(left.wrapping_sub(*right)),
            Operator::Times => Value::Integer(left.wrapping_mul(*right)),
            _ if *right == 0 => Value::Null,
            Operator::Divide => Value::Integer(left.wrapping_div(*right)),
            _ => Value::Integer(left.wrapping_rem(*right)),
        };
    }
    let (Some(left), Some(right)) = (left.number(), right.number()) else { return Value::Null };
    match operator {
        Operator::Plus => Value::Float(left + right),
        Operator::Minus => Value::Float(left - right),
        Operator::Times => Value::Float(left * right),
        _ if right == 0.0 => Value::Null,
        Operator::Divide => Value::Float(left / right),
        _ => Value::Float(left % right),
    }
}
