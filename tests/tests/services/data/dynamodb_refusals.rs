//! The texts of requests that DynamoDB refuses.

use hardcap::Emulator;
use hardcap::config::{Attribute, AttributeKind, Table};
use hardcap_limits::Date;
use serde_json::{Value, json};

use super::{call, output, refused};

async fn emulator() -> Emulator {
    emulator_of(Date::LATEST).await
}

async fn emulator_of(day: Date) -> Emulator {
    let attribute = |name: &str| Attribute { name: name.to_owned(), kind: AttributeKind::String };
    let table = Table {
        range_key: Some("sk".to_owned()),
        attributes: vec![attribute("pk"), attribute("sk")],
        ..Table::new("things", "pk")
    };
    Emulator::builder().limits(day).table(table).start().await.expect("it starts")
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
async fn a_condition_that_aws_refuses_is_refused_although_no_item_is_read() {
    let emulator = emulator().await;
    let undefined =
        "An expression attribute value used in expression is not defined; attribute value: :v";
    let bounds = "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}";
    let same = "The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [a, b]";
    let kind = "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL";
    for (condition, names, values, rule) in [
        ("a = :v", json!(null), json!({ ":w": { "N": "1" } }), undefined),
        (
            "#a = :v",
            json!({ "#b": "b" }),
            json!({ ":v": { "N": "1" } }),
            "An expression attribute name used in the document path is not defined; attribute name: #a",
        ),
        (
            "NOT a BETWEEN :u AND :l",
            json!(null),
            json!({ ":l": { "N": "1" }, ":u": { "N": "2" } }),
            bounds,
        ),
        ("contains(a.b, a.#b)", json!({ "#b": "b" }), json!(null), same),
        ("a = :v OR a < :v", json!(null), json!({ ":v": { "BOOL": true } }), kind),
    ] {
        let with = |mut input: Value| {
            input["TableName"] = json!("things");
            input["ExpressionAttributeNames"] = names.clone();
            input["ExpressionAttributeValues"] = values.clone();
            input
        };
        let filter = format!("Invalid FilterExpression: {rule}");
        let scan = with(json!({ "FilterExpression": condition }));
        assert_eq!(message(&emulator, "Scan", scan).await, filter);
        let mut query =
            with(json!({ "FilterExpression": condition, "KeyConditionExpression": "pk = :p" }));
        query["ExpressionAttributeValues"][":p"] = json!({ "S": "a" });
        assert_eq!(message(&emulator, "Query", query).await, filter);
        let write = format!("Invalid ConditionExpression: {rule}");
        let put = with(json!({ "Item": key(), "ConditionExpression": condition }));
        assert_eq!(
            message(&emulator, "PutItem", put.clone()).await,
            format!("1 validation error detected: {write}")
        );
        let check = with(json!({ "Key": key(), "ConditionExpression": condition }));
        for action in [json!({ "Put": put }), json!({ "ConditionCheck": check })] {
            let input = json!({ "TransactItems": [action] });
            assert_eq!(message(&emulator, "TransactWriteItems", input).await, write);
        }
    }
    let healthy = json!({
        "TableName": "things",
        "FilterExpression": "(#a BETWEEN :l AND :u) OR size(#a) < :u OR contains(#a, :l)",
        "ExpressionAttributeNames": { "#a": "a" },
        "ExpressionAttributeValues": { ":l": { "N": "1" }, ":u": { "N": "2" } },
    });
    output(&call(&emulator, "DynamoDB_20120810.Scan", healthy).await);
}

#[tokio::test]
async fn an_in_has_at_most_100_values_in_every_expression() {
    let emulator = emulator().await;
    let with = |mut input: Value, name: &str, count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!(":v{number}")).collect();
        let values = names.iter().map(|name| (name.clone(), json!({ "S": "a" }))).collect();
        input["TableName"] = json!("things");
        input["ExpressionAttributeValues"] = Value::Object(values);
        input[name] = json!(format!("NOT a IN ({})", names.join(", ")));
        input
    };
    let rule = "The IN operator is provided with too many operands; number of operands: 101";
    for (operation, input, name, prefix) in [
        (
            "PutItem",
            json!({ "Item": key() }),
            "ConditionExpression",
            "1 validation error detected: ",
        ),
        (
            "DeleteItem",
            json!({ "Key": key() }),
            "ConditionExpression",
            "1 validation error detected: ",
        ),
        ("Scan", json!({}), "FilterExpression", ""),
    ] {
        let over = message(&emulator, operation, with(input.clone(), name, 101)).await;
        assert_eq!(over, format!("{prefix}Invalid {name}: {rule}"));
        let target = format!("DynamoDB_20120810.{operation}");
        output(&call(&emulator, &target, with(input, name, 100)).await);
    }
    let check = |count| {
        let check = with(json!({ "Key": key() }), "ConditionExpression", count);
        json!({ "TransactItems": [{ "ConditionCheck": check }] })
    };
    let over = message(&emulator, "TransactWriteItems", check(101)).await;
    assert_eq!(over, format!("Invalid ConditionExpression: {rule}"));
    output(&call(&emulator, "DynamoDB_20120810.TransactWriteItems", check(100)).await);
    let limits = emulator.totals().limits;
    assert_eq!(limits["dynamodb_in_values"].refused, 4);
}

