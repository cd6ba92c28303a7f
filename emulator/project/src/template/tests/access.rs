//! Authorizers, keys and required parameters of templates, and fixed responses.

use std::path::Path;

use hardcap_limits::{Limits, Millis};

use super::{good, warnings};
use crate::settings::Settings;
use crate::template::{Loaded, load};
use hardcap_core::config::{
    Api, Authorization, AuthorizerKind, Backend, CustomIntegration, IdentitySource, Integration,
    PayloadFormat, ResponseMapping, Route,
};

const FUNCTIONS: &str = "
  F: {Type: AWS::Serverless::Function}
  G: {Type: AWS::Serverless::Function}
";

fn api(text: &str) -> Api {
    good(text).config.apis.remove(0)
}

fn route<'a>(api: &'a Api, method: &str, path: &str) -> &'a Route {
    let found = api.routes.iter().find(|route| route.method == method && route.path == path);
    found.unwrap_or_else(|| panic!("{method} {path} is missing: {:?}", api.routes))
}

fn header(route: &Route, name: &str) -> Option<String> {
    let headers = &mock(route).responses[0].headers;
    let mapping = headers.iter().find(|(known, _)| known == name).map(|(_, value)| value)?;
    match mapping {
        ResponseMapping::Static(text) => Some(text.clone()),
        other => panic!("{name} is {other:?}"),
    }
}

fn mock(route: &Route) -> &CustomIntegration {
    match &route.integration {
        Integration::Custom(custom) if custom.backend == Backend::Mock => custom,
        other => panic!("{other:?} is not a mock integration"),
    }
}

