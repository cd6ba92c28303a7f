//! Topics, subscriptions, buses and rules of a template.

use serde_json::json;

use super::{bad, good, warnings};

const TEMPLATE: &str = "
Resources:
  Orders:
    Type: AWS::SNS::Topic
    Properties:
      DisplayName: Orders
      Subscription: [{Protocol: sqs, Endpoint: !GetAtt Work.Arn}, {Protocol: email, Endpoint: a@example.com}]
      Tags: [{Key: team, Value: a}]
  Steps: {Type: AWS::SNS::Topic, Properties: {FifoTopic: true}}
  Policy: {Type: AWS::SNS::TopicPolicy, Properties: {Topics: [!Ref Orders], PolicyDocument: {}}}
  Work: {Type: AWS::SQS::Queue, Properties: {QueueName: work}}
  Filtered:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref Orders
      Protocol: sqs
      Endpoint: !GetAtt Work.Arn
      RawMessageDelivery: true
      FilterPolicy: {price: [{numeric: ['>', 10]}], size: ['7', 7], done: [true, null]}
  Shop: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: all
      EventBusName: !Ref Shop
      EventPattern: {source: [{prefix: s}], detail: {n: [1, '1']}}
      Targets:
        - {Id: w, Arn: !GetAtt Work.Arn, InputPath: $.detail}
        - {Id: k, Arn: 'arn:aws:kinesis:us-east-1:000000000000:stream/s'}
  Ship:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {TOPIC: !Ref Steps, BUS: !Ref Shop, RULE: !GetAtt Rule.Arn}}
      EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: SNS}}}
      Events:
        Order: {Type: SNS, Properties: {Topic: !Ref Orders, FilterPolicy: {kind: [a]}}}
        Queued: {Type: SNS, Properties: {Topic: !Ref Orders, SqsSubscription: true}}
        Into: {Type: SNS, Properties: {Topic: !Ref Orders, SqsSubscription: {QueueArn: !GetAtt Work.Arn, BatchSize: 5}}}
        Event: {Type: EventBridgeRule, Properties: {EventBusName: shop, Pattern: {source: [x]}, Input: '{\"a\": 1}'}}
        Old: {Type: CloudWatchEvent, Properties: {Pattern: {source: [y]}, State: DISABLED}}
        Noon: {Type: Schedule, Properties: {Schedule: cron(0 12 * * ? *)}}
";

#[test]
fn topics_have_the_attributes_and_subscriptions_of_the_template() {
    let loaded = good(TEMPLATE);
    let topics = &loaded.config.topics;
    let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(names, ["hardcap-Orders", "hardcap-Steps.fifo", "ShipOnFailure"]);
    assert_eq!(topics[0].attributes["DisplayName"], "Orders");
    assert_eq!(topics[0].tags["team"], "a");
    assert_eq!(topics[1].attributes["FifoTopic"], "true");
    let endpoints: Vec<(&str, &str)> = topics[0]
        .subscriptions
        .iter()
        .map(|it| (it.protocol.as_str(), it.endpoint.as_str()))
        .collect();
    let work = ("sqs", "arn:aws:sqs:us-east-1:000000000000:work");
    assert_eq!(
        endpoints,
        [
            work,
            ("email", "a@example.com"),
            work,
            ("lambda", "arn:aws:lambda:us-east-1:000000000000:function:Ship"),
            ("sqs", "arn:aws:sqs:us-east-1:000000000000:ShipQueuedQueue"),
            work,
        ]
    );
    let filtered = &topics[0].subscriptions[2].attributes;
    assert_eq!(filtered["RawMessageDelivery"], "true");
    // Types are those that the template writes.
    assert_eq!(
        filtered["FilterPolicy"],
        r#"{"price":[{"numeric":[">",10]}],"size":["7",7],"done":[true,null]}"#
    );
    assert_eq!(topics[0].subscriptions[3].attributes["FilterPolicy"], r#"{"kind":["a"]}"#);
    let queues: Vec<&str> = loaded.config.queues.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(queues, ["work", "ShipQueuedQueue"]);
    let mappings = &loaded.config.mappings;
    let mappings: Vec<(&str, u64)> =
        mappings.iter().map(|it| (it.queue.as_str(), it.batch_size)).collect();
    assert_eq!(mappings, [("ShipQueuedQueue", 10), ("work", 5)]);
    let environment = &loaded.config.functions[0].environment;
    assert_eq!(environment["TOPIC"], "arn:aws:sns:us-east-1:000000000000:hardcap-Steps.fifo");
    assert_eq!(environment["BUS"], "shop");
    assert_eq!(environment["RULE"], "arn:aws:events:us-east-1:000000000000:rule/shop/all");
}

#[test]
fn rules_have_their_buses_patterns_and_targets() {
    let loaded = good(TEMPLATE);
    assert_eq!(loaded.config.buses, ["shop"]);
    let rules: Vec<_> = loaded
        .config
        .rules
        .iter()
        .map(|it| (it.bus.as_str(), json!(it.rule), json!(it.targets)))
        .collect();
    let ship = "arn:aws:lambda:us-east-1:000000000000:function:Ship";
    let expected = [
        (
            "shop",
            json!({"Name": "all", "EventPattern": r#"{"source":[{"prefix":"s"}],"detail":{"n":[1,"1"]}}"#}),
            json!([
                {"Id": "w", "Arn": "arn:aws:sqs:us-east-1:000000000000:work", "InputPath": "$.detail"},
                {"Id": "k", "Arn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"},
            ]),
        ),
        (
            "shop",
            json!({"Name": "ShipEvent", "EventPattern": r#"{"source":["x"]}"#}),
            json!([{"Id": "Function", "Arn": ship, "Input": r#"{"a": 1}"#}]),
        ),
        (
            "default",
            json!({"Name": "ShipOld", "EventPattern": r#"{"source":["y"]}"#, "State": "DISABLED"}),
            json!([{"Id": "Function", "Arn": ship}]),
        ),
        (
            "default",
            json!({"Name": "ShipNoon", "ScheduleExpression": "cron(0 12 * * ? *)"}),
            json!([{"Id": "Function", "Arn": ship}]),
        ),
    ];
    assert_eq!(rules, expected);
}

#[test]
fn what_is_not_delivered_is_named() {
    let loaded = good(TEMPLATE);
    assert_eq!(
        warnings(&loaded),
        [
            "t.yaml:7:67: `Subscription` of the topic `Orders` has the protocol email, to which hardcap delivers nothing; it delivers to sqs and lambda",
            "t.yaml:29:11: `Targets` of the rule `Rule` sends to `arn:aws:kinesis:us-east-1:000000000000:stream/s`, to which hardcap delivers nothing; it delivers to functions, queues, topics and buses",
        ]
    );
}

#[test]
fn an_invalid_pattern_is_an_error_with_awss_reason() {
    let error = bad("
Resources:
  R: {Type: AWS::Events::Rule, Properties: {EventPattern: {source: s}}}
");
    assert!(
        error.contains("EventBridge refuses the pattern of the rule `R`: \"source\" must be an object or an array"),
        "{error}"
    );
}
