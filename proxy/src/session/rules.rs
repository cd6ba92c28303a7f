//! What a role may do: rules of method and path, of which the first that matches decides.
//!
//! A rule sees the method and the path, and nothing else that a client can write: no query, no header. All people share the
//! one role that the function has at the upstream, so what these rules let through, that role may do. They do not look
//! into bodies, and a search over `*` reaches every index: to keep an index from someone altogether is the upstream's task.

mod pattern;

use http::Method;

use self::pattern::Pattern;
use super::Role;

/// The rules that hold where none of the configuration matches.
///
/// In order: what belongs to administrators and nobody else, what ends a search, deleting, then what each role is for. A
/// search is a read although it is a POST.
const BUILT_IN: &str = include_str!("rules/built_in.txt");

/// The rules in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Those of the configuration come first.
    rules: Vec<Rule>,
}

/// Whether, who, how, where.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    allows: bool,
    /// `None` is everybody.
    role: Option<Role>,
    /// Empty is every method.
    methods: Vec<Method>,
    path: Pattern,
    text: String,
}

/// Why a request is not let through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the role `{role}` may not {method} this path; the rule is `{rule}`")]
pub struct Forbidden {
    role: Role,
    method: Method,
    rule: String,
}

impl Rules {
    /// The rules of a configuration, separated by `;` or lines, before the built-in ones.
    ///
    /// # Errors
    ///
    /// A sentence about the first rule that is none.
    pub fn read(text: &str) -> Result<Rules, String> {
        let rules = parse(text).chain(parse(BUILT_IN));
        Ok(Rules { rules: rules.collect::<Result<_, _>>()? })
    }

    /// Lets a request through, or says which rule does not. `path` is encoded, as it goes upstream.
    ///
    /// # Errors
    ///
    /// [`Forbidden`].
    pub fn admit(&self, role: Role, method: &Method, path: &str) -> Result<(), Forbidden> {
        let path = pattern::Path::of(path);
        let concerns = |rule: &&Rule| {
            rule.role.is_none_or(|known| known == role)
                && (rule.methods.is_empty() || rule.methods.contains(method))
                && if rule.allows { rule.path.covers(&path) } else { rule.path.touches(&path) }
        };
        match self.rules.iter().find(concerns) {
            Some(rule) if rule.allows => Ok(()),
            found => {
                let rule = found.map_or("what no rule allows is denied", |rule| &rule.text);
                Err(Forbidden { role, method: method.clone(), rule: rule.to_owned() })
            }
        }
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::read("").expect("the built-in rules are rules")
    }
}

fn parse(text: &str) -> impl Iterator<Item = Result<Rule, String>> {
    let lines = text.split([';', '\n']).map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("# ")).map(rule)
}

fn rule(text: &str) -> Result<Rule, String> {
    let wrong = |why: &str| {
        format!(
            "`{text}` is no rule: {why}; a rule is like `allow full DELETE /logs-*` or `deny read * /secret-*/**`"
        )
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let [effect, role, methods, path] = words[..] else {
        return Err(wrong("it has not four words"));
    };
    let allows = match effect {
        "allow" => true,
        "deny" => false,
        _ => return Err(wrong("it begins with neither `allow` nor `deny`")),
    };
    let role = match role {
        "*" => None,
        name => Some(name.parse().map_err(|error: super::UnknownRole| wrong(&error.to_string()))?),
    };
    let methods = match methods {
        "*" => Vec::new(),
        names => names.split(',').map(method).collect::<Option<_>>().ok_or_else(|| {
            wrong("its methods are neither `*` nor names such as `GET,HEAD` in capitals")
        })?,
    };
    let path = Pattern::read(path).map_err(|why| wrong(&why))?;
    Ok(Rule { allows, role, methods, path, text: words.join(" ") })
}

fn method(name: &str) -> Option<Method> {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase());
    plain.then(|| Method::from_bytes(name.as_bytes()).ok()).flatten()
}

#[cfg(test)]
mod tests;
