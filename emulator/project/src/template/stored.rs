//! Tables, parameters and secrets of a template.

use super::diagnostic::Diagnostic;
use super::password::Password;
use super::properties::Properties;
use super::scope::Scope;
use super::tree::{MappingEntry, Node};
use hardcap_core::config::{
    Attribute, AttributeKind, Index, Parameter, ParameterKind, ParameterTier, Projection, Secret,
    SecretValue, Table,
};

/// `AWS::DynamoDB::Table`.
pub(super) fn table(scope: &Scope<'_>, entry: &MappingEntry) -> Result<Table, Diagnostic> {
    let of = Properties::of(scope, "the table", entry)?;
    of.without_effect(&[
        "ContributorInsightsSpecification",
        "DeletionProtectionEnabled",
        "OnDemandThroughput",
        "PointInTimeRecoverySpecification",
        "ResourcePolicy",
        "SSESpecification",
        "TableClass",
        "TableName",
        "Tags",
        "WarmThroughput",
    ]);
    of.not_emulated("LocalSecondaryIndexes", "only global indexes are made")?;
    of.not_emulated("StreamSpecification", "no function is called with its records")?;
    of.not_emulated("KinesisStreamSpecification", "no stream gets its records")?;
    of.not_emulated("ImportSourceSpecification", "the table is empty at the start")?;
    let attributes = of.children("AttributeDefinitions")?;
    let attributes = attributes.into_iter().map(attribute).collect::<Result<Vec<_>, _>>()?;
    let (hash_key, range_key) = key_schema(&of)?;
    let mut table = Table {
        name: scope.other_name(entry, "AWS::DynamoDB::Table")?,
        attributes,
        hash_key,
        range_key,
        indexes: Vec::new(),
        ttl_attribute: None,
    };
    let billing = of.text("BillingMode");
    let is_provisioned = billing.is_ok_and(|mode| mode.is_none_or(|it| it != "PAY_PER_REQUEST"));
    let mut has_throughput = of.node("ProvisionedThroughput")?.is_some();
    for index in of.children("GlobalSecondaryIndexes")? {
        has_throughput &= index.node("ProvisionedThroughput")?.is_some();
        table.indexes.push(global_index(index)?);
    }
    // The text: aws-cloudformation/cfn-lint#4651 (2026-08-21), of an index: aws/aws-sam-cli#1815 (2020-02-21).
    if is_provisioned && !has_throughput {
        let message =
            format!("AWS refuses `{}`: Property ProvisionedThroughput cannot be empty.", entry.key);
        let warning = Diagnostic::new(entry.at, message).rule("table");
        scope.warn(warning.help(
            "write `BillingMode: PAY_PER_REQUEST`, or give the table and each index its throughput",
        ));
    }
    if let Some(ttl) = of.child("TimeToLiveSpecification")? {
        let attribute = ttl.text("AttributeName")?;
        table.ttl_attribute =
            attribute.filter(|_| ttl.flag("Enabled").is_ok_and(|on| on == Some(true)));
        ttl.finish();
    }
    let at = of.at;
    of.finish();
    table
        .validate()
        .map_err(|fault| Diagnostic::new(at, format!("invalid table `{}`: {fault}", entry.key)))?;
    Ok(table)
}

/// `AWS::Serverless::SimpleTable`: a partition key and nothing else.
pub(super) fn simple_table(scope: &Scope<'_>, entry: &MappingEntry) -> Result<Table, Diagnostic> {
    let of = Properties::of(scope, "the table", entry)?;
    of.without_effect(&[
        "PointInTimeRecoverySpecification",
        "ProvisionedThroughput",
        "SSESpecification",
        "TableName",
        "Tags",
    ]);
    let name = scope.other_name(entry, "AWS::DynamoDB::Table")?;
    let mut table = Table::new(&name, "id");
    if let Some(key) = of.child("PrimaryKey")? {
        let key_name = key.required_text("Name")?;
        table.attributes[0].name.clone_from(&key_name);
        table.hash_key = key_name;
        table.attributes[0].kind = match key.required_text("Type")?.as_str() {
            "String" => AttributeKind::String,
            "Number" => AttributeKind::Number,
            "Binary" => AttributeKind::Binary,
            other => {
                let message =
                    format!("the type of a key must be String, Number or Binary, not `{other}`");
                return Err(Diagnostic::new(key.at, message));
            }
        };
        key.finish();
    }
    of.finish();
    Ok(table)
}

fn attribute(of: Properties<'_>) -> Result<Attribute, Diagnostic> {
    let name = of.required_text("AttributeName")?;
    let kind = match of.required_text("AttributeType")?.as_str() {
        "S" => AttributeKind::String,
        "N" => AttributeKind::Number,
        "B" => AttributeKind::Binary,
        other => {
            let message = format!("`AttributeType` of `{name}` must be S, N or B, not `{other}`");
            return Err(Diagnostic::new(of.at, message));
        }
    };
    of.finish();
    Ok(Attribute { name, kind })
}

fn key_schema(of: &Properties<'_>) -> Result<(String, Option<String>), Diagnostic> {
    let (mut hash, mut range) = (None, None);
    for key in of.children("KeySchema")? {
        let name = key.required_text("AttributeName")?;
        match key.required_text("KeyType")?.as_str() {
            "HASH" => hash = Some(name),
            "RANGE" => range = Some(name),
            other => {
                let message = format!("`KeyType` of `{name}` must be HASH or RANGE, not `{other}`");
                return Err(Diagnostic::new(key.at, message));
            }
        }
        key.finish();
    }
    let missing = || Diagnostic::new(of.at, format!("{} has no key of `KeyType: HASH`", of.what));
    Ok((hash.ok_or_else(missing)?, range))
}

