//! The findings about a template that is not started: errors that AWS reports at deployment, and common pitfalls. Pure.

mod render;
mod unpacked;

use std::fmt;

use hardcap_limits::{Bytes, Limits, Party, Row};
use serde::Serialize;

use hardcap_core::config::{
    Api, ApiKind, Bucket, Config, Function, Image, Integration, ResponseTransferMode, Route,
};
use hardcap_core::function_name::unqualified;
use hardcap_core::nearest::nearest;
use hardcap_lambda::rules::{self as lambda_rules, DeploymentRefusal, Proposal, Unrecorded};
use hardcap_limits::{Millis, grouped};
use hardcap_messages::{bus, mapping, queue, topic};
use hardcap_project::packaging::runtimes::{self, Standing};
use hardcap_project::template::{Loaded, NamedKind, TemplateError, Warning};
use hardcap_services::{secrets, ssm};

pub use hardcap_project::rules::{self, Severity};
pub use render::{to_github, to_json, to_junit, to_sarif};

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The severity.
    pub severity: Severity,
    /// The id of its rule, one of [`rules::RULES`].
    pub code: &'static str,
    /// The logical id of the resource, if it is about one.
    pub resource: Option<String>,
    /// The place, such as `template.yaml:12:3`, if it has one.
    pub place: Option<String>,
    /// The message with the remedy.
    pub message: String,
}

impl fmt::Display for Finding {
    /// `warning[binary-media-types] template.yaml:12:3: message`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.as_ref().map(|place| format!(" {place}")).unwrap_or_default();
        write!(f, "{}[{}]{place}: {}", self.severity, self.code, self.message)
    }
}

/// A finding that hardcap.toml or the template silences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Silenced {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// The reason, where one is given.
    pub reason: Option<String>,
}

/// The findings about a template under the limits of a run, without the silenced ones.
#[must_use]
pub fn check(loaded: &Loaded) -> Vec<Finding> {
    sorted_out(loaded, all(loaded)).0
}

/// The findings about a template under the limits of a run, with those that are silenced.
#[must_use]
pub fn all(loaded: &Loaded) -> Vec<Finding> {
    let mut findings = Findings { loaded, all: refused(loaded) };
    let found = loaded.warnings.iter().map(|warning| of_warning(loaded, warning));
    findings.all.extend(found.filter(|finding| finding.severity != Severity::Error));
    for function in &loaded.config.functions {
        findings.open_access(function);
        findings.timeout(function);
        findings.runtime_of_existing_functions(function);
    }
    findings.unpacked(Severity::Warning);
    for bucket in &loaded.config.buckets {
        findings.bucket(bucket);
    }
    findings.all
}

/// The findings that neither hardcap.toml nor the template silences, and the silenced ones.
#[must_use]
pub fn sorted_out(loaded: &Loaded, findings: Vec<Finding>) -> (Vec<Finding>, Vec<Silenced>) {
    let (mut shown, mut silenced) = (Vec::new(), Vec::new());
    for finding in findings {
        let ignored = loaded.ignored.iter().find(|ignored| {
            ignored.rule == finding.code
                && (ignored.resource.is_none() || ignored.resource == finding.resource)
        });
        match ignored {
            None => shown.push(finding),
            Some(ignored) => silenced.push(Silenced { finding, reason: ignored.reason.clone() }),
        }
    }
    (shown, silenced)
}

fn of_warning(loaded: &Loaded, warning: &Warning) -> Finding {
    let help = warning.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    // The last resource that is declared before the warning.
    let before = loaded
        .places
        .iter()
        .filter(|(_, (path, at))| *path == warning.path && *at <= warning.position)
        .max_by_key(|(_, (_, at))| *at);
    Finding {
        severity: rules::find(warning.rule).map_or(Severity::Warning, |rule| rule.severity),
        code: warning.rule,
        resource: before.map(|(logical_id, _)| logical_id.clone()),
        place: Some(format!("{}:{}", warning.path.display(), warning.position)),
        message: format!("{}{help}", warning.message),
    }
}

/// The findings for a template that cannot be read.
#[must_use]
pub fn unreadable(error: &TemplateError) -> Vec<Finding> {
    let of_one = |error: &TemplateError| {
        let help = error.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        Finding {
            severity: Severity::Error,
            code: "invalid-template",
            resource: None,
            place: Some(format!("{}:{}", error.path.display(), error.position)),
            message: format!("{}{help}", error.message),
        }
    };
    std::iter::once(error).chain(&error.also).map(of_one).collect()
}

/// The properties that AWS would refuse to deploy, with AWS's own message.
#[must_use]
pub fn refused(loaded: &Loaded) -> Vec<Finding> {
    let mut findings = Findings { loaded, all: Vec::new() };
    let found = loaded.warnings.iter().map(|warning| of_warning(loaded, warning));
    findings.all.extend(found.filter(|finding| finding.severity == Severity::Error));
    for function in &loaded.config.functions {
        findings.refused(function);
    }
    for api in &loaded.config.apis {
        findings.compression(api);
        findings.mapping_templates(api);
    }
    findings.queues();
    findings.mappings();
    findings.topics_and_rules();
    findings.stored();
    findings.reservations();
    findings.unpacked(Severity::Error);
    findings.all
}

