//! Authorization: `Auth` of SAM, authorizers, API keys and request validators of CloudFormation, `security` of a definition.

mod definition;
mod keys;

use std::path::PathBuf;

use hardcap_limits::Millis;
use indexmap::IndexMap;
use sha2::{Digest as _, Sha256};

use super::assemble::Parts;
use super::diagnostic::Diagnostic;
use super::function::target_of;
use super::properties::Properties;
use super::references::kind;
use super::scope::Scope;
use super::tree::{MappingEntry, Value};
use crate::settings::AuthorizerSettings;
use hardcap_core::config::{
    Access, Api, Authorization, Authorizer, AuthorizerKind, IdentitySource, JwtRules, PayloadFormat,
};
use hardcap_velocity::SelectionPattern;

pub(super) use definition::{of_definition, of_operation};

/// The default time for which a REST API caches a decision (API reference of API Gateway, `CreateAuthorizer`).
const REST_TTL: Millis = Millis(300_000);
const NOT_VERIFIED: &str = "every request is let through";

/// The requirements of an API for routes without requirements of their own.
#[derive(Debug, Default)]
pub(super) struct ApiAuth {
    /// The logical id of the API, or the value of `Ref`, as routes refer to it.
    api: String,
    default: Option<String>,
    api_key: bool,
    /// Whether preflights have the same requirements.
    preflight: bool,
    preflight_key: bool,
}

/// The requirements of one route.
#[derive(Clone, Debug, Default)]
pub(super) struct RouteAuth {
    /// The name of an authorizer, `AWS_IAM` or `NONE`.
    pub(super) authorizer: Option<String>,
    pub(super) api_key: Option<bool>,
    /// The scopes that a token needs; those of the authorizer by default.
    pub(super) scopes: Option<Vec<String>>,
}

/// Authorizers and keys by API: its logical id, or the value of `Ref`.
#[derive(Debug, Default)]
pub(super) struct Guards {
    /// The keys of JWT and Cognito authorizers, by name, and the folder of their files.
    pub(super) keys_of: IndexMap<String, AuthorizerSettings>,
    pub(super) folder: PathBuf,
    auth: Vec<ApiAuth>,
    authorizers: Vec<(String, Authorizer)>,
    /// Keys that are valid for an API.
    keys: Vec<(String, String)>,
}

impl Guards {
    /// The requirements for a request to a route of an API.
    pub(super) fn access(
        &self,
        scope: &Scope<'_>,
        api: &Api,
        route: &RouteAuth,
        is_preflight: bool,
    ) -> Access {
        let of_api = self.auth.iter().find(|auth| is(scope, api, &auth.api));
        let by_default = of_api.filter(|auth| !is_preflight || auth.preflight);
        let name = route.authorizer.clone().or_else(|| by_default?.default.clone());
        let authorization = match name.as_deref() {
            None | Some("NONE") => Authorization::None,
            Some("AWS_IAM") => Authorization::Iam,
            Some(name) if self.find(scope, api, name).is_some() => {
                Authorization::Authorizer(name.to_owned())
            }
            // This authorizer is not enforced. A warning has named it.
            Some(_) => Authorization::None,
        };
        let with_key = of_api.filter(|auth| !is_preflight || auth.preflight_key);
        let api_key_required = route.api_key.unwrap_or(with_key.is_some_and(|auth| auth.api_key));
        let scopes = match &authorization {
            Authorization::Authorizer(name) => {
                let rules = self.find(scope, api, name).and_then(|one| one.jwt.as_ref());
                let of_authorizer = rules.map(|rules| rules.scopes.clone()).unwrap_or_default();
                route.scopes.clone().unwrap_or(of_authorizer)
            }
            _ => Vec::new(),
        };
        Access { authorization, api_key_required, scopes, ..Access::default() }
    }

    fn find(&self, scope: &Scope<'_>, api: &Api, name: &str) -> Option<&Authorizer> {
        let mut authorizers = self.authorizers.iter();
        authorizers.find(|(of, one)| is(scope, api, of) && one.name == name).map(|(_, one)| one)
    }

