//! TOML text as a tree.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Position, Source};
use super::tree::{DEEPEST, Mapping, MappingEntry, Node, Value};

/// Reads a document.
pub(crate) fn parse(source: &Source<'_>) -> Result<Node, Diagnostic> {
    let table = DeTable::parse(source.text).map_err(|error| {
        let at = source.position(error.span().map_or(0, |span| span.start));
        Diagnostic::new(at, format!("this is not TOML: {}", error.message()))
    })?;
    let start = Position { line: 1, column: 1 };
    Ok(Node::new(start, Value::Map(entries(source, table.get_ref(), 1)?)))
}

/// The entries in the order of the file. The parser sorts them by name.
fn entries(source: &Source<'_>, table: &DeTable<'_>, depth: usize) -> Result<Mapping, Diagnostic> {
    let mut rows: Vec<(usize, MappingEntry)> = Vec::with_capacity(table.len());
    for (key, value) in table {
        let at = source.position(key.span().start);
        let value = node(source, value, depth)?;
        rows.push((key.span().start, MappingEntry { key: key.get_ref().to_string(), at, value }));
    }
    rows.sort_by_key(|(start, _)| *start);
    Ok(rows.into_iter().map(|(_, entry)| entry).collect())
}

fn node(
    source: &Source<'_>,
    value: &Spanned<DeValue<'_>>,
    depth: usize,
) -> Result<Node, Diagnostic> {
    let at = source.position(value.span().start);
    if depth > DEEPEST / 2 {
        return Err(Diagnostic::new(
            at,
            format!("this is nested deeper than {} levels", DEEPEST / 2),
        ));
    }
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            // `0x1F` and the like become decimal, the only notation that readers of the tree parse.
            let decimal = i128::from_str_radix(number.as_str(), number.radix());
            Value::Text(decimal.map_or_else(|_| number.to_string(), |number| number.to_string()))
        }
        DeValue::Float(number) => Value::Text(number.to_string()),
        DeValue::Boolean(truth) => Value::Text(truth.to_string()),
        DeValue::Datetime(datetime) => Value::Text(datetime.to_string()),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| node(source, item, depth + 1));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Value::Map(entries(source, table, depth + 1)?),
    };
    Ok(Node::new(at, value))
}
