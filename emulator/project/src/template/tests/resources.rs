//! The configuration of resources of SAM and of CloudFormation.

use hardcap_limits::Millis;

use super::{bad, good, warnings};
use crate::packaging::Code;
use hardcap_core::config::{ApiKind, Cors, PayloadFormat};

#[test]
fn a_function_has_the_defaults_of_aws() {
    let loaded = good("Resources: {F: {Type: 'AWS::Serverless::Function'}}");
    let function = &loaded.config.functions[0];
    assert_eq!(function.name, "F");
    assert_eq!(function.memory_mb, 128);
    assert_eq!(function.timeout, Millis(3000));
    assert_eq!(function.reserved_concurrency, None);
    assert_eq!(warnings(&loaded), [""; 0]);
}

const SAM_FUNCTION: &str = "
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Timeout: 20
    MemorySize: 256
    Environment: {Variables: {LOG: debug, MODE: global}}
Resources:
  Proxy:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties: {Binary: proxy}
    Properties:
      FunctionName: the-proxy
      CodeUri: app/
      Handler: bootstrap
      Runtime: provided.al2023
      MemorySize: 512
      ReservedConcurrentExecutions: 5
      Environment:
        Variables:
          MODE: own
          PORT: 8080
          FLAG: True
          EMPTY: ''
      Events:
        Root: {Type: Api, Properties: {Path: /, Method: any}}
        Rest: {Type: Api, Properties: {Path: '/{proxy+}', Method: get}}
        Http: {Type: HttpApi, Properties: {Path: /v2, Method: POST, PayloadFormatVersion: '1.0', TimeoutInMillis: 5000}}
        All: {Type: HttpApi}
      FunctionUrlConfig:
        AuthType: NONE
        Cors: {AllowOrigins: ['https://a.example'], AllowCredentials: true, MaxAge: 60}
";

#[test]
fn every_property_of_a_sam_function_is_read() {
    let loaded = good(SAM_FUNCTION);
    assert_eq!(warnings(&loaded), [""; 0]);
    let function = &loaded.config.functions[0];
    assert_eq!((function.name.as_str(), function.logical_id.as_str()), ("the-proxy", "Proxy"));
    assert_eq!((function.memory_mb, function.timeout), (512, Millis(20_000)));
    assert_eq!(function.reserved_concurrency, Some(5));
    let environment: Vec<String> =
        function.environment.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(environment, ["LOG=debug", "MODE=own", "PORT=8080", "FLAG=true", "EMPTY="]);

    let package = &loaded.packages[0];
    assert_eq!(package.code, Code::Local("app/".into()));
    assert_eq!(package.build_method.as_deref(), Some("rust-cargolambda"));
    assert_eq!(package.cargo_bin.as_deref(), Some("proxy"));
}

#[test]
fn events_become_routes_of_the_apis_that_they_imply() {
    let loaded = good(SAM_FUNCTION);
    let [rest, http] = &loaded.config.apis[..] else { panic!("{:?}", loaded.config.apis) };
    assert_eq!((rest.logical_id.as_str(), rest.stage.as_str()), ("ServerlessRestApi", "Prod"));
    let routes: Vec<String> =
        rest.routes.iter().map(|r| format!("{} {} {}", r.method, r.path, r.function)).collect();
    assert_eq!(routes, ["ANY / the-proxy", "GET /{proxy+} the-proxy"]);
    assert_eq!((http.logical_id.as_str(), http.stage.as_str()), ("ServerlessHttpApi", "$default"));
    assert_eq!(http.routes[0].payload_format, PayloadFormat::V1);
    assert_eq!(http.routes[0].timeout, Some(Millis(5000)));
    assert_eq!((http.routes[1].method.as_str(), http.routes[1].path.as_str()), ("ANY", "$default"));
    assert_eq!(http.routes[1].payload_format, PayloadFormat::V2);

    let url = &loaded.config.function_urls[0];
    assert_eq!((url.logical_id.as_str(), url.function.as_str()), ("ProxyUrl", "the-proxy"));
    let cors = Cors {
        allow_origins: vec!["https://a.example".to_owned()],
        allow_credentials: true,
        max_age_seconds: Some(60),
        ..Cors::default()
    };
    assert_eq!(url.cors, Some(cors));
}

