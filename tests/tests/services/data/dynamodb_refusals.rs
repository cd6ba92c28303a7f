//! The texts of requests that DynamoDB refuses.

use hardcap::Emulator;
use hardcap::config::{Attribute, AttributeKind, Table};
use hardcap_limits::Date;
use serde_json::{Value, json};

use super::{call, output, refused};

async fn emulator() -> Emulator {
    let attribute = |name: &str| Attribute { name: name.to_owned(), kind: AttributeKind::String };
    let table = Table {
        range_key: Some("sk".to_owned()),
        attributes: vec![attribute("pk"), attribute("sk")],
        ..Table::new("things", "pk")
    };
    Emulator::builder().limits(Date::CLASSIC).table(table).start().await.expect("it starts")
}

/// The message of a call that fails with a `ValidationException`.
async fn message(emulator: &Emulator, operation: &str, mut input: Value) -> String {
    if operation != "TransactWriteItems" {
        input["TableName"] = json!("things");
    }
    let answer = call(emulator, &format!("DynamoDB_20120810.{operation}"), input).await;
    let (code, message) = refused(&answer);
    assert_eq!(code, "com.amazon.coral.validate#ValidationException", "{message}");
    message
}

fn key() -> Value {
    json!({ "pk": { "S": "a" }, "sk": { "S": "b" } })
}

#[tokio::test]
async fn a_key_condition_that_keys_do_not_support_is_refused_in_the_words_of_aws() {
    let emulator = emulator().await;
    let operator = "Invalid operator used in KeyConditionExpression:";
    let condition = "Invalid condition in KeyConditionExpression:";
    let prefix = "Invalid KeyConditionExpression:";
    for (expression, expected) in [
        ("pk = :p OR sk = :p", format!("{operator} OR")),
        ("pk = :p AND NOT sk = :p", format!("{operator} NOT")),
        ("pk = :p AND (sk = :p OR sk = :p)", format!("{operator} OR")),
        ("pk = :p AND sk in (:p)", format!("{operator} IN")),
        ("pk = :p AND sk <> :p", format!("{operator} <>")),
        (":p <> pk", format!("{operator} <>")),
        ("pk = :p AND contains(sk, :p)", format!("{operator} contains")),
        ("pk = :p AND attribute_exists(sk)", format!("{operator} attribute_exists")),
        (
            "pk = sk AND sk = :p",
            format!("{condition} Multiple attribute names used in one condition"),
        ),
        (":p = :p", format!("{condition} No key attribute specified")),
        (
            "pk = :p AND begins_with(:p, sk)",
            format!(
                "{condition} begins_with operator must have the key attribute as its first operand"
            ),
        ),
        (
            "pk = :p AND size(sk) > :p",
            "KeyConditionExpressions cannot contain nested operations".to_owned(),
        ),
        (
            "pk = :p AND status = :p",
            format!("{prefix} Attribute name is a reserved keyword; reserved keyword: status"),
        ),
        (
            "pk = :p AND #s = :p",
            format!(
                "{prefix} An expression attribute name used in the document path is not defined; attribute name: #s"
            ),
        ),
        (
            "pk = :p AND sk = :s",
            format!(
                "{prefix} An expression attribute value used in expression is not defined; attribute value: :s"
            ),
        ),
        ("pk = :p OR", format!("{prefix} Syntax error; token: \"<EOF>\", near: \"OR\"")),
    ] {
        let input = json!({
            "KeyConditionExpression": expression,
            "ExpressionAttributeValues": { ":p": { "S": "a" } },
        });
        assert_eq!(message(&emulator, "Query", input).await, expected, "{expression}");
    }
}

#[tokio::test]
async fn a_filter_with_an_undefined_value_is_refused_with_the_name_of_the_expression() {
    let emulator = emulator().await;
    output(
        &call(
            &emulator,
            "DynamoDB_20120810.PutItem",
            json!({ "TableName": "things", "Item": key() }),
        )
        .await,
    );
    let expected = "Invalid FilterExpression: An expression attribute value used in expression is not defined; attribute value: :v";
    let scan = json!({ "FilterExpression": "a = :v" });
    assert_eq!(message(&emulator, "Scan", scan).await, expected);
    let query = json!({
        "KeyConditionExpression": "pk = :p",
        "FilterExpression": "a = :v",
        "ExpressionAttributeValues": { ":p": { "S": "a" } },
    });
    assert_eq!(message(&emulator, "Query", query).await, expected);
}

