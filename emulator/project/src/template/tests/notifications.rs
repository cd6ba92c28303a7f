//! Notifications of the buckets of a template.

use super::{bad, good, warnings};

const FUNCTION: &str = "
Resources:
  Photos: {Type: AWS::S3::Bucket, Properties: {BucketName: photos}}
  Queue: {Type: AWS::SQS::Queue}
  Resize:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Uploaded:
          Type: S3
          Properties:
            Bucket: !Ref Photos
            Events: [s3:ObjectCreated:Put, 's3:ObjectRemoved:*']
            Filter: {S3Key: {Rules: [{Name: prefix, Value: in/}, {Name: suffix, Value: .jpg}]}}
";

#[test]
fn an_event_of_a_function_adds_a_target_for_each_of_its_events() {
    let loaded = good(FUNCTION);
    let targets = &loaded.config.buckets[0].notifications.targets;
    let told: Vec<_> = targets.iter().map(|it| (it.id.as_str(), it.events.join(","))).collect();
    assert_eq!(
        told,
        [
            ("Uploaded-1", "s3:ObjectCreated:Put".to_owned()),
            ("Uploaded-2", "s3:ObjectRemoved:*".to_owned())
        ]
    );
    for target in targets {
        assert_eq!(target.arn, "arn:aws:lambda:us-east-1:000000000000:function:Resize");
        assert_eq!(target.prefix.as_deref(), Some("in/"));
        assert_eq!(target.suffix.as_deref(), Some(".jpg"));
    }
    assert_eq!(warnings(&loaded), [""; 0]);
}

#[test]
fn a_bucket_has_the_targets_of_its_configuration() {
    let loaded = good(
        "
Resources:
  Topic: {Type: AWS::SNS::Topic}
  Queue: {Type: AWS::SQS::Queue}
  F: {Type: AWS::Serverless::Function, Properties: {FunctionName: f}}
  Photos:
    Type: AWS::S3::Bucket
    Properties:
      NotificationConfiguration:
        TopicConfigurations: [{Topic: !Ref Topic, Event: 's3:ObjectTagging:*'}]
        QueueConfigurations: [{Queue: !GetAtt Queue.Arn, Event: 's3:ObjectRemoved:*'}]
        LambdaConfigurations:
          - {Function: !GetAtt F.Arn, Event: 's3:ObjectCreated:*', Filter: {S3Key: {Rules: [{Name: suffix, Value: .jpg}]}}}
        EventBridgeConfiguration: {}
",
    );
    let notifications = &loaded.config.buckets[0].notifications;
    let told: Vec<_> = notifications.targets.iter().map(|it| (&*it.id, &*it.arn)).collect();
    assert_eq!(
        told,
        [
            ("Photos-1", "arn:aws:sns:us-east-1:000000000000:hardcap-Topic"),
            ("Photos-2", "arn:aws:sqs:us-east-1:000000000000:hardcap-Queue"),
            ("Photos-3", "arn:aws:lambda:us-east-1:000000000000:function:f"),
        ]
    );
    assert_eq!(notifications.targets[2].suffix.as_deref(), Some(".jpg"));
    assert!(notifications.event_bridge);
}

/// The resource that `bucket.addEventNotification` of CDK writes.
#[test]
fn the_custom_resource_of_cdk_configures_its_bucket() {
    let template = "
Resources:
  Photos: {Type: AWS::S3::Bucket}
  F: {Type: AWS::Serverless::Function, Properties: {FunctionName: f}}
  Notifications:
    Type: Custom::S3BucketNotifications
    Properties:
      ServiceToken: arn:aws:lambda:us-east-1:000000000000:function:handler
      BucketName: !Ref Photos
      NotificationConfiguration:
        EventBridgeConfiguration: {}
        LambdaFunctionConfigurations:
          - Events: ['s3:ObjectCreated:*']
            Filter: {Key: {FilterRules: [{Name: suffix, Value: .jpg}]}}
            LambdaFunctionArn: !GetAtt F.Arn
      Managed: true
      SkipDestinationValidation: false
";
    let loaded = good(template);
    let notifications = &loaded.config.buckets[0].notifications;
    let target = &notifications.targets[0];
    assert_eq!(target.arn, "arn:aws:lambda:us-east-1:000000000000:function:f");
    assert_eq!(
        (&*target.events[0], target.suffix.as_deref()),
        ("s3:ObjectCreated:*", Some(".jpg"))
    );
    assert!(notifications.event_bridge);
    assert_eq!(warnings(&loaded), [""; 0]);
    let elsewhere = good(&template.replace("!Ref Photos", "elsewhere"));
    let warnings = warnings(&elsewhere);
    assert!(warnings[0].contains("the bucket `elsewhere` is not in this template"), "{warnings:?}");
}

#[test]
fn notifications_that_s3_or_sam_refuse_are_errors() {
    let (put, all) = ("s3:ObjectCreated:Put", "'s3:ObjectCreated:*'");
    let with = |change: (&str, &str)| FUNCTION.replace(change.0, change.1);
    for (template, expected) in [
        (
            with(("!Ref Photos", "elsewhere")),
            "S3 events must reference an S3 bucket in the same template.",
        ),
        (with((put, "s3:ObjectCreated:Write")), "A specified event is not supported"),
        (with(("'s3:ObjectRemoved:*'", all)), "Configuration is ambiguously defined."),
        (with(("Name: prefix", "Name: infix")), "`Name` of"),
        (with(("Name: suffix", "Name: prefix")), "two rules of the name `prefix`"),
        (with(("Events: [s3:ObjectCreated:Put, 's3:ObjectRemoved:*']", "")), "has no `Events`"),
        (
            with((
                "{BucketName: photos}",
                "{NotificationConfiguration: {QueueConfigurations: [{Queue: 'arn:aws:sqs:us-east-1:000000000000:q.fifo', Event: 's3:ObjectRemoved:*'}]}}",
            )),
            "S3 does not notify FIFO queues",
        ),
    ] {
        let message = bad(&template);
        assert!(message.contains(expected), "{expected}: {message}");
    }
}
