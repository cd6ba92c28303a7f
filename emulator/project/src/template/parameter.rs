//! The parameters of a template: their types, and the constraints that CloudFormation checks before it creates anything
//! (AWS CloudFormation User Guide, "CloudFormation template Parameters syntax").

use regex::Regex;

use super::diagnostic::Diagnostic;
use super::tree::{MappingEntry, Node, Value};

/// The types that are not of a service. All others have the form `AWS::…` or `List<…>`.
const PLAIN_TYPES: [&str; 3] = ["String", "Number", "CommaDelimitedList"];

/// The value of a parameter: the given one, else its default. `None` without either, which is an error only where it is used.
pub(super) fn parameter(
    entry: &MappingEntry,
    given: Option<&String>,
) -> Result<Option<Node>, Diagnostic> {
    let what = format!("the parameter `{}`", entry.key);
    entry.value.entries(&what)?;
    let kind = kind(entry, &what)?;
    let default = entry.value.get("Default").filter(|node| !node.is_absent());
    let node = match (given, default) {
        (Some(given), _) => Node::text(entry.at, given),
        (None, Some(default)) => default.clone(),
        (None, None) => return Ok(None),
    };
    let Value::Text(text) = &node.value else {
        return Err(node.unexpected(&format!("the default of {what}"), "a text"));
    };
    let parameter = Parameter { entry, what, value: &node };
    let is_list = kind == "CommaDelimitedList" || kind.starts_with("List<");
    if !is_list {
        parameter.check(kind, text)?;
        return Ok(Some(Node::text(node.at, text)));
    }
    let items: Vec<&str> = text.split(',').map(str::trim).collect();
    for item in &items {
        parameter.check(kind, item)?;
    }
    let items = items.into_iter().map(|item| Node::text(node.at, item));
    Ok(Some(Node::new(node.at, Value::List(items.collect()))))
}

fn kind<'e>(entry: &'e MappingEntry, what: &str) -> Result<&'e str, Diagnostic> {
    let Some(node) = entry.value.get("Type") else {
        return Err(
            Diagnostic::new(entry.at, format!("{what} has no `Type`")).help("write `Type: String`")
        );
    };
    let kind = node.scalar(&format!("`Type` of {what}"))?;
    if PLAIN_TYPES.contains(&kind) || kind.starts_with("AWS::") || kind.starts_with("List<") {
        return Ok(kind);
    }
    let message = format!("{what} has the type `{kind}`, which CloudFormation does not know");
    Err(Diagnostic::new(node.at, message).nearest(kind, PLAIN_TYPES))
}

/// A parameter whose value is checked.
struct Parameter<'e> {
    entry: &'e MappingEntry,
    /// How errors name it.
    what: String,
    value: &'e Node,
}

impl Parameter<'_> {
    /// Checks a value, or an item of a list. The guide has lengths for `String` and bounds for `Number`, not for lists of them. The
    /// values of other types are names of things that exist elsewhere.
    fn check(&self, kind: &str, text: &str) -> Result<(), Diagnostic> {
        self.check_allowed_values(text)?;
        match kind {
            "Number" => self.check_bounds(self.number(text)?, text),
            "List<Number>" => self.number(text).map(drop),
            "CommaDelimitedList" => self.check_pattern(text),
            "String" => {
                self.check_length(text)?;
                self.check_pattern(text)
            }
            _ => Ok(()),
        }
    }

    fn check_allowed_values(&self, text: &str) -> Result<(), Diagnostic> {
        let Some(allowed) = self.entry.value.get("AllowedValues") else { return Ok(()) };
        let what = format!("`AllowedValues` of {}", self.what);
        let mut names = Vec::new();
        for item in allowed.items(&what)? {
            names.push(item.scalar(&what)?);
        }
        if names.contains(&text) {
            return Ok(());
        }
        let message = format!("{} cannot be {}", self.what, self.shown(text));
        let help = format!("write one of: {}", names.join(", "));
        Err(Diagnostic::new(self.value.at, message).help(help))
    }

    fn number(&self, text: &str) -> Result<f64, Diagnostic> {
        let number = text.trim().parse();
        number.map_err(|_| self.refusal(&format!("must be a number, not {}", self.shown(text))))
    }

    fn check_bounds(&self, number: f64, text: &str) -> Result<(), Diagnostic> {
        match (self.bound("MinValue")?, self.bound("MaxValue")?) {
            (Some(least), _) if number < least => {
                self.refused(&format!("must be at least {least}, not {}", self.shown(text)))
            }
            (_, Some(most)) if number > most => {
                self.refused(&format!("must be at most {most}, not {}", self.shown(text)))
            }
            _ => Ok(()),
        }
    }

    fn check_length(&self, text: &str) -> Result<(), Diagnostic> {
        #[expect(clippy::cast_precision_loss, reason = "a value has fewer characters than 2^52")]
        let length = text.chars().count() as f64;
        match (self.bound("MinLength")?, self.bound("MaxLength")?) {
            (Some(least), _) if length < least => {
                self.refused(&format!("has {length} characters and must have at least {least}"))
            }
            (_, Some(most)) if length > most => {
                self.refused(&format!("has {length} characters and may have at most {most}"))
            }
            _ => Ok(()),
        }
    }

    /// The pattern must match the whole value. It is an expression of Java; one that `regex` does not know, such as a
    /// look-ahead, is not checked.
    fn check_pattern(&self, text: &str) -> Result<(), Diagnostic> {
        let Some(pattern) = self.entry.value.get("AllowedPattern") else { return Ok(()) };
        let pattern = pattern.scalar(&format!("`AllowedPattern` of {}", self.what))?;
        match Regex::new(&format!(r"\A(?:{pattern})\z")) {
            Ok(whole) if !whole.is_match(text) => {
                let shown = self.shown(text);
                self.refused(&format!("must match the pattern `{pattern}`, unlike {shown}"))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The number of a constraint.
    fn bound(&self, constraint: &str) -> Result<Option<f64>, Diagnostic> {
        let Some(node) = self.entry.value.get(constraint) else { return Ok(None) };
        let what = format!("`{constraint}` of {}", self.what);
        let text = node.scalar(&what)?;
        let number = text.trim().parse();
        number.map(Some).map_err(|_| node.unexpected(&what, "a number"))
    }

    fn refused(&self, why: &str) -> Result<(), Diagnostic> {
        Err(self.refusal(why))
    }

    fn refusal(&self, why: &str) -> Diagnostic {
        let diagnostic = Diagnostic::new(self.value.at, format!("{} {why}", self.what));
        match self.entry.value.get("ConstraintDescription") {
            Some(Node { value: Value::Text(description), .. }) => diagnostic.help(description),
            _ => diagnostic,
        }
    }

    /// A value in an error. `NoEcho` hides it, as in CloudFormation.
    fn shown(&self, text: &str) -> String {
        let hidden = self.entry.value.get("NoEcho");
        match hidden.map(|node| &node.value) {
            Some(Value::Text(hidden)) if hidden.eq_ignore_ascii_case("true") => {
                "the given value".to_owned()
            }
            _ => format!("`{text}`"),
        }
    }
}