#[test]
fn apis_keep_their_media_types_stage_and_variables() {
    let loaded = good(
        "
Resources:
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      BinaryMediaTypes: ['*~1*', image/png]
      MinimumCompressionSize: 1024
      Variables: {color: blue, size: 3}
  Http:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: {AllowOrigins: ['*'], AllowMethods: [GET]}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        A: {Type: Api, Properties: {Path: /a, Method: get, RestApiId: !Ref Rest}}
        B: {Type: HttpApi, Properties: {Path: /b, Method: get, ApiId: {Ref: Http}}}
",
    );
    assert_eq!(warnings(&loaded), [""; 0]);
    let [rest, http] = &loaded.config.apis[..] else { panic!("{:?}", loaded.config.apis) };
    let ApiKind::Rest { binary_media_types, minimum_compression_size } = &rest.kind else {
        panic!("{rest:?}")
    };
    assert_eq!(binary_media_types, &["*/*", "image/png"]);
    assert_eq!(*minimum_compression_size, Some(1024));
    assert_eq!(rest.stage, "v1");
    assert_eq!(rest.stage_variables.get("size").map(String::as_str), Some("3"));
    assert_eq!(rest.routes[0].path, "/a");
    assert!(
        matches!(&http.kind, ApiKind::Http { cors: Some(cors) } if cors.allow_methods == ["GET"])
    );
    assert_eq!(http.routes[0].path, "/b");
}

#[test]
fn a_bucket_has_the_cors_and_lifecycle_rules_of_the_template() {
    let loaded = good(
        "
Resources:
  Overflow:
    Type: AWS::S3::Bucket
    Properties:
      PublicAccessBlockConfiguration: {BlockPublicAcls: true}
      CorsConfiguration:
        CorsRules:
          - {AllowedOrigins: ['*'], AllowedMethods: [GET, HEAD], AllowedHeaders: ['*'], ExposedHeaders: [ETag], MaxAge: 3600}
      LifecycleConfiguration:
        Rules:
          - {Status: Enabled, Prefix: tmp/, ExpirationInDays: 1, AbortIncompleteMultipartUpload: {DaysAfterInitiation: 2}}
          - {Status: Disabled, ExpirationInDays: 9}
          - {Status: Enabled, ExpirationInDays: 3, TagFilters: [{Key: a, Value: b}]}
  Policy: {Type: 'AWS::S3::BucketPolicy', Properties: {Bucket: !Ref Overflow}}
",
    );
    let [bucket] = &loaded.config.buckets[..] else { panic!("{:?}", loaded.config.buckets) };
    assert_eq!(bucket.name, "hardcap-overflow");
    assert_eq!(bucket.cors[0].allowed_methods, ["GET", "HEAD"]);
    assert_eq!(bucket.cors[0].max_age_seconds, Some(3600));
    let [rule] = &bucket.lifecycle[..] else { panic!("{:?}", bucket.lifecycle) };
    assert_eq!((rule.prefix.as_str(), rule.expiration_days), ("tmp/", Some(1)));
    assert_eq!(rule.abort_incomplete_multipart_days, Some(2));
    assert_eq!(
        warnings(&loaded),
        [
            "t.yaml:14:64: `TagFilters` of `Rules` of `LifecycleConfiguration` of the bucket `Overflow` is not emulated: the whole rule is left out"
        ]
    );
}

#[test]
fn a_cors_rule_that_s3_refuses_is_found_with_the_text_of_s3() {
    let rules = |rules: &str| {
        format!(
            "
Resources:
  Files:
    Type: AWS::S3::Bucket
    Properties:
      CorsConfiguration:
        CorsRules: [{rules}]
"
        )
    };
    let least = "AllowedOrigins: ['*'], AllowedMethods: [GET]";
    let refuses = "S3 refuses a rule of `CorsRules`:";
    for (rule, expected) in [
        (
            "AllowedMethods: [GET]",
            "a CORS rule needs an allowed origin and an allowed method".to_owned(),
        ),
        (
            "AllowedOrigins: ['*'], AllowedMethods: [PATCH]",
            format!(
                "{refuses} Found unsupported HTTP method in CORS config. Unsupported method is PATCH; write GET, PUT, POST, DELETE or HEAD"
            ),
        ),
        (
            &format!("{least}, ExposedHeaders: ['*']"),
            format!(
                "{refuses} ExposeHeader \"*\" contains wildcard. We currently do not support wildcard for ExposeHeader.; write the name of each header"
            ),
        ),
        (
            &format!("{least}, AllowedHeaders: ['x-*-*']"),
            format!(
                "{refuses} AllowedHeader \"x-*-*\" can not have more than one wildcard.; write one `*` at most"
            ),
        ),
    ] {
        assert_eq!(bad(&rules(&format!("{{{rule}}}"))), format!("7:21: {expected}"), "{rule}");
    }
    let many = |count: usize| rules(&vec![format!("{{{least}}}"); count].join(", "));
    assert_eq!(good(&many(100)).config.buckets[0].cors.len(), 100);
    assert_eq!(bad(&many(101)), "7:9: a CORS configuration has 1 to 100 rules");
}

