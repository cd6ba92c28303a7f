//! Tables, parameters and secrets of a template.

use super::{bad, good, warnings};
use hardcap_core::config::{AttributeKind, ParameterKind, ParameterTier, Projection, SecretValue};

const TEMPLATE: &str = "
Resources:
  Jobs:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: jobs
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: id, AttributeType: S}
        - {AttributeName: state, AttributeType: S}
        - {AttributeName: due, AttributeType: N}
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      GlobalSecondaryIndexes:
        - IndexName: due
          KeySchema: [{AttributeName: state, KeyType: HASH}, {AttributeName: due, KeyType: RANGE}]
          Projection: {ProjectionType: INCLUDE, NonKeyAttributes: [owner]}
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
  Sessions:
    Type: AWS::Serverless::SimpleTable
    Properties: {PrimaryKey: {Name: ticket, Type: String}}
  Rules:
    Type: AWS::SSM::Parameter
    Properties: {Name: /proxy/rules, Type: StringList, Value: 'a,b', Tier: Advanced}
  Key:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: proxy/key
      GenerateSecretString: {PasswordLength: 40, ExcludePunctuation: true}
  User:
    Type: AWS::SecretsManager::Secret
    Properties:
      GenerateSecretString:
        SecretStringTemplate: '{\"user\": \"admin\"}'
        GenerateStringKey: password
  F:
    Type: AWS::Serverless::Function
    Properties:
      Environment:
        Variables:
          TABLE: !Ref Jobs
          TABLE_ARN: !GetAtt Jobs.Arn
          SESSIONS: !Ref Sessions
          RULES: !Ref Rules
          RULES_VALUE: !GetAtt Rules.Value
          KEY: !Ref Key
";

#[test]
fn a_table_is_read_with_its_index_and_its_time_to_live() {
    let loaded = good(TEMPLATE);
    assert_eq!(warnings(&loaded), [""; 0]);
    let [jobs, sessions] = &loaded.config.tables[..] else { panic!("{:?}", loaded.config.tables) };
    assert_eq!((jobs.name.as_str(), jobs.hash_key.as_str()), ("jobs", "id"));
    assert_eq!(jobs.attributes[2].kind, AttributeKind::Number);
    assert_eq!(jobs.ttl_attribute.as_deref(), Some("expires"));
    let index = &jobs.indexes[0];
    assert_eq!((index.hash_key.as_str(), index.range_key.as_deref()), ("state", Some("due")));
    assert_eq!(index.projection, Projection::Include(vec!["owner".to_owned()]));
    assert_eq!(
        (sessions.name.as_str(), sessions.hash_key.as_str()),
        ("hardcap-Sessions", "ticket")
    );
}

#[test]
fn a_parameter_and_a_secret_are_read_and_a_secret_is_generated_the_same_on_every_run() {
    let loaded = good(TEMPLATE);
    let rules = &loaded.config.parameters[0];
    assert_eq!((rules.name.as_str(), rules.value.as_str()), ("/proxy/rules", "a,b"));
    assert_eq!((rules.kind, rules.tier), (ParameterKind::StringList, ParameterTier::Advanced));
    let again = good(TEMPLATE);
    assert!(loaded.config.secrets == again.config.secrets);
    let text = |at: usize| match &loaded.config.secrets[at].value {
        Some(SecretValue::String(text)) => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text(0).len(), 40);
    assert!(text(0).bytes().all(|byte| byte.is_ascii_alphanumeric()), "{}", text(0));
    assert!(text(1).starts_with("{\"user\":\"admin\",\"password\":\""), "{}", text(1));
}

#[test]
fn a_function_has_the_names_of_tables_and_secrets_in_its_environment() {
    let loaded = good(TEMPLATE);
    let told = |name: &str| loaded.config.functions[0].environment[name].clone();
    assert_eq!(told("TABLE"), "jobs");
    assert_eq!(told("TABLE_ARN"), "arn:aws:dynamodb:us-east-1:000000000000:table/jobs");
    assert_eq!(told("SESSIONS"), "hardcap-Sessions");
    assert_eq!(told("RULES"), "/proxy/rules");
    assert_eq!(told("RULES_VALUE"), "a,b");
    assert_eq!(told("KEY"), loaded.config.secrets[0].arn("us-east-1"));
    assert!(
        told("KEY").starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:proxy/key-")
    );
}

#[test]
fn invalid_tables_parameters_and_secrets_are_errors_with_their_position() {
    let table = "
Resources:
  T:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: key, KeyType: HASH}]
";
    assert_eq!(
        bad(table),
        "6:7: invalid table `T`: the key attribute `key` is not among its attribute definitions"
    );
    let parameter = "
Resources:
  P: {Type: AWS::SSM::Parameter, Properties: {Type: SecureString, Value: v}}
";
    assert_eq!(
        bad(parameter),
        "3:46: `Type` of a parameter must be String or StringList, not `SecureString`; CloudFormation does not create \
         SecureString parameters; \
         keep the value in a secret"
    );
}

#[test]
fn resources_of_a_further_template_are_added() {
    let all = |prefix: &str| {
        format!(
            "
Resources:
  {prefix}Bucket: {{Type: 'AWS::S3::Bucket', Properties: {{BucketName: {lower}}}}}
  {prefix}Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: {lower}
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}]
      KeySchema: [{{AttributeName: id, KeyType: HASH}}]
  {prefix}Parameter: {{Type: 'AWS::SSM::Parameter', Properties: {{Name: /{lower}, Type: String, Value: x}}}}
  {prefix}Secret: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: {lower}, SecretString: x}}}}
",
            lower = prefix.to_lowercase()
        )
    };
    let (text, mut loaded) = (all("Other"), good(&all("First")));
    loaded.add(good(&text), &text).unwrap();
    let config = &loaded.config;
    let counts =
        [config.buckets.len(), config.tables.len(), config.parameters.len(), config.secrets.len()];
    assert_eq!(counts, [2; 4]);
    let error = loaded.add(good(&text), &text).unwrap_err();
    assert!(error.to_string().contains("`OtherBucket` is already declared"), "{error}");
}
