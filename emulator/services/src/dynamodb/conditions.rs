//! Conditions that AWS refuses and the engine accepts: those of filters, of writes and of keys. Pure.
//!
//! The rules, their texts and their order are those of dynalite's tests, which run against AWS (`test/scan.js`, from "`should return`
//! `ValidationException for functions used incorrectly`" on; `test/query.js` and `test/deleteItem.js` for `BETWEEN`). AWS checks them
//! for each condition between `AND` and `OR`, the first one first, whether or not an item is read.
//! The text about `IN` is that of reapit/foundations#8255, 2022-12-13. The text about operands that have no order is that of
//! paritysuite/dynamodb-conformance for PartiQL, and ExtendDB/extenddb#216, 2026-07-17, says that conditions have the same rule.
//!
//! What this module does not read is left to the engine, which refuses it: errors of the syntax, redundant parentheses, unknown
//! functions. It also leaves reserved words to the engine, which AWS refuses before anything that is checked here.

use std::cmp::Ordering;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::tokens::{is_keyword, is_value};

/// The types that `attribute_type` knows, in the order of AWS's refusal. The order is that of a hash set: dynalite's tests have
/// `{B,NULL,SS,BOOL,L,BS,N,NS,S,M}` from 2015; this one is the engine's for PartiQL, recorded in eu-west-2 in October 2026.
const ATTRIBUTE_TYPES: [&str; 10] = ["N", "BS", "L", "B", "NULL", "M", "S", "SS", "NS", "BOOL"];
/// The functions of conditions, and how many operands they have.
const FUNCTIONS: [(&str, usize); 6] = [
    ("attribute_exists", 1),
    ("attribute_not_exists", 1),
    ("attribute_type", 2),
    ("begins_with", 2),
    ("contains", 2),
    ("size", 1),
];
pub(super) const COMPARATORS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];
const KEYWORDS: [&str; 5] = ["AND", "OR", "NOT", "IN", "BETWEEN"];
/// The types of the operands of `begins_with`.
const WITH_BEGINNING: [&str; 2] = ["S", "B"];
/// The types whose values have an order.
const ORDERED: [&str; 3] = ["S", "N", "B"];
/// The types without a size.
const WITHOUT_SIZE: [&str; 3] = ["N", "BOOL", "NULL"];
/// More parentheses within one another are left to the engine. No limit of AWS.
const DEPTH_MAX: usize = 64;

/// What an expression's placeholders stand for.
pub(super) struct Placeholders<'a> {
    pub(super) names: &'a HashMap<String, String>,
    pub(super) values: &'a HashMap<String, Value>,
}

/// Why AWS refuses a condition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// The number of operators of the expression, which is compared with a limit.
    Operators(u64),
    /// The rule, in the words of AWS.
    Rule(String),
    /// The number of values of an `IN`, which is compared with a limit.
    ValuesOfIn(u64),
}

/// The first violation in a condition; `None` if it has none, or if it cannot be read. `in_max` values of an `IN` are accepted.
pub(super) fn violation(
    tokens: &[&str],
    placeholders: &Placeholders<'_>,
    in_max: u64,
) -> Option<Violation> {
    let mut reader = Reader { tokens, at: 0, depth: 0, conditions: Vec::new() };
    reader.any_of()?;
    if reader.at != tokens.len() {
        return None;
    }
    let misused = reader.conditions.iter().find_map(Condition::misused_function);
    if let Some(function) = misused {
        let rule = "The function is not allowed to be used this way in an expression; function";
        return Some(Violation::Rule(format!("{rule}: {function}")));
    }
    reader.conditions.iter().find_map(|condition| placeholders.violation(condition, in_max))
}

/// A comparison, or the call of a function.
struct Condition<'e> {
    /// A comparator, `BETWEEN`, `IN` or the name of a function.
    operator: &'e str,
    operands: Vec<Operand<'e>>,
}

