//! The reading of a pattern: tokens into branches. The order of the checks, and so the error that is named, is Event Ruler's.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::matcher::{Matcher, folded};
use super::reader::{Reader, Token};
use super::{Branch, Dialect, PatternError, expression};

/// The largest number of branches that `$or` may make of a pattern (EventBridge user guide: 1,000 combinations). UNCONFIRMED: the text.
const BRANCHES_MAX: usize = 1_000;
/// The largest number of fields of all branches together. The number is hardcap's: it bounds the memory of a pattern.
const FIELDS_MAX: usize = 20_000;

/// The words that cannot be names of fields below `$or`: operators, and those that Event Ruler reserves.
const RESERVED: [&str; 24] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

/// Reads the branches of a pattern.
pub(super) fn compile(dialect: Dialect, text: &str) -> Result<Vec<Branch>, PatternError> {
    let mut compiler = Compiler { reader: Reader::new(text), dialect, path: Vec::new() };
    if compiler.reader.next()? != Token::StartObject {
        return Err(compiler.reader.error("Filter is not an object"));
    }
    let mut branches = Vec::new();
    compiler.object(&mut branches, false)?;
    Ok(branches)
}

struct Compiler<'t> {
    reader: Reader<'t>,
    dialect: Dialect,
    path: Vec<String>,
}

impl Compiler<'_> {
    /// The members of an object, whose start was read. All of them must match.
    fn object(&mut self, branches: &mut Vec<Branch>, in_or: bool) -> Result<(), PatternError> {
        let mut is_empty = true;
        while self.reader.next()? != Token::EndObject {
            is_empty = false;
            let name = self.reader.name().to_owned();
            if name == "$or" {
                self.alternatives(branches)?;
                continue;
            }
            if in_or && RESERVED.contains(&name.as_str()) {
                let text =
                    format!("{name} is Ruler reserved fieldName which cannot be used inside $or.");
                return Err(self.reader.error(&text));
            }
            let token = self.reader.next()?;
            self.path.push(name);
            match token {
                Token::StartObject => self.object(branches, in_or)?,
                Token::StartArray => self.field(branches)?,
                _ => {
                    let name = self.path.last().map_or("", String::as_str);
                    let text = format!("\"{name}\" must be an object or an array");
                    return Err(self.reader.error(&text));
                }
            }
            self.path.pop();
        }
        match is_empty {
            true => Err(self.reader.error("Empty objects are not allowed")),
            false => Ok(()),
        }
    }

    /// The array of `$or`: every branch so far continues in each of its objects.
    fn alternatives(&mut self, branches: &mut Vec<Branch>) -> Result<(), PatternError> {
        let before = std::mem::take(branches);
        if self.reader.next()? != Token::StartArray {
            return Err(self.reader.error("It must be an Array followed with $or."));
        }
        let mut count = 0;
        loop {
            match self.reader.next()? {
                Token::EndArray => break,
                Token::StartObject => {}
                _ => {
                    let text = "Only JSON object is allowed in array of $or relationship.";
                    return Err(self.reader.error(text));
                }
            }
            count += 1;
            self.admit(branches.len() + before.len(), fields(branches) + fields(&before))?;
            let mut continued = match before.is_empty() {
                true => vec![BTreeMap::new()],
                false => before.clone(),
            };
            self.object(&mut continued, true)?;
            branches.append(&mut continued);
            self.admit(branches.len(), fields(branches))?;
        }
        match count {
            0 | 1 => {
                Err(self.reader.error("There must have at least 2 Objects in $or relationship."))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a pattern with more branches or fields than the maximum.
    fn admit(&self, branches: usize, fields: usize) -> Result<(), PatternError> {
        if branches > BRANCHES_MAX {
            let text = format!(
                "Rule is too complex - the number of combinations of $or is above {BRANCHES_MAX}"
            );
            return Err(PatternError::without_place(text));
        }
        if fields > FIELDS_MAX {
            let text = "Rule is too complex - its combinations of $or have too many fields";
            return Err(PatternError::without_place(text));
        }
        Ok(())
    }

    /// The array of a field: one of its entries must match. A path that is there twice has its last array.
    fn field(&mut self, branches: &mut Vec<Branch>) -> Result<(), PatternError> {
        let mut matchers = Vec::new();
        loop {
            match self.reader.next()? {
                Token::EndArray => break,
                Token::StartObject => {
                    matchers.push(expression::read(&mut self.reader, self.dialect)?);
                }
                Token::Text => matchers.push(exact(self.reader.text()?)),
                Token::Number => {
                    let text = self.reader.text()?;
                    matchers
                        .push(Matcher::Number(text.to_owned(), super::number::comparable(text)));
                }
                Token::True => matchers.push(Matcher::Bool(true)),
                Token::False => matchers.push(Matcher::Bool(false)),
                Token::Null => matchers.push(Matcher::Null),
                Token::StartArray | Token::EndObject | Token::Name => {
                    let text = "Match value must be String, number, true, false, or null";
                    return Err(self.reader.error(text));
                }
            }
        }
        if matchers.is_empty() {
            return Err(self.reader.error("Empty arrays are not allowed"));
        }
        if branches.is_empty() {
            branches.push(BTreeMap::new());
        }
        let path = Arc::<str>::from(self.path.join("."));
        let matchers = Arc::<[Matcher]>::from(matchers);
        for branch in &mut *branches {
            branch.insert(Arc::clone(&path), Arc::clone(&matchers));
        }
        match branches.len() {
            1 => Ok(()),
            count => self.admit(count, fields(branches)),
        }
    }
}

fn fields(branches: &[Branch]) -> usize {
    branches.iter().map(BTreeMap::len).sum()
}

/// The matcher of a text. An IP address matches in each of its forms.
fn exact(text: &str) -> Matcher {
    match text.parse::<IpAddr>() {
        Ok(address) => Matcher::Address(address),
        Err(_) => Matcher::Text(text.to_owned()),
    }
}

/// A matcher of folded text.
pub(super) fn ignoring_case(make: fn(String) -> Matcher, text: &str) -> Matcher {
    make(folded(text))
}
