//! The clues around an error: statuses, headers, durations. They decide between causes that share a text. Pure.

use super::recognize::Recognized;

/// The service that responded to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    Rest,
    HttpApi,
    FunctionUrl,
    LoadBalancer,
    Edge,
    Nginx,
    S3,
    WebSocket,
}

/// The clues of one input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clues {
    pub(crate) front: Option<Front>,
    /// The HTTP statuses of errors, in the order found.
    pub(crate) statuses: Vec<u16>,
    /// The longest duration, in milliseconds.
    pub(crate) latency: Option<u64>,
    /// The largest length of a request body, in bytes.
    pub(crate) request_bytes: Option<u64>,
    /// Whether it has words of a search engine.
    pub(crate) is_search: bool,
    /// Whether Lambda's Invoke operation was called by an SDK.
    pub(crate) is_invoke: bool,
    /// Whether a body is `{"message": …}`, as API Gateway writes its errors.
    pub(crate) is_gateway_body: bool,
    /// Whether the input shows cookies.
    pub(crate) has_cookies: bool,
    /// Whether the execution log of an API names the quota of a usage plan.
    pub(crate) is_quota: bool,
    /// Whether a text is about the throughput of a table.
    pub(crate) is_throughput: bool,
    /// Whether a query API of AWS refused the rate of calls.
    pub(crate) is_query_throttle: bool,
    /// The one cause that the reasons of Lambda's `TooManyRequestsException` name.
    pub(crate) throttled_by: Option<&'static str>,
}

impl Clues {
    pub(crate) fn of(recognized: &Recognized) -> Clues {
        let mut clues = Clues::default();
        let mut lower = String::new();
        for message in recognized.messages.iter().take(200) {
            lower.extend(message.text.chars().take(64 * 1024).map(|c| c.to_ascii_lowercase()));
            lower.push('\n');
        }
        for document in recognized.documents.iter().take(200) {
            clues.read_json(&document.json, 0);
            // The names of members are clues too.
            names(&document.json, 0, &mut lower);
        }
        clues.front = front(&lower);
        clues.is_search = ["opensearch", "elasticsearch", "_bulk", "\"root_cause\""]
            .iter()
            .any(|word| lower.contains(word));
        clues.is_invoke = ["invoke operation", "lambda: invoke", "invokecommand", "invokefunction"]
            .iter()
            .any(|word| lower.contains(word));
        clues.is_gateway_body = recognized.documents.iter().any(|one| is_gateway_body(&one.json));
        clues.is_quota = lower.contains("quota_exceeded");
        clues.is_throughput = ["configured provisioned throughput", "throughput exceeds the"]
            .iter()
            .any(|words| lower.contains(words));
        clues.is_query_throttle =
            ["<code>throttling</code>", "(throttling)", "throttling: rate exceeded"]
                .iter()
                .any(|word| lower.contains(word));
        clues.throttled_by = throttled_by(&lower);
        clues.has_cookies = lower.contains("cookie");
        clues.read_text(&lower);
        clues
    }

    fn read_text(&mut self, lower: &str) {
        for line in lower.lines() {
            let after = line
                .find("http/")
                .map(|at| &line[at..])
                .filter(|_| !line.contains("\"get ") && !line.contains("\"post "));
            if let Some(status) = after.and_then(|rest| rest.split_whitespace().nth(1)) {
                self.status(status);
            }
            for mark in [
                "status code: ",
                "statuscode: ",
                "completed with status: ",
                "failed with status: ",
                "failed with status code ",
                "status: ",
            ] {
                for (at, _) in line.match_indices(mark) {
                    self.status(&line[at + mark.len()..]);
                }
            }
            if super::recognize::is_common_log(line)
                && let Some((_, rest)) = line.rsplit_once("\" ")
            {
                self.status(rest);
            }
            if let Some(length) =
                line.trim_start_matches([' ', '>']).strip_prefix("content-length:")
                && line.trim_start().starts_with('>')
            {
                self.request_bytes = self.request_bytes.max(super::pattern::number(length.trim()));
            }
        }
    }

    fn status(&mut self, text: &str) {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        if digits.len() == 3
            && let Ok(status) = digits.parse::<u16>()
            && (400..600).contains(&status)
        {
            self.statuses.push(status);
        }
    }