enum Operand<'e> {
    /// The elements of a document path: names, `#` placeholders, and indexes as `[1]`.
    Path(Vec<String>),
    Value(&'e str),
    Call(Condition<'e>),
}

impl<'e> Condition<'e> {
    /// A function in a place where AWS does not allow it: only `size` can be an operand, and `size` cannot be a condition.
    fn misused_function(&self) -> Option<&'e str> {
        if self.operator == "size" {
            return Some("size");
        }
        self.calls().into_iter().skip(1).map(|call| call.operator).find(|name| *name != "size")
    }

    /// The condition and the calls among its operands.
    fn calls(&self) -> Vec<&Condition<'e>> {
        let mut calls = vec![self];
        for operand in &self.operands {
            if let Operand::Call(call) = operand {
                calls.extend(call.calls());
            }
        }
        calls
    }

    /// The condition and the calls among its operands, as AWS evaluates them: operands first.
    fn operands_first(&self) -> impl Iterator<Item = &Condition<'e>> {
        self.calls().into_iter().rev()
    }
}

impl Placeholders<'_> {
    fn violation(&self, condition: &Condition<'_>, in_max: u64) -> Option<Violation> {
        let rule = self
            .undefined(condition)
            .or_else(|| condition.operands_first().find_map(wrong_number))
            .or_else(|| condition.operands_first().find_map(|call| self.same_operands(call)))
            .or_else(|| condition.operands_first().find_map(|call| self.wrong_operands(call)));
        if let Some(rule) = rule {
            return Some(Violation::Rule(rule));
        }
        let values = u64::try_from(condition.operands.len().checked_sub(1)?).ok()?;
        (condition.operator == "IN" && values > in_max).then_some(Violation::ValuesOfIn(values))
    }

    /// The first placeholder that stands for nothing.
    fn undefined(&self, condition: &Condition<'_>) -> Option<String> {
        condition.operands.iter().find_map(|operand| match operand {
            Operand::Path(elements) => {
                let mut names = elements.iter().filter(|element| element.starts_with('#'));
                let name = names.find(|name| !self.names.contains_key(*name))?;
                let rule = "An expression attribute name used in the document path is not defined";
                Some(format!("{rule}; attribute name: {name}"))
            }
            Operand::Value(name) if !self.values.contains_key(*name) => {
                let rule = "An expression attribute value used in expression is not defined";
                Some(format!("{rule}; attribute value: {name}"))
            }
            Operand::Value(_) => None,
            Operand::Call(call) => self.undefined(call),
        })
    }

    /// Two operands that are the same attribute.
    fn same_operands(&self, call: &Condition<'_>) -> Option<String> {
        let [Operand::Path(first), Operand::Path(second)] = call.operands.as_slice() else {
            return None;
        };
        let resolve = |path: &[String]| -> Vec<String> {
            let resolved = path.iter().map(|element| self.names.get(element).unwrap_or(element));
            resolved.cloned().collect()
        };
        let first = resolve(first);
        (call.operator != "IN" && first == resolve(second)).then(|| {
            format!(
                "The first operand must be distinct from the remaining operands for this operator or function; operator: {}, first operand: [{}]",
                call.operator,
                first.join(", ")
            )
        })
    }

    /// Operands of a type or a form that the operator does not have.
    fn wrong_operands(&self, call: &Condition<'_>) -> Option<String> {
        let operator = call.operator;
        let other_than = |allowed: &[&str]| {
            let mut types = call.operands.iter().filter_map(|operand| self.type_of(operand));
            types.find(|kind| !allowed.contains(kind)).map(|kind| incorrect_type(operator, kind))
        };
        match operator {
            "attribute_exists" | "attribute_not_exists" => {
                let is_path = matches!(call.operands.first(), Some(Operand::Path(_)));
                (!is_path).then(|| {
                    let rule = "Operator or function requires a document path";
                    format!("{rule}; operator or function: {operator}")
                })
            }
            "attribute_type" => self.wrong_type_name(call.operands.get(1)?),
            "begins_with" => other_than(&WITH_BEGINNING),
            "size" => {
                let kind = self.type_of(call.operands.first()?)?;
                WITHOUT_SIZE.contains(&kind).then(|| incorrect_type(operator, kind))
            }
            "<" | "<=" | ">" | ">=" => other_than(&ORDERED),
            "BETWEEN" => other_than(&ORDERED).or_else(|| self.wrong_bounds(call)),
            _ => None,
        }
    }

    fn wrong_type_name(&self, operand: &Operand<'_>) -> Option<String> {
        let kind = self.type_of(operand)?;
        if kind != "S" {
            return Some(incorrect_type("attribute_type", kind));
        }
        let Operand::Value(name) = operand else { return None };
        let name = self.values.get(*name)?["S"].as_str()?;
        (!ATTRIBUTE_TYPES.contains(&name)).then(|| {
            let types = ATTRIBUTE_TYPES.join(",");
            format!("Invalid attribute type name found; type: {name}, valid types: {{{types}}}")
        })
    }

    /// The bounds of a `BETWEEN`, if both are values.
    fn wrong_bounds(&self, call: &Condition<'_>) -> Option<String> {
        let [_, Operand::Value(lower), Operand::Value(upper)] = call.operands.as_slice() else {
            return None;
        };
        let (lower, upper) = (member(self.values.get(*lower)?)?, member(self.values.get(*upper)?)?);
        let rule = if lower.0 != upper.0 {
            "same data type for lower and upper bounds"
        } else if order(lower.0, lower.1, upper.1)? == Ordering::Greater {
            "upper bound to be greater than or equal to lower bound"
        } else {
            return None;
        };
        let shown = |(kind, value): (&str, &str)| format!("AttributeValue: {{{kind}:{value}}}");
        Some(format!(
            "The BETWEEN operator requires {rule}; lower bound operand: {}, upper bound operand: {}",
            shown(lower),
            shown(upper)
        ))
    }

    /// The type of an operand, if it does not depend on an item.
    fn type_of(&self, operand: &Operand<'_>) -> Option<&str> {
        match operand {
            Operand::Path(_) => None,
            Operand::Value(name) => {
                let mut members = self.values.get(*name)?.as_object()?.keys();
                // The engine refuses a value with more or fewer members.
                members.next().map(String::as_str).filter(|_| members.next().is_none())
            }
            Operand::Call(call) => (call.operator == "size").then_some("N"),
        }
    }
}

