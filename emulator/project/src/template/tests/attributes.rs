//! The attributes that `Fn::GetAtt` can name.

use super::{bad, good, warnings};

/// A template with a resource of this type, whose attribute an output and a property without effect name.
fn template(kind: &str, attribute: &str) -> String {
    format!(
        "Resources:\n  X: {{Type: {kind}}}\n  R: {{Type: AWS::IAM::Role, Properties: {{Description: !GetAtt X.{attribute}}}}}\n"
    )
}

#[test]
fn an_attribute_that_a_known_type_does_not_have_is_refused_with_those_that_it_has() {
    for (kind, attribute, has) in [
        ("AWS::SQS::Queue", "Name", "Arn, ContentBasedDeduplication"),
        ("AWS::SNS::Topic", "Arn", "ArchivePolicy, ContentBasedDeduplication"),
        ("AWS::S3::Bucket", "BucketName", "Arn, DomainName"),
        ("AWS::Lambda::Url", "Url", "FunctionArn, FunctionUrl"),
        ("AWS::Kinesis::Stream", "Name", "Arn, WarmThroughputObject"),
        ("AWS::Serverless::Function", "Role", "Arn, SnapStartResponse"),
        ("AWS::Serverless::SimpleTable", "Name", "Arn, StreamArn"),
    ] {
        let kind_with_properties = match kind {
            "AWS::Lambda::Url" => "AWS::Lambda::Url, Condition: No".to_owned(),
            other => other.to_owned(),
        };
        let text = template(&kind_with_properties, attribute);
        let loaded = good(&format!("Conditions: {{No: !Equals [a, b]}}\n{text}"));
        let found = loaded.warnings.iter().find(|it| it.rule == "unknown-attribute");
        let found = found.unwrap_or_else(|| panic!("{kind}.{attribute}"));
        assert_eq!(
            found.message,
            format!(
                "AWS refuses the template: Template error: resource X does not support attribute type {attribute} in Fn::GetAtt"
            )
        );
        let help = found.help.as_deref().unwrap_or_default();
        assert!(help.starts_with(&format!("write one of: {has}")), "{help}");
        assert_eq!(found.position.line, 4, "{kind}");
    }
}

#[test]
fn attributes_that_exist_and_those_of_unknown_types_are_not_findings() {
    for (kind, attributes) in [
        ("AWS::SQS::Queue", &["Arn", "QueueName", "QueueUrl", "VisibilityTimeout"][..]),
        ("AWS::SNS::Topic", &["TopicArn", "TopicName"]),
        ("AWS::S3::Bucket", &["Arn", "DualStackDomainName", "WebsiteURL"]),
        ("AWS::Serverless::Function", &["Arn", "Alias", "Version", "Version.Version"]),
        ("AWS::Serverless::HttpApi", &["ApiEndpoint", "Stage", "ExecuteApiArn"]),
        ("AWS::Kinesis::Stream", &["Arn"]),
        ("AWS::RDS::DBInstance", &["Endpoint.Address", "Anything"]),
        ("Custom::Thing", &["Anything.At.All"]),
    ] {
        for attribute in attributes {
            let loaded = good(&template(kind, attribute));
            let found: Vec<_> =
                loaded.warnings.iter().filter(|it| it.rule == "unknown-attribute").collect();
            assert!(found.is_empty(), "{kind}.{attribute}: {found:?}");
        }
    }
}

#[test]
fn an_unknown_attribute_in_a_property_that_is_read_is_an_error() {
    let text = "Resources:\n  S: {Type: AWS::SecretsManager::Secret}\n  F: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {A: !Sub '${S.Arn}'}}}}\n";
    assert_eq!(
        bad(text),
        "3:82: AWS refuses the template: Template error: resource S does not support attribute type Arn in Fn::GetAtt; write one of: Id"
    );
    assert_eq!(warnings(&good(&text.replace("S.Arn", "S.Id"))), [""; 0]);
}