/// AWS's refusal of an image that is too large, by the size that Docker reports.
pub(crate) fn refused_image(limits: &Limits, id: &str, image: &Image) -> Option<String> {
    let exceeded = limits.lambda_image.admit(Bytes(image.bytes)).err()?;
    Some(format!("AWS refuses `{id}`: its image {} is too large: {exceeded}", image.name))
}

struct Findings<'a> {
    loaded: &'a Loaded,
    all: Vec<Finding>,
}

impl Findings<'_> {
    fn add(&mut self, severity: Severity, code: &'static str, logical_id: &str, message: String) {
        let place = self.loaded.places.get(logical_id);
        let place = place.map(|(path, position)| format!("{}:{position}", path.display()));
        let resource = Some(logical_id.to_owned());
        self.all.push(Finding { severity, code, resource, place, message });
    }

    fn queues(&mut self) {
        let config = &self.loaded.config;
        for one in &config.queues {
            if let Err(error) = queue::refusal(one, &config.limits) {
                let message = format!("AWS refuses `{}`: {}", one.logical_id, error.text());
                self.add(Severity::Error, "queue", &one.logical_id, message);
            }
        }
    }

    fn topics_and_rules(&mut self) {
        let config = &self.loaded.config;
        for one in &config.topics {
            if let Err(error) = topic::refusal(one) {
                let message = format!("AWS refuses the topic `{}`: {error}", one.name);
                self.add(Severity::Error, "topic", &one.logical_id, message);
            }
        }
        for one in &config.rules {
            if let Err(error) = bus::refusal(one, &config.limits) {
                let id = &one.logical_id;
                let message = format!("AWS refuses a rule of `{id}`: {error}");
                self.add(Severity::Error, "event-rule", id, message);
            }
        }
    }

    /// Resources that keep data.
    fn stored(&mut self) {
        let Config { limits, parameters, secrets, buckets, .. } = &self.loaded.config;
        for one in parameters {
            if let Some(error) = ssm::refusal(one, limits) {
                let message = format!("AWS refuses the parameter `{}`: {error}", one.name);
                self.add_named(
                    Severity::Error,
                    "parameter",
                    (NamedKind::Parameter, &one.name),
                    message,
                );
            }
        }
        for one in secrets {
            if let Some(error) = secrets::refusal(one, limits) {
                let message = format!("AWS refuses the secret `{}`: {error}", one.name);
                self.add_named(Severity::Error, "secret", (NamedKind::Secret, &one.name), message);
            }
        }
        for one in buckets {
            if let Some(refusal) = hardcap_s3::refusal(one) {
                self.add_named(
                    Severity::Error,
                    "bucket",
                    (NamedKind::Bucket, &one.name),
                    format!("AWS refuses the bucket: {refusal}"),
                );
            }
        }
    }

    /// Adds a finding about a resource that is known by its own name.
    fn add_named(
        &mut self,
        severity: Severity,
        code: &'static str,
        (kind, name): (NamedKind, &str),
        message: String,
    ) {
        match self.loaded.named.get(&(kind, name.to_owned())).cloned() {
            Some(logical_id) => self.add(severity, code, &logical_id, message),
            None => self.all.push(Finding { severity, code, resource: None, place: None, message }),
        }
    }

    /// A queue or a function of another template is not known, and not compared.
    fn mappings(&mut self) {
        let config = &self.loaded.config;
        for one in &config.mappings {
            let queue = config.queues.iter().find(|queue| queue.name == one.queue);
            let name = unqualified(&one.function);
            let function = config.functions.iter().find(|function| function.name == name);
            let spans = queue.zip(function).map(|(queue, function)| {
                let visibility = queue.attributes.get("VisibilityTimeout");
                let seconds = visibility.and_then(|text| text.parse::<u64>().ok());
                let visibility =
                    seconds.map_or(queue::VISIBILITY, |it| Millis(it.saturating_mul(1000)));
                (visibility, function.timeout)
            });
            if let Err(error) = mapping::refusal(one, &config.limits, spans) {
                let id = function.map_or(name, |function| &function.logical_id);
                let message = format!(
                    "AWS refuses the event source mapping of `{}` and `{id}`: {error}",
                    one.queue
                );
                self.add(Severity::Error, "event-source-mapping", id, message);
            }
        }
    }

    fn refused(&mut self, function: &Function) {
        let limits = &self.loaded.config.limits;
        let id = &function.logical_id;
        for refusal in lambda_rules::refusals(&Unrecorded, limits, &Proposal::from(function)) {
            let mut message = format!("AWS refuses `{id}`: {}", refusal.message());
            if refusal.code == "environment-size" {
                let bytes = grouped(lambda_rules::environment_bytes(&function.environment));
                let way_out = "; move values to SSM Parameter Store, or to fewer and shorter keys";
                message = format!("{message} ({bytes} bytes){way_out}");
            }
            if refusal.code == "environment-key" {
                let keys = lambda_rules::invalid_keys(&function.environment);
                let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
                message = format!("{message}; rename {}", keys.join(", "));
            }
            self.add(Severity::Error, refusal.code, id, message);
        }
        self.runtime(function);
    }

    /// A runtime that AWS does not know, or no longer accepts on the run's day.
    fn runtime(&mut self, function: &Function) {
        let (id, runtime) = (&function.logical_id, &function.runtime);
        let day = self.loaded.config.limits.date().to_string();
        let message = match runtimes::standing(runtime, &day) {
            Standing::Accepted | Standing::NoCreate(_) => return,
            Standing::Unknown => {
                let near = nearest(runtime, runtimes::names());
                let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                format!("AWS refuses `{id}`: {}{help}", runtimes::unknown(runtime))
            }
            Standing::NoUpdate(since) => {
                format!("AWS refuses `{id}` since {since}: {}", runtimes::retired(runtime))
            }
        };
        self.add(Severity::Error, "runtime", id, message);
    }

    /// A runtime with which AWS creates no new functions.
    fn runtime_of_existing_functions(&mut self, function: &Function) {
        let day = self.loaded.config.limits.date().to_string();
        if let Standing::NoCreate(since) = runtimes::standing(&function.runtime, &day) {
            let message = format!(
                "`{}` has the runtime {}: since {since} AWS updates such functions and creates no new ones",
                function.logical_id, function.runtime
            );
            self.add(Severity::Warning, "runtime", &function.logical_id, message);
        }
    }

    /// A minimum size for compression that is larger than any response.
    fn compression(&mut self, api: &Api) {
        let ApiKind::Rest { minimum_compression_size: Some(size), .. } = api.kind else { return };
        let limits = &self.loaded.config.limits;
        if let Err(exceeded) = limits.rest_compression.admit(Bytes(size)) {
            let id = &api.logical_id;
            let refusal = DeploymentRefusal::of("compression-size", &exceeded, Party::Invoker, &[]);
            let message = format!("AWS refuses `{id}`: {}", refusal.message());
            self.add(Severity::Error, refusal.code, id, message);
        }
    }

    /// Mapping templates that are too large.
    fn mapping_templates(&mut self, api: &Api) {
        let limit = &self.loaded.config.limits.rest_template_size;
        let mut found = Vec::new();
        for route in &api.routes {
            let Integration::Custom(custom) = &route.integration else { continue };
            let responses = custom.responses.iter().map(|response| &response.templates);
            for (media_type, text) in responses.chain([&custom.request_templates]).flatten() {
                if let Err(exceeded) = limit.admit(Bytes::of(text.as_bytes())) {
                    let (method, path) = (&route.method, &route.path);
                    found.push(format!(
                        "AWS refuses `{}`: a mapping template of {method} {path} for {media_type} has {} bytes; the maximum is {}",
                        api.logical_id,
                        grouped(exceeded.observed),
                        grouped(exceeded.max)
                    ));
                }
            }
        }
        for message in found {
            let id = &api.logical_id;
            self.add(Severity::Error, "mapping-template-size", id, message);
        }
    }

    /// Reservations that leave too little concurrency to other functions.
    fn reservations(&mut self) {
        let functions = &self.loaded.config.functions;
        let reserved = functions.iter().map(|it| u64::from(it.reserved_concurrency.unwrap_or(0)));
        let reserving = functions.iter().rev().find(|it| it.reserved_concurrency.is_some());
        let refusal = lambda_rules::reservations(&self.loaded.config.limits, reserved.sum());
        if let (Some(refusal), Some(function)) = (refusal, reserving) {
            let id = function.logical_id.clone();
            let message = format!("AWS refuses `{id}`: {}", refusal.message());
            self.add(Severity::Error, refusal.code, &id, message);
        }
    }

    /// Code and layers that are too large together, with this severity.
    fn unpacked(&mut self, severity: Severity) {
        let loaded = self.loaded;
        for (function, package) in loaded.config.functions.iter().zip(&loaded.packages) {
            let refusal = unpacked::refusal(&loaded.config.limits, function, package);
            let Some((_, refusal)) = refusal.filter(|(found, _)| *found == severity) else {
                continue;
            };
            let id = &function.logical_id;
            let message = match severity {
                Severity::Error => format!("AWS refuses `{id}`: {}", refusal.message()),
                Severity::Warning | Severity::Note => format!(
                    "AWS refuses `{id}` unless its build leaves files out: {}",
                    refusal.message()
                ),
            };
            self.add(severity, refusal.code, id, message);
        }
    }

    fn open_access(&mut self, function: &Function) {
        let value = |name: &str| function.environment.get(name);
        // Only the proxy has both variables. In other programs `ACCESS` may have another meaning.
        if value("ACCESS").is_some_and(|it| it == "open") && value("UPSTREAM_URL").is_some() {
            let message = format!(
                "`{}` has ACCESS=open: everyone who reaches it acts with the rights of its role",
                function.logical_id
            );
            self.add(Severity::Warning, "open-access", &function.logical_id, message);
        }
    }

    /// A function whose response comes after the timeout of its gateway.
    fn timeout(&mut self, function: &Function) {
        let limits = &self.loaded.config.limits;
        let waits = self.loaded.config.apis.iter().flat_map(|api| {
            let routes = api.routes.iter().filter(|route| route.function_name() == function.name);
            routes.map(move |route| {
                let status = if matches!(api.kind, ApiKind::Http { .. }) { 503 } else { 504 };
                (wait(limits, &api.kind, route), &api.logical_id, status)
            })
        });
        if let Some((wait, api, status)) = waits.min()
            && function.timeout.0 > wait
        {
            let message = format!(
                "`{}` may run {} s, but `{api}` waits {} s: after that its client has a {status} while the function runs on",
                function.logical_id,
                seconds(function.timeout.0),
                seconds(wait)
            );
            self.add(Severity::Warning, "timeout-above-gateway", &function.logical_id, message);
        }
    }

    /// The bucket of the proxy's responses should have a lifecycle and be readable by browsers.
    fn bucket(&mut self, bucket: &Bucket) {
        let fills = |function: &&Function| {
            function.environment.get("OVERFLOW_BUCKET").is_some_and(|name| *name == bucket.name)
        };
        let Some(function) = self.loaded.config.functions.iter().find(fills) else { return };
        let (function, name) = (function.logical_id.clone(), &bucket.name);
        if !bucket.lifecycle.iter().any(|rule| rule.expiration_days.is_some()) {
            let message = format!(
                "what `{function}` puts into the bucket `{name}` stays for ever: give it a LifecycleConfiguration with ExpirationInDays"
            );
            self.add_named(
                Severity::Warning,
                "bucket-lifecycle",
                (NamedKind::Bucket, name),
                message,
            );
        }
        let aborts = |rule: &hardcap_core::config::LifecycleRule| {
            rule.abort_incomplete_multipart_days.is_some()
        };
        if !bucket.lifecycle.iter().any(aborts) {
            let message = format!(
                "uploads into the bucket `{name}` that are cut off stay, invisible and paid for: give it AbortIncompleteMultipartUpload"
            );
            self.add_named(
                Severity::Warning,
                "bucket-multipart",
                (NamedKind::Bucket, name),
                message,
            );
        }
        if bucket.cors.is_empty() {
            let message = format!(
                "scripts in a browser cannot follow `{function}` to the bucket `{name}`: give it a CorsConfiguration"
            );
            self.add_named(Severity::Warning, "bucket-cors", (NamedKind::Bucket, name), message);
        }
    }
}