    /// An authorizer of tokens, if hardcap.toml has its keys. Without keys the authorizer is not enforced, which is a warning.
    fn of_tokens(
        &self,
        of: &Properties<'_>,
        name: &str,
        rules: JwtRules,
        (identity, http): (IdentitySource, bool),
    ) -> Result<Option<Authorizer>, Diagnostic> {
        let Some(settings) = self.keys_of.get(name) else {
            not_enforced(of, name);
            return Ok(None);
        };
        let file = self.folder.join(&settings.jwks);
        let keys = keys::read(&file).map_err(|error| {
            let message = format!(
                "the keys of the authorizer `{name}` cannot be read: {}: {error}",
                file.display()
            );
            Diagnostic::new(of.at, message)
                .help("correct `jwks` of its `[authorizers]` in hardcap.toml")
        })?;
        let issuer = settings.issuer.clone().unwrap_or(rules.issuer);
        Ok(Some(Authorizer {
            name: name.to_owned(),
            function: String::new(),
            kind: if http {
                AuthorizerKind::Http { format: PayloadFormat::V2, simple: false }
            } else {
                AuthorizerKind::Token
            },
            identity: vec![identity],
            validation: None,
            ttl: Millis(0),
            jwt: Some(JwtRules { issuer, keys, ..rules }),
        }))
    }

    /// The authorizers and the keys of an API.
    pub(super) fn of(&self, scope: &Scope<'_>, api: &Api) -> (Vec<Authorizer>, Vec<String>) {
        let authorizers = self.authorizers.iter().filter(|(of, _)| is(scope, api, of));
        let keys = self.keys.iter().filter(|(of, _)| is(scope, api, of));
        (
            authorizers.map(|(_, one)| one.clone()).collect(),
            keys.map(|(_, key)| key.clone()).collect(),
        )
    }
}

fn is(scope: &Scope<'_>, api: &Api, reference: &str) -> bool {
    api.logical_id == reference || scope.api_id(&api.logical_id) == reference
}

/// `Auth` of an `AWS::Serverless::Api` or, with `http`, of an `AWS::Serverless::HttpApi`.
pub(super) fn of_sam_api(
    of: &Properties<'_>,
    entry: &MappingEntry,
    http: bool,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let Some(auth) = of.child("Auth")? else { return Ok(()) };
    auth.without_effect(&["AddDefaultAuthorizerToCorsPreflight", "InvokeRole"]);
    auth.not_checked("ResourcePolicy", NOT_VERIFIED)?;
    let preflight = auth.flag("AddDefaultAuthorizerToCorsPreflight")?.unwrap_or(true);
    let preflight_key = auth.flag("AddApiKeyRequiredToCorsPreflight")?.unwrap_or(true);
    auth.without_effect(&["EnableIamAuthorizer"]);
    let default = auth.text("DefaultAuthorizer")?;
    let api_key = auth.flag("ApiKeyRequired")?.unwrap_or_default();
    if let Some(plan) = auth.child("UsagePlan")? {
        let made = plan.text("CreateUsagePlan")?;
        if made.is_some_and(|made| made != "NONE") {
            let id = format!("{}ApiKey", entry.key);
            let key = generated_key(of.scope, &id);
            parts.guards.keys.push((entry.key.clone(), key));
        }
        plan.without_effect(&["Description", "Tags", "UsagePlanName"]);
        plan.not_emulated("Quota", "requests are not counted")?;
        plan.not_emulated("Throttle", "no request is throttled")?;
        plan.finish();
    }
    for (authorizer, of) in auth.named_children("Authorizers")? {
        let name = authorizer.key.clone();
        if let Some(read) = sam_authorizer(&of, &name, http, &parts.guards)? {
            parts.guards.authorizers.push((entry.key.clone(), read));
        }
    }
    let api = entry.key.clone();
    parts.guards.auth.push(ApiAuth { api, default, api_key, preflight, preflight_key });
    auth.finish();
    Ok(())
}