/// A SAM API with this `Auth` and these events.
fn sam(auth: &str, first: &str, second: &str) -> String {
    format!(
        "
Resources:
  Api: {{Type: AWS::Serverless::Api, Properties: {{StageName: s, Auth: {auth}}}}}
  G: {{Type: AWS::Serverless::Function}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        A: {{Type: Api, Properties: {{Path: /a, Method: get, RestApiId: !Ref Api{first}}}}}
        B: {{Type: Api, Properties: {{Path: /b, Method: get, RestApiId: !Ref Api{second}}}}}
"
    )
}

#[test]
fn the_default_authorizer_of_sam_applies_to_every_route_without_its_own() {
    let auth = "{DefaultAuthorizer: Own, Authorizers: {Own: {FunctionArn: !GetAtt G.Arn, Identity: {Header: X-Token, ReauthorizeEvery: 60}}}}";
    let text = sam(auth, "", ", Auth: {Authorizer: NONE}");
    let api = api(&text);
    let own = Authorization::Authorizer("Own".to_owned());
    assert_eq!(route(&api, "GET", "/a").access.authorization, own);
    assert_eq!(route(&api, "GET", "/b").access.authorization, Authorization::None);
    let authorizer = &api.authorizers[0];
    assert_eq!((authorizer.function.as_str(), authorizer.kind), ("G", AuthorizerKind::Token));
    assert_eq!(authorizer.identity, [IdentitySource::Header("X-Token".to_owned())]);
    assert_eq!(authorizer.ttl, Millis(60_000));
    assert_eq!(warnings(&good(&text)), [""; 0]);
}

#[test]
fn an_authorizer_that_is_not_enforced_is_one_warning() {
    let auth = "{DefaultAuthorizer: Pool, Authorizers: {Pool: {UserPoolArn: arn}}}";
    let text = sam(auth, "", "");
    assert_eq!(route(&api(&text), "GET", "/a").access.authorization, Authorization::None);
    let told = warnings(&good(&text));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the authorizer `Pool` verifies tokens of an identity provider, whose keys hardcap does not have: every request is let through"), "{told:?}");
}

#[test]
fn signatures_and_keys_are_required_where_a_template_requires_them() {
    let text = sam(
        "{ApiKeyRequired: true, UsagePlan: {CreateUsagePlan: PER_API}}",
        ", Auth: {Authorizer: AWS_IAM}",
        ", Auth: {ApiKeyRequired: false}",
    );
    let api = api(&text);
    let (first, second) = (route(&api, "GET", "/a"), route(&api, "GET", "/b"));
    assert_eq!(first.access.authorization, Authorization::Iam);
    assert!(first.access.api_key_required && !second.access.api_key_required);
    assert_eq!((api.api_keys.len(), api.api_keys[0].len()), (1, 40));
    let without = sam("{ApiKeyRequired: true}", "", "");
    assert!(warnings(&good(&without))[0].contains("no usage plan of this template has one for it"));
}

#[test]
fn methods_and_routes_of_cloudformation_have_their_authorizers() {
    let text = format!(
        "
Resources:{FUNCTIONS}
  Rest: {{Type: AWS::ApiGateway::RestApi}}
  Guard: {{Type: AWS::ApiGateway::Authorizer, Properties: {{RestApiId: !Ref Rest, Type: REQUEST, AuthorizerUri: !GetAtt G.Arn, IdentitySource: 'method.request.header.A, method.request.querystring.b', AuthorizerResultTtlInSeconds: 0}}}}
  Valid: {{Type: AWS::ApiGateway::RequestValidator, Properties: {{RestApiId: !Ref Rest, ValidateRequestParameters: true}}}}
  M:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Rest
      ResourceId: !GetAtt Rest.RootResourceId
      HttpMethod: GET
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Guard
      ApiKeyRequired: true
      RequestValidatorId: !Ref Valid
      RequestParameters: {{method.request.querystring.q: true, method.request.header.h: true, method.request.header.o: false}}
      Integration: {{Type: AWS_PROXY, IntegrationHttpMethod: POST, Uri: !GetAtt F.Arn}}
  Key: {{Type: AWS::ApiGateway::ApiKey, Properties: {{Value: secret-key-of-this-api}}}}
  Plan: {{Type: AWS::ApiGateway::UsagePlan, Properties: {{ApiStages: [{{ApiId: !Ref Rest, Stage: prod}}]}}}}
  PlanKey: {{Type: AWS::ApiGateway::UsagePlanKey, Properties: {{KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Plan}}}}
  Http: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: HTTP}}}}
  Simple: {{Type: AWS::ApiGatewayV2::Authorizer, Properties: {{ApiId: !Ref Http, AuthorizerType: REQUEST, AuthorizerUri: !GetAtt G.Arn, IdentitySource: [$request.header.Authorization], AuthorizerPayloadFormatVersion: '2.0', EnableSimpleResponses: true}}}}
  I: {{Type: AWS::ApiGatewayV2::Integration, Properties: {{ApiId: !Ref Http, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt F.Arn, PayloadFormatVersion: '2.0'}}}}
  R: {{Type: AWS::ApiGatewayV2::Route, Properties: {{ApiId: !Ref Http, RouteKey: GET /x, AuthorizationType: CUSTOM, AuthorizerId: !Ref Simple, Target: !Sub 'integrations/${{I}}'}}}}
  S: {{Type: AWS::ApiGatewayV2::Route, Properties: {{ApiId: !Ref Http, RouteKey: GET /y, AuthorizationType: AWS_IAM, Target: !Sub 'integrations/${{I}}'}}}}