fn seconds(millis: u64) -> String {
    if millis.is_multiple_of(1000) {
        (millis / 1000).to_string()
    } else {
        format!("{}.{:03}", millis / 1000, millis % 1000)
    }
}

/// The row of this name, and its number in force.
fn in_force(limits: &Limits, name: &str) -> (&'static Row, u64) {
    limits
        .in_force()
        .find(|(row, _)| row.name == name)
        .expect("the names used here are in the table, which a test checks")
}

/// The timeout of a route, in milliseconds. A streaming route can have a longer one.
fn wait(limits: &Limits, kind: &ApiKind, route: &Route) -> u64 {
    let (stream, longest) = in_force(limits, "rest_stream_timeout");
    let streams = route.response_transfer_mode == ResponseTransferMode::Stream
        && stream.began() <= limits.date();
    match (kind, route.timeout) {
        (ApiKind::Http { .. }, _) => in_force(limits, "http_timeout").1,
        (ApiKind::Rest { .. }, Some(own)) if streams => own.0.min(longest),
        (ApiKind::Rest { .. }, _) => in_force(limits, "rest_timeout").1,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use hardcap_project::settings::Settings;
    use hardcap_project::template::load;

    fn findings(text: &str) -> Vec<String> {
        let path = Path::new("t.yaml");
        let loaded = load(text, path, &Settings::default(), Limits::classic())
            .unwrap_or_else(|error| panic!("{error}"));
        check(&loaded).iter().map(ToString::to_string).collect()
    }

    /// A function of this timeout behind an API of this kind.
    fn behind(event: &str, timeout: u32) -> String {
        format!(
            "Globals: {{Api: {{BinaryMediaTypes: ['*/*']}}}}\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Timeout: {timeout}\n      Events: {{A: {{Type: {event}, Properties: {{Path: /, Method: get}}}}}}\n"
        )
    }

    #[test]
    fn a_function_that_outlives_its_gateway_is_found_and_one_that_does_not_is_not() {
        assert_eq!(findings(&behind("Api", 29)), [""; 0]);
        assert_eq!(
            findings(&behind("Api", 30)),
            [
                "warning[timeout-above-gateway] t.yaml:3:3: `F` may run 30 s, but `ServerlessRestApi` waits 29 s: after that its client has a 504 while the function runs on"
            ]
        );
        assert_eq!(findings(&behind("HttpApi", 30)), [""; 0]);
        assert_eq!(
            findings(&behind("HttpApi", 31)),
            [
                "warning[timeout-above-gateway] t.yaml:3:3: `F` may run 31 s, but `ServerlessHttpApi` waits 30 s: after that its client has a 503 while the function runs on"
            ]
        );
    }

    /// rest_compression
    #[test]
    fn an_api_compresses_from_10485760_bytes_on_at_the_latest() {
        let api = |size: &str| {
            format!(
                "Resources:\n  A: {{Type: AWS::Serverless::Api, Properties: {{StageName: s, MinimumCompressionSize: {size}}}}}\n"
            )
        };
        assert_eq!(findings(&api("0")), [""; 0]);
        assert_eq!(findings(&api("10485760")), [""; 0]);
        assert_eq!(
            findings(&api("10485761")),
            [
                "error[compression-size] t.yaml:2:3: AWS refuses `A`: Invalid minimum compression size, must be between 0 and 10485760"
            ]
        );
    }

    /// rest_template_size
    #[test]
    fn a_mapping_template_of_more_than_300_kib_is_named() {
        let api = |size: usize| {
            let template = "x".repeat(size);
            let uri = "'arn:aws:apigateway:us-east-1:dynamodb:action/PutItem'";
            let templates = format!("requestTemplates: {{application/json: {template}}}");
            let get = format!(
                "{{x-amazon-apigateway-integration: {{type: aws, uri: {uri}, responses: {{default: {{statusCode: 200}}}}, {templates}}}}}"
            );
            format!(
                "Resources:\n  A: {{Type: AWS::Serverless::Api, Properties: {{StageName: s, DefinitionBody: {{paths: {{/a: {{get: {get}}}}}}}}}}}\n"
            )
        };
        assert_eq!(findings(&api(307_200)), [""; 0]);
        assert_eq!(
            findings(&api(307_201)),
            [
                "error[mapping-template-size] t.yaml:2:3: AWS refuses `A`: a mapping template of GET /a for application/json has 307,201 bytes; the maximum is 307,200"
            ]
        );
        assert_eq!(findings(&api(10)), [""; 0]);
    }

    #[test]
    fn a_route_that_streams_has_the_timeout_of_its_integration() {
        let streams = |day: &str, timeout: &str| {
            let route = format!("Method: get, ResponseTransferMode: STREAM{timeout}");
            let text = behind("Api", 900).replace("Method: get", &route);
            let limits = Limits::at(day.parse().unwrap());
            let loaded = load(&text, Path::new("t.yaml"), &Settings::default(), limits);
            check(&loaded.unwrap_or_else(|error| panic!("{error}"))).len()
        };
        assert_eq!(streams("current", ", TimeoutInMillis: 900000"), 0);
        assert_eq!(streams("current", ", TimeoutInMillis: 60000"), 1);
        assert_eq!(streams("current", ""), 1);
        assert_ne!(streams("2025-11-18", ", TimeoutInMillis: 900000"), 0);
    }

    #[test]
    fn a_bucket_that_a_function_fills_must_empty_itself_and_be_readable() {
        let bucket = |properties: &str| {
            format!(
                "Resources:\n  B: {{Type: AWS::S3::Bucket, Properties: {{{properties}}}}}\n  F: {{Type: AWS::Serverless::Function, Properties: {{Environment: {{Variables: {{OVERFLOW_BUCKET: !Ref B}}}}}}}}\n"
            )
        };
        let codes = |properties: &str| -> Vec<String> {
            let findings = findings(&bucket(properties));
            let code = |text: &String| text.split(['[', ']']).nth(1).unwrap_or_default().to_owned();
            findings.iter().map(code).collect()
        };
        let cors =
            "CorsConfiguration: {CorsRules: [{AllowedOrigins: ['*'], AllowedMethods: [GET]}]}";
        let ends = "LifecycleConfiguration: {Rules: [{Status: Enabled, ExpirationInDays: 1, AbortIncompleteMultipartUpload: {DaysAfterInitiation: 1}}]}";
        assert_eq!(codes(""), ["bucket-lifecycle", "bucket-multipart", "bucket-cors"]);
        assert_eq!(codes(cors), ["bucket-lifecycle", "bucket-multipart"]);
        assert_eq!(codes(ends), ["bucket-cors"]);
        assert_eq!(codes(&format!("{cors}, {ends}")), [""; 0]);
    }

    #[test]
    fn an_ordinary_bucket_and_an_ordinary_rest_api_have_no_findings() {
        let text = "Resources:\n  B: {Type: AWS::S3::Bucket}\n  F: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {BUCKET: !Ref B, ACCESS: open}}, Events: {A: {Type: Api, Properties: {Path: /, Method: get}}}}}\n";
        assert_eq!(findings(text), [""; 0]);
    }

    #[test]
    fn a_queue_and_a_mapping_that_aws_refuses_are_errors() {
        let text = |queue: &str, function: &str, event: &str| {
            format!(
                "Resources:\n  Q: {{Type: AWS::SQS::Queue, Properties: {{{queue}}}}}\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Timeout: {function}\n      Events: {{A: {{Type: SQS, Properties: {{Queue: !GetAtt Q.Arn, {event}}}}}}}\n"
            )
        };
        assert_eq!(findings(&text("VisibilityTimeout: 31", "31", "BatchSize: 10")), [""; 0]);
        for (queue, function, event, expected) in [
            (
                "DelaySeconds: 901",
                "3",
                "BatchSize: 1",
                "error[queue] t.yaml:2:3: AWS refuses `Q`: Invalid value for the parameter DelaySeconds.",
            ),
            (
                "DelaySeconds: 0",
                "31",
                "BatchSize: 1",
                "error[event-source-mapping] t.yaml:3:3: AWS refuses the event source mapping of `hardcap-Q` and `F`: Queue \
                 visibility timeout: 30 seconds is less than Function timeout: 31 seconds",
            ),
            (
                "DelaySeconds: 0",
                "3",
                "BatchSize: 11",
                "error[event-source-mapping] t.yaml:3:3: AWS refuses the event source mapping of `hardcap-Q` and `F`: Maximum \
                 batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            ),
        ] {
            assert_eq!(findings(&text(queue, function, event)), [expected]);
        }
    }

    #[test]
    fn a_topic_and_a_rule_that_aws_refuses_are_errors() {
        let text = |filter: &str, schedule: &str| {
            format!(
                "Resources:\n  T: {{Type: AWS::SNS::Topic}}\n  S: {{Type: AWS::SNS::Subscription, Properties: {{TopicArn: !Ref T, Protocol: sqs, Endpoint: 'arn:aws:sqs:us-east-1:000000000000:q', FilterPolicy: {{a: {filter}}}}}}}\n  R: {{Type: AWS::Events::Rule, Properties: {{ScheduleExpression: {schedule}}}}}\n"
            )
        };
        assert_eq!(findings(&text("[1]", "rate(1 minute)")), [""; 0]);
        assert_eq!(
            findings(&text("[]", "rate(1 minute)")),
            [
                "error[topic] t.yaml:2:3: AWS refuses the topic `hardcap-T`: Invalid parameter: FilterPolicy: Empty arrays are not allowed\n at [Source: (String)\"{\"a\":[]}\"; line: 1, column: 8]"
            ]
        );
        assert_eq!(
            findings(&text("[1]", "rate(1 minutes)")),
            [
                "error[event-rule] t.yaml:4:3: AWS refuses a rule of `R`: Parameter ScheduleExpression is not valid."
            ]
        );
    }

    #[test]
    fn stored_resources_that_aws_refuses_are_errors() {
        let text = |value: usize, secret: usize, bucket: &str| {
            let (value, secret) = ("x".repeat(value), "x".repeat(secret));
            format!(
                "Resources:\n  P: {{Type: AWS::SSM::Parameter, Properties: {{Type: String, Value: {value}}}}}\n  S: {{Type: AWS::SecretsManager::Secret, Properties: {{SecretString: {secret}}}}}\n  B: {{Type: AWS::S3::Bucket, Properties: {{BucketName: {bucket}}}}}\n"
            )
        };
        assert_eq!(findings(&text(4_096, 65_536, "uploads")), [""; 0]);
        assert_eq!(
            findings(&text(4_097, 65_537, "Up_loads")),
            [
                "error[parameter] t.yaml:2:3: AWS refuses the parameter `hardcap-P`: ssm_standard: 4097, 1 over the limit of 4096",
                "error[secret] t.yaml:3:3: AWS refuses the secret `hardcap-S`: secrets_value: 65537 bytes, 1 over the limit of 65536",
                "error[bucket] t.yaml:4:3: AWS refuses the bucket: `Up_loads` is not a valid bucket name: use 3 to 63 lower-case letters, digits, dots and hyphens",
            ]
        );
    }

    #[test]
    fn a_sixth_layer_is_an_error_whether_its_content_is_here_or_not() {
        let text = |others: usize| {
            let others = (0..others).map(|number| {
                format!(", 'arn:aws:lambda:us-east-1:123456789012:layer:l{number}:1'")
            });
            format!(
                "Resources:\n  L: {{Type: AWS::Serverless::LayerVersion, Properties: {{ContentUri: .}}}}\n  F: {{Type: AWS::Serverless::Function, Properties: {{Layers: [!Ref L{}]}}}}\n",
                others.collect::<String>()
            )
        };
        let errors = |text: &str| -> Vec<String> {
            let all = findings(text).into_iter();
            all.filter(|finding| finding.starts_with("error[")).collect()
        };
        assert_eq!(errors(&text(4)), [""; 0]);
        let refused = errors(&text(5));
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(
            refused[0].starts_with("error[layers] t.yaml:3:3: AWS refuses `F`: "),
            "{refused:?}"
        );
    }

    /// cloudformation_resources, cloudformation_parameters, cloudformation_outputs
    #[test]
    fn a_template_has_at_most_500_resources_200_parameters_and_200_outputs() {
        let errors = |day: &str, resources: usize, parameters: usize, outputs: usize| {
            let many = |number: usize, entry: &str| -> String {
                (0..number).map(|at| format!("  X{at}{entry}\n")).collect()
            };
            let text = format!(
                "Parameters:\n{}Resources:\n{}Outputs:\n{}",
                many(parameters, "P: {Type: String, Default: x}"),
                many(resources, ": {Type: AWS::SQS::Queue}"),
                many(outputs, "O: {Value: x}")
            );
            let limits = Limits::at(day.parse().unwrap());
            let loaded = load(&text, Path::new("t.yaml"), &Settings::default(), limits);
            let found = check(&loaded.unwrap_or_else(|error| panic!("{error}")));
            found.into_iter().map(|it| (it.code, it.message)).collect::<Vec<_>>()
        };
        assert_eq!(errors("current", 500, 200, 200), []);
        let help = "; move resources into nested stacks, or into a stack of their own";
        let told = |text: &str| {
            let message = format!("AWS refuses the template: Template format error: {text}{help}");
            ("template-limits", message)
        };
        assert_eq!(
            errors("current", 501, 201, 201),
            [
                told("Parameters count 201 is greater than max allowed 200"),
                told("Number of resources, 501, is greater than maximum allowed, 500"),
                told("Outputs count 201 is greater than max allowed 200"),
            ]
        );
        assert_eq!(errors("2020-10-21", 200, 60, 60), []);
        assert_eq!(errors("2020-10-21", 201, 61, 61).len(), 3);
    }

    #[test]
    fn what_cloudformation_refuses_of_resources_is_an_error_of_its_resource() {
        let text = "Resources:\n  A: {Type: AWS::IAM::Role, Properties: {Path: !Ref B}}\n  B: {Type: AWS::IAM::Role, Properties: {Path: !Ref A}}\n  C: {Type: AWS::IAM::Role, DependsOn: D}\n";
        let loaded = load(text, Path::new("t.yaml"), &Settings::default(), Limits::current());
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
        let found = refused(&loaded);
        let told: Vec<_> = found.iter().map(|it| (it.code, it.resource.as_deref())).collect();
        assert_eq!(
            told,
            [("circular-dependency", Some("A")), ("unresolved-dependency", Some("C"))]
        );
        assert_eq!(check(&loaded), found, "each is reported once");
        assert_eq!(
            found[0].to_string(),
            "error[circular-dependency] t.yaml:2:3: AWS refuses the template: Circular dependency between resources: [A, B]; in one of them, write the name of the other instead of `!Ref` or `!GetAtt`, or move the reference to a resource of its own"
        );
    }

    #[test]
    fn a_rule_is_silenced_for_one_resource_or_for_all() {
        let text = |metadata: &str, of_q: &str| {
            format!(
                "Metadata: {{{metadata}}}\nResources:\n  Q: {{Type: AWS::Kinesis::Stream{of_q}}}\n  T: {{Type: AWS::KMS::Key}}\n  F: {{Type: AWS::Serverless::Function}}\n"
            )
        };
        let ids = |text: &str| -> Vec<String> {
            let loaded = load(text, Path::new("t.yaml"), &Settings::default(), Limits::classic());
            check(&loaded.unwrap_or_else(|error| panic!("{error}")))
                .into_iter()
                .map(|finding| format!("{} {}", finding.code, finding.resource.unwrap_or_default()))
                .collect()
        };
        assert_eq!(ids(&text("", "")), ["not-emulated Q", "not-emulated T"]);
        let ignore = "hardcap: {ignore: [not-emulated]}";
        let of_q = format!(", Metadata: {{{ignore}}}");
        assert_eq!(ids(&text("", &of_q)), ["not-emulated T"]);
        assert_eq!(ids(&text(ignore, "")), [""; 0]);
        let toml = "[check]\nignore = [\"T:not-emulated\"]\n";
        let settings = Settings::read(toml, Path::new("hardcap.toml")).unwrap();
        let loaded = load(&text("", ""), Path::new("t.yaml"), &settings, Limits::classic());
        assert_eq!(check(&loaded.unwrap()).len(), 1);
        let wrong = "[check]\nignore = [\"not-emulate\"]\n";
        let wrong = Settings::read(wrong, Path::new("hardcap.toml")).expect_err("no such rule");
        assert_eq!(wrong.help.as_deref(), Some("did you mean `not-emulated`?"));
    }

    #[test]
    fn every_finding_of_the_template_reader_has_a_rule() {
        let text = "Resources:\n  A: {Type: AWS::Serverless::Api, Properties: {StageName: s, Auth: {ResourcePolicy: {X: 1}}, Domain: {}, Nonsense: 1}}\n  F: {Type: AWS::Serverless::Function, Description: d}\n";
        let loaded = load(text, Path::new("t.yaml"), &Settings::default(), Limits::classic());
        let found = check(&loaded.unwrap_or_else(|error| panic!("{error}")));
        assert_eq!(found.len(), 3, "{found:?}");
        for finding in found {
            assert!(rules::find(finding.code).is_some(), "{finding}");
        }
    }

    #[test]
    fn a_value_of_a_function_that_lambdas_model_does_not_have_is_an_error() {
        let function = |properties: &str| {
            format!(
                "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {{{properties}}}\n"
            )
        };
        for (properties, code, text) in [
            (
                "Environment: {Variables: {AB: x, A-B: x, 1C: x}}",
                "environment-key",
                "pattern: [a-zA-Z]([a-zA-Z0-9_])+]; rename `A-B`, `1C`",
            ),
            (
                "Architectures: [x86]",
                "function-property",
                "Value '[x86]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
            ),
            (
                "Tracing: On",
                "function-property",
                "Value 'On' at 'tracingConfig.mode' failed to satisfy constraint: Member must satisfy enum value set: [Active, PassThrough]",
            ),
            (
                "SnapStart: {ApplyOn: Always}",
                "function-property",
                "Value 'Always' at 'snapStart.applyOn' failed to satisfy constraint: Member must satisfy enum value set: [PublishedVersions, None]",
            ),
            (
                "LoggingConfig: {LogFormat: Json}",
                "function-property",
                "Value 'Json' at 'loggingConfig.logFormat' failed to satisfy constraint: Member must satisfy enum value set: [JSON, Text]",
            ),
        ] {
            let mut found = findings(&function(properties));
            // An architecture that is not that of this machine has a note too.
            found.retain(|finding| finding.starts_with("error["));
            assert_eq!(found.len(), 1, "{found:?}");
            let start = format!("error[{code}] t.yaml:2:3: AWS refuses `F`: ");
            assert!(found[0].starts_with(&start), "{found:?}");
            assert!(found[0].ends_with(text), "{found:?}");
        }
        for properties in [
            "Tracing: Disabled",
            "TracingConfig: {Mode: Active}",
            "Architectures: [arm64], Runtime: python3.9",
        ] {
            assert_eq!(findings(&function(properties)), [""; 0], "{properties}");
        }
    }

    #[test]
    fn a_refusal_by_aws_is_reported_in_its_words_with_the_place() {
        let function = |properties: &str| {
            format!(
                "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {{{properties}}}\n"
            )
        };
        for (properties, code, text) in [
            (
                "Timeout: 901",
                "timeout",
                "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900",
            ),
            (
                "Timeout: 0",
                "timeout",
                "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1",
            ),
            (
                "MemorySize: 127",
                "memory",
                "Value '127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128",
            ),
            (
                "MemorySize: 10241",
                "memory",
                "Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 10240",
            ),
            (
                "Handler: in dex.handler",
                "handler",
                "Value 'in dex.handler' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\\s]+",
            ),
            (
                "Runtime: python33.13",
                "runtime",
                "provided.al2, java8.al2] or be a valid ARN; did you mean `python3.13`?",
            ),
            (
                "Environment: {Variables: {AWS_REGION: here}}",
                "reserved-keys",
                "Reserved keys used in this request: AWS_REGION",
            ),
            (
                "ReservedConcurrentExecutions: 901",
                "reserved-concurrency",
                "decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
            ),
        ] {
            let found = findings(&function(properties));
            let found = found.first().unwrap_or_else(|| panic!("{properties}: nothing is found"));
            assert!(
                found.starts_with(&format!("error[{code}] t.yaml:2:3: AWS refuses `F`: ")),
                "{found}"
            );
            assert!(found.ends_with(text), "{found}");
        }
        assert_eq!(
            findings(&function("Runtime: nodejs10.x")),
            [
                "error[runtime] t.yaml:2:3: AWS refuses `F` since 2022-02-14: The runtime parameter of nodejs10.x is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions."
            ]
        );
        for properties in [
            "Timeout: 900",
            "MemorySize: 128",
            "MemorySize: 10240",
            "ReservedConcurrentExecutions: 900",
        ] {
            assert_eq!(findings(&function(properties)), [""; 0], "{properties}");
        }
    }
}
