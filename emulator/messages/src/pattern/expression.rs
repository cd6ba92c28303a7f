//! The objects in a field's array: `{"prefix": "a"}`, `{"numeric": [">", 0]}` and so on.

use std::net::IpAddr;

use super::compile::ignoring_case;
use super::matcher::{Matcher, Range, Wildcard, bits};
use super::number::comparable;
use super::reader::{Reader, Token};
use super::{Dialect, PatternError};

const ONE_KEY: &str = "Only one key allowed in match expression";
const TOO_MANY: &str = "Too many elements in numeric expression";
/// The number of asterisks before the same character from which AWS refuses a wildcard. UNCONFIRMED: AWS counts the states of its
/// machine; a wildcard with five `*:` is refused (LocalStack's snapshots of AWS).
const REPEATS_MAX: usize = 4;

/// Reads an expression, whose start was read.
pub(super) fn read(reader: &mut Reader<'_>, dialect: Dialect) -> Result<Matcher, PatternError> {
    if reader.next()? != Token::Name {
        return Err(reader.error("Match expression name not found"));
    }
    let name = reader.name().to_owned();
    let (matcher, at_end) = match name.as_str() {
        "exactly" => (text(reader, "exact").map(Matcher::Text)?, ONE_KEY),
        "prefix" => (affix(reader, "prefix", Matcher::Prefix, Matcher::PrefixIgnoreCase)?, ONE_KEY),
        "suffix" => (affix(reader, "suffix", Matcher::Suffix, Matcher::SuffixIgnoreCase)?, ONE_KEY),
        "numeric" => (numeric(reader)?, TOO_MANY),
        "anything-but" => (anything_but(reader, dialect)?, TOO_MANY),
        "exists" => match reader.next()? {
            Token::True => (Matcher::Exists, ONE_KEY),
            Token::False => (Matcher::Absent, ONE_KEY),
            _ => {
                return Err(reader.error("exists match pattern must be either true or false."));
            }
        },
        "cidr" => {
            // The text is that of `prefix` in AWS's library too.
            let range = text(reader, "prefix")?;
            (cidr(&range)?, ONE_KEY)
        }
        "equals-ignore-case" => {
            let text = text(reader, "equals-ignore-case")?;
            (ignoring_case(Matcher::EqualsIgnoreCase, &text), ONE_KEY)
        }
        "wildcard" => {
            let text = text(reader, "wildcard")?;
            (Matcher::Wildcard(wildcard(reader, &text)?), ONE_KEY)
        }
        _ => return Err(reader.error(&format!("Unrecognized match type {name}"))),
    };
    end(reader, at_end)?;
    Ok(matcher)
}

/// The end of the expression's object.
fn end(reader: &mut Reader<'_>, otherwise: &str) -> Result<(), PatternError> {
    match reader.next()? {
        Token::EndObject => Ok(()),
        _ => Err(reader.error(otherwise)),
    }
}

/// The text of an operator.
fn text(reader: &mut Reader<'_>, operator: &str) -> Result<String, PatternError> {
    match reader.next()? {
        Token::Text => Ok(reader.text()?.to_owned()),
        _ => Err(reader.error(&format!("{operator} match pattern must be a string"))),
    }
}

/// `{"prefix": "a"}` or `{"prefix": {"equals-ignore-case": "a"}}`, and the same of `suffix`.
fn affix(
    reader: &mut Reader<'_>,
    operator: &str,
    exact: fn(String) -> Matcher,
    folded: fn(String) -> Matcher,
) -> Result<Matcher, PatternError> {
    match reader.next()? {
        Token::Text => Ok(exact(reader.text()?.to_owned())),
        Token::StartObject => {
            if reader.next()? != Token::Name {
                let name = if operator == "prefix" { "Prefix" } else { "Suffix" };
                return Err(reader.error(&format!("{name} expression name not found")));
            }
            if reader.name() != "equals-ignore-case" {
                let text = format!("Unsupported {operator} pattern: {}", reader.name());
                return Err(reader.error(&text));
            }
            let matcher = ignoring_case(folded, &text(reader, "equals-ignore-case")?);
            end(reader, ONE_KEY)?;
            Ok(matcher)
        }
        _ => Err(reader.error(&format!("{operator} match pattern must be a string"))),
    }
}

