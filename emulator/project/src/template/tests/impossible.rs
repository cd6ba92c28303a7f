//! The errors of invalid templates.

use super::bad;

/// A function with these properties, one a line, from line 5 on.
fn function(properties: &str) -> String {
    let lines: String = properties.lines().map(|line| format!("      {line}\n")).collect();
    format!("Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n{lines}")
}

/// Whole templates, and their errors.
const TEMPLATES: &[(&str, &str)] = &[
    (
        "",
        "1:1: this template has no `Resources`; declare a function: `Resources: {Hello: {Type: AWS::Serverless::Function, …}}`",
    ),
    ("- a", "1:1: a template must be a mapping, not a list"),
    ("hello", "1:1: a template must be a mapping, not `hello`"),
    ("Resources: {F: {}}", "1:13: the resource `F` has no `Type`"),
    ("Resorces: {}", "1:1: a template has no section `Resorces`; did you mean `Resources`?"),
    (
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Propertys: {}",
        "4:5: the resource `F` has no attribute `Propertys`; did you mean `Properties`?",
    ),
    ("a: &x {b: *x}", "1:11: this alias is inside the value of its own anchor"),
    ("a: 1\n---\nb: 2", "2:1: a second document begins here; a template is one document"),
    ("a: !Reff x", "1:4: `!Reff` is not a function of CloudFormation; did you mean `Ref`?"),
    (
        "Globals: {Fuction: {}}\nResources: {}",
        "1:11: `Globals` has no section `Fuction`; did you mean `Function`?",
    ),
    (
        "Resources: {U: {Type: AWS::Lambda::Url, Properties: {AuthType: NONE, TargetFunctionArn: gone}}}",
        "1:13: this URL belongs to the function `gone`, which is not in this template",
    ),
    (
        "Parameters: {A: {Type: Number, Default: x}}\nResources: {F: {Type: AWS::Serverless::Function}}",
        "1:41: the parameter `A` must be a number, not `x`",
    ),
    (
        "Parameters: {A: {Type: String, Default: x, AllowedValues: [y, z]}}\nResources: {F: {Type: AWS::Serverless::Function}}",
        "1:41: the parameter `A` cannot be `x`; write one of: y, z",
    ),
    (
        "Parameters: {A: {Type: CommaDelimitedList, Default: 'y, x', AllowedValues: [y, z]}}\nResources: {F: {Type: AWS::Serverless::Function}}",
        "1:53: the parameter `A` cannot be `x`; write one of: y, z",
    ),
    (
        "Parameters: {A: {Type: Number, Default: 1, MinValue: 5}}\nResources: {F: {Type: AWS::Serverless::Function}}",
        "1:41: the parameter `A` must be at least 5, not `1`",
    ),
    (
        "Parameters: {A: {Type: List<Number>, Default: '1,x'}}\nResources: {F: {Type: AWS::Serverless::Function}}",
        "1:47: the parameter `A` must be a number, not `x`",
    ),
    (
        "Parameters: {A: {Type: Number, Default: 8, MaxValue: 7.5}}\nResources: {F: {Type: AWS::Serverless::Function}}",
        "1:41: the parameter `A` must be at most 7.5, not `8`",
    ),
    (
        "Parameters: {A: {Type: Number, Default: 1, MinValue: low}}\nResources: {F: {Type: AWS::Serverless::Function}}",
        "1:54: `MinValue` of the parameter `A` must be a number, not `low`",
    ),
    (
        "Parameters: {A: {Type: String, Default: äbc, MaxLength: 2}}\nResources: {F: {Type: AWS::Serverless::Function}}",
        "1:41: the parameter `A` has 3 characters and may have at most 2",
    ),
    (
        "Parameters: {A: {Type: String, Default: '', MinLength: '1'}}\nResources: {F: {Type: AWS::Serverless::Function}}",
        "1:41: the parameter `A` has 0 characters and must have at least 1",
    ),
    (
        "Parameters: {A: {Type: String, Default: a1, AllowedPattern: '[a-z]|[0-9]+', ConstraintDescription: write letters}}\nResources: {F: {Type: AWS::Serverless::Function}}",
        "1:41: the parameter `A` must match the pattern `[a-z]|[0-9]+`, unlike `a1`; write letters",
    ),
    (
        "Parameters: {A: {Type: String, Default: secret, NoEcho: true, AllowedPattern: '[0-9]+'}}\nResources: {F: {Type: AWS::Serverless::Function}}",
        "1:41: the parameter `A` must match the pattern `[0-9]+`, unlike the given value",
    ),
    (
        "Parameters: {A: {Type: Strings, Default: x}}\nResources: {F: {Type: AWS::Serverless::Function}}",
        "1:24: the parameter `A` has the type `Strings`, which CloudFormation does not know; did you mean `String`?",
    ),
];

