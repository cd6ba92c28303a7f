//! Queues of a template, and the mappings that invoke functions with their messages.

use super::{bad, good, warnings};
use hardcap_core::config::EventSourceMapping;

const TEMPLATE: &str = "
Resources:
  Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: dead, MessageRetentionPeriod: 1209600}}
  Orders:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 120
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
      Tags: [{Key: team, Value: a}]
  Steps: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true, ContentBasedDeduplication: true}}
  Policy: {Type: AWS::SQS::QueuePolicy, Properties: {Queues: [!Ref Orders], PolicyDocument: {}}}
  Ship:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {STEPS: !Ref Steps, NAME: !GetAtt Steps.QueueName, URL: !GetAtt Steps.QueueUrl}}
      EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: SQS}}}
      Events:
        Order:
          Type: SQS
          Properties:
            Queue: !GetAtt Orders.Arn
            BatchSize: 100
            MaximumBatchingWindowInSeconds: 5
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: 2}
            FilterCriteria: {Filters: [{Pattern: '{\"body\": {\"a\": [1]}}'}]}
        Other: {Type: SQS, Properties: {Queue: 'arn:aws:kinesis:us-east-1:000000000000:stream/s'}}
  Step:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: !GetAtt Steps.Arn, FunctionName: !Ref Ship, Enabled: false}
";

#[test]
fn queues_have_the_attributes_of_their_properties() {
    let loaded = good(TEMPLATE);
    let queues = &loaded.config.queues;
    let names: Vec<&str> = queues.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(names, ["dead", "hardcap-Orders", "hardcap-Steps.fifo", "ShipOnFailure"]);
    assert_eq!(queues[0].attributes["MessageRetentionPeriod"], "1209600");
    assert_eq!(queues[1].attributes["VisibilityTimeout"], "120");
    assert_eq!(
        queues[1].attributes["RedrivePolicy"],
        r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":"3"}"#
    );
    assert_eq!(queues[1].tags["team"], "a");
    assert_eq!(queues[2].attributes["FifoQueue"], "true");
    let environment = &loaded.config.functions[0].environment;
    assert_eq!(environment["STEPS"], "${hardcap:aws}/000000000000/hardcap-Steps.fifo");
    assert_eq!(environment["NAME"], "hardcap-Steps.fifo");
    assert_eq!(environment["URL"], environment["STEPS"]);
}

#[test]
fn events_and_mappings_of_queues_are_read_and_those_of_other_sources_are_named() {
    let loaded = good(TEMPLATE);
    let expected = [
        EventSourceMapping {
            batch_size: 100,
            window_seconds: 5,
            maximum_concurrency: Some(2),
            reports_failures: true,
            filters: vec![r#"{"body": {"a": [1]}}"#.to_owned()],
            ..EventSourceMapping::new("hardcap-Orders", "Ship")
        },
        EventSourceMapping {
            is_enabled: false,
            ..EventSourceMapping::new("hardcap-Steps.fifo", "Ship")
        },
    ];
    assert_eq!(loaded.config.mappings, expected);
    assert_eq!(
        warnings(&loaded),
        ["t.yaml:27:40: `Properties` of `Other` of `Events` of the function `Ship` receives from \
             `arn:aws:kinesis:us-east-1:000000000000:stream/s`: hardcap's mappings receive from queues"]
    );
}

#[test]
fn an_unknown_response_type_of_a_mapping_is_an_error() {
    let refused = bad(&TEMPLATE.replace("[ReportBatchItemFailures]", "[ReportFailures]"));
    assert!(
        refused.contains(
            "cannot be `ReportFailures`; write `FunctionResponseTypes: [ReportBatchItemFailures]`, or omit it"
        ),
        "{refused}"
    );
}
