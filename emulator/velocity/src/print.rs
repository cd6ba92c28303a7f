//! How values print: as `toString` of Java does, and lists of JSON as JSON.

use std::fmt::Write as _;

use crate::RenderError;
use crate::budget::Budget;
use crate::value::{Kind, Value};

/// The levels of a value that print.
pub(crate) const LEVELS_MAX: usize = 100;

/// Adds values to a text.
pub(crate) struct Printer<'p> {
    out: &'p mut String,
    budget: &'p mut Budget,
    levels: usize,
}

impl<'p> Printer<'p> {
    pub(crate) fn new(out: &'p mut String, budget: &'p mut Budget) -> Printer<'p> {
        Printer { out, budget, levels: LEVELS_MAX }
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<(), RenderError> {
        self.budget.allocate(text.len())?;
        self.out.push_str(text);
        Ok(())
    }

    /// A value. Null is empty: LocalStack's recording of AWS, 2025-06-18.
    pub(crate) fn value(&mut self, value: &Value) -> Result<(), RenderError> {
        self.deeper(|printer| match value {
            Value::Null | Value::Input | Value::Util | Value::Block(_) | Value::Loop(_) => Ok(()),
            Value::Bool(flag) => printer.text(if *flag { "true" } else { "false" }),
            Value::Integer(number) => printer.text(&number.to_string()),
            Value::Big(number) => {
                let bits = usize::try_from(number.bits()).unwrap_or(usize::MAX);
                printer.budget.spend(bits / 256)?;
                printer.text(&number.to_string())
            }
            Value::Float(number) => printer.text(&java_float(*number)),
            Value::Text(text) => printer.text(text),
            Value::List(list) if list.kind == Kind::Json => printer.json(value),
            Value::List(list) => {
                printer.text("[")?;
                for (at, item) in list.items.borrow().iter().enumerate() {
                    printer.text(if at == 0 { "" } else { ", " })?;
                    printer.nested(item)?;
                }
                printer.text("]")
            }
            Value::Map(map) => {
                printer.text("{")?;
                for (at, (key, value)) in map.members.borrow().iter().enumerate() {
                    printer.text(if at == 0 { "" } else { ", " })?;
                    printer.text(&key.name())?;
                    printer.text("=")?;
                    printer.nested(value)?;
                }
                printer.text("}")
            }
            Value::Entry(entry) => {
                printer.nested(&entry.key)?;
                printer.text("=")?;
                printer.nested(&entry.value)
            }
        })
    }

    /// In a list or a map, null is the word.
    fn nested(&mut self, value: &Value) -> Result<(), RenderError> {
        match value {
            Value::Null => self.text("null"),
            value => self.value(value),
        }
    }

    /// JSON as the library json-smart writes it, whose lists `$input.path` returns. UNCONFIRMED on AWS: its `\/`.
    fn json(&mut self, value: &Value) -> Result<(), RenderError> {
        self.deeper(|printer| match value {
            Value::Null | Value::Input | Value::Util | Value::Block(_) | Value::Loop(_) => {
                printer.text("null")
            }
            Value::Text(text) => printer.json_text(text),
            Value::List(list) => {
                printer.text("[")?;
                for (at, item) in list.items.borrow().iter().enumerate() {
                    printer.text(if at == 0 { "" } else { "," })?;
                    printer.json(item)?;
                }
                printer.text("]")
            }
            Value::Map(map) => {
                printer.text("{")?;
                for (at, (key, value)) in map.members.borrow().iter().enumerate() {
                    printer.text(if at == 0 { "" } else { "," })?;
                    printer.json_text(&key.name())?;
                    printer.text(":")?;
                    printer.json(value)?;
                }
                printer.text("}")
            }
            Value::Entry(_) => {
                let text = value.to_text(printer.budget)?;
                printer.json_text(&text)
            }
            Value::Bool(_) | Value::Integer(_) | Value::Big(_) | Value::Float(_) => {
                printer.value(value)
            }
        })
    }

    fn json_text(&mut self, text: &str) -> Result<(), RenderError> {
        self.budget.allocate(text.len() + 2)?;
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' | '/' => {
                    self.out.push('\\');
                    self.out.push(c);
                }
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2000}'..='\u{20ff}' => {
                    self.budget.allocate(6)?;
                    // Writing to a string cannot fail.
                    let _ = write!(self.out, "\\u{:04X}", u32::from(c));
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
        Ok(())
    }

    fn deeper(
        &mut self,
        print: impl FnOnce(&mut Self) -> Result<(), RenderError>,
    ) -> Result<(), RenderError> {
        self.budget.spend(1)?;
        if self.levels == 0 {
            return Ok(());
        }
        self.levels -= 1;
        let result = print(self);
        self.levels += 1;
        result
    }
}

/// A double as Java prints it: always with a fraction, and with an exponent from 10^7 on and below 10^-3.
pub(crate) fn java_float(number: f64) -> String {
    let magnitude = number.abs();
    if number == 0.0 || (1e-3..1e7).contains(&magnitude) {
        let text = number.to_string();
        return if text.contains('.') { text } else { format!("{text}.0") };
    }
    if !number.is_finite() {
        return match number {
            _ if number.is_nan() => "NaN".to_owned(),
            _ if number > 0.0 => "Infinity".to_owned(),
            _ => "-Infinity".to_owned(),
        };
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}