#[tokio::test]
async fn an_expression_has_at_most_300_operators_and_any_depth() {
    let emulator = emulator().await;
    let put = json!({ "TableName": "things", "Item": key() });
    output(&call(&emulator, "DynamoDB_20120810.PutItem", put).await);
    let scan = |filter: String| {
        let values = json!({ ":v": { "S": "a" } });
        json!({ "TableName": "things", "FilterExpression": filter, "ExpressionAttributeValues": values })
    };
    let (any, nested) = (
        |count: usize| vec!["a=:v"; count].join(" OR "),
        |count: usize| format!("{}a=:v{}", "(a=:v OR ".repeat(count), ")".repeat(count)),
    );
    for (filter, operators) in [(any(301), 301), (nested(300), 301)] {
        let over = message(&emulator, "Scan", scan(filter)).await;
        let expected = format!(
            "Invalid FilterExpression: The expression contains too many operators; operator count: {operators}"
        );
        assert_eq!(over, expected);
    }
    let negated = |count: usize| format!("{}a=:v", "NOT ".repeat(count));
    for (filter, count) in
        [(any(300), 0), (nested(299), 0), (negated(1_021), 1), (negated(1_020), 0)]
    {
        let found = output(&call(&emulator, "DynamoDB_20120810.Scan", scan(filter)).await);
        assert_eq!(found["Count"], count);
    }
    // Whether AWS refuses these is unknown. They do not end the engine.
    for depth in [1_000, 2_030, 40_000] {
        let (open, close) = ("(".repeat(depth), ")".repeat(depth));
        let update = json!({
            "TableName": "things",
            "Key": key(),
            "UpdateExpression": format!("SET q = {open}z{close}"),
        });
        call(&emulator, "DynamoDB_20120810.UpdateItem", update).await;
        let filter = scan(format!("{open}a=:v{close}"));
        call(&emulator, "DynamoDB_20120810.Scan", filter).await;
        let statement = format!("SELECT * FROM things WHERE {open}a='a'{close}");
        let statement = json!({ "Statement": statement });
        call(&emulator, "DynamoDB_20120810.ExecuteStatement", statement).await;
    }
    let found = output(&call(&emulator, "DynamoDB_20120810.Scan", scan(any(1))).await);
    assert_eq!(found["ScannedCount"], 1);
    assert_eq!(emulator.totals().limits["dynamodb_operators"].refused, 2);
}

