//! The values of `Ref` and `GetAtt` of a resource. Names that AWS would generate are the same in every run.

use super::attributes;
use super::diagnostic::{Diagnostic, Position};
use super::nested::{fitted, is_nested};
use super::scope::Scope;
use super::tree::{MappingEntry, Node, Value};
use hardcap_core::config::{ACCOUNT_ID, Stack};

impl Scope<'_> {
    /// `Ref` of a resource: a name, an id or a URL, by the resource's type.
    pub(super) fn resource_reference(&self, name: &str, at: Position) -> Result<Node, Diagnostic> {
        let Some(entry) = self.resource(name) else {
            return self.generated_reference(name, at);
        };
        let value = match kind(entry) {
            "AWS::Serverless::Function" | "AWS::Lambda::Function" => self.function_name(entry)?,
            "AWS::S3::Bucket" => self.bucket_name(entry)?,
            "AWS::Serverless::Api"
            | "AWS::Serverless::HttpApi"
            | "AWS::ApiGateway::RestApi"
            | "AWS::ApiGatewayV2::Api" => self.api_id(name),
            "AWS::ApiGateway::Stage" | "AWS::ApiGatewayV2::Stage" => {
                self.named(entry, &["StageName"])?.unwrap_or_else(|| name.to_owned())
            }
            "AWS::Lambda::Url" => self.function_arn(name),
            "AWS::Lambda::Alias" => self.qualified(entry, "Name")?,
            "AWS::Lambda::Version" => self.qualified(entry, "Version")?,
            "AWS::SQS::Queue" => self.queue_url(entry)?,
            "AWS::SNS::Topic"
            | "AWS::StepFunctions::StateMachine"
            | "AWS::StepFunctions::Activity"
            | "AWS::Serverless::StateMachine"
            | "AWS::Lambda::LayerVersion"
            | "AWS::Serverless::LayerVersion" => self.other_arn(entry, kind(entry))?,
            "AWS::SecretsManager::Secret" => self.secret_arn(entry)?,
            // Only other resources of the same API refer to these resources of CloudFormation.
            kind if kind.starts_with("AWS::ApiGateway") => name.to_owned(),
            "AWS::Serverless::SimpleTable" => self.other_name(entry, "AWS::DynamoDB::Table")?,
            kind if is_nested(kind) => Stack::arn_of(&self.nested_name(entry), &self.names.region),
            kind => self.other_name(entry, kind)?,
        };
        Ok(Node::text(at, value))
    }

    /// `GetAtt` of a resource.
    pub(super) fn resource_attribute(
        &self,
        name: &str,
        attribute: &str,
        at: Position,
    ) -> Result<Node, Diagnostic> {
        let Some(entry) = self.resource(name) else {
            return self.generated_attribute(name, attribute, at);
        };
        if is_nested(kind(entry))
            && let Some(output) = attribute.strip_prefix("Outputs.")
            && let Some(value) = self.nested_output(entry, output, at)?
        {
            return Ok(value);
        }
        if let Some(refusal) = attributes::refusal(name, kind(entry), attribute, at) {
            return Err(refusal);
        }
        if let Some(items) = list_attribute(kind(entry), attribute) {
            let name = self.other_name(entry, kind(entry))?;
            let items = items.iter().map(|item| Node::text(at, item.replace("NAME", &name)));
            return Ok(Node::new(at, Value::List(items.collect())));
        }
        let value = match (kind(entry), attribute) {
            ("AWS::Serverless::Function" | "AWS::Lambda::Function", "Arn") => {
                self.function_arn(&self.function_name(entry)?)
            }
            (
                "AWS::S3::Bucket",
                "Arn" | "DomainName" | "DualStackDomainName" | "RegionalDomainName" | "WebsiteURL",
            ) => self.bucket_attribute(entry, attribute)?,
            ("AWS::Serverless::HttpApi" | "AWS::ApiGatewayV2::Api", "ApiEndpoint") => {
                self.api_endpoint(name)
            }
            ("AWS::Serverless::HttpApi" | "AWS::ApiGatewayV2::Api", "ExecuteApiArn") => {
                format!(
                    "arn:aws:execute-api:{}:{ACCOUNT_ID}:{}",
                    self.names.region,
                    self.api_id(name)
                )
            }
            ("AWS::Serverless::Api" | "AWS::ApiGateway::RestApi", "RootResourceId") => {
                ROOT_RESOURCE.to_owned()
            }
            ("AWS::Serverless::Api" | "AWS::ApiGateway::RestApi", "RestApiId")
            | ("AWS::Serverless::HttpApi" | "AWS::ApiGatewayV2::Api", "ApiId") => self.api_id(name),
            ("AWS::ApiGateway::Resource", "ResourceId") => name.to_owned(),
            ("AWS::Serverless::Api" | "AWS::Serverless::HttpApi", "Stage") => {
                self.named(entry, &["StageName"])?.unwrap_or_else(|| "$default".to_owned())
            }
            ("AWS::DynamoDB::Table" | "AWS::Serverless::SimpleTable", "Arn") => {
                self.table_arn(entry)?
            }
            ("AWS::DynamoDB::Table" | "AWS::Serverless::SimpleTable", "StreamArn") => {
                format!("{}/stream/2026-01-01T00:00:00.000", self.table_arn(entry)?)
            }
            ("AWS::SecretsManager::Secret", "Id") => self.secret_arn(entry)?,
            (of, attribute) if FUNCTIONS.contains(&of) && is_qualifier(attribute) => {
                self.function_qualifier(entry, attribute)?
            }
            ("AWS::SSM::Parameter", "Type" | "Value") => {
                self.named(entry, &[attribute])?.unwrap_or_default()
            }
            ("AWS::Lambda::Url", "FunctionUrl") => self.function_url(name),
            ("AWS::Lambda::Url", "FunctionArn") => {
                let target = self.named(entry, &["TargetFunctionArn"])?.unwrap_or_default();
                self.function_arn(super::function::function_of(&target))
            }
            // The raw resources of an API only name each other: their ids are what `Ref` gives.
            (kind, attribute)
                if kind.starts_with("AWS::ApiGateway") && attribute.ends_with("Id") =>
            {
                name.to_owned()
            }
            (kind, attribute) => self.foreign_attribute(entry, kind, attribute)?,
        };
        Ok(Node::text(at, value))
    }

    fn bucket_attribute(
        &self,
        entry: &MappingEntry,
        attribute: &str,
    ) -> Result<String, Diagnostic> {
        let (name, region) = (self.bucket_name(entry)?, &self.names.region);
        Ok(match attribute {
            "Arn" => format!("arn:aws:s3:::{name}"),
            "DomainName" => format!("{name}.s3.amazonaws.com"),
            "DualStackDomainName" => format!("{name}.s3.dualstack.{region}.amazonaws.com"),
            "RegionalDomainName" => format!("{name}.s3.{region}.amazonaws.com"),
            _ => format!("http://{name}.s3-website-{region}.amazonaws.com"),
        })
    }

    /// `GetAtt` of a resource that is not emulated: in the form of its service if that is known, else a name.
    fn foreign_attribute(
        &self,
        entry: &MappingEntry,
        kind: &str,
        attribute: &str,
    ) -> Result<String, Diagnostic> {
        match (kind, attribute) {
            ("AWS::SQS::Queue", "QueueUrl") => self.queue_url(entry),
            ("AWS::SQS::Queue", "QueueName")
            | ("AWS::SNS::Topic", "TopicName")
            | ("AWS::Events::EventBus", "Name")
            | ("AWS::StepFunctions::StateMachine" | "AWS::Serverless::StateMachine", "Name") => {
                self.other_name(entry, kind)
            }
            ("AWS::AppSync::GraphQLApi" | "AWS::Serverless::GraphQLApi", "GraphQLUrl") => {
                let (id, region) = (entry.key.to_lowercase(), &self.names.region);
                Ok(format!("https://{id}.appsync-api.{region}.amazonaws.com/graphql"))
            }
            ("AWS::Lambda::Version", "Version") => Ok("1".to_owned()),
            ("AWS::Lambda::Version", "FunctionArn") => self.qualified(entry, "Version"),
            ("AWS::Lambda::Alias", "AliasArn") => self.qualified(entry, "Name"),
            (_, "Arn") | ("AWS::SNS::Topic", "TopicArn") => self.other_arn(entry, kind),
            (kind, attribute) => Ok(format!("{}-{attribute}", self.other_name(entry, kind)?)),
        }
    }

    /// `arn:aws:lambda:…` of a function's name.
    pub(super) fn function_arn(&self, name: &str) -> String {
        format!("arn:aws:lambda:{}:{ACCOUNT_ID}:function:{name}", self.names.region)
    }

    fn table_arn(&self, entry: &MappingEntry) -> Result<String, Diagnostic> {
        let name = self.other_name(entry, "AWS::DynamoDB::Table")?;
        Ok(format!("arn:aws:dynamodb:{}:{ACCOUNT_ID}:table/{name}", self.names.region))
    }

    /// `https://sqs.us-east-1.amazonaws.com/000000000000/NAME`
    fn queue_url(&self, entry: &MappingEntry) -> Result<String, Diagnostic> {
        let name = self.other_name(entry, "AWS::SQS::Queue")?;
        Ok(format!("https://sqs.{}.amazonaws.com/{ACCOUNT_ID}/{name}", self.names.region))
    }

    /// The ARN of an alias or a version: the ARN of its function, followed by the alias or the number.
    fn qualified(&self, entry: &MappingEntry, key: &str) -> Result<String, Diagnostic> {
        let function = self.named(entry, &["FunctionName"])?.unwrap_or_default();
        let function = super::function::function_of(&function);
        let qualifier = self.named(entry, &[key])?.unwrap_or_else(|| "1".to_owned());
        Ok(format!("{}:{qualifier}", self.function_arn(function)))
    }

    /// `F.Alias` and `F.Version` of a function with `AutoPublishAlias` (AWS SAM developer guide, referenceable properties).
    fn function_qualifier(
        &self,
        entry: &MappingEntry,
        attribute: &str,
    ) -> Result<String, Diagnostic> {
        let arn = self.function_arn(&self.function_name(entry)?);
        match (attribute, self.named(entry, &["AutoPublishAlias"])?) {
            ("Version.Version", _) => Ok("1".to_owned()),
            ("Alias", Some(alias)) => Ok(format!("{arn}:{alias}")),
            ("Alias", None) => Err(Diagnostic::new(
                entry.at,
                format!("`{}` has no alias because it has no `AutoPublishAlias`", entry.key),
            )),
            _ => Ok(format!("{arn}:1")),
        }
    }

    /// The ARN of a resource that is not emulated, in the form of its service.
    fn other_arn(&self, entry: &MappingEntry, kind: &str) -> Result<String, Diagnostic> {
        let name = self.other_name(entry, kind)?;
        let (region, account) = (self.names.region.as_str(), ACCOUNT_ID);
        let (service, region, account, resource) = match kind {
            "AWS::IAM::Role" => ("iam", "", account, format!("role/{name}")),
            "AWS::StepFunctions::StateMachine" | "AWS::Serverless::StateMachine" => {
                ("states", region, account, format!("stateMachine:{name}"))
            }
            "AWS::StepFunctions::Activity" => {
                ("states", region, account, format!("activity:{name}"))
            }
            "AWS::Lambda::LayerVersion" | "AWS::Serverless::LayerVersion" => {
                let name = self.named(entry, &["LayerName"])?.unwrap_or_else(|| entry.key.clone());
                ("lambda", region, account, format!("layer:{name}:1"))
            }
            "AWS::Events::EventBus" => ("events", region, account, format!("event-bus/{name}")),
            "AWS::Events::Rule" => {
                let bus = self.named(entry, &["EventBusName"])?.unwrap_or_default();
                let bus = bus.rsplit_once('/').map_or(bus.as_str(), |(_, name)| name);
                let bus = match bus {
                    "" | "default" => String::new(),
                    bus => format!("{bus}/"),
                };
                ("events", region, account, format!("rule/{bus}{name}"))
            }
            "AWS::Kinesis::Stream" => ("kinesis", region, account, format!("stream/{name}")),
            "AWS::KinesisFirehose::DeliveryStream" => {
                ("firehose", region, account, format!("deliverystream/{name}"))
            }
            "AWS::Logs::LogGroup" => ("logs", region, account, format!("log-group:{name}:*")),
            "AWS::Cognito::UserPool" => {
                ("cognito-idp", region, account, format!("userpool/{name}"))
            }
            "AWS::EFS::AccessPoint" => {
                ("elasticfilesystem", region, account, format!("access-point/{name}"))
            }
            "AWS::SSM::Parameter" => {
                ("ssm", region, account, format!("parameter/{}", name.trim_start_matches('/')))
            }
            "AWS::KMS::Key" => ("kms", region, account, format!("key/{name}")),
            kind => {
                let service = kind.split("::").nth(1).unwrap_or("service").to_lowercase();
                return Ok(format!("arn:aws:{service}:{region}:{account}:{name}"));
            }
        };
        Ok(format!("arn:aws:{service}:{region}:{account}:{resource}"))
    }

    fn secret_arn(&self, entry: &MappingEntry) -> Result<String, Diagnostic> {
        let name = self.other_name(entry, "AWS::SecretsManager::Secret")?;
        Ok(hardcap_core::config::secret_arn(&self.names.region, &name, 0))
    }

    /// `Ref` of a resource that SAM generates: the role or the URL of a function, the stage of an API.
    fn generated_reference(&self, name: &str, at: Position) -> Result<Node, Diagnostic> {
        if let Some((function, attribute)) = name.split_once('.')
            && is_qualifier(attribute)
            && let Some(entry) = self.resource(function)
            && FUNCTIONS.contains(&kind(entry))
        {
            return Ok(Node::text(at, self.function_qualifier(entry, attribute)?));
        }
        if self.generated(name, "Role").is_some() {
            return Ok(Node::text(at, name));
        }
        if let Some(function) = self.generated(name, "Url") {
            return Ok(Node::text(at, self.function_arn(&self.function_name(function)?)));
        }
        if let Some(api) = self.generated(name, "Stage").or_else(|| self.generated(name, ".Stage"))
        {
            let stage = self.named(api, &["StageName"])?;
            return Ok(Node::text(at, stage.unwrap_or_else(|| "Prod".to_owned())));
        }
        // A parameter without a value is not a generated name. The name of a stage may refer to it, which would recurse.
        if self.declared.contains(name) || !name.ends_with("Stage") {
            return Err(self.unknown(name, at));
        }
        // The stage resource of an API: its logical id, the stage's name, `Stage`.
        for api in self.resources.iter().filter(|entry| kind(entry) == "AWS::Serverless::Api") {
            let stage = self.named(api, &["StageName"])?.unwrap_or_default();
            if name == format!("{}{stage}Stage", api.key) {
                return Ok(Node::text(at, stage));
            }
        }
        Err(self.unknown(name, at))
    }

    fn generated_attribute(
        &self,
        name: &str,
        attribute: &str,
        at: Position,
    ) -> Result<Node, Diagnostic> {
        if self.generated(name, "Role").is_some() && attribute == "Arn" {
            return Ok(Node::text(at, format!("arn:aws:iam::{ACCOUNT_ID}:role/{name}")));
        }
        if self.generated(name, "Url").is_some() && attribute == "FunctionUrl" {
            return Ok(Node::text(at, self.function_url(name)));
        }
        Err(self.unknown(name, at))
    }

    fn unknown(&self, name: &str, at: Position) -> Diagnostic {
        if let Some(why) = self.nesting.around.without_value.get(name) {
            let message = format!(
                "the parameter `{name}` of this nested stack has no value: {}",
                why.message
            );
            return Diagnostic { at, message, ..why.clone() };
        }
        if self.declared.contains(name) {
            let help =
                format!("give it with --parameter {name}=…, or under [parameters] in hardcap.toml");
            return Diagnostic::new(at, format!("the parameter `{name}` has no value")).help(help);
        }
        let known: Vec<&str> = self.known_names().collect();
        let declared =
            "give it a default under Parameters, a value with --parameter, or declare the resource";
        Diagnostic::new(at, format!("this template has no parameter or resource `{name}`"))
            .help(declared)
            .nearest(name, known)
    }

    /// The SAM resource that `name` was generated from by adding `suffix`.
    fn generated(&self, name: &str, suffix: &str) -> Option<&MappingEntry> {
        let entry = self.resource(name.strip_suffix(suffix)?)?;
        kind(entry).starts_with("AWS::Serverless::").then_some(entry)
    }

    /// The function's name: the template's, else the logical id. On AWS the latter has a random suffix.
    pub(crate) fn function_name(&self, entry: &MappingEntry) -> Result<String, Diagnostic> {
        let given = self.named(entry, &["FunctionName"])?;
        let path = &self.nesting.around.path;
        Ok(given.unwrap_or_else(|| fitted(format!("{}{}", path.replace('/', "-"), entry.key), 64)))
    }

    /// A placeholder for the address of a function URL.
    fn function_url(&self, logical_id: &str) -> String {
        format!("${{hardcap:url:{}{logical_id}}}/", self.nesting.around.path)
    }

    /// The bucket's name: the template's, else the stack's name and the logical id in lower case.
    pub(crate) fn bucket_name(&self, entry: &MappingEntry) -> Result<String, Diagnostic> {
        if let Some(name) = self.named(entry, &["BucketName"])? {
            return Ok(name);
        }
        let mut name = format!("{}-{}", self.names.stack, entry.key).to_lowercase();
        name.retain(|c| c.is_ascii_alphanumeric() || c == '-');
        Ok(fitted(name, 63).trim_matches('-').to_owned())
    }

    /// The id of an API, which its events contain too.
    pub(crate) fn api_id(&self, logical_id: &str) -> String {
        hardcap_core::config::api_id(&format!("{}{logical_id}", self.nesting.around.path))
    }

    /// The address of an API on AWS, without its stage.
    pub(crate) fn api_endpoint(&self, logical_id: &str) -> String {
        let path = &self.nesting.around.path;
        api_endpoint(&format!("{path}{logical_id}"), &self.names.region)
    }

    /// The value of the first of these properties that the resource has.
    fn named(&self, entry: &MappingEntry, keys: &[&str]) -> Result<Option<String>, Diagnostic> {
        let Some(properties) = entry.value.get("Properties") else { return Ok(None) };
        for key in keys {
            if let Some(node) = properties.get(key) {
                let value = self.evaluate(node)?;
                if !value.is_absent() {
                    return value.scalar(&format!("`{key}`")).map(|text| Some(text.to_owned()));
                }
            }
        }
        Ok(None)
    }

    /// The name of another resource: the template's, else the stack's name and the logical id.
    pub(crate) fn other_name(
        &self,
        entry: &MappingEntry,
        kind: &str,
    ) -> Result<String, Diagnostic> {
        let last = kind.rsplit("::").next().unwrap_or(kind);
        let own = format!("{last}Name");
        let given = self.named(entry, &[&own, "Name"])?;
        if let Some(given) = given {
            return Ok(given);
        }
        let fifo = match kind {
            "AWS::SQS::Queue" => self.named(entry, &["FifoQueue"])?,
            "AWS::SNS::Topic" => self.named(entry, &["FifoTopic"])?,
            _ => None,
        };
        let is_fifo = fifo.is_some_and(|fifo| fifo == "true");
        let suffix = if is_fifo { ".fifo" } else { "" };
        Ok(format!("{}-{}{suffix}", self.names.stack, entry.key))
    }
}