    fn read_json(&mut self, json: &serde_json::Value, depth: usize) {
        let serde_json::Value::Object(members) = json else {
            if let serde_json::Value::Array(items) = json
                && depth < 8
            {
                items.iter().take(200).for_each(|item| self.read_json(item, depth + 1));
            }
            return;
        };
        for (name, value) in members {
            let name = name.to_ascii_lowercase().replace(['_', '-'], "");
            let number =
                value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
            match name.as_str() {
                "status" | "statuscode" | "httpstatuscode" | "integrationstatus" => {
                    if let Some(status) = number.filter(|status| (400..600).contains(status)) {
                        self.statuses.extend(u16::try_from(status));
                    }
                }
                "responselatency" | "integrationlatency" | "latency" | "responsetime" => {
                    self.latency = self.latency.max(number);
                }
                "requestlength" | "contentlength" => {
                    self.request_bytes = self.request_bytes.max(number);
                }
                _ if depth < 8 => self.read_json(value, depth + 1),
                _ => {}
            }
        }
    }
}

fn names(json: &serde_json::Value, depth: usize, lower: &mut String) {
    match json {
        serde_json::Value::Object(members) if depth < 8 => {
            for (name, value) in members {
                lower.push_str(&name.to_ascii_lowercase());
                lower.push('\n');
                names(value, depth + 1, lower);
            }
        }
        serde_json::Value::Array(items) if depth < 8 => {
            items.iter().take(50).for_each(|item| names(item, depth + 1, lower));
        }
        _ => {}
    }
}

/// The values of `Reason` of Lambda's `TooManyRequestsException`, and their causes. The values are those of the AWS SDK model of Lambda
/// (`ThrottleReason`); it does not describe them.
pub(crate) const THROTTLE_REASONS: [(&str, &str); 6] = [
    ("ConcurrentInvocationLimitExceeded", "lambda_concurrency"),
    ("ReservedFunctionConcurrentInvocationLimitExceeded", "reserved_concurrency"),
    ("ReservedFunctionInvocationRateLimitExceeded", "lambda_sandbox_rate"),
    ("FunctionInvocationRateLimitExceeded", "lambda_sandbox_rate"),
    ("CallerRateLimitExceeded", "api_request_rate"),
    ("ConcurrentSnapshotCreateLimitExceeded", "snapshot_creation"),
];

/// The cause of the reasons in a text; `None` if it has none or several.
fn throttled_by(lower: &str) -> Option<&'static str> {
    let is_named = |reason: &str| {
        let reason = reason.to_ascii_lowercase();
        let mut found = lower.match_indices(&reason).map(|(at, _)| &lower[..at]);
        found.any(|before| !before.ends_with(|c: char| c.is_ascii_alphanumeric()))
    };
    let mut named = THROTTLE_REASONS.iter().filter(|(reason, _)| is_named(reason));
    let (_, cause) = named.next()?;
    named.all(|(_, other)| other == cause).then_some(*cause)
}

/// A document with only a message and ids.
fn is_gateway_body(json: &serde_json::Value) -> bool {
    let is_plain =
        |name: &String| matches!(name.as_str(), "message" | "connectionId" | "requestId");
    json["message"].is_string() && json.as_object().is_some_and(|all| all.keys().all(is_plain))
}

fn front(lower: &str) -> Option<Front> {
    let has = |word: &str| lower.contains(word);
    Some(if has("apigw-requestid") || has("routekey") {
        Front::HttpApi
    } else if has("x-amz-apigw-id")
        || has("execution log for request")
        || has("integration_failure")
        || has("integration_timeout")
    {
        Front::Rest
    } else if has("connectionid") {
        Front::WebSocket
    } else if has("lambda-url.") {
        Front::FunctionUrl
    } else if has("awselb") || has("elb.amazonaws.com") || has("targetgroup") {
        Front::LoadBalancer
    } else if has("nginx") || has("openresty") {
        Front::Nginx
    } else if has("server: amazons3") || has("<hostid>") || has("s3.amazonaws.com") {
        Front::S3
    } else if has("cloudfront") {
        Front::Edge
    } else {
        return None;
    })
}
