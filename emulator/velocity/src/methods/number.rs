//! Methods of numbers. Velocity has no static methods, so templates call those of any number: `$zero.parseInt("5")`.

use num_bigint::BigInt;

use super::{Called, exception};
use crate::budget::Budget;
use crate::value::Value;

pub(super) fn call(value: &Value, name: &str, arguments: &[Value], budget: &mut Budget) -> Called {
    if let ("compareTo", [other]) = (name, arguments) {
        return match (same_type(value, other), value.compare(other)) {
            (true, Some(order)) => Ok(Value::Integer(order as i64)),
            _ => Err(exception(name, "the types of the numbers differ")),
        };
    }
    match value {
        Value::Float(number) => of_float(*number, name, arguments),
        Value::Integer(number) => of_integer(*number, name, arguments, budget),
        value => Ok(match (name, arguments) {
            ("intValue" | "longValue", []) => value.clone(),
            ("doubleValue" | "floatValue", []) => Value::Float(value.number().unwrap_or_default()),
            _ => Value::Null,
        }),
    }
}

/// A method of `Integer` or `Long`.
fn of_integer(number: i64, name: &str, arguments: &[Value], budget: &mut Budget) -> Called {
    let is_long = i32::try_from(number).is_err();
    let parse = if is_long { "parseLong" } else { "parseInt" };
    let parsed = |digits: &str, radix: u32| {
        let valid = !digits.is_empty() && digits.len() <= 80;
        let number = valid.then(|| i64::from_str_radix(digits, radix).ok()).flatten();
        let number = number.filter(|number| is_long || i32::try_from(*number).is_ok());
        number.map(Value::Integer).ok_or_else(|| exception(name, &not_a_number(digits)))
    };
    Ok(match (name, arguments) {
        ("intValue" | "longValue" | "shortValue" | "byteValue", []) => Value::Integer(number),
        ("doubleValue" | "floatValue", []) => {
            Value::Float(Value::Integer(number).number().unwrap_or_default())
        }
        (name, [Value::Text(digits)]) if name == parse || name == "valueOf" => parsed(digits, 10)?,
        (name, [Value::Text(digits), Value::Integer(radix)])
            if name == parse || name == "valueOf" =>
        {
            match u32::try_from(*radix) {
                Ok(radix @ 2..=36) => parsed(digits, radix)?,
                _ => return Err(exception(name, "the radix is not from 2 to 36")),
            }
        }
        ("valueOf", [Value::Integer(number)]) => Value::Integer(*number),
        ("hashCode", []) => Value::Integer(i64::from(hash_code(number))),
        ("hashCode", [Value::Integer(number)]) => Value::Integer(i64::from(hash_code(*number))),
        ("toString", [number @ Value::Integer(_)]) => Value::Text(number.to_text(budget)?),
        ("toString", [Value::Integer(number), Value::Integer(radix)]) => {
            let radix = u32::try_from(*radix).ok().filter(|radix| (2..=36).contains(radix));
            Value::text(BigInt::from(*number).to_str_radix(radix.unwrap_or(10)))
        }
        ("toHexString", [Value::Integer(number)]) => Value::text(unsigned(*number, 16)),
        ("toBinaryString", [Value::Integer(number)]) => Value::text(unsigned(*number, 2)),
        ("toOctalString", [Value::Integer(number)]) => Value::text(unsigned(*number, 8)),
        ("max", [Value::Integer(one), Value::Integer(two)]) => Value::Integer(*one.max(two)),
        ("min", [Value::Integer(one), Value::Integer(two)]) => Value::Integer(*one.min(two)),
        ("sum", [Value::Integer(one), Value::Integer(two)]) => {
            Value::Integer(one.wrapping_add(*two))
        }
        ("signum", [Value::Integer(number)]) => Value::Integer(number.signum()),
        ("compare", [Value::Integer(one), Value::Integer(two)]) => {
            Value::Integer(one.cmp(two) as i64)
        }
        _ => Value::Null,
    })
}

/// A method of `Double`, whose arguments may be integers.
fn of_float(number: f64, name: &str, arguments: &[Value]) -> Called {
    let numbers: Vec<f64> = arguments.iter().map_while(Value::number).collect();
    Ok(match (name, arguments, numbers.as_slice()) {
        ("intValue", [], _) => {
            Value::Integer(truncated(number).clamp(i32::MIN.into(), i32::MAX.into()))
        }
        ("longValue", [], _) => Value::Integer(truncated(number)),
        ("doubleValue" | "floatValue", [], _) => Value::Float(number),
        ("isNaN", [], _) => Value::Bool(number.is_nan()),
        ("isInfinite", [], _) => Value::Bool(number.is_infinite()),
        ("parseDouble" | "valueOf", [Value::Text(digits)], _) => {
            let number = digits.trim().parse().map(Value::Float);
            number.map_err(|_| exception(name, &not_a_number(digits)))?
        }
        ("valueOf", [_], [number]) => Value::Float(*number),
        ("toString", [_], [number]) => Value::text(crate::print::java_float(*number)),
        ("isNaN", [_], [number]) => Value::Bool(number.is_nan()),
        ("max", [_, _], [one, two]) => Value::Float(one.max(*two)),
        ("min", [_, _], [one, two]) => Value::Float(one.min(*two)),
        ("sum", [_, _], [one, two]) => Value::Float(one + two),
        ("compare", [_, _], [one, two]) => Value::Integer(one.total_cmp(two) as i64),
        _ => Value::Null,
    })
}

fn not_a_number(text: &str) -> String {
    format!("\"{text}\" is not a number")
}

/// A hash code of an `Integer` or a `Long`.
pub(super) fn hash_code(number: i64) -> i32 {
    i32::try_from(number).unwrap_or_else(|_| {
        let bits = number.cast_unsigned();
        low(bits ^ (bits >> 32)).cast_signed()
    })
}

#[expect(clippy::cast_possible_truncation, reason = "the mask leaves 32 bits")]
fn low(bits: u64) -> u32 {
    (bits & u64::from(u32::MAX)) as u32
}

/// The digits of the bits: 32 of an `Integer`, 64 of a `Long`.
fn unsigned(number: i64, radix: u32) -> String {
    let bits = number.cast_unsigned();
    let bits = if i32::try_from(number).is_ok() { u64::from(low(bits)) } else { bits };
    BigInt::from(bits).to_str_radix(radix)
}

fn same_type(one: &Value, two: &Value) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(two)
}

/// A number without its fraction, as Java converts a double to a long.
#[expect(clippy::cast_possible_truncation, reason = "the conversion saturates, as in Java")]
fn truncated(number: f64) -> i64 {
    number as i64
}