/// Properties of a function, and their errors.
const PROPERTIES: &[(&str, &str)] = &[
    ("Timeout: ten", "5:16: `Timeout` of the function `F` must be a whole number, not `ten`"),
    ("Timeout: -1", "5:16: `Timeout` of the function `F` must be a whole number, not `-1`"),
    ("MemorySize: [1]", "5:19: `MemorySize` of the function `F` must be a text, not a list"),
    ("Environment: text", "5:20: `Environment` of the function `F` must be a mapping, not `text`"),
    (
        "Environment: {Variables: {A: [1]}}",
        "5:36: `A` of `Variables` of `Environment` of the function `F` must be a text, not a list",
    ),
    (
        "Handler: !Ref Nothing",
        "5:16: this template has no parameter or resource `Nothing`; give it a default under Parameters, a value with --parameter, or declare the resource",
    ),
    (
        "Handler: !GetAtt F.Color",
        "5:16: AWS refuses the template: Template error: resource F does not support attribute type Color in Fn::GetAtt; write one of: Arn, SnapStartResponse, SnapStartResponse.ApplyOn, SnapStartResponse.OptimizationStatus, Alias, DestinationQueue, DestinationTopic, Version",
    ),
    ("Handler: !GetAtt F", "5:16: `F` does not name an attribute; write `F.Arn`, or `!Ref F`"),
    ("Handler: !Sub 'a ${b'", "5:16: a `${` of this `Fn::Sub` is never closed"),
    (
        "Handler: !Select [3, [a]]",
        "5:25: the index of `Fn::Select` is 3, and the length of its list is 1; count from 0",
    ),
    ("Handler: !If [Nope, a, b]", "5:21: the template has no condition `Nope`"),
    (
        "Handler: !Equals [a, b]",
        "5:16: `Fn::Equals` belongs in `Conditions`; name the condition there, and use `Fn::If` here",
    ),
    (
        "Handler: !Ref AWS::Regoin",
        "5:16: CloudFormation has no pseudo parameter `AWS::Regoin`; did you mean `AWS::Region`?",
    ),
    ("Handler: !FindInMap [A, b, c]", "5:16: `Mappings` has no `A` with `b` and `c`"),
    ("FunctionName: !Ref F", "5:21: this expression refers to itself or is nested too deep"),
    (
        "Events: {A: {Type: Api, Properties: {Path: /a}}}",
        "5:43: `Properties` of `A` of `Events` of the function `F` has no `Method`",
    ),
    (
        "Events: {A: {Type: Api, Properties: {Path: a, Method: get}}}",
        "5:43: `Path` of `Properties` of `A` of `Events` of the function `F` cannot be `a`: it must begin with `/`",
    ),
    (
        "Events: {A: {Type: Api, Properties: {Path: '/{a+}/b', Method: get}}}",
        "5:43: `Path` of `Properties` of `A` of `Events` of the function `F` cannot be `/{a+}/b`: a greedy parameter must be the last segment",
    ),
    (
        "Events: {A: {Type: Api, Properties: {Path: /, Method: fetch}}}",
        "5:43: `Method` of `Properties` of `A` of `Events` of the function `F` cannot be `fetch`; write one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS or ANY",
    ),
    (
        "Events:\n  A: {Type: Api, Properties: {Path: /, Method: get}}\n  B: {Type: Api, Properties: {Path: /, Method: GET}}",
        "7:36: GET / of `ServerlessRestApi` already goes to `F`; change the method or the path of one of them",
    ),
    (
        "FunctionUrlConfig: {}",
        "5:26: `FunctionUrlConfig` of the function `F` has no `AuthType`; write `AuthType: NONE` or `AuthType: AWS_IAM`",
    ),
];

#[test]
fn an_invalid_template_is_an_error_with_its_position() {
    for (text, expected) in TEMPLATES {
        assert_eq!(&bad(text), expected, "{text}");
    }
}

#[test]
fn an_invalid_property_is_an_error_with_its_position() {
    for (properties, expected) in PROPERTIES {
        assert_eq!(&bad(&function(properties)), expected, "{properties}");
    }
}

#[test]
fn text_that_is_not_yaml_is_an_error_at_the_position_of_the_syntax_error() {
    let texts = ["a: [1", "a: b: c", "x: 1\n\ty: 2\n a: }", "a: *nope", "\"abc"];
    assert_eq!(
        texts.map(bad),
        [
            "2:1: this is not YAML: while parsing a flow sequence, expected ',' or ']'",
            "1:5: this is not YAML: mapping values are not allowed in this context",
            "1:4: this is not YAML: while scanning a plain scalar, found a tab",
            "1:4: this is not YAML: while parsing node, found unknown anchor",
            "1:1: this is not YAML: while scanning a quoted scalar, found unexpected end of stream",
        ]
    );
}

#[test]
fn unbounded_expansion_of_a_template_is_an_error() {
    let bomb: String = (1..30)
        .map(|n| {
            format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1)
        })
        .collect();
    let message = bad(&format!("a0: &a0 [x]\n{bomb}"));
    assert!(message.contains("this template has more than 500000 values"), "{message}");

    let deep = format!("a: {}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(bad(&deep).contains("recursion limit exceeded"), "{}", bad(&deep));
    let deep = format!("{}x", "- ".repeat(60));
    assert!(bad(&deep).contains("this is nested deeper than 50 levels"), "{}", bad(&deep));

    let doubled: String = (1..=40)
        .map(|n| {
            format!("  B{n}: {{Type: AWS::S3::Bucket, Properties: {{BucketName: !Sub '${{B{0}}}${{B{0}}}'}}}}\n", n - 1)
        })
        .collect();
    let message = bad(&format!("Resources:\n  B0: {{Type: AWS::S3::Bucket}}\n{doubled}"));
    assert!(message.contains("need more than 67108864 steps and bytes"), "{message}");
}
