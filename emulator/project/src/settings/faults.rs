//! `[[fault]]` in `hardcap.toml`: the same members as the control surface's `POST /_hardcap/faults`.

use serde_json::{Map, Value};

use super::number;
use crate::source::diagnostic::{Diagnostic, Position};
use crate::source::tree::Node;
use hardcap_core::faults::{Fault, FaultConfig};

/// Members that are numbers. All scalars of the tree are texts.
const NUMBERS: [&str; 5] = ["probability", "count", "millis", "within_millis", "after_millis"];

/// `fault_seed` and every `[[fault]]`.
pub(super) fn plan(root: &Node) -> Result<FaultConfig, Diagnostic> {
    let seed = number(root, "fault_seed", "a whole number")?.unwrap_or_default();
    let items = root.get("fault").map_or(Ok(&[][..]), |node| node.items("`fault`"))?;
    let faults = items.iter().map(fault).collect::<Result<_, _>>()?;
    Ok(FaultConfig { seed, faults })
}

/// The position of the function's name in each `[[fault]]`; the fault's position if it names none.
pub(super) fn places(root: &Node) -> Result<Vec<Position>, Diagnostic> {
    let items = root.get("fault").map_or(Ok(&[][..]), |node| node.items("`fault`"))?;
    let place = |item: &Node| item.get("function").map_or(item.at, |function| function.at);
    Ok(items.iter().map(place).collect())
}

fn fault(item: &Node) -> Result<Fault, Diagnostic> {
    let mut members = Map::new();
    for entry in item.entries("a `fault`")? {
        let what = format!("`{}`", entry.key);
        let text = entry.value.scalar(&what)?;
        let value = if NUMBERS.contains(&entry.key.as_str()) {
            let number = serde_json::from_str(text).ok().filter(Value::is_number);
            number.ok_or_else(|| entry.value.unexpected(&what, "a number"))?
        } else {
            Value::from(text)
        };
        members.insert(entry.key.clone(), value);
    }
    let fault = Fault::try_from(Value::Object(members));
    fault.map_err(|cause| Diagnostic::new(item.at, format!("invalid `fault`: {cause}")))
}