#[tokio::test]
async fn a_transaction_has_as_many_actions_as_its_day_allows() {
    for (day, max) in
        [(Date::new(2019, 5, 31), 10), (Date::new(2022, 9, 5), 25), (Date::new(2022, 9, 6), 100)]
    {
        let emulator = emulator_of(day).await;
        let key = |number: usize| json!({ "pk": { "S": "a" }, "sk": { "S": number.to_string() } });
        let write = |count: usize| {
            let put = |number| json!({ "Put": { "TableName": "things", "Item": key(number) } });
            json!({ "TransactItems": (0..count).map(put).collect::<Vec<_>>() })
        };
        let read = |count: usize| {
            let get = |number| json!({ "Get": { "TableName": "things", "Key": key(number) } });
            json!({ "TransactItems": (0..count).map(get).collect::<Vec<_>>() })
        };
        for (operation, class, input) in [
            ("TransactWriteItems", "TransactWriteItem", &write as &dyn Fn(usize) -> Value),
            ("TransactGetItems", "TransactGetItem", &read),
        ] {
            let target = format!("DynamoDB_20120810.{operation}");
            output(&call(&emulator, &target, input(max)).await);
            let (code, over) = refused(&call(&emulator, &target, input(max + 1)).await);
            assert_eq!(code, "com.amazon.coral.validate#ValidationException");
            let expected = format!(
                "]' at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to {max}"
            );
            assert!(over.ends_with(&expected), "{over}");
            let beginning = format!(
                "1 validation error detected: Value '[com.amazonaws.dynamodb.v20120810.{class}@"
            );
            // The engine has the text of today.
            assert_eq!(over.starts_with(&beginning), max < 100, "{over}");
            output(&call(&emulator, &target, input(1)).await);
        }
        let refused = emulator.totals().limits["dynamodb_transaction"].refused;
        assert_eq!(refused, 2);
    }
}

#[tokio::test]
async fn a_table_without_a_billing_mode_needs_a_throughput() {
    let emulator = emulator().await;
    let create = |more: Value| {
        let mut input = json!({
            "TableName": "more",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        call(&emulator, "DynamoDB_20120810.CreateTable", input)
    };
    let expected = "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED";
    for more in [json!({}), json!({ "BillingMode": "PROVISIONED" })] {
        let (code, message) = refused(&create(more).await);
        assert_eq!(code, "com.amazon.coral.validate#ValidationException");
        assert_eq!(message, expected);
    }
    let throughput = json!({ "ReadCapacityUnits": 1, "WriteCapacityUnits": 1 });
    let created = output(&create(json!({ "ProvisionedThroughput": throughput })).await);
    let description = &created["TableDescription"];
    assert_eq!(description["ProvisionedThroughput"]["ReadCapacityUnits"], 1);
    assert_eq!(description["BillingModeSummary"], Value::Null);
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

/// As recorded of AWS since May 2026: ExtendDB/extenddb#64 (2026-05-21), ministackorg/ministack#1038 (2026-07-05),
/// nubo-db/dynoxide#152 (2026-07-23, and the recordings of 2026-10-09 in eu-west-2 and us-east-1 in its source).
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

/// Recordings before 2026 have no prefix anywhere: dynalite's tests, truora/minidyn#21 (2021-09-26).
#[tokio::test]
async fn before_may_2026_only_a_refusal_about_a_constraint_has_the_prefix() {
    let emulator = emulator_of(Date::new(2026, 5, 20)).await;
    let syntax = "Syntax error; token: \"<EOF>\", near: \"=\"";
    let condition = json!({ "Item": key(), "ConditionExpression": "a =" });
    assert_eq!(
        message(&emulator, "PutItem", condition).await,
        format!("Invalid ConditionExpression: {syntax}")
    );
    let name = json!({ "Item": key(), "ConditionExpression": "SIZE(a) = b" });
    assert_eq!(
        message(&emulator, "PutItem", name).await,
        "Invalid ConditionExpression: Invalid function name; function: SIZE"
    );
    let unused = json!({ "Key": key(), "ExpressionAttributeValues": { ":v": { "S": "a" } } });
    let message_of_unused = message(&emulator, "DeleteItem", unused).await;
    assert!(message_of_unused.starts_with("ExpressionAttributeValues "), "{message_of_unused}");
    let constraint = json!({ "Item": key(), "ReturnValues": "ALL" });
    let message_of_constraint = message(&emulator, "PutItem", constraint).await;
    let prefix = "1 validation error detected: Failed to satisfy constraint:";
    assert!(message_of_constraint.starts_with(prefix), "{message_of_constraint}");
    let healthy = json!({ "TableName": "things", "Item": key() });
    output(&call(&emulator, "DynamoDB_20120810.PutItem", healthy).await);
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