#[test]
fn a_bucket_rule_that_evaluates_to_no_value_is_left_out() {
    let loaded = good(
        "
Conditions:
  No: !Equals [a, b]
Resources:
  Files:
    Type: AWS::S3::Bucket
    Properties:
      CorsConfiguration:
        CorsRules:
          - !If [No, {AllowedOrigins: [a], AllowedMethods: [GET]}, !Ref AWS::NoValue]
          - !If [No, !Ref AWS::NoValue, {AllowedOrigins: [b], AllowedMethods: [PUT]}]
",
    );
    let [rule] = &loaded.config.buckets[0].cors[..] else { panic!("{:?}", loaded.config.buckets) };
    assert_eq!(rule.allowed_methods, ["PUT"]);
}

#[test]
fn raw_resources_of_both_kinds_of_api_become_routes() {
    let loaded = good(
        "
Resources:
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Rest
      ResourceId: !Ref Item
      HttpMethod: GET
      Integration:
        Type: AWS_PROXY
        IntegrationHttpMethod: POST
        Uri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations
  Item:
    Type: AWS::ApiGateway::Resource
    Properties: {RestApiId: !Ref Rest, ParentId: !Ref Items, PathPart: '{id}'}
  Items:
    Type: AWS::ApiGateway::Resource
    Properties: {RestApiId: !Ref Rest, ParentId: !GetAtt Rest.RootResourceId, PathPart: items}
  Rest: {Type: AWS::ApiGateway::RestApi, Properties: {BinaryMediaTypes: ['*/*']}}
  Deployment:
    Type: AWS::ApiGateway::Deployment
    DependsOn: Method
    Properties: {RestApiId: !Ref Rest, StageName: live}
  Http: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: http, ProtocolType: HTTP}}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Http, StageName: $default, AutoDeploy: true, StageVariables: {a: b}}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Http, RouteKey: 'POST /x/{y}', Target: !Join [/, [integrations, !Ref Integration]]}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Http, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt F.Arn, PayloadFormatVersion: '2.0'}
  Quick:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: quick, ProtocolType: HTTP, Target: !GetAtt F.Arn}
  F: {Type: AWS::Lambda::Function, Properties: {Code: ./f, Role: r, Runtime: python3.11, Handler: app.handler}}
  Url: {Type: AWS::Lambda::Url, Properties: {AuthType: NONE, TargetFunctionArn: !GetAtt F.Arn}}
  Allow: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !Ref F, Action: lambda:InvokeFunctionUrl, Principal: '*', FunctionUrlAuthType: NONE}}
",
    );
    assert_eq!(warnings(&loaded), [""; 0]);
    let shown: Vec<String> = (loaded.config.apis.iter())
        .flat_map(|api| {
            api.routes.iter().map(|route| {
                format!(
                    "{}/{} {} {} {:?}",
                    api.logical_id, api.stage, route.method, route.path, route.payload_format
                )
            })
        })
        .collect();
    assert_eq!(
        shown,
        [
            "Rest/live GET /items/{id} V1",
            "Http/$default POST /x/{y} V2",
            "Quick/$default ANY $default V2"
        ]
    );
    assert_eq!(loaded.config.function_urls[0].logical_id, "Url");
    assert_eq!(loaded.config.function_urls[0].function, "F");
}

#[test]
fn an_integration_that_does_not_call_lambda_with_post_is_kept_and_reported() {
    let loaded = good(
        "
Resources:
  M:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Rest
      ResourceId: !GetAtt Rest.RootResourceId
      HttpMethod: GET
      Integration: {Type: AWS_PROXY, IntegrationHttpMethod: GET, Uri: !GetAtt F.Arn}
  Rest: {Type: AWS::ApiGateway::RestApi}
  F: {Type: AWS::Serverless::Function}
",
    );
    assert!(!loaded.config.apis[0].routes[0].calls_with_post);
    let warnings = warnings(&loaded);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let (begin, end) =
        ("t.yaml:9:", "is `GET`, which does not invoke Lambda: a REST API responds with 500");
    assert!(warnings[0].starts_with(begin) && warnings[0].contains(end), "{warnings:?}");
}

