//! The attributes of resources that `Fn::GetAtt` can name.

use super::dependencies::references;
use super::diagnostic::{Diagnostic, Position};
use super::references::kind;
use super::scope::Scope;
use super::tree::Node;

/// The attributes of each type: the read-only properties of CloudFormation's resource schemas, and all properties of the types of
/// which CloudFormation returns each (cfn-lint 1.58.0, read 2026-12-01). Other types are not checked.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("AWS::ApiGateway::Authorizer", &["AuthorizerId"]),
    ("AWS::ApiGateway::Deployment", &["DeploymentId"]),
    ("AWS::ApiGateway::Resource", &["ResourceId"]),
    ("AWS::ApiGateway::RestApi", &["RestApiId", "RootResourceId"]),
    ("AWS::ApiGatewayV2::Api", &["ApiEndpoint", "ApiId", "ExecuteApiArn"]),
    ("AWS::Cognito::UserPool", &["Arn", "ProviderName", "ProviderURL", "UserPoolId"]),
    ("AWS::DynamoDB::Table", &["Arn", "StreamArn"]),
    (
        "AWS::Events::EventBus",
        &[
            "Arn",
            "DeadLetterConfig.Arn",
            "Description",
            "EventSourceName",
            "KmsKeyIdentifier",
            "Name",
            "Policy",
        ],
    ),
    ("AWS::Events::Rule", &["Arn", "RuleName"]),
    ("AWS::IAM::Role", &["Arn", "RoleId"]),
    ("AWS::Kinesis::Stream", &["Arn", "WarmThroughputObject"]),
    ("AWS::Lambda::Alias", &["AliasArn"]),
    ("AWS::Lambda::EventSourceMapping", &["EventSourceMappingArn", "Id"]),
    (
        "AWS::Lambda::Function",
        &[
            "Arn",
            "SnapStartResponse",
            "SnapStartResponse.ApplyOn",
            "SnapStartResponse.OptimizationStatus",
        ],
    ),
    ("AWS::Lambda::LayerVersion", &["LayerVersionArn"]),
    ("AWS::Lambda::Permission", &["Id"]),
    ("AWS::Lambda::Url", &["FunctionArn", "FunctionUrl"]),
    ("AWS::Lambda::Version", &["FunctionArn", "Version"]),
    ("AWS::Logs::LogGroup", &["Arn"]),
    (
        "AWS::S3::Bucket",
        &[
            "Arn",
            "DomainName",
            "DualStackDomainName",
            "MetadataConfiguration.AnnotationTableConfiguration.TableArn",
            "MetadataConfiguration.AnnotationTableConfiguration.TableName",
            "MetadataConfiguration.Destination",
            "MetadataConfiguration.InventoryTableConfiguration.TableArn",
            "MetadataConfiguration.InventoryTableConfiguration.TableName",
            "MetadataConfiguration.JournalTableConfiguration.TableArn",
            "MetadataConfiguration.JournalTableConfiguration.TableName",
            "MetadataTableConfiguration.S3TablesDestination.TableArn",
            "MetadataTableConfiguration.S3TablesDestination.TableNamespace",
            "RegionalDomainName",
            "WebsiteURL",
        ],
    ),
    (
        "AWS::SNS::Topic",
        &[
            "ArchivePolicy",
            "ContentBasedDeduplication",
            "DataProtectionPolicy",
            "DisplayName",
            "FifoThroughputScope",
            "FifoTopic",
            "KmsMasterKeyId",
            "MaximumMessageSize",
            "SignatureVersion",
            "TopicArn",
            "TopicName",
            "TracingConfig",
        ],
    ),
    (
        "AWS::SQS::Queue",
        &[
            "Arn",
            "ContentBasedDeduplication",
            "DeduplicationScope",
            "DelaySeconds",
            "FifoQueue",
            "FifoThroughputLimit",
            "KmsDataKeyReusePeriodSeconds",
            "KmsMasterKeyId",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "QueueName",
            "QueueUrl",
            "ReceiveMessageWaitTimeSeconds",
            "RedriveAllowPolicy",
            "RedrivePolicy",
            "SqsManagedSseEnabled",
            "VisibilityTimeout",
        ],
    ),
    (
        "AWS::SSM::Parameter",
        &[
            "AllowedPattern",
            "Arn",
            "DataType",
            "Description",
            "Name",
            "Policies",
            "Tier",
            "Type",
            "Value",
        ],
    ),
    ("AWS::SecretsManager::Secret", &["Id"]),
    ("AWS::StepFunctions::StateMachine", &["Arn", "Name", "StateMachineRevisionId"]),
];