fn sam_authorizer(
    of: &Properties<'_>,
    name: &str,
    http: bool,
    guards: &Guards,
) -> Result<Option<Authorizer>, Diagnostic> {
    of.without_effect(&[
        "DisableFunctionDefaultPermissions",
        "EnableFunctionDefaultPermissions",
        "FunctionInvokeRole",
    ]);
    let Some(function) = of.text("FunctionArn")? else {
        // A Cognito user pool, or JSON Web Tokens.
        let mut rules = jwt_rules(of, "JwtConfiguration", ["issuer", "audience"])?;
        rules.scopes = of.texts("AuthorizationScopes")?;
        let mut header = "Authorization".to_owned();
        let identity = of.child("Identity")?;
        if let Some(source) = &identity {
            header = source.text("Header")?.unwrap_or(header);
            source.without_effect(&["ReauthorizeEvery", "ValidationExpression"]);
        }
        if let Some(pool) = of.texts("UserPoolArn")?.first() {
            rules.issuer = issuer_of(pool);
        }
        let source = of.text("IdentitySource")?;
        let source = source.as_deref().and_then(IdentitySource::parse);
        let source = source.unwrap_or(IdentitySource::Header(header));
        let mut read = guards.of_tokens(of, name, rules, (source, http))?;
        if let (Some(read), Some(identity), false) = (&mut read, &identity, http) {
            read.validation = validation_of(identity, "ValidationExpression")?;
        }
        return Ok(read);
    };
    of.without_effect(&["AuthorizationScopes"]);
    let format = authorizer_format(of, "AuthorizerPayloadFormatVersion")?;
    let simple = of.flag("EnableSimpleResponses")?.unwrap_or_default();
    let token = of.text("FunctionPayloadType")?.is_none_or(|kind| kind == "TOKEN");
    let mut identity = Vec::new();
    let mut ttl = if http { Millis(0) } else { REST_TTL };
    let mut header = "Authorization".to_owned();
    let mut validation = None;
    if let Some(source) = of.child("Identity")? {
        if !http && token {
            validation = validation_of(&source, "ValidationExpression")?;
        }
        source.without_effect(&["ValidationExpression"]);
        header = source.text("Header")?.unwrap_or(header);
        identity.extend(source.texts("Headers")?.into_iter().map(IdentitySource::Header));
        identity.extend(source.texts("QueryStrings")?.into_iter().map(IdentitySource::Query));
        let variables = source.texts("StageVariables")?;
        identity.extend(variables.into_iter().map(IdentitySource::StageVariable));
        identity.extend(source.texts("Context")?.into_iter().map(IdentitySource::Context));
        ttl = seconds(&source, "ReauthorizeEvery")?.unwrap_or(ttl);
        source.finish();
    }
    let kind = match (http, token) {
        (true, _) => AuthorizerKind::Http { format, simple },
        (false, true) => {
            identity = vec![IdentitySource::Header(header)];
            AuthorizerKind::Token
        }
        (false, false) => AuthorizerKind::Request,
    };
    let function = target_of(&function);
    let name = name.to_owned();
    Ok(Some(Authorizer { name, function, kind, identity, validation, ttl, jwt: None }))
}

/// Issuer and audience. Their names differ between SAM, CloudFormation and OpenAPI.
fn jwt_rules(of: &Properties<'_>, key: &str, names: [&str; 2]) -> Result<JwtRules, Diagnostic> {
    let Some(jwt) = of.child(key)? else { return Ok(JwtRules::default()) };
    let [issuer, audience] = names;
    let rules = JwtRules {
        issuer: jwt.text(issuer)?.unwrap_or_default(),
        audience: jwt.texts(audience)?,
        ..JwtRules::default()
    };
    jwt.finish();
    Ok(rules)
}

/// The issuer of a user pool's tokens: `https://cognito-idp.REGION.amazonaws.com/POOL` (Amazon Cognito developer guide,
/// "Verifying JSON web tokens").
fn issuer_of(pool: &str) -> String {
    let mut parts = pool.split(':').skip(3);
    let region = parts.next().unwrap_or_default();
    let id = pool.rsplit('/').next().unwrap_or_default();
    format!("https://cognito-idp.{region}.amazonaws.com/{id}")
}

fn authorizer_format(of: &Properties<'_>, key: &str) -> Result<PayloadFormat, Diagnostic> {
    let version = of.text(key)?;
    Ok(match version.as_deref() {
        Some(version) if version.starts_with('1') => PayloadFormat::V1,
        _ => PayloadFormat::V2,
    })
}

/// The validation expression of a `TOKEN` or Cognito authorizer. One that hardcap cannot read is not enforced, which is a warning.
///
/// Official (API reference of API Gateway, `Authorizer`): it does not apply to `REQUEST` authorizers.
fn validation_of(of: &Properties<'_>, key: &str) -> Result<Option<String>, Diagnostic> {
    let Some(expression) = of.text(key)? else { return Ok(None) };
    if SelectionPattern::at_start(&expression).is_ok() {
        return Ok(Some(expression));
    }
    of.not_checked(key, "hardcap does not support this regular expression")?;
    Ok(None)
}

fn seconds(of: &Properties<'_>, key: &str) -> Result<Option<Millis>, Diagnostic> {
    Ok(of.number::<u64>(key)?.map(|seconds| Millis(seconds.saturating_mul(1000))))
}

/// Warns of an authorizer that verifies tokens of an identity provider.
fn not_enforced(of: &Properties<'_>, name: &str) {
    let message = format!(
        "the authorizer `{name}` verifies tokens of an identity provider, whose keys hardcap does not have: {NOT_VERIFIED}"
    );
    let help = format!(
        "name a file with the public keys: [authorizers.{name}] jwks = \"keys.json\" in hardcap.toml"
    );
    of.scope.warn(Diagnostic::new(of.at, message).rule("access-not-checked").help(help));
}