#[test]
fn a_definition_body_gives_its_lambda_routes() {
    let loaded = good(
        "
Resources:
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: p
      DefinitionBody:
        openapi: 3.0.1
        paths:
          /a/{b}:
            get:
              x-amazon-apigateway-integration:
                type: aws_proxy
                httpMethod: POST
                timeoutInMillis: 1000
                uri:
                  Fn::Sub: arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations
            options:
              x-amazon-apigateway-integration: {type: mock}
  F: {Type: AWS::Serverless::Function}
",
    );
    let route = &loaded.config.apis[0].routes[0];
    assert_eq!(
        (route.method.as_str(), route.path.as_str(), route.function.as_str()),
        ("GET", "/a/{b}", "F")
    );
    assert_eq!(route.timeout, Some(Millis(1000)));
    assert_eq!(
        warnings(&loaded),
        [
            "t.yaml:19:48: the integration of OPTIONS /a/{b} of `Rest` has no `responses`: a request gets 500, as on AWS"
        ]
    );
}

#[test]
fn unknown_resources_are_warnings_with_their_position() {
    let loaded = good(
        "
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Stream: {Type: AWS::Kinesis::Stream}
  Logs: {Type: AWS::Logs::LogGroup}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Timeot: 5
      Layers: [arn]
      Policies: [AmazonS3ReadOnlyAccess]
      Environment: {Variables: {QUEUE: !Ref Queue, ARN: !GetAtt Queue.Arn}}
      Events: {Tick: {Type: Kinesis, Properties: {Stream: s}}}
",
    );
    assert_eq!(
        warnings(&loaded),
        [
            "t.yaml:4:18: `Stream` is a AWS::Kinesis::Stream, which hardcap does not emulate",
            "t.yaml:9:7: the function `F` has the property `Timeot`, which hardcap does not know; did you mean `Timeout`?",
            "t.yaml:10:16: the layer `arn` of the function `F` is not on this machine, and is left out; name folders with the content of its layers: [functions.F] layers = [\"…\"] in hardcap.toml",
            "t.yaml:13:16: `Tick` of `Events` of the function `F` is of type Kinesis, which hardcap does not emulate",
        ]
    );
    assert_eq!(
        loaded.config.functions[0].environment["QUEUE"],
        "${hardcap:aws}/000000000000/hardcap-Queue"
    );
}

#[test]
fn a_layer_of_powertools_is_installed_later_and_has_no_warning() {
    let loaded = good(
        "
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Layers: [!Sub 'arn:aws:lambda:${AWS::Region}:017000801446:layer:AWSLambdaPowertoolsPythonV2:59']
",
    );
    assert_eq!(warnings(&loaded), [""; 0]);
    let arn = "arn:aws:lambda:us-east-1:017000801446:layer:AWSLambdaPowertoolsPythonV2:59";
    assert_eq!(loaded.config.functions[0].absent_layers, [arn], "until it is installed");
    let layers = &loaded.packages[0].public_layers;
    assert_eq!(layers.iter().map(|layer| layer.arn.as_str()).collect::<Vec<_>>(), [arn]);
}

#[test]
fn a_file_system_of_a_function_is_mounted_below_mnt() {
    let template = |path: &str| {
        format!(
            "Resources:
  Files: {{Type: AWS::EFS::FileSystem}}
  Point: {{Type: AWS::EFS::AccessPoint, Properties: {{FileSystemId: !Ref Files}}}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: f
      FileSystemConfigs: [{{Arn: !GetAtt Point.Arn, LocalMountPath: {path}}}]
"
        )
    };
    let loaded = good(&template("/mnt/my-files_1.2"));
    let [system] = &loaded.config.functions[0].file_systems[..] else { panic!("{loaded:?}") };
    assert_eq!(system.mount_path, "/mnt/my-files_1.2");
    assert_eq!(
        system.access_point,
        "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/hardcap-Point"
    );
    assert_eq!(warnings(&loaded), [""; 0]);
    for path in ["/mnt/..", "/mnt/a/b", "/mnt/", "/tmp/a", "mnt/a"] {
        assert_eq!(
            bad(&template(path)),
            format!(
                "8:27: `LocalMountPath` of `FileSystemConfigs` of the function `F` cannot be `{path}`; write `/mnt/` and a name of \
                 letters, digits, `-`, `_` and `.`"
            )
        );
    }
}

#[test]
fn a_function_url_without_a_permission_for_everyone_is_a_warning_and_refuses_requests() {
    let loaded = good(
        "
Resources:
  F: {Type: AWS::Lambda::Function, Properties: {Code: ./f, Role: r, Runtime: python3.11, Handler: app.handler}}
  Url: {Type: AWS::Lambda::Url, Properties: {AuthType: NONE, TargetFunctionArn: !GetAtt F.Arn}}
  Allow: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !Ref F, Action: lambda:InvokeFunction, Principal: '*'}}
",
    );
    assert!(loaded.config.function_urls[0].lacks_permission);
    let told = warnings(&loaded);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("every request is a 403, as on AWS"), "{told:?}");
}
