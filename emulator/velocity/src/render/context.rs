//! `$context`.

use serde_json::{Map, Value as Json};

use crate::budget::Budget;
use crate::value::Value;
use crate::{Inputs, RenderError};

/// The objects that every `$context` has.
const OVERRIDES: [(&str, &[&str]); 2] =
    [("requestOverride", &["header", "querystring", "path"]), ("responseOverride", &["header"])];

/// `$context` with its objects for overrides.
pub(super) fn prepared(inputs: &Inputs<'_>, budget: &mut Budget) -> Result<Value, RenderError> {
    let mut context = match inputs.context {
        Json::Object(members) => members.clone(),
        _ => Map::new(),
    };
    for (name, members) in OVERRIDES {
        let Some(object) = object_of(&mut context, name).as_object_mut() else { continue };
        for member in members {
            object_of(object, member);
        }
    }
    Value::of_json(&Json::Object(context), budget)
}

/// A member that is an object, and becomes one if it is not.
fn object_of<'m>(members: &'m mut Map<String, Json>, name: &str) -> &'m mut Json {
    let member = members.entry(name).or_insert(Json::Null);
    if !member.is_object() {
        *member = Json::Object(Map::new());
    }
    member
}
