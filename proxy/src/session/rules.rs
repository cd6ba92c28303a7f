//! The rights of roles: rules of method and path. The first matching rule decides.
//!
//! A rule sees the method and the path, but no query, header or body. All users share the function's role at the upstream, so a
//! request that the rules allow has the rights of that role.
//!
//! `deny` fails closed. A rule about indices, such as `deny read * /secret-*/**`, compares sets (`reach`). It applies to every
//! path that may reach one of the indices (`/sec*/_search`, `/_cat/indices/secret-1`), and to paths that do not name their
//! indices (`/_search`, `/_msearch`, `/_bulk`). Only the cluster knows the targets of aliases.

mod pattern;
mod reach;

use http::Method;

use self::pattern::{Pattern, PatternError};
use super::Role;

/// The built-in rules, after the configured ones.
const BUILT_IN: &str = include_str!("rules/built_in.txt");
/// The default paths of Kibana and Dashboards on AWS domains.
pub(super) const DASHBOARDS: &str = "/_dashboards,/_plugin/kibana";

/// The rules in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The configured rules come first.
    rules: Vec<Rule>,
    dashboards: Vec<Vec<String>>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    effect: Effect,
    /// `None` for every role.
    role: Option<Role>,
    /// Empty for every method.
    methods: Vec<Method>,
    path: Pattern,
    text: String,
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
    /// Denies indices that the path names, but not through wildcards such as `*`.
    DenyNamed,
}

/// A text that is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a rule: {fault}; a rule is like `allow full DELETE /logs-*` or `deny read * /secret-*/**`"
)]
pub struct RuleError {
    text: String,
    fault: RuleFault,
}

/// The error of a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum RuleFault {
    #[error("it does not have four words")]
    Words,
    #[error("it does not begin with `allow`, `deny` or `deny-named`")]
    Effect,
    #[error(transparent)]
    Role(super::UnknownRole),
    #[error("its methods are neither `*` nor names such as `GET,HEAD` in capitals")]
    Methods,
    #[error(transparent)]
    Path(PatternError),
}

/// A text that is not a path of Kibana or Dashboards.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a path such as `/_dashboards`, or `/` if the upstream is Kibana or Dashboards itself"
)]
pub(super) struct PlaceError(String);

/// A denied request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the role `{role}` may not {method} this path; the rule is {rule}")]
pub struct Forbidden {
    role: Role,
    method: Method,
    rule: String,
}

impl Rules {
    /// Reads configured rules, separated by `;` or line breaks, and appends the built-in ones.
    ///
    /// # Errors
    ///
    /// The first text that is not a rule, and why.
    pub fn read(text: &str) -> Result<Rules, RuleError> {
        let dashboards = places(DASHBOARDS).expect("the default paths are valid");
        Rules::read_at(text, &dashboards)
    }

    /// The same with other paths of Kibana or Dashboards. If they are at the root of the upstream, the paths of a cluster are not
    /// allowed, because the two could not be distinguished.
    ///
    /// # Errors
    ///
    /// As [`Rules::read`].
    pub fn read_at(text: &str, dashboards: &[Vec<String>]) -> Result<Rules, RuleError> {
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

    /// Admits a request, or returns the rule that denies it. `path` is encoded, as it is sent to the upstream.
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
            None => "the default, which denies requests that no rule allows".to_owned(),
        };
        Err(Forbidden { role, method: method.clone(), rule })
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::read("").expect("the built-in rules are valid")
    }
}

impl Rule {
    /// Whether the rule applies to a method. `GET` includes `HEAD`.
    fn is_about(&self, method: &Method) -> bool {
        let named = |method: &Method| self.methods.contains(method);
        self.methods.is_empty() || named(method) || (method == Method::HEAD && named(&Method::GET))
    }
}

/// Reads the paths of Kibana or Dashboards, separated by commas; `/` is the root.
pub(super) fn places(text: &str) -> Result<Vec<Vec<String>>, PlaceError> {
    let paths = text.split(',').map(str::trim).filter(|path| !path.is_empty());
    let place = |path: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte);
        if !path.starts_with('/') || !path.bytes().all(plain) {
            return Err(PlaceError(path.to_owned()));
        }
        Ok(path.split('/').filter(|it| !it.is_empty()).map(str::to_owned).collect())
    };
    paths.map(place).collect()
}

/// The text of a rule and its comment.
struct RuleText {
    text: String,
    reason: String,
}

fn parse(text: &str) -> impl Iterator<Item = RuleText> {
    let lines = text.lines().map(|line| format!(" {line}"));
    let rules = lines.flat_map(|line| {
        let (rules, reason) = line.split_once(" #").unwrap_or((line.as_str(), ""));
        let reason = reason.trim().to_owned();
        let one = |text: &str| RuleText { text: text.trim().to_owned(), reason: reason.clone() };
        rules.split(';').map(one).collect::<Vec<_>>()
    });
    rules.filter(|line| !line.text.is_empty())
}

/// One rule, or one for each path of Kibana or Dashboards, with and without a space.
fn read_rule(line: &RuleText, dashboards: &[Vec<String>]) -> Result<Vec<Rule>, RuleError> {
    let text = &line.text;
    let wrong = |fault| RuleError { text: text.clone(), fault };
    let words: Vec<&str> = text.split_whitespace().collect();
    let [effect, role, methods, path] = words[..] else {
        return Err(wrong(RuleFault::Words));
    };
    let effect = match effect {
        "allow" => Effect::Allow,
        "deny" => Effect::Deny,
        "deny-named" => Effect::DenyNamed,
        _ => return Err(wrong(RuleFault::Effect)),
    };
    let role = match role {
        "*" => None,
        name => Some(name.parse().map_err(|error| wrong(RuleFault::Role(error)))?),
    };
    let methods = match methods {
        "*" => Vec::new(),
        names => names
            .split(',')
            .map(method)
            .collect::<Option<_>>()
            .ok_or_else(|| wrong(RuleFault::Methods))?,
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
    Ok(patterns.map_err(|error| wrong(RuleFault::Path(error)))?.into_iter().map(rule).collect())
}

/// A path below each path of Kibana or Dashboards, and below each of their spaces.
fn of_pages(rest: &str, dashboards: &[Vec<String>]) -> Result<Vec<Pattern>, PatternError> {
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
