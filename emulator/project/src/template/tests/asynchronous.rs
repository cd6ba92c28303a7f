//! The configuration of asynchronous events in templates.

use hardcap_limits::Millis;

use super::{good, warnings};
use hardcap_core::config::{EventInvokeConfig, RecursiveLoop, Schedule};

const JOB: &str = "
Resources:
  Records: {Type: 'AWS::S3::Bucket', Properties: {BucketName: records}}
  Job:
    Type: AWS::Serverless::Function
    Properties:
      RecursiveLoop: Allow
      DeadLetterQueue: {Type: SQS, TargetArn: 'arn:aws:sqs:us-east-1:000000000000:dead'}
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        MaximumEventAgeInSeconds: 600
        DestinationConfig:
          OnSuccess: {Type: SQS}
          OnFailure: {Type: S3Bucket, Destination: !GetAtt Records.Arn}
      Events:
        Sweep: {Type: Schedule, Properties: {Schedule: rate(5 minutes), Input: '{\"sweep\": true}'}}
        Off: {Type: Schedule, Properties: {Schedule: rate(1 day), Enabled: false}}
";

#[test]
fn retries_destinations_loops_and_schedules_are_read() {
    let loaded = good(JOB);
    assert_eq!(warnings(&loaded), [""; 0]);
    let function = &loaded.config.functions[0];
    let arn = |text: &str| Some(format!("arn:aws:{text}"));
    let expected = EventInvokeConfig {
        maximum_retry_attempts: Some(1),
        maximum_event_age: Some(Millis(600_000)),
        on_success: arn("sqs:us-east-1:000000000000:JobOnSuccess"),
        on_failure: arn("s3:::records"),
        dead_letter: arn("sqs:us-east-1:000000000000:dead"),
    };
    assert_eq!(function.events, expected);
    assert_eq!(function.recursive_loop, RecursiveLoop::Allow);
    let input = Some(r#"{"sweep": true}"#.to_owned());
    let sweep = Schedule { name: "JobSweep".to_owned(), rate: Millis(300_000), input };
    assert_eq!(function.schedules, [sweep]);
}

#[test]
fn a_cron_expression_is_a_rule_of_the_default_bus() {
    let loaded = good(&JOB.replace("rate(5 minutes)", "cron(0 12 * * ? *)"));
    assert_eq!(warnings(&loaded), [""; 0]);
    assert!(loaded.config.functions[0].schedules.is_empty());
    let rule = &loaded.config.rules[0];
    assert_eq!(rule.rule["ScheduleExpression"], "cron(0 12 * * ? *)");
    assert_eq!(rule.targets[0]["Input"], r#"{"sweep": true}"#);
}

#[test]
fn an_unknown_expression_is_a_warning_and_no_schedule() {
    let loaded = good(&JOB.replace("rate(5 minutes)", "rate(5 seconds)"));
    let warnings = warnings(&loaded);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("rate(5 seconds)"), "{warnings:?}");
    assert!(loaded.config.functions[0].schedules.is_empty());
}
