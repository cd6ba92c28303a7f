//! Circular dependencies, and `DependsOn` without its resource.

use super::{good, warnings};

/// The names in the circles of a template, in AWS's text.
fn circles(resources: &str) -> Vec<String> {
    let loaded = good(&format!("Resources:\n{resources}"));
    let found = loaded.warnings.iter().filter(|it| it.rule == "circular-dependency");
    let text = "AWS refuses the template: Circular dependency between resources: ";
    found.map(|it| it.message.strip_prefix(text).unwrap_or(&it.message).to_owned()).collect()
}

#[test]
fn resources_that_refer_to_each_other_are_a_circle_in_each_way_of_reference() {
    let roles = |a: &str, b: &str| {
        format!(
            "  A: {{Type: AWS::IAM::Role, Properties: {{Description: {a}}}}}\n  B: {{Type: AWS::IAM::Role, Properties: {{Path: [{b}]}}}}\n"
        )
    };
    for (a, b) in [
        ("!Ref B", "!Ref A"),
        ("!GetAtt B.Arn", "!GetAtt [A, Arn]"),
        ("!Sub 'x${B}y'", "!Sub ['${A.Arn}${own}', {own: 1}]"),
        ("!Join ['', [a, !Ref B]]", "!Sub ['${own}', {own: !Ref A}]"),
    ] {
        assert_eq!(circles(&roles(a, b)), ["[A, B]"], "{a} {b}");
        assert_eq!(circles(&roles(a, "x")), [""; 0], "{a}");
    }
    // A literal, a name that the expression declares, and a pseudo parameter are not references.
    for b in ["!Sub 'a${!A}'", "!Sub ['${A}', {A: 1}]", "!Ref AWS::NoValue", "A"] {
        assert_eq!(circles(&roles("!Ref B", b)), [""; 0], "{b}");
    }
}

#[test]
fn a_circle_may_have_one_resource_or_many_and_each_circle_is_reported() {
    let group = |of: &str| format!("{{Type: AWS::EC2::SecurityGroup, Properties: {{X: {of}}}}}");
    assert_eq!(circles(&format!("  A: {}\n", group("!Ref A"))), ["[A]"]);
    let two = format!(
        "  A: {}\n  B: {}\n  C: {}\n  D: {}\n  E: {}\n",
        group("!Ref C"),
        group("!Ref B"),
        group("!Ref D"),
        group("!Ref A"),
        // It needs a circle, and is not a part of it.
        group("!Ref A"),
    );
    assert_eq!(circles(&two), ["[A, C, D]", "[B]"]);
    assert_eq!(
        circles(
            "  A: {Type: AWS::IAM::Role, DependsOn: [B]}\n  B: {Type: AWS::IAM::Role, DependsOn: A}\n"
        ),
        ["[A, B]"]
    );
}

#[test]
fn the_branch_that_is_not_selected_and_a_resource_without_its_condition_are_not_in_a_circle() {
    let text = |condition: &str, attribute: &str| {
        let text = format!(
            "Conditions: {{Yes: !Equals [a, {condition}]}}\nResources:\n  A: {{Type: AWS::IAM::Role, Properties: {{Path: !If [Yes, !Ref B, x]}}}}\n  B: {{Type: AWS::IAM::Role, {attribute}Properties: {{Path: !Ref A}}}}\n"
        );
        warnings(&good(&text)).len()
    };
    assert_eq!(text("a", ""), 1);
    assert_eq!(text("b", ""), 0);
    assert_eq!(text("b", "Condition: Yes, "), 0);
}

#[test]
fn a_function_whose_environment_names_the_api_of_its_event_is_in_a_circle() {
    let function = |variable: &str, event: &str| {
        format!(
            "  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Environment: {{Variables: {{URL: {variable}}}}}\n      Events: {{A: {{Type: {event}}}}}\n"
        )
    };
    let rest = "Api, Properties: {Path: /, Method: get}";
    assert_eq!(circles(&function("!Ref ServerlessRestApi", rest)), ["[F, ServerlessRestApi]"]);
    assert_eq!(
        circles(&function("!Sub 'https://${ServerlessHttpApi}.x'", "HttpApi")),
        ["[F, ServerlessHttpApi]"]
    );
    assert_eq!(
        circles(&function("!Ref ServerlessRestApiProdStage", rest)),
        ["[F, ServerlessRestApi]"]
    );
    assert_eq!(circles(&function("x", rest)), [""; 0]);
    let own = "Api, Properties: {Path: /, Method: get, RestApiId: !Ref Own}";
    let api = |properties: &str| {
        format!("  Own: {{Type: AWS::Serverless::Api, Properties: {{StageName: s{properties}}}}}\n")
    };
    let with = |properties: &str| circles(&(function("!Ref Own", own) + &api(properties)));
    assert_eq!(with(""), ["[F, Own]"]);
    // The stage refers to the function, and nothing to the stage.
    let stage = "  F: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {URL: !Ref Own}}}}\n";
    assert_eq!(circles(&format!("{stage}{}", api(", Variables: {F: !Ref F}"))), [""; 0]);
    assert_eq!(
        circles(&format!(
            "{stage}{}",
            api(", Auth: {Authorizers: {L: {FunctionArn: !GetAtt F.Arn}}}")
        )),
        ["[F, Own]"]
    );
    // An API with a definition needs what the definition names.
    let definition = |uri: &str| {
        format!(
            ", DefinitionBody: {{openapi: '3.0.1', paths: {{/: {{get: {{x-amazon-apigateway-integration: {{type: aws_proxy, httpMethod: POST, uri: {uri}}}}}}}}}}}"
        )
    };
    let literal = "'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:F/invocations'";
    assert_eq!(with(&definition(literal)), [""; 0]);
    let reference =
        "!Sub 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${F.Arn}/invocations'";
    assert_eq!(with(&definition(reference)), ["[F, Own]"]);
}

