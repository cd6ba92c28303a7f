//! Comparisons and arithmetic.

use num_bigint::BigInt;

use crate::RenderError;
use crate::budget::Budget;
use crate::tree::Operator;
use crate::value::Value;

/// The maximum number of bits of a number. Java has no such limit below the memory.
const BITS_MAX: u64 = 8_192;

impl Operator {
    pub(crate) fn is_arithmetic(self) -> bool {
        matches!(
            self,
            Operator::Plus
                | Operator::Minus
                | Operator::Times
                | Operator::Divide
                | Operator::Remainder
        )
    }
}

/// The result of an operator; null if an operand of arithmetic is not a number, and for a division by zero, as in Velocity 1.7.
pub(super) fn result(
    operator: Operator,
    left: &Value,
    right: &Value,
    budget: &mut Budget,
) -> Result<Value, RenderError> {
    let order = || left.compare(right);
    Ok(match operator {
        Operator::Equal => Value::Bool(left.equals(right, budget)?),
        Operator::NotEqual => Value::Bool(!left.equals(right, budget)?),
        Operator::Less => Value::Bool(order().is_some_and(std::cmp::Ordering::is_lt)),
        Operator::LessOrEqual => Value::Bool(order().is_some_and(std::cmp::Ordering::is_le)),
        Operator::Greater => Value::Bool(order().is_some_and(std::cmp::Ordering::is_gt)),
        Operator::GreaterOrEqual => Value::Bool(order().is_some_and(std::cmp::Ordering::is_ge)),
        // The renderer evaluates them itself, because they may skip the right side.
        Operator::And | Operator::Or => Value::Null,
        Operator::Plus if is_text(left) || is_text(right) => {
            let (left, right) = (left.to_text(budget)?, right.to_text(budget)?);
            budget.allocate(left.len() + right.len())?;
            Value::text([left, right].concat())
        }
        _ => numbers(operator, left, right, budget)?,
    })
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::Text(_))
}

fn numbers(
    operator: Operator,
    left: &Value,
    right: &Value,
    budget: &mut Budget,
) -> Result<Value, RenderError> {
    if let (Value::Integer(left), Value::Integer(right)) = (left, right) {
        let result = match operator {
            Operator::Plus => left.checked_add(*right),
            Operator::Minus => left.checked_sub(*right),
            Operator::Times => left.checked_mul(*right),
            _ if *right == 0 => return Ok(Value::Null),
            Operator::Divide => left.checked_div(*right),
            _ => left.checked_rem(*right),
        };
        if let Some(result) = result {
            return Ok(Value::Integer(result));
        }
    }
    if let (Some(left), Some(right)) = (left.big(), right.big()) {
        budget.spend(16)?;
        if left.bits() + right.bits() > BITS_MAX {
            return Err(RenderError::Number(BITS_MAX));
        }
        let is_zero = right == BigInt::ZERO;
        return Ok(match operator {
            Operator::Plus => Value::of_big(left + right),
            Operator::Minus => Value::of_big(left - right),
            Operator::Times => Value::of_big(left * right),
            _ if is_zero => Value::Null,
            Operator::Divide => Value::of_big(left / right),
            _ => Value::of_big(left % right),
        });
    }
    let (Some(left), Some(right)) = (left.number(), right.number()) else {
        return Ok(Value::Null);
    };
    Ok(match operator {
        Operator::Plus => Value::Float(left + right),
        Operator::Minus => Value::Float(left - right),
        Operator::Times => Value::Float(left * right),
        _ if right == 0.0 => Value::Null,
        Operator::Divide => Value::Float(left / right),
        _ => Value::Float(left % right),
    })
}
