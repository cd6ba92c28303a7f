//! Values of functions, events and tables that AWS refuses.

use super::{good, warnings};

/// The warnings of a SAM function with these properties.
fn of_function(properties: &str) -> Vec<String> {
    let text = format!(
        "Resources:\n  F: {{Type: AWS::Serverless::Function, Properties: {{{properties}}}}}\n"
    );
    let loaded = good(&text);
    loaded.warnings.iter().map(|it| format!("{}: {}", it.rule, it.message)).collect()
}

#[test]
fn a_type_of_event_that_sam_does_not_know_is_refused_in_its_words() {
    let event =
        |kind: &str| of_function(&format!("Events: {{E: {{Type: {kind}, Properties: {{}}}}}}"));
    assert_eq!(
        event("Kinesys"),
        [
            "event-type: AWS refuses `F`: Resource with id [F] is invalid. Event with id [E] is invalid. Resource dict has missing or invalid value for key Type. Event Type is: Kinesys."
        ]
    );
    for kind in ["Kinesis", "ScheduleV2", "SelfManagedKafka", "AlexaSkill"] {
        let found = event(kind);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("not-emulated: "), "{found:?}");
    }
}

#[test]
fn a_schedule_that_eventbridge_refuses_is_a_finding() {
    let event = |schedule: &str| {
        of_function(&format!(
            "Events: {{E: {{Type: Schedule, Properties: {{Schedule: {schedule}}}}}}}"
        ))
    };
    for schedule in ["rate(1 minute)", "rate(5 minutes)", "rate(2 days)"] {
        assert_eq!(event(schedule), [""; 0], "{schedule}");
    }
    for schedule in ["rate(1 minutes)", "rate(5 minute)", "rate(5 seconds)", "every day"] {
        assert_eq!(
            event(schedule),
            [format!(
                "event-rule: AWS refuses `Schedule` of `Properties` of `E` of `Events` of the function `F`, `{schedule}`: Parameter ScheduleExpression is not valid."
            )]
        );
    }
}

#[test]
fn a_dead_letter_queue_and_a_package_type_that_sam_refuses_are_findings() {
    let sam = "function-property: AWS refuses `F`: Resource with id [F] is invalid.";
    let arn = "TargetArn: 'arn:aws:sqs:us-east-1:000000000000:q'";
    assert_eq!(of_function(&format!("DeadLetterQueue: {{Type: SNS, {arn}}}")), [""; 0]);
    for incomplete in ["Type: SQS", arn] {
        assert_eq!(
            of_function(&format!("DeadLetterQueue: {{{incomplete}}}")),
            [format!(
                "{sam} 'DeadLetterQueue' requires Type and TargetArn properties to be specified."
            )]
        );
    }
    assert_eq!(
        of_function(&format!("DeadLetterQueue: {{Type: Kafka, {arn}}}")),
        [format!("{sam} 'DeadLetterQueue' requires Type of ['SQS', 'SNS']")]
    );
    assert_eq!(of_function("PackageType: Zip"), [""; 0]);
    assert_eq!(of_function("PackageType: Tar"), [format!("{sam} invalid 'PackageType' : Tar")]);
    assert_eq!(of_function("EphemeralStorage: {Size: 512}"), [""; 0]);
    assert_eq!(of_function("EphemeralStorage: {}").len(), 1);
}

#[test]
fn a_table_without_on_demand_billing_needs_throughput_and_so_do_its_indexes() {
    let table = |more: &str| {
        let index = |more: &str| {
            format!(
                "GlobalSecondaryIndexes: [{{IndexName: i, KeySchema: [{{AttributeName: id, KeyType: HASH}}], Projection: {{ProjectionType: ALL}}{more}}}]"
            )
        };
        let more = more
            .replace("INDEX+", &index(", ProvisionedThroughput: UNITS"))
            .replace("INDEX", &index(""));
        let more = more.replace("UNITS", "{ReadCapacityUnits: 1, WriteCapacityUnits: 1}");
        warnings(&good(&format!(
            "Resources:\n  T: {{Type: AWS::DynamoDB::Table, Properties: {{AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}], KeySchema: [{{AttributeName: id, KeyType: HASH}}]{more}}}}}\n"
        )))
    };
    for accepted in [
        ", BillingMode: PAY_PER_REQUEST",
        ", BillingMode: PAY_PER_REQUEST, INDEX",
        ", ProvisionedThroughput: UNITS",
        ", BillingMode: PROVISIONED, ProvisionedThroughput: UNITS",
        ", ProvisionedThroughput: UNITS, INDEX+",
    ] {
        assert_eq!(table(accepted), [""; 0], "{accepted}");
    }
    for refused in ["", ", BillingMode: PROVISIONED", ", ProvisionedThroughput: UNITS, INDEX"] {
        assert_eq!(
            table(refused),
            [
                "t.yaml:2:3: AWS refuses `T`: Property ProvisionedThroughput cannot be empty.; write `BillingMode: PAY_PER_REQUEST`, or give the table and each index its throughput"
            ]
        );
    }
}