"
    );
    let loaded = good(&text);
    assert_eq!(warnings(&loaded), [""; 0]);
    // The attributes that CloudFormation documents for the ids of these resources.
    let by_attribute = [
        ("AuthorizerId: !Ref Guard", "AuthorizerId: !GetAtt Guard.AuthorizerId"),
        ("AuthorizerId: !Ref Simple", "AuthorizerId: !GetAtt Simple.AuthorizerId"),
        ("!Ref Valid", "!GetAtt Valid.RequestValidatorId"),
        ("!Ref Key", "!GetAtt Key.APIKeyId"),
        ("!Ref Plan", "!GetAtt Plan.Id"),
    ];
    let attributes =
        by_attribute.iter().fold(text.clone(), |text, (one, other)| text.replace(one, other));
    assert_ne!(attributes, text);
    assert_eq!(good(&attributes).config.apis, loaded.config.apis);
    let elsewhere = good(&text.replace("!Ref Valid", "abc123"));
    assert!(warnings(&elsewhere)[0].contains("is not in this template: nothing is validated"));
    let [rest, http] = loaded.config.apis.as_slice() else { panic!("two APIs") };
    let access = &route(rest, "GET", "/").access;
    assert_eq!(access.authorization, Authorization::Authorizer("Guard".to_owned()));
    assert!(access.api_key_required);
    assert_eq!(
        (access.required_query.as_slice(), access.required_headers.as_slice()),
        (&["q".to_owned()][..], &["h".to_owned()][..])
    );
    assert_eq!(rest.api_keys, ["secret-key-of-this-api"]);
    let guard = &rest.authorizers[0];
    assert_eq!(
        (guard.kind, guard.ttl, guard.identity.len()),
        (AuthorizerKind::Request, Millis(0), 2)
    );
    let simple = Authorization::Authorizer("Simple".to_owned());
    assert_eq!(route(http, "GET", "/x").access.authorization, simple);
    assert_eq!(route(http, "GET", "/y").access.authorization, Authorization::Iam);
    let kind = AuthorizerKind::Http { format: PayloadFormat::V2, simple: true };
    assert_eq!(http.authorizers[0].kind, kind);
}

#[test]
fn operations_of_a_definition_have_their_authorizers() {
    let text = format!(
        "
Resources:{FUNCTIONS}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: s
      DefinitionBody:
        security: [{{own: []}}]
        securityDefinitions:
          own: {{type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authorizer: {{type: token, authorizerUri: !GetAtt G.Arn}}}}
          key: {{type: apiKey, name: x-api-key, in: header}}
          iam: {{type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}}
        paths:
          /a: {{get: {{x-amazon-apigateway-integration: {{type: aws_proxy, uri: !GetAtt F.Arn}}}}}}
          /b: {{get: {{security: [{{key: []}}], x-amazon-apigateway-integration: {{type: aws_proxy, uri: !GetAtt F.Arn}}}}}}
          /c: {{get: {{security: [{{iam: []}}], x-amazon-apigateway-integration: {{type: aws_proxy, uri: !GetAtt F.Arn}}}}}}
"
    );
    let api = api(&text);
    let own = Authorization::Authorizer("own".to_owned());
    assert_eq!(route(&api, "GET", "/a").access.authorization, own);
    assert!(route(&api, "GET", "/b").access.api_key_required);
    assert_eq!(route(&api, "GET", "/c").access.authorization, Authorization::Iam);
    assert_eq!(api.authorizers[0].ttl, Millis(300_000));
}

#[test]
fn the_validation_expression_of_a_token_authorizer_is_read_in_every_kind_of_template() {
    let of_sam = |kind: &str| {
        let identity = r"{Header: X-Tok, ValidationExpression: '^ok\d.*'}";
        let own = format!("{{FunctionArn: !GetAtt G.Arn, {kind}Identity: {identity}}}");
        sam(&format!("{{DefaultAuthorizer: Own, Authorizers: {{Own: {own}}}}}"), "", "")
    };
    let resource = |kind: &str| {
        format!(
            r"
Resources:{FUNCTIONS}
  Api: {{Type: AWS::ApiGateway::RestApi}}
  Own:
    Type: AWS::ApiGateway::Authorizer
    Properties: {{RestApiId: !Ref Api, Type: {kind}, AuthorizerUri: !GetAtt G.Arn, IdentitySource: method.request.header.X-Tok, IdentityValidationExpression: '^ok\d.*'}}
  M:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !GetAtt Api.RootResourceId
      HttpMethod: GET
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Own
      Integration: {{Type: AWS_PROXY, IntegrationHttpMethod: POST, Uri: !GetAtt F.Arn}}
"
        )
    };
    let definition = |kind: &str| {
        format!(
            r"
Resources:{FUNCTIONS}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: s
      DefinitionBody:
        security: [{{own: []}}]
        securityDefinitions:
          own: {{type: apiKey, name: X-Tok, in: header, x-amazon-apigateway-authorizer: {{type: {kind}, authorizerUri: !GetAtt G.Arn, identityValidationExpression: '^ok\d.*'}}}}
        paths:
          /a: {{get: {{x-amazon-apigateway-integration: {{type: aws_proxy, uri: !GetAtt F.Arn}}}}}}
"
        )
    };
    for text in [of_sam(""), resource("TOKEN"), definition("token")] {
        let validation = api(&text).authorizers[0].validation.clone();
        assert_eq!(validation.as_deref(), Some(r"^ok\d.*"), "{text}");
        assert_eq!(warnings(&good(&text)), [""; 0], "{text}");
        let warnings = warnings(&good(&text.replace(r"^ok\d.*", "^(?=ok)")));
        assert!(
            warnings[0]
                .contains("is not enforced: hardcap does not support this regular expression"),
            "{warnings:?}"
        );
        assert_eq!(warnings.len(), 1, "{warnings:?}");
    }
    for text in
        [of_sam("FunctionPayloadType: REQUEST, "), resource("REQUEST"), definition("request")]
    {
        assert_eq!(api(&text).authorizers[0].validation, None, "{text}");
    }
}