/// The type that AWS SAM makes of one of its own, and the resources that a name with a dot refers to (aws-sam-translator,
/// `referable_properties`, read 2026-12-01).
const OF_SAM: &[(&str, &str, &[&str])] = &[
    (
        "AWS::Serverless::Api",
        "AWS::ApiGateway::RestApi",
        &[
            "ApiKey",
            "Deployment",
            "DomainName",
            "DomainNameV2",
            "Stage",
            "UsagePlan",
            "UsagePlanKey",
        ],
    ),
    (
        "AWS::Serverless::Function",
        "AWS::Lambda::Function",
        &["Alias", "DestinationQueue", "DestinationTopic", "Version"],
    ),
    ("AWS::Serverless::HttpApi", "AWS::ApiGatewayV2::Api", &["DomainName", "Stage"]),
    ("AWS::Serverless::SimpleTable", "AWS::DynamoDB::Table", &[]),
    ("AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine", &[]),
];

/// AWS's refusal of an attribute that a type does not have; `None` for an attribute that it has, and for an unknown type.
///
/// The text is quoted by users: `Template error: resource S3Bucket does not support attribute type BucketName in Fn::GetAtt`
/// (2021-11-01). UNCONFIRMED: the text for an attribute with dots.
pub(super) fn refusal(
    logical_id: &str,
    kind: &str,
    attribute: &str,
    at: Position,
) -> Option<Diagnostic> {
    let of_sam = OF_SAM.iter().find(|(sam, ..)| *sam == kind);
    let (deployed, parts) =
        of_sam.map_or((kind, &[][..]), |(_, deployed, parts)| (*deployed, *parts));
    let (_, known) = ATTRIBUTES.iter().find(|(of, _)| *of == deployed)?;
    let first = attribute.split('.').next().unwrap_or(attribute);
    if known.contains(&attribute) || parts.contains(&first) {
        return None;
    }
    let message = format!(
        "AWS refuses the template: Template error: resource {logical_id} does not support attribute type {attribute} in Fn::GetAtt"
    );
    let names: Vec<&str> = known.iter().chain(parts).copied().collect();
    let help = format!("write one of: {}", names.join(", "));
    Some(Diagnostic::new(at, message).rule("unknown-attribute").help(help))
}

/// Warns of attributes that do not exist, in resources and outputs.
pub(super) fn check(scope: &Scope<'_>, template: &Node) {
    let resources = scope.resources.iter();
    let resources = resources.filter(|entry| scope.exists(entry).is_ok_and(|exists| exists));
    let properties = resources.filter_map(|entry| entry.value.get("Properties"));
    let outputs = template.get("Outputs").and_then(|node| node.entries("").ok());
    let outputs = outputs.into_iter().flatten().filter(|entry| {
        let condition = entry.value.get("Condition");
        condition.is_none_or(|it| {
            it.scalar("").is_ok_and(|name| scope.condition(name, it.at).is_ok_and(|holds| holds))
        })
    });
    let values = outputs.filter_map(|entry| entry.value.get("Value"));
    for node in properties.chain(values) {
        references(scope, node, &mut |it| {
            let Some(attribute) = it.attribute else { return };
            let Some(entry) = scope.resource(&it.name) else { return };
            let refusal = refusal(&it.name, kind(entry), &attribute, it.at);
            refusal.into_iter().for_each(|refusal| scope.warn(refusal));
        });
    }
}
