//! What `Ref` and `GetAtt` of a resource give: the names that AWS would make up, made the same way on every run.

use sha2::{Digest, Sha256};

use super::mistake::{Mistake, Position};
use super::scope::Scope;
use super::tree::{Entry, Node};
use hardcap_core::config::ACCOUNT_ID;

impl Scope<'_> {
    /// `Ref` of a resource: a name, an id or a URL, by the resource's type.
    pub(super) fn resource_reference(&self, name: &str, at: Position) -> Result<Node, Mistake> {
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
            "AWS::SecretsManager::Secret" => self.secret_arn(entry)?,
            // The raw resources of an API only name each other.
            kind if kind.starts_with("AWS::ApiGateway") => name.to_owned(),
            "AWS::Serverless::SimpleTable" => self.other_name(entry, "AWS::DynamoDB::Table")?,
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
    ) -> Result<Node, Mistake> {
        let Some(entry) = self.resource(name) else {
            return self.generated_attribute(name, attribute, at);
        };
        let region = &self.names.region;
        let value = match (kind(entry), attribute) {
            ("AWS::Serverless::Function" | "AWS::Lambda::Function", "Arn") => {
                self.function_arn(&self.function_name(entry)?)
            }
            ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{}", self.bucket_name(entry)?),
            ("AWS::S3::Bucket", "DomainName") => {
                format!("{}.s3.amazonaws.com", self.bucket_name(entry)?)
            }
            ("AWS::S3::Bucket", "RegionalDomainName") => {
                format!("{}.s3.{region}.amazonaws.com", self.bucket_name(entry)?)
            }
            ("AWS::Serverless::HttpApi" | "AWS::ApiGatewayV2::Api", "ApiEndpoint") => {
                self.api_endpoint(name)
            }
            ("AWS::Serverless::Api" | "AWS::ApiGateway::RestApi", "RootResourceId") => {
                ROOT_RESOURCE.to_owned()
            }
            ("AWS::Serverless::Api" | "AWS::ApiGateway::RestApi", "RestApiId")
            | ("AWS::Serverless::HttpApi" | "AWS::ApiGatewayV2::Api", "ApiId") => self.api_id(name),
            ("AWS::ApiGateway::Resource", "ResourceId") => name.to_owned(),
            ("AWS::DynamoDB::Table" | "AWS::Serverless::SimpleTable", "Arn") => {
                self.table_arn(entry)?
            }
            ("AWS::SecretsManager::Secret", "Id") => self.secret_arn(entry)?,
            ("AWS::SSM::Parameter", "Type" | "Value") => {
                self.named(entry, &[attribute])?.unwrap_or_default()
            }
            ("AWS::Lambda::Url", "FunctionUrl") => format!("${{hardcap:url:{name}}}/"),
            (
                "AWS::Serverless::Function"
                | "AWS::Lambda::Function"
                | "AWS::S3::Bucket"
                | "AWS::Serverless::HttpApi"
                | "AWS::ApiGatewayV2::Api"
                | "AWS::Serverless::Api"
                | "AWS::ApiGateway::RestApi"
                | "AWS::Lambda::Url"
                | "AWS::DynamoDB::Table"
                | "AWS::SecretsManager::Secret"
                | "AWS::SSM::Parameter",
                _,
            ) => {
                let message =
                    format!("`{name}`, a {}, has no attribute `{attribute}`", kind(entry));
                return Err(Mistake::new(at, message).help(
                    "hardcap knows Arn, DomainName, RegionalDomainName, ApiEndpoint, FunctionUrl, Id, Type, Value",
                ));
            }
            (kind, "Arn") => {
                let service = kind.split("::").nth(1).unwrap_or("service").to_lowercase();
                format!("arn:aws:{service}:{region}:{ACCOUNT_ID}:{}", self.other_name(entry, kind)?)
            }
            (kind, attribute) => format!("{}-{attribute}", self.other_name(entry, kind)?),
        };
        Ok(Node::text(at, value))
    }

    /// `arn:aws:lambda:…` of a function's name.
    fn function_arn(&self, name: &str) -> String {
        format!("arn:aws:lambda:{}:{ACCOUNT_ID}:function:{name}", self.names.region)
    }

    fn table_arn(&self, entry: &Entry) -> Result<String, Mistake> {
        let name = self.other_name(entry, "AWS::DynamoDB::Table")?;
        Ok(format!("arn:aws:dynamodb:{}:{ACCOUNT_ID}:table/{name}", self.names.region))
    }

    fn secret_arn(&self, entry: &Entry) -> Result<String, Mistake> {
        let name = self.other_name(entry, "AWS::SecretsManager::Secret")?;
        Ok(hardcap_core::config::secret_arn(&self.names.region, &name, 0))
    }

    /// What SAM makes beside a resource: the role and the URL of a function, the stage of an API.
    fn generated_reference(&self, name: &str, at: Position) -> Result<Node, Mistake> {
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
        Err(self.unknown(name, at))
    }

    fn generated_attribute(
        &self,
        name: &str,
        attribute: &str,
        at: Position,
    ) -> Result<Node, Mistake> {
        if self.generated(name, "Role").is_some() && attribute == "Arn" {
            return Ok(Node::text(at, format!("arn:aws:iam::{ACCOUNT_ID}:role/{name}")));
        }
        if self.generated(name, "Url").is_some() && attribute == "FunctionUrl" {
            return Ok(Node::text(at, format!("${{hardcap:url:{name}}}/")));
        }
        Err(self.unknown(name, at))
    }

    fn unknown(&self, name: &str, at: Position) -> Mistake {
        let known: Vec<&str> = self.known_names().collect();
        let declared =
            "give it a default under Parameters, a value with --parameter, or declare the resource";
        Mistake::new(at, format!("nothing in this template is called `{name}`, or it has no value"))
            .help(declared)
            .nearest(name, known)
    }

    /// The SAM resource that `name` was generated from by adding `suffix`.
    fn generated(&self, name: &str, suffix: &str) -> Option<&Entry> {
        let entry = self.resource(name.strip_suffix(suffix)?)?;
        kind(entry).starts_with("AWS::Serverless::").then_some(entry)
    }

    /// The function's name: the logical id unless the template gives another, as AWS adds only a random tail to it.
    pub(crate) fn function_name(&self, entry: &Entry) -> Result<String, Mistake> {
        Ok(self.named(entry, &["FunctionName"])?.unwrap_or_else(|| entry.key.clone()))
    }

    /// The bucket's name: the stack's and the logical id in small letters unless the template gives another.
    pub(crate) fn bucket_name(&self, entry: &Entry) -> Result<String, Mistake> {
        if let Some(name) = self.named(entry, &["BucketName"])? {
            return Ok(name);
        }
        let mut name = format!("{}-{}", self.names.stack, entry.key).to_lowercase();
        name.retain(|c| c.is_ascii_alphanumeric() || c == '-');
        name.truncate(63);
        Ok(name.trim_matches('-').to_owned())
    }

    /// The ten letters that stand for an API, the same on every run.
    pub(crate) fn api_id(&self, logical_id: &str) -> String {
        let digest = Sha256::digest(format!("{}/{logical_id}", self.names.stack));
        hex::encode(&digest[..5])
    }

    /// Where AWS would serve an API, without its stage.
    pub(crate) fn api_endpoint(&self, logical_id: &str) -> String {
        format!(
            "https://{}.execute-api.{}.amazonaws.com",
            self.api_id(logical_id),
            self.names.region
        )
    }

    /// The first of these properties that the resource has.
    fn named(&self, entry: &Entry, keys: &[&str]) -> Result<Option<String>, Mistake> {
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

    /// The name of anything else: what the template says, else made from its logical id.
    pub(crate) fn other_name(&self, entry: &Entry, kind: &str) -> Result<String, Mistake> {
        let last = kind.rsplit("::").next().unwrap_or(kind);
        let own = format!("{last}Name");
        let given = self.named(entry, &[&own, "Name"])?;
        Ok(given.unwrap_or_else(|| format!("{}-{}", self.names.stack, entry.key)))
    }
}

/// What `RootResourceId` gives, so that `ParentId` is recognized.
pub(crate) const ROOT_RESOURCE: &str = "root";

/// The `Type` of a resource.
pub(crate) fn kind(entry: &Entry) -> &str {
    entry.value.get("Type").and_then(|node| node.scalar("`Type`").ok()).unwrap_or_default()
}