#[tokio::test]
async fn attribute_type_with_an_unknown_type_is_refused_in_every_expression() {
    let emulator = emulator().await;
    let unknown =
        "Invalid attribute type name found; type: Z, valid types: {N,BS,L,B,NULL,M,S,SS,NS,BOOL}";
    let number = "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N";
    for (value, rule) in [(json!({ "S": "Z" }), unknown), (json!({ "N": "1" }), number)] {
        let values = json!({ ":t": value });
        let of_filter = json!({
            "FilterExpression": "attribute_type(#a.b, :t)",
            "ExpressionAttributeNames": { "#a": "a" },
            "ExpressionAttributeValues": values,
        });
        let expected = format!("Invalid FilterExpression: {rule}");
        assert_eq!(message(&emulator, "Scan", of_filter).await, expected);
        let condition = "attribute_not_exists(x) AND attribute_type(a, :t)";
        let mut put = json!({
            "Item": key(),
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        });
        let expected = format!("Invalid ConditionExpression: {rule}");
        assert_eq!(
            message(&emulator, "PutItem", put.clone()).await,
            format!("1 validation error detected: {expected}")
        );
        put["TableName"] = json!("things");
        let transaction = json!({ "TransactItems": [{ "Put": put }] });
        assert_eq!(message(&emulator, "TransactWriteItems", transaction).await, expected);
    }
    let known = json!({
        "TableName": "things",
        "FilterExpression": "attribute_type(a, :t)",
        "ExpressionAttributeValues": { ":t": { "S": "BOOL" } },
    });
    output(&call(&emulator, "DynamoDB_20120810.Scan", known).await);
}

#[tokio::test]
async fn the_name_of_a_function_is_case_sensitive() {
    let emulator = emulator().await;
    let invalid = "Invalid function name; function:";
    let query = json!({
        "KeyConditionExpression": "pk = :p AND BEGINS_WITH(sk, :p)",
        "ExpressionAttributeValues": { ":p": { "S": "a" } },
    });
    assert_eq!(
        message(&emulator, "Query", query).await,
        format!("Invalid KeyConditionExpression: {invalid} BEGINS_WITH")
    );
    let update = json!({
        "Key": key(),
        "UpdateExpression": "SET n = If_Not_Exists(n, :n)",
        "ExpressionAttributeValues": { ":n": { "N": "1" } },
    });
    assert_eq!(
        message(&emulator, "UpdateItem", update).await,
        format!("1 validation error detected: Invalid UpdateExpression: {invalid} If_Not_Exists")
    );
    let scan = json!({
        "TableName": "things",
        "FilterExpression": "NOT(n IN(:n)) AND (size(n) > :n)",
        "ExpressionAttributeValues": { ":n": { "N": "1" } },
    });
    output(&call(&emulator, "DynamoDB_20120810.Scan", scan).await);
}

/// As recorded of AWS since July 2026: nubo-db/dynoxide#152 (2026-07-23, and the recordings of 2026-10-09 in eu-west-2 and
/// us-east-1 in its source), ministackorg/ministack#1038 (2026-07-05). Recordings before 2026 have no prefix anywhere.
#[tokio::test]
async fn single_writes_have_the_prefix_of_a_validation_error_and_reads_and_transactions_have_none()
{
    let emulator = emulator().await;
    let one = "1 validation error detected:";
    let syntax = "Syntax error; token: \"<EOF>\", near: \"=\"";
    let put = |more: Value| {
        let mut input = json!({ "Item": key() });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    let condition = put(json!({ "ConditionExpression": "a =" }));
    let expected = format!("Invalid ConditionExpression: {syntax}");
    assert_eq!(message(&emulator, "PutItem", condition.clone()).await, format!("{one} {expected}"));
    let mut action = condition;
    action["TableName"] = json!("things");
    let transaction = json!({ "TransactItems": [{ "Put": action }] });
    assert_eq!(message(&emulator, "TransactWriteItems", transaction).await, expected);
    let filter = json!({ "FilterExpression": "a =" });
    assert_eq!(
        message(&emulator, "Scan", filter).await,
        format!("Invalid FilterExpression: {syntax}")
    );
    let invalid = "One or more parameter values were invalid:";
    for (value, expected) in [
        (json!({ "SS": [] }), format!("{invalid} An string set  may not be empty")),
        (
            json!({ "SS": ["a", "a"] }),
            format!("{invalid} Input collection [\"a\", \"a\"] contains duplicates."),
        ),
        (json!({ "NS": ["1", "1"] }), format!("{invalid} Input collection contains duplicates.")),
        (
            json!({ "N": "abc" }),
            "The parameter cannot be converted to a numeric value: abc".to_owned(),
        ),
    ] {
        let mut item = key();
        item["v"] = value;
        let input = put(json!({ "Item": item }));
        assert_eq!(message(&emulator, "PutItem", input).await, format!("{one} {expected}"));
    }
}

#[tokio::test]
async fn a_token_with_another_transaction_is_refused_in_the_words_of_the_api_reference() {
    let emulator = emulator().await;
    let transact = |sk: &str| {
        let item = json!({ "pk": { "S": "a" }, "sk": { "S": sk } });
        let input = json!({
            "ClientRequestToken": "token",
            "TransactItems": [{ "Put": { "TableName": "things", "Item": item } }],
        });
        call(&emulator, "DynamoDB_20120810.TransactWriteItems", input)
    };
    output(&transact("first").await);
    output(&transact("first").await);
    let answer = transact("second").await;
    let expected = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException",
        "Message": "DynamoDB rejected the request because you retried a request with a different payload but with an idempotent \
                    token that was already used.",
    });
    refused(&answer);
    assert_eq!(answer.json(), expected);
    let length = answer.body.len().to_string();
    assert_eq!(answer.header("content-length"), Some(length.as_str()));
}