fn numeric(reader: &mut Reader<'_>) -> Result<Matcher, PatternError> {
    const LOWEST: (f64, bool) = (f64::NEG_INFINITY, true);
    const HIGHEST: (f64, bool) = (f64::INFINITY, true);
    if reader.next()? != Token::StartArray {
        return Err(reader.error("Value of numeric must be an array."));
    }
    if reader.next()? != Token::Text {
        let text = format!("Invalid member in numeric match: {}", reader.text()?);
        return Err(reader.error(&text));
    }
    let operator = reader.text()?.to_owned();
    let token = reader.next()?;
    if !["=", ">", ">=", "<", "<="].contains(&operator.as_str()) {
        let text = format!("Unrecognized numeric range operator: {operator}");
        return Err(reader.error(&text));
    }
    let named = if operator == "=" { "equals" } else { &operator };
    let value = number(reader, token, named)?;
    let (bottom, top) = match operator.as_str() {
        "=" => ((value, true), (value, true)),
        "<" => (LOWEST, (value, false)),
        "<=" => (LOWEST, (value, true)),
        operator => {
            let bottom = (value, operator == ">=");
            return upper_bound(reader, bottom, HIGHEST);
        }
    };
    match reader.next()? {
        Token::EndArray => Ok(Matcher::Numeric(Range { bottom, top })),
        _ => Err(reader.error(TOO_MANY)),
    }
}

/// The rest of a range that begins with its lower bound.
fn upper_bound(
    reader: &mut Reader<'_>,
    bottom: (f64, bool),
    highest: (f64, bool),
) -> Result<Matcher, PatternError> {
    let token = reader.next()?;
    if token == Token::EndArray {
        return Ok(Matcher::Numeric(Range { bottom, top: highest }));
    }
    if token != Token::Text {
        let text = format!("Bad value in numeric range: {}", reader.text()?);
        return Err(reader.error(&text));
    }
    let operator = reader.text()?.to_owned();
    if operator != "<" && operator != "<=" {
        return Err(reader.error(&format!("Bad numeric range operator: {operator}")));
    }
    let token = reader.next()?;
    let top = number(reader, token, &operator)?;
    if reader.next()? != Token::EndArray {
        return Err(reader.error("Too many terms in numeric range expression"));
    }
    if bottom.0 >= top {
        return Err(reader.error("Bottom must be less than top"));
    }
    Ok(Matcher::Numeric(Range { bottom, top: (top, operator == "<=") }))
}

fn number(reader: &mut Reader<'_>, token: Token, operator: &str) -> Result<f64, PatternError> {
    if token != Token::Number {
        return Err(reader.error(&format!("Value of {operator} must be numeric")));
    }
    let text = reader.text()?.to_owned();
    comparable(&text).ok_or_else(|| reader.error(&format!("Cannot compare number : {text}")))
}

/// What `anything-but` excludes: values, or one of the operators that may stand below it.
fn anything_but(reader: &mut Reader<'_>, dialect: Dialect) -> Result<Matcher, PatternError> {
    let mut token = reader.next()?;
    let mut operator = None;
    if token == Token::StartObject {
        if reader.next()? != Token::Name {
            return Err(reader.error("Anything-But expression name not found"));
        }
        let name = reader.name().to_owned();
        let known: &[&str] = match dialect {
            Dialect::EventBridge => &["equals-ignore-case", "prefix", "suffix", "wildcard"],
            Dialect::Sns => &["prefix"],
        };
        if !known.contains(&name.as_str()) {
            return Err(reader.error(&format!("Unsupported anything-but pattern: {name}")));
        }
        token = reader.next()?;
        if dialect == Dialect::Sns && token != Token::Text {
            return Err(reader.error("prefix match pattern must be a string"));
        }
        operator = Some(name);
    }
    let matchers = match token {
        Token::StartArray => excluded_list(reader, operator.as_deref())?,
        Token::Text | Token::Number => vec![excluded(reader, token, operator.as_deref())?],
        _ => {
            let text = "Value of anything-but must be an array or single string/number value.";
            return Err(reader.error(text));
        }
    };
    if operator.is_some() {
        end(reader, TOO_MANY)?;
    }
    Ok(Matcher::AnythingBut(matchers))
}

fn excluded_list(
    reader: &mut Reader<'_>,
    operator: Option<&str>,
) -> Result<Vec<Matcher>, PatternError> {
    let mut matchers = Vec::new();
    loop {
        let token = reader.next()?;
        if token == Token::EndArray {
            break;
        }
        // AWS's library wraps the error of an entry in an error of the list, which names the place again.
        let matcher =
            excluded(reader, token, operator).map_err(|error| reader.error(&error.to_string()))?;
        matchers.push(matcher);
    }
    let numbers = matchers.iter().filter(|it| matches!(it, Matcher::Number(..))).count();
    if operator.is_none() && (matchers.is_empty() || (numbers != 0 && numbers != matchers.len())) {
        return Err(reader.error(
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ));
    }
    Ok(matchers)
}