/// The address on AWS of the API with this logical id, without its stage.
pub(super) fn api_endpoint(logical_id: &str, region: &str) -> String {
    let id = hardcap_core::config::api_id(logical_id);
    format!("https://{id}.execute-api.{region}.amazonaws.com")
}

/// The value of `RootResourceId`, by which `ParentId` recognizes the root.
pub(crate) const ROOT_RESOURCE: &str = "root";

const FUNCTIONS: [&str; 2] = ["AWS::Serverless::Function", "AWS::Lambda::Function"];

/// The items of an attribute that is a list, in the form of its service. `NAME` stands for the resource.
fn list_attribute(kind: &str, attribute: &str) -> Option<&'static [&'static str]> {
    match (kind, attribute) {
        // The hosted zone, a colon, and the name.
        ("AWS::EC2::VPCEndpoint", "DnsEntries") => Some(&[
            "Z00000000000000000000:NAME.vpce.amazonaws.com",
            "Z00000000000000000000:NAME-az1.vpce.amazonaws.com",
        ]),
        ("AWS::EC2::VPCEndpoint", "NetworkInterfaceIds") => Some(&["eni-NAME-1", "eni-NAME-2"]),
        ("AWS::Route53::HostedZone", "NameServers") => {
            Some(&["ns-1.NAME", "ns-2.NAME", "ns-3.NAME", "ns-4.NAME"])
        }
        _ => None,
    }
}

/// Whether an attribute refers to a resource that AWS SAM adds for `AutoPublishAlias`.
fn is_qualifier(attribute: &str) -> bool {
    matches!(attribute, "Alias" | "Version" | "Version.Version")
}

/// Whether a resource is a function.
pub(crate) fn is_function(entry: &MappingEntry) -> bool {
    FUNCTIONS.contains(&kind(entry))
}

/// The `Type` of a resource.
pub(crate) fn kind(entry: &MappingEntry) -> &str {
    entry.value.get("Type").and_then(|node| node.scalar("`Type`").ok()).unwrap_or_default()
}