#[test]
fn mock_integrations_and_the_cors_of_sam_answer_preflights() {
    let text = format!(
        "
Resources:{FUNCTIONS}
  Rest: {{Type: AWS::ApiGateway::RestApi}}
  M:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Rest
      ResourceId: !GetAtt Rest.RootResourceId
      HttpMethod: OPTIONS
      AuthorizationType: NONE
      Integration:
        Type: MOCK
        RequestTemplates: {{application/json: '{{ statusCode: 200 }}'}}
        IntegrationResponses:
          - StatusCode: '204'
            ResponseParameters: {{method.response.header.Access-Control-Allow-Origin: \"'*'\"}}
      MethodResponses: [{{StatusCode: '204'}}]
"
    );
    let raw = api(&text);
    let preflight = route(&raw, "OPTIONS", "/");
    assert_eq!(header(preflight, "Access-Control-Allow-Origin").as_deref(), Some("*"));
    assert_eq!(mock(preflight).responses[0].status, 204);
    assert_eq!(warnings(&good(&text)), [""; 0]);

    let text = "
Globals: {Api: {Cors: {AllowOrigin: \"'https://a.example'\", AllowHeaders: \"'x-a'\", MaxAge: \"'600'\"}}}
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {Events: {A: {Type: Api, Properties: {Path: /a, Method: post}}, B: {Type: Api, Properties: {Path: /b, Method: any}}, C: {Type: Api, Properties: {Path: /b, Method: options}}}}}
";
    let sam = api(text);
    let preflight = route(&sam, "OPTIONS", "/a");
    assert_eq!(
        header(preflight, "Access-Control-Allow-Origin").as_deref(),
        Some("https://a.example")
    );
    assert_eq!(header(preflight, "Access-Control-Allow-Methods").as_deref(), Some("OPTIONS,POST"));
    assert_eq!(header(preflight, "Access-Control-Max-Age").as_deref(), Some("600"));
    assert!(route(&sam, "OPTIONS", "/b").calls_function(), "a method of its own stays");
    let star = text
        .replace(
            "{AllowOrigin: \"'https://a.example'\", AllowHeaders: \"'x-a'\", MaxAge: \"'600'\"}",
            "\"'*'\"",
        )
        .replace(", C: {Type: Api, Properties: {Path: /b, Method: options}}", "");
    let sam = api(&star);
    assert_eq!(
        header(route(&sam, "OPTIONS", "/b"), "Access-Control-Allow-Methods").as_deref(),
        Some("DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT")
    );
}

/// Loads a template with the keys of `Users` in `hardcap.toml`.
fn with_keys(text: &str) -> Loaded {
    let settings = "[authorizers.Users]\njwks = \"../../fixtures/jwt/jwks.json\"\n";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hardcap.toml");
    let settings = Settings::read(settings, &folder).expect("it is right");
    load(text, Path::new("t.yaml"), &settings, Limits::classic())
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn an_authorizer_with_keys_in_hardcap_toml_verifies_tokens() {
    let loaded = with_keys("
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Users
        Authorizers:
          Users:
            AuthorizationScopes: [read]
            JwtConfiguration: {issuer: 'https://issuer.example', audience: [orders]}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        A: {Type: HttpApi, Properties: {Path: /a, Method: get, ApiId: !Ref Api}}
        B: {Type: HttpApi, Properties: {Path: /b, Method: get, ApiId: !Ref Api, Auth: {AuthorizationScopes: [write]}}}
");
    let api = &loaded.config.apis[0];
    let rules = api.authorizers[0].jwt.as_ref().expect("rules");
    assert_eq!((rules.issuer.as_str(), rules.audience.len()), ("https://issuer.example", 1));
    assert_eq!(rules.keys[0].kid.as_deref(), Some("one"));
    assert_eq!(route(api, "GET", "/a").access.scopes, ["read"]);
    assert_eq!(route(api, "GET", "/b").access.scopes, ["write"]);

    let loaded = with_keys("
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: s
      Auth:
        DefaultAuthorizer: Users
        Authorizers: {Users: {UserPoolArn: 'arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_x'}}
  F:
    Type: AWS::Serverless::Function
    Properties: {Events: {A: {Type: Api, Properties: {Path: /a, Method: get, RestApiId: !Ref Api}}}}
");
    let authorizer = &loaded.config.apis[0].authorizers[0];
    assert_eq!(
        authorizer.jwt.as_ref().map(|rules| rules.issuer.as_str()),
        Some("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x")
    );
    assert_eq!(warnings(&loaded), [""; 0]);
}

#[test]
fn a_cognito_authorizer_has_the_validation_expression_of_its_template() {
    let pool = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_x";
    let of_sam = format!(
        r"
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: s
      Auth:
        DefaultAuthorizer: Users
        Authorizers: {{Users: {{UserPoolArn: '{pool}', Identity: {{ValidationExpression: '^orders'}}}}}}
  F:
    Type: AWS::Serverless::Function
    Properties: {{Events: {{A: {{Type: Api, Properties: {{Path: /a, Method: get, RestApiId: !Ref Api}}}}}}}}
"
    );
    let resource = format!(
        r"
Resources:{FUNCTIONS}
  Api: {{Type: AWS::ApiGateway::RestApi}}
  Users:
    Type: AWS::ApiGateway::Authorizer
    Properties: {{RestApiId: !Ref Api, Type: COGNITO_USER_POOLS, ProviderARNs: ['{pool}'], IdentitySource: method.request.header.Authorization, IdentityValidationExpression: '^orders'}}
  M:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !GetAtt Api.RootResourceId
      HttpMethod: GET
      AuthorizationType: COGNITO_USER_POOLS
      AuthorizerId: !Ref Users
      Integration: {{Type: AWS_PROXY, IntegrationHttpMethod: POST, Uri: !GetAtt F.Arn}}
"
    );
    let definition = format!(
        r"
Resources:{FUNCTIONS}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: s
      DefinitionBody:
        security: [{{Users: []}}]
        securityDefinitions:
          Users: {{type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: cognito_user_pools, x-amazon-apigateway-authorizer: {{type: cognito_user_pools, providerARNs: ['{pool}'], identityValidationExpression: '^orders'}}}}
        paths:
          /a: {{get: {{x-amazon-apigateway-integration: {{type: aws_proxy, uri: !GetAtt F.Arn}}}}}}
"
    );
    for text in [of_sam, resource, definition] {
        let loaded = with_keys(&text);
        let authorizer = &loaded.config.apis[0].authorizers[0];
        assert_eq!(authorizer.validation.as_deref(), Some("^orders"), "{text}");
        assert_eq!(warnings(&loaded), [""; 0], "{text}");
    }
}