fn wrong_number(call: &Condition<'_>) -> Option<String> {
    let (name, expected) = FUNCTIONS.iter().find(|(name, _)| *name == call.operator)?;
    let given = call.operands.len();
    (given != *expected).then(|| {
        let rule = "Incorrect number of operands for operator or function";
        format!("{rule}; operator or function: {name}, number of operands: {given}")
    })
}

fn incorrect_type(operator: &str, kind: &str) -> String {
    let rule = "Incorrect operand type for operator or function";
    format!("{rule}; operator or function: {operator}, operand type: {kind}")
}

/// The type and the text of a scalar.
fn member(value: &Value) -> Option<(&str, &str)> {
    let (kind, value) = value.as_object()?.iter().next()?;
    Some((kind, value.as_str()?))
}

/// The order of two values of a type. Numbers that `f64` cannot tell apart count as equal.
fn order(kind: &str, left: &str, right: &str) -> Option<Ordering> {
    match kind {
        "S" => Some(left.cmp(right)),
        "N" => left.parse::<f64>().ok()?.partial_cmp(&right.parse::<f64>().ok()?),
        "B" => Some(STANDARD.decode(left).ok()?.cmp(&STANDARD.decode(right).ok()?)),
        _ => None,
    }
}

/// Reads a condition. Each method returns `None` for what it cannot read, and otherwise, of a group of conditions, whether all of
/// it is in one pair of parentheses.
struct Reader<'t, 'e> {
    tokens: &'t [&'e str],
    at: usize,
    depth: usize,
    /// The conditions between `AND` and `OR`, in their order.
    conditions: Vec<Condition<'e>>,
}

