//! What a role may do: rules of method and path, of which the first that matches decides.
//!
//! A rule sees the method and the path, and nothing else that a client can write: no query, no header, no body. All people
//! share the one role that the function has at the upstream, so what these rules let through, that role may do.
//!
//! `deny` fails closed. A rule about indices, such as `deny read * /secret-*/**`, compares sets (`reach`): it holds for every
//! path that may reach one of them (`/sec*/_search`, `/_cat/indices/secret-1`), and for paths that do not say which indices
//! they reach (`/_search`, `/_msearch`, `/_bulk`). What an alias stands for, only the cluster knows.

mod pattern;
mod reach;

use http::Method;

use self::pattern::Pattern;
use super::Role;

/// The rules that hold where none of the configuration matches.
const BUILT_IN: &str = include_str!("rules/built_in.txt");
/// Where Kibana and Dashboards are on domains of AWS.
pub(super) const DASHBOARDS: &str = "/_dashboards,/_plugin/kibana";

/// The rules in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Those of the configuration come first.
    rules: Vec<Rule>,
    dashboards: Vec<Vec<String>>,
}

/// Whether, who, how, where, why.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    effect: Effect,
    /// `None` is everybody.
    role: Option<Role>,
    /// Empty is every method.
    methods: Vec<Method>,
    path: Pattern,
    text: String,
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
    /// Denies where the path itself names the index, and lets wildcards such as `*` pass.
    DenyNamed,
}

/// Why a request is not let through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the role `{role}` may not {method} this path; the rule is {rule}")]
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
    /// A sentence about the first text that is not a rule.
    pub fn read(text: &str) -> Result<Rules, String> {
        Rules::read_at(text, &places(DASHBOARDS)?)
    }

    /// The same, with Kibana or Dashboards at other places. At the root of the upstream it is all there is: the paths of
    /// a cluster are not allowed then, for they would be read as those of pages, and the other way round.
    ///
    /// # Errors
    ///
    /// As [`Rules::read`].
    pub fn read_at(text: &str, dashboards: &[Vec<String>]) -> Result<Rules, String> {
        let at_root = dashboards.iter().any(Vec::is_empty);
        let built_in = parse(BUILT_IN).filter(|line| {
            !at_root || !line.text.starts_with("allow") || line.text.contains("{dashboards}")
        });
        let mut rules = Vec::new();
        for line in parse(text).chain(built_in) {
            rules.extend(read_rule(&line, dashboards)?);
        }
        Ok(Rules { rules, dashboards: dashboards.to_vec() })
    }

    /// Lets a request through, or says which rule does not. `path` is encoded, as it goes upstream.
    ///
    /// # Errors
    ///
    /// [`Forbidden`].
    pub fn admit(&self, role: Role, method: &Method, path: &str) -> Result<(), Forbidden> {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let path = pattern::Path::of(path, &self.dashboards, reads);
        let is_clear = reads || role == Role::Full || !path.has_inner_slash();
        let concerns = |rule: &&Rule| {
            rule.role.is_none_or(|known| known == role)
                && rule.is_about(method)
                && match rule.effect {
                    Effect::Allow => is_clear && rule.path.covers(&path),
                    Effect::Deny => rule.path.touches(&path),
                    Effect::DenyNamed => rule.path.is_named_by(&path),
                }
        };
        let rule = match self.rules.iter().find(concerns) {
            Some(Rule { effect: Effect::Allow, .. }) => return Ok(()),
            Some(rule) if rule.reason.is_empty() => format!("`{}`", rule.text),
            Some(rule) => format!("`{}` ({})", rule.text, rule.reason),
            None => "`what no rule allows is denied`".to_owned(),
        };
        Err(Forbidden { role, method: method.clone(), rule })
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::read("").expect("the built-in rules are rules")
    }
}

impl Rule {
    /// Whether a method is one of the rule. `GET` means `HEAD` too.
    fn is_about(&self, method: &Method) -> bool {
        let named = |method: &Method| self.methods.contains(method);
        self.methods.is_empty() || named(method) || (method == Method::HEAD && named(&Method::GET))
    }
}

/// Where Kibana or Dashboards is: paths, separated by commas; `/` is the root.
pub(super) fn places(text: &str) -> Result<Vec<Vec<String>>, String> {
    let paths = text.split(',').map(str::trim).filter(|path| !path.is_empty());
    let place = |path: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte);
        if !path.starts_with('/') || !path.bytes().all(plain) {
            return Err(format!(
                "`{path}` is not a path such as `/_dashboards`, or `/` where the upstream is Kibana or Dashboards itself"
            ));
        }
        Ok(path.split('/').filter(|it| !it.is_empty()).map(str::to_owned).collect())
    };
    paths.map(place).collect()
}

/// A rule as it is written, and why it is there.
struct Line {
    text: String,
    reason: String,
}

fn parse(text: &str) -> impl Iterator<Item = Line> {
    let lines = text.lines().map(|line| format!(" {line}"));
    let rules = lines.flat_map(|line| {
        let (rules, reason) = line.split_once(" #").unwrap_or((line.as_str(), ""));
        let reason = reason.trim().to_owned();
        let one = |text: &str| Line { text: text.trim().to_owned(), reason: reason.clone() };
        rules.split(';').map(one).collect::<Vec<_>>()
    });
    rules.filter(|line| !line.text.is_empty())
}

/// One rule, or as many as there are places of Kibana or Dashboards, with and without a space.
fn read_rule(line: &Line, dashboards: &[Vec<String>]) -> Result<Vec<Rule>, String> {
    let text = &line.text;
    let wrong = |why: &str| {
        format!(
            "`{text}` is not a rule: {why}; a rule is like `allow full DELETE /logs-*` or `deny read * /secret-*/**`"
        )
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let [effect, role, methods, path] = words[..] else {
        return Err(wrong("it does not have four words"));
    };
    let effect = match effect {
        "allow" => Effect::Allow,
        "deny" => Effect::Deny,
        "deny-named" => Effect::DenyNamed,
        _ => return Err(wrong("it begins with none of `allow`, `deny` and `deny-named`")),
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
    let patterns = match path.strip_prefix("{dashboards}") {
        Some(rest) => of_pages(rest, dashboards),
        None => Pattern::read(None, path).map(|pattern| vec![pattern]),
    };
    let rule = |path| Rule {
        effect,
        role,
        methods: methods.clone(),
        path,
        text: words.join(" "),
        reason: line.reason.clone(),
    };
    Ok(patterns.map_err(|why| wrong(&why))?.into_iter().map(rule).collect())
}

/// A path below each place of Kibana or Dashboards, and below each space there.
fn of_pages(rest: &str, dashboards: &[Vec<String>]) -> Result<Vec<Pattern>, String> {
    let rest = if rest.is_empty() { "/" } else { rest };
    let mut patterns = Vec::new();
    for place in dashboards {
        let in_space = [place.as_slice(), &["s".to_owned(), "*".to_owned()]].concat();
        patterns.push(Pattern::read(Some(place), rest)?);
        patterns.push(Pattern::read(Some(&in_space), rest)?);
    }
    Ok(patterns)
}

fn method(name: &str) -> Option<Method> {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase());
    plain.then(|| Method::from_bytes(name.as_bytes()).ok()).flatten()
}

#[cfg(test)]
mod tests;