fn excluded(
    reader: &mut Reader<'_>,
    token: Token,
    operator: Option<&str>,
) -> Result<Matcher, PatternError> {
    if operator.is_none() && token == Token::Number {
        let text = reader.text()?.to_owned();
        let Some(double) = comparable(&text) else {
            return Err(reader.error(&format!("Cannot compare number : {text}")));
        };
        return Ok(Matcher::Number(text, Some(double)));
    }
    if token != Token::Text {
        return Err(reader.error(match operator {
            None => "Inside anything but list, start|null|boolean is not supported.",
            Some("equals-ignore-case") => {
                "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
            }
            Some("wildcard") => "wildcard match pattern must be a string",
            Some(_) => "prefix/suffix match pattern must be a string",
        }));
    }
    let text = reader.text()?.to_owned();
    if text.is_empty() && matches!(operator, Some("prefix" | "suffix")) {
        return Err(reader.error("Null prefix/suffix not allowed"));
    }
    Ok(match operator {
        None => Matcher::Text(text),
        Some("prefix") => Matcher::Prefix(text),
        Some("suffix") => Matcher::Suffix(text),
        Some("wildcard") => Matcher::Wildcard(wildcard(reader, &text)?),
        Some(_) => ignoring_case(Matcher::EqualsIgnoreCase, &text),
    })
}

/// The literals of a wildcard. Positions in errors count the quotation mark before the text, as AWS's library does.
fn wildcard(reader: &Reader<'_>, text: &str) -> Result<Wildcard, PatternError> {
    let mut literals = vec![Vec::new()];
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        let next = bytes.peek().map(|(_, byte)| *byte);
        match (byte, next) {
            (b'*', Some(b'*')) => {
                let text = format!("Consecutive wildcard characters at pos {}", at + 1);
                return Err(reader.error(&text));
            }
            (b'*', _) => literals.push(Vec::new()),
            (b'\\', Some(escaped @ (b'*' | b'\\'))) => {
                bytes.next();
                literals.last_mut().unwrap_or(&mut Vec::new()).push(escaped);
            }
            (b'\\', _) => {
                let text = format!("Invalid escape character at pos {}", at + 1);
                return Err(reader.error(&text));
            }
            (byte, _) => literals.last_mut().unwrap_or(&mut Vec::new()).push(byte),
        }
    }
    let mut repeats = [0_usize; 256];
    for first in literals.iter().skip(1).filter_map(|literal| literal.first()) {
        repeats[usize::from(*first)] += 1;
    }
    if repeats.iter().any(|repeats| *repeats > REPEATS_MAX) {
        return Err(PatternError::without_place(
            "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard \
             character",
        ));
    }
    let texts = literals.into_iter().map(|it| String::from_utf8_lossy(&it).into_owned());
    Ok(Wildcard(texts.collect()))
}

/// The addresses of a CIDR range. AWS's errors about it have no position.
fn cidr(range: &str) -> Result<Matcher, PatternError> {
    let fail = |text: &str| Err(PatternError::without_place(text));
    let mut parts = range.trim_end_matches('/').split('/');
    let (Some(address), Some(mask), None) = (parts.next(), parts.next(), parts.next()) else {
        return fail("Malformed CIDR, one '/' required");
    };
    let Ok(mask) = mask.parse::<i32>() else {
        return fail("Malformed CIDR, mask bits must be an integer");
    };
    let Ok(mask) = u32::try_from(mask) else {
        return fail("Malformed CIDR, mask bits must not be negative");
    };
    let Ok(parsed) = address.parse::<IpAddr>() else {
        return fail(&format!("Nonstandard IP address: {address}"));
    };
    let (bits, is_v6) = bits(parsed);
    let length = if is_v6 { 128 } else { 32 };
    if mask >= length {
        let kind = if is_v6 { 6 } else { 4 };
        return fail(&format!("IPv{kind} mask bits must be < {length}"));
    }
    let all = if is_v6 { u128::MAX } else { u128::from(u32::MAX) };
    let host = all.checked_shr(mask).unwrap_or(0);
    Ok(Matcher::Cidr { bottom: bits & !host & all, top: bits | host, is_v6 })
}