fn global_index(of: Properties<'_>) -> Result<Index, Diagnostic> {
    of.without_effect(&[
        "ContributorInsightsSpecification",
        "OnDemandThroughput",
        "ProvisionedThroughput",
        "WarmThroughput",
    ]);
    let name = of.required_text("IndexName")?;
    let (hash_key, range_key) = key_schema(&of)?;
    let mut projection = Projection::All;
    if let Some(given) = of.child("Projection")? {
        projection = match given.text("ProjectionType")?.as_deref() {
            None | Some("ALL") => Projection::All,
            Some("KEYS_ONLY") => Projection::KeysOnly,
            Some("INCLUDE") => Projection::Include(given.texts("NonKeyAttributes")?),
            Some(other) => {
                let message =
                    format!("`ProjectionType` must be ALL, KEYS_ONLY or INCLUDE, not `{other}`");
                return Err(Diagnostic::new(given.at, message));
            }
        };
        given.finish();
    }
    of.finish();
    Ok(Index { name, hash_key, range_key, projection })
}

/// `AWS::SSM::Parameter`.
pub(super) fn parameter(scope: &Scope<'_>, entry: &MappingEntry) -> Result<Parameter, Diagnostic> {
    let of = Properties::of(scope, "the parameter", entry)?;
    of.without_effect(&["AllowedPattern", "DataType", "Name", "Tags"]);
    of.not_emulated("Policies", "the parameter does not expire")?;
    let kind = match of.required_text("Type")?.as_str() {
        "String" => ParameterKind::String,
        "StringList" => ParameterKind::StringList,
        other => {
            let message =
                format!("`Type` of a parameter must be String or StringList, not `{other}`");
            return Err(Diagnostic::new(of.at, message)
                .help("CloudFormation does not create SecureString parameters; keep the value in a secret"));
        }
    };
    let tier = match of.text("Tier")?.as_deref() {
        None | Some("Standard") => ParameterTier::Standard,
        Some("Advanced") => ParameterTier::Advanced,
        Some("Intelligent-Tiering") => ParameterTier::IntelligentTiering,
        Some(other) => {
            let message =
                format!("`Tier` must be Standard, Advanced or Intelligent-Tiering, not `{other}`");
            return Err(Diagnostic::new(of.at, message));
        }
    };
    let parameter = Parameter {
        name: scope.other_name(entry, "AWS::SSM::Parameter")?,
        kind,
        value: of.required_text("Value")?,
        description: of.text("Description")?.unwrap_or_default(),
        tier,
    };
    of.finish();
    Ok(parameter)
}

/// `AWS::SecretsManager::Secret`. A generated value is derived from the secret's name and is the same in every run, so data
/// that it protects in a data directory stays readable.
pub(super) fn secret(scope: &Scope<'_>, entry: &MappingEntry) -> Result<Secret, Diagnostic> {
    let of = Properties::of(scope, "the secret", entry)?;
    of.without_effect(&["KmsKeyId", "Name", "ReplicaRegions", "Tags", "Type"]);
    let name = scope.other_name(entry, "AWS::SecretsManager::Secret")?;
    let given = of.text("SecretString")?;
    let value = match (given, of.child("GenerateSecretString")?) {
        (Some(_), Some(generate)) => {
            let message = "a secret has `SecretString` or `GenerateSecretString`, not both";
            return Err(Diagnostic::new(generate.at, message));
        }
        (Some(text), None) => Some(text),
        (None, Some(generate)) => Some(generated(&name, generate)?),
        (None, None) => None,
    };
    let description = of.text("Description")?.unwrap_or_default();
    of.finish();
    Ok(Secret { name, value: value.map(SecretValue::String), description })
}

fn generated(name: &str, of: Properties<'_>) -> Result<String, Diagnostic> {
    of.without_effect(&["RequireEachIncludedType"]);
    let without = |key| of.flag(key).map(|flag| flag == Some(true));
    let password = Password {
        length: of.number("PasswordLength")?.unwrap_or(32),
        excluded: of.text("ExcludeCharacters")?.unwrap_or_default(),
        lowercase: !without("ExcludeLowercase")?,
        uppercase: !without("ExcludeUppercase")?,
        numbers: !without("ExcludeNumbers")?,
        punctuation: !without("ExcludePunctuation")?,
        space: without("IncludeSpace")?,
    };
    let password =
        password.generate(name).map_err(|fault| Diagnostic::new(of.at, fault.to_string()))?;
    let key = of.text("GenerateStringKey")?;
    let template: Option<Node> = of.value("SecretStringTemplate")?;
    let at = of.at;
    of.finish();
    match (template, key) {
        (None, None) => Ok(password),
        (Some(template), Some(key)) => {
            let text = template.scalar("`SecretStringTemplate`")?;
            let object: Result<serde_json::Map<_, _>, _> = serde_json::from_str(text);
            let mut object = object.map_err(|error| {
                Diagnostic::new(
                    template.at,
                    format!("`SecretStringTemplate` is not a JSON object: {error}"),
                )
            })?;
            object.insert(key, serde_json::Value::String(password));
            Ok(serde_json::Value::Object(object).to_string())
        }
        _ => Err(Diagnostic::new(
            at,
            "`SecretStringTemplate` and `GenerateStringKey` must be given together",
        )),
    }
}