/// aws/serverless-application-model#1109, #1204 and #816.
#[test]
fn the_role_of_a_function_and_the_bucket_of_its_event_are_part_of_circles_as_reports_show() {
    let function = |more: &str| {
        format!(
            "  MyFunction:\n    Type: AWS::Serverless::Function\n{more}  MyBucket: {{Type: AWS::S3::Bucket}}\n"
        )
    };
    let event = "Events: {Upload: {Type: S3, Properties: {Bucket: !Ref MyBucket, Events: 's3:ObjectCreated:*'}}}";
    let properties = |more: &str| function(&format!("    Properties: {{{more}}}\n"));
    assert_eq!(circles(&properties(event)), [""; 0]);
    assert_eq!(
        circles(&properties(&format!(
            "Policies: [{{S3ReadPolicy: {{BucketName: !Ref MyBucket}}}}], {event}"
        ))),
        ["[MyFunction, MyFunctionRole, MyFunctionUploadPermission, MyBucket]"]
    );
    assert_eq!(
        circles(&properties("Policies: [{S3ReadPolicy: {BucketName: !Ref MyBucket}}]")),
        [""; 0]
    );
    assert_eq!(
        circles(&properties("Policies: [{LambdaInvokePolicy: {FunctionName: !Ref MyFunction}}]")),
        ["[MyFunction, MyFunctionRole]"]
    );
    // A function with a role of its own has no generated one.
    let own = "Role: 'arn:aws:iam::000000000000:role/r', Policies: [{LambdaInvokePolicy: {FunctionName: !Ref MyFunction}}]";
    assert_eq!(circles(&properties(own)), [""; 0]);
    assert_eq!(
        circles(&function(&format!("    DependsOn: MyBucket\n    Properties: {{{event}}}\n"))),
        ["[MyFunction, MyFunctionUploadPermission, MyBucket]"]
    );
}

#[test]
fn a_reference_in_a_resource_that_sam_adds_for_an_event_is_not_a_circle() {
    let text = "
  F:
    Type: AWS::Serverless::Function
    Properties:
      AutoPublishAlias: live
      DeploymentPreference: {Type: AllAtOnce, Hooks: {PreTraffic: !Ref Hook}}
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}
        Topic: {Type: SNS, Properties: {Topic: !Ref T}}
      Environment: {Variables: {T: !Ref T, Q: !Ref Q}}
  Hook:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {VERSION: !Ref F.Version}}}
  Q: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30}}
  T: {Type: AWS::SNS::Topic}
";
    assert_eq!(circles(text), [""; 0]);
}

#[test]
fn a_dependency_on_a_resource_that_does_not_exist_is_named() {
    let text = |depends_on: &str, more: &str| {
        format!(
            "{more}Resources:\n  A: {{Type: AWS::IAM::Role, DependsOn: {depends_on}}}\n  Queue: {{Type: AWS::SQS::Queue}}\n  F: {{Type: AWS::Serverless::Function}}\n"
        )
    };
    assert_eq!(warnings(&good(&text("[Queue, F]", ""))), [""; 0]);
    assert_eq!(
        warnings(&good(&text("[Queue, Quue]", ""))),
        [
            "t.yaml:2:48: AWS refuses the template: Template format error: Unresolved resource dependencies [Quue] in the Resources block \
             of the template; did you mean `Queue`?"
        ]
    );
    // AWS SAM adds a role for the function, and a macro may add anything.
    assert_eq!(warnings(&good(&text("FRole", ""))), [""; 0]);
    assert_eq!(warnings(&good(&text("Other", "Transform: [Company::Macro]\n"))), [""; 0]);
    assert_eq!(warnings(&good(&text("Other", "Transform: AWS::Serverless-2016-10-31\n"))).len(), 1);
}