/// `Auth` of an event.
pub(super) fn of_event(of: &Properties<'_>) -> Result<RouteAuth, Diagnostic> {
    let Some(auth) = of.child("Auth")? else { return Ok(RouteAuth::default()) };
    auth.without_effect(&["InvokeRole", "OverrideApiAuth"]);
    auth.not_checked("ResourcePolicy", NOT_VERIFIED)?;
    let route = RouteAuth {
        authorizer: auth.text("Authorizer")?,
        api_key: auth.flag("ApiKeyRequired")?,
        scopes: scopes(&auth)?,
    };
    auth.finish();
    Ok(route)
}

/// `AuthorizationScopes`, if present.
fn scopes(of: &Properties<'_>) -> Result<Option<Vec<String>>, Diagnostic> {
    let scopes = of.texts("AuthorizationScopes")?;
    Ok(of.node("AuthorizationScopes")?.map(|_| scopes))
}

/// `AuthorizationType`, `AuthorizerId` and `ApiKeyRequired` of a method or a route.
pub(super) fn of_resource(of: &Properties<'_>) -> Result<RouteAuth, Diagnostic> {
    let authorizer = match of.text("AuthorizationType")?.as_deref() {
        None | Some("NONE") => {
            of.without_effect(&["AuthorizerId"]);
            "NONE".to_owned()
        }
        Some("AWS_IAM") => "AWS_IAM".to_owned(),
        Some(_) => of.text("AuthorizerId")?.unwrap_or_else(|| "NONE".to_owned()),
    };
    let (api_key, scopes) = (of.flag("ApiKeyRequired")?, scopes(of)?);
    Ok(RouteAuth { authorizer: Some(authorizer), api_key, scopes })
}

/// The required parameters of a method with a request validator.
pub(super) fn validated(of: &Properties<'_>, access: &mut Access) -> Result<(), Diagnostic> {
    let parameters = of.value("RequestParameters")?;
    of.without_effect(&["RequestModels"]);
    let Some(id) = of.text("RequestValidatorId")? else { return Ok(()) };
    let Some(validator) = of.scope.resource(&id) else {
        let message = format!(
            "the request validator of {} is not in this template: nothing is validated",
            of.what
        );
        of.scope.warn(Diagnostic::new(of.at, message).rule("access-not-checked"));
        return Ok(());
    };
    let validator = Properties::of(of.scope, "the request validator", validator)?;
    if validator.flag("ValidateRequestBody")?.unwrap_or_default() {
        let message =
            format!("{} validates bodies, which hardcap does not emulate", validator.what);
        of.scope.warn(Diagnostic::new(validator.at, message).rule("access-not-checked"));
    }
    if !validator.flag("ValidateRequestParameters")?.unwrap_or_default() {
        return Ok(());
    }
    let Some(parameters) = parameters else { return Ok(()) };
    for entry in parameters.entries(&of.name("RequestParameters"))? {
        let required = matches!(&entry.value.value, Value::Text(text) if text == "true");
        match entry.key.strip_prefix("method.request.").and_then(|it| it.split_once('.')) {
            Some(("header", name)) if required => access.required_headers.push(name.to_owned()),
            Some(("querystring", name)) if required => access.required_query.push(name.to_owned()),
            _ => {}
        }
    }
    Ok(())
}

/// Authorizers, API keys and usage plans that are resources of their own.
pub(super) fn read(scope: &Scope<'_>, parts: &mut Parts) -> Result<(), Diagnostic> {
    let mut plans: Vec<(&str, Vec<String>)> = Vec::new();
    for entry in scope.resources {
        match kind(entry) {
            "AWS::ApiGateway::Authorizer" if scope.exists(entry)? => {
                rest_authorizer(scope, entry, parts)?;
            }
            "AWS::ApiGatewayV2::Authorizer" if scope.exists(entry)? => {
                http_authorizer(scope, entry, parts)?;
            }
            "AWS::ApiGateway::UsagePlan" if scope.exists(entry)? => {
                let of = Properties::of(scope, "the usage plan", entry)?;
                let stages = of.children("ApiStages")?;
                let apis = stages.iter().map(|stage| stage.required_text("ApiId"));
                plans.push((&entry.key, apis.collect::<Result<_, _>>()?));
                of.without_effect(&["Description", "Tags", "UsagePlanName"]);
                of.not_emulated("Quota", "requests are not counted")?;
                of.not_emulated("Throttle", "no request is throttled")?;
                of.finish();
            }
            _ => {}
        }
    }
    for entry in scope.resources.iter().filter(|it| kind(it) == "AWS::ApiGateway::UsagePlanKey") {
        let of = Properties::of(scope, "the usage plan key", entry)?;
        let (plan, key) = (of.required_text("UsagePlanId")?, of.required_text("KeyId")?);
        let Some((_, apis)) = plans.iter().find(|(id, _)| **id == *plan) else { continue };
        let Some(resource) = scope.resource(&key) else { continue };
        let own = Properties::of(scope, "the API key", resource)?.text("Value")?;
        let value = own.unwrap_or_else(|| generated_key(scope, &key));
        parts.guards.keys.extend(apis.iter().map(|api| (api.clone(), value.clone())));
    }
    Ok(())
}