impl<'e> Reader<'_, 'e> {
    fn any_of(&mut self) -> Option<bool> {
        self.joined("OR", |reader| reader.joined("AND", Self::one))
    }

    fn joined(
        &mut self,
        keyword: &str,
        mut part: impl FnMut(&mut Self) -> Option<bool>,
    ) -> Option<bool> {
        let mut is_enclosed = part(self)?;
        while self.next_is_keyword(keyword) {
            self.at += 1;
            part(self)?;
            is_enclosed = false;
        }
        Some(is_enclosed)
    }

    fn one(&mut self) -> Option<bool> {
        let start = self.at;
        while self.next_is_keyword("NOT") {
            self.at += 1;
        }
        let is_negated = self.at > start;
        let (at, depth) = (self.at, self.depth);
        if let Some(condition) = self.condition() {
            self.conditions.push(condition);
            return Some(false);
        }
        (self.at, self.depth) = (at, depth);
        self.take("(")?;
        self.depth += 1;
        // Parentheses around parentheses are redundant, which the engine refuses.
        let is_readable = self.depth <= DEPTH_MAX && !self.any_of()?;
        self.depth -= 1;
        self.take(")")?;
        is_readable.then_some(!is_negated)
    }

    fn condition(&mut self) -> Option<Condition<'e>> {
        let first = self.operand()?;
        let (operator, mut operands) = match self.next() {
            Some(comparator) if COMPARATORS.contains(&comparator) => {
                self.at += 1;
                (comparator, vec![self.operand()?])
            }
            Some(keyword) if is_keyword(keyword, "BETWEEN") => {
                self.at += 1;
                let lower = self.operand()?;
                if !self.next_is_keyword("AND") {
                    return None;
                }
                self.at += 1;
                ("BETWEEN", vec![lower, self.operand()?])
            }
            Some(keyword) if is_keyword(keyword, "IN") => {
                self.at += 1;
                self.take("(")?;
                ("IN", self.list()?)
            }
            _ => {
                let Operand::Call(call) = first else { return None };
                return Some(call);
            }
        };
        operands.insert(0, first);
        Some(Condition { operator, operands })
    }

    /// An operand, perhaps in a pair of parentheses.
    fn operand(&mut self) -> Option<Operand<'e>> {
        let is_enclosed = self.take("(").is_some();
        let name = self.next()?;
        let operand = if is_value(name) {
            self.at += 1;
            Operand::Value(name)
        } else if self.tokens.get(self.at + 1) == Some(&"(") {
            FUNCTIONS.iter().find(|(function, _)| *function == name)?;
            self.at += 2;
            self.depth += 1;
            let operands = if self.depth <= DEPTH_MAX { self.list()? } else { return None };
            self.depth -= 1;
            Operand::Call(Condition { operator: name, operands })
        } else {
            Operand::Path(self.path()?)
        };
        if is_enclosed {
            self.take(")")?;
        }
        Some(operand)
    }

    /// Operands up to a closing parenthesis.
    fn list(&mut self) -> Option<Vec<Operand<'e>>> {
        let mut operands = vec![self.operand()?];
        while self.take(",").is_some() {
            operands.push(self.operand()?);
        }
        self.take(")")?;
        Some(operands)
    }

    fn path(&mut self) -> Option<Vec<String>> {
        let mut elements = vec![self.name()?.to_owned()];
        loop {
            if self.take(".").is_some() {
                elements.push(self.name()?.to_owned());
            } else if self.take("[").is_some() {
                let index: u64 = self.next()?.parse().ok()?;
                self.at += 1;
                self.take("]")?;
                elements.push(format!("[{index}]"));
            } else {
                return Some(elements);
            }
        }
    }

    /// A name or its placeholder.
    fn name(&mut self) -> Option<&'e str> {
        let name = self.next()?;
        let rest = name.strip_prefix('#').unwrap_or(name);
        let is_plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_number = name.starts_with(|letter: char| letter.is_ascii_digit());
        let is_keyword = KEYWORDS.iter().any(|keyword| is_keyword(name, keyword));
        if rest.is_empty() || !is_plain || is_number || is_keyword {
            return None;
        }
        self.at += 1;
        Some(name)
    }

    fn next(&self) -> Option<&'e str> {
        self.tokens.get(self.at).copied()
    }

    fn next_is_keyword(&self, keyword: &str) -> bool {
        self.next().is_some_and(|token| is_keyword(token, keyword))
    }

    fn take(&mut self, token: &str) -> Option<()> {
        (self.next()? == token).then(|| self.at += 1)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tokens::tokens;
    use super::*;

    fn found(expression: &str, values: Value) -> Option<Violation> {
        let names = HashMap::from([("#a".to_owned(), "a".to_owned())]);
        let values: HashMap<String, Value> = serde_json::from_value(values).unwrap();
        let placeholders = Placeholders { names: &names, values: &values };
        violation(&tokens(expression), &placeholders, 100)
    }

    #[track_caller]
    fn is_refused(expression: &str, values: Value, rule: &str) {
        let expected = Some(Violation::Rule(rule.to_owned()));
        assert_eq!(found(expression, values), expected, "{expression}");
    }

    #[track_caller]
    fn is_left(expression: &str, values: Value) {
        assert_eq!(found(expression, values), None, "{expression}");
    }

    #[test]
    fn a_placeholder_that_is_not_defined_is_named_before_the_other_rules_of_its_condition() {
        let name =
            "An expression attribute name used in the document path is not defined; attribute name";
        for (expression, placeholder) in [
            ("attribute_exists(#Pictures.RearView, :a) and a=a", "#Pictures"),
            ("begins_with(Pictures.#RearView)", "#RearView"),
            ("(#P between :lo and :hi) and (#PC in (:cat1, :cat2))", "#P"),
            ("#4g > a", "#4g"),
            ("#_ > a", "#_"),
            ("(a)between(b.c[45].#d)and(:a)", "#d"),
        ] {
            is_refused(expression, json!({}), &format!("{name}: {placeholder}"));
        }
        let value =
            "An expression attribute value used in expression is not defined; attribute value";
        for (expression, placeholder) in
            [("begins_with(:hello, #a, #b)", ":hello"), (":a < :b", ":a"), (":_ > a", ":_")]
        {
            is_refused(expression, json!({}), &format!("{value}: {placeholder}"));
        }
    }

    #[test]
    fn a_function_in_the_place_of_an_operand_is_refused_before_the_rules_of_conditions() {
        let rule = "The function is not allowed to be used this way in an expression; function";
        for (expression, function) in [
            ("a=a and attribute_exists((views), (#a)) > b", "attribute_exists"),
            ("attribute_type(things, :a) > b", "attribute_type"),
            ("contains(:things, c) > b", "contains"),
            ("size(contains(a, b)) > a", "contains"),
            ("size(things)", "size"),
            ("NOT (size(things) OR a = b)", "size"),
            ("a between b and attribute_exists(things)", "attribute_exists"),
            ("a in (b, attribute_exists(things))", "attribute_exists"),
        ] {
            is_refused(expression, json!({}), &format!("{rule}: {function}"));
        }
    }

    #[test]
    fn a_function_has_a_fixed_number_of_operands() {
        let rule = "Incorrect number of operands for operator or function; operator or function";
        for (expression, function, operands) in [
            ("attribute_exists(things, a) and a=a", "attribute_exists", 2),
            ("attribute_type(things)", "attribute_type", 1),
            ("begins_with(things, size(a), b)", "begins_with", 3),
            ("contains(things)", "contains", 1),
            ("size(things, a) > b", "size", 2),
        ] {
            let expected = format!("{rule}: {function}, number of operands: {operands}");
            is_refused(expression, json!({}), &expected);
        }
    }

    #[test]
    fn an_attribute_is_not_compared_with_itself() {
        let rule = "The first operand must be distinct from the remaining operands for this operator or function; operator";
        for (expression, operator, operand) in [
            ("a = a AND #a = b AND :views > a", "=", "[a]"),
            ("#a <> a", "<>", "[a]"),
            ("((a=a) OR (a=a))", "=", "[a]"),
            ("contains(ab.bc[1].a, ab.bc[1].#a)", "contains", "[ab, bc, [1], a]"),
            ("begins_with(ab.bc[1].a, ab.bc[1].#a)", "begins_with", "[ab, bc, [1], a]"),
        ] {
            let expected = format!("{rule}: {operator}, first operand: {operand}");
            is_refused(expression, json!({}), &expected);
        }
        is_left(":a >= :a", json!({ ":a": { "S": "1" } }));
        is_left("size(a) = size(a)", json!({}));
    }

    #[test]
    fn an_operand_has_a_type_that_the_operator_has() {
        let rule = "Incorrect operand type for operator or function; operator or function";
        let number = json!({ "N": "1" });
        for (expression, function, value) in [
            ("attribute_type(a, size(a)) and a=:a", "attribute_type", &number),
            ("attribute_type(a, :a)", "attribute_type", &json!({ "SS": ["1"] })),
            ("begins_with(a, size(a)) and a=:a", "begins_with", &number),
            ("begins_with(:a, a)", "begins_with", &json!({ "BOOL": true })),
            ("size(size(a)) > :a", "size", &number),
            ("attribute_not_exists(size(:a))", "size", &number),
            ("size(:a) > a", "size", &json!({ "NULL": true })),
            ("a < :a", "<", &json!({ "BOOL": true })),
            (":a >= a", ">=", &json!({ "M": {} })),
            ("a BETWEEN :a AND :a", "BETWEEN", &json!({ "L": [] })),
        ] {
            let kind = value.as_object().unwrap().keys().next().unwrap();
            let expected = format!("{rule}: {function}, operand type: {kind}");
            is_refused(expression, json!({ ":a": value }), &expected);
        }
        let path = "Operator or function requires a document path; operator or function";
        for (expression, function) in [
            ("attribute_exists(:a) and a=a", "attribute_exists"),
            ("attribute_not_exists(size(:a))", "attribute_not_exists"),
        ] {
            let values = json!({ ":a": { "S": "1" } });
            is_refused(expression, values, &format!("{path}: {function}"));
        }
        is_left("a = :a OR a <> :a OR contains(a, :a)", json!({ ":a": { "BOOL": true } }));
    }

    #[test]
    fn the_bounds_of_between_are_of_one_type_and_in_order() {
        let rule = "The BETWEEN operator requires";
        let between = |lower: Value, upper: Value| {
            ("a between :l and :u", json!({ ":l": lower, ":u": upper }))
        };
        let (expression, values) = between(json!({ "S": "a" }), json!({ "N": "1" }));
        let types = "same data type for lower and upper bounds; lower bound operand: AttributeValue: {S:a}, upper bound operand: AttributeValue: {N:1}";
        is_refused(expression, values, &format!("{rule} {types}"));
        for (kind, lower, upper) in [("N", "10", "9"), ("S", "9", "10"), ("B", "Yg==", "YWE=")] {
            let (expression, values) = between(json!({ kind: lower }), json!({ kind: upper }));
            let bounds = format!(
                "lower bound operand: AttributeValue: {{{kind}:{lower}}}, upper bound operand: AttributeValue: {{{kind}:{upper}}}"
            );
            let order = "upper bound to be greater than or equal to lower bound";
            is_refused(expression, values, &format!("{rule} {order}; {bounds}"));
            let (expression, values) = between(json!({ kind: upper }), json!({ kind: lower }));
            is_left(expression, values);
            let (expression, values) = between(json!({ kind: upper }), json!({ kind: upper }));
            is_left(expression, values);
        }
    }

    #[test]
    fn an_in_has_at_most_100_values() {
        let of = |count: usize| {
            let names: Vec<String> = (0..count).map(|number| format!(":v{number}")).collect();
            let values = names.iter().map(|name| (name.clone(), json!({ "N": "1" }))).collect();
            (format!("NOT a IN ({})", names.join(", ")), Value::Object(values))
        };
        let (expression, values) = of(100);
        is_left(&expression, values);
        let (expression, values) = of(101);
        assert_eq!(found(&expression, values), Some(Violation::ValuesOfIn(101)));
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_engine() {
        for expression in [
            "",
            "a",
            "a =",
            "a = b c",
            "a > 4",
            "a in b",
            "a in (b,c,)",
            "a > between",
            "a > ((:a))",
            "((a < :a))",
            "whatever(:a) AND a < :a",
            "ATTRIBUTE_Exists(:a)",
            "size(a).b > :a",
            "a[0.1] < :a",
            "a.:b < :a",
            "ü < :a",
        ] {
            is_left(expression, json!({ ":a": { "BOOL": true } }));
        }
        let deep = format!("{}a < :a{}", "(b = c OR ".repeat(400), ")".repeat(400));
        is_left(&deep, json!({ ":a": { "BOOL": true } }));
        let calls = format!("{}a{} < :a", "size(".repeat(800), ")".repeat(800));
        is_left(&calls, json!({ ":a": { "BOOL": true } }));
    }
}