/// The value of an API key, the same in every run. AWS generates 40 letters and digits.
fn generated_key(scope: &Scope<'_>, id: &str) -> String {
    let digest = Sha256::digest(format!("api key/{}/{id}", scope.names.stack));
    hex::encode(&digest[..20])
}

fn rest_authorizer(
    scope: &Scope<'_>,
    entry: &MappingEntry,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let of = Properties::of(scope, "the authorizer", entry)?;
    of.without_effect(&["AuthType", "AuthorizerCredentials", "Name"]);
    let api = of.required_text("RestApiId")?;
    let kind = match of.text("Type")?.as_deref() {
        Some("TOKEN") => AuthorizerKind::Token,
        Some("REQUEST") => AuthorizerKind::Request,
        _ => {
            let pools = of.texts("ProviderARNs")?;
            let issuer = pools.first().map(|pool| issuer_of(pool)).unwrap_or_default();
            let source = of.text("IdentitySource")?;
            let source = source.as_deref().and_then(IdentitySource::parse);
            let source = source.unwrap_or(IdentitySource::Header("Authorization".to_owned()));
            let rules = JwtRules { issuer, ..JwtRules::default() };
            let read = parts.guards.of_tokens(&of, &entry.key, rules, (source, false))?;
            if let Some(mut read) = read {
                read.validation = validation_of(&of, "IdentityValidationExpression")?;
                parts.guards.authorizers.push((api, read));
            }
            return Ok(());
        }
    };
    let validation = match kind {
        AuthorizerKind::Token => validation_of(&of, "IdentityValidationExpression")?,
        _ => None,
    };
    of.without_effect(&["IdentityValidationExpression"]);
    let sources = of.text("IdentitySource")?.unwrap_or_default();
    let authorizer = Authorizer {
        name: entry.key.clone(),
        function: target_of(&of.required_text("AuthorizerUri")?),
        kind,
        identity: sources.split(',').filter_map(IdentitySource::parse).collect(),
        validation,
        ttl: seconds(&of, "AuthorizerResultTtlInSeconds")?.unwrap_or(REST_TTL),
        jwt: None,
    };
    of.finish();
    parts.guards.authorizers.push((api, authorizer));
    Ok(())
}

fn http_authorizer(
    scope: &Scope<'_>,
    entry: &MappingEntry,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let of = Properties::of(scope, "the authorizer", entry)?;
    of.without_effect(&["AuthorizerCredentialsArn", "Name"]);
    let api = of.required_text("ApiId")?;
    let sources = of.texts("IdentitySource")?;
    if of.text("AuthorizerType")?.as_deref() != Some("REQUEST") {
        if !parts.left_out.iter().any(|id| *id == api || scope.api_id(id) == api) {
            let rules = jwt_rules(&of, "JwtConfiguration", ["Issuer", "Audience"])?;
            let source = sources.first().and_then(|source| IdentitySource::parse(source));
            let source = source.unwrap_or(IdentitySource::Header("Authorization".to_owned()));
            let read = parts.guards.of_tokens(&of, &entry.key, rules, (source, true))?;
            parts.guards.authorizers.extend(read.map(|read| (api, read)));
        }
        return Ok(());
    }
    let authorizer = Authorizer {
        name: entry.key.clone(),
        function: target_of(&of.required_text("AuthorizerUri")?),
        kind: AuthorizerKind::Http {
            format: authorizer_format(&of, "AuthorizerPayloadFormatVersion")?,
            simple: of.flag("EnableSimpleResponses")?.unwrap_or_default(),
        },
        identity: sources.iter().filter_map(|source| IdentitySource::parse(source)).collect(),
        validation: None,
        ttl: seconds(&of, "AuthorizerResultTtlInSeconds")?.unwrap_or(Millis(0)),
        jwt: None,
    };
    of.without_effect(&["IdentityValidationExpression", "JwtConfiguration"]);
    of.finish();
    parts.guards.authorizers.push((api, authorizer));
    Ok(())
}
