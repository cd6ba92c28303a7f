//! The local function of a captured event: that of its route, its function URL, its queue or its topic. Pure.

use hardcap_core::config::Config;
use serde_json::Value;

/// The function of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPlace {
    /// The function's name, with the alias of the route or of the mapping.
    pub function: String,
    /// Notes about the choice, a sentence each.
    pub notes: Vec<String>,
}

impl EventPlace {
    fn of(function: &str) -> EventPlace {
        EventPlace { function: function.to_owned(), notes: Vec::new() }
    }
}

/// An event without a function.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventPlaceError {
    /// The wanted function does not exist.
    #[error("there is no function `{wanted}`; the functions are: {known}")]
    UnknownFunction {
        /// Its name.
        wanted: String,
        /// The logical ids of the functions.
        known: String,
    },
    /// The template has no function for the route.
    #[error("the template has no function for its route; name the function with --function: {0}")]
    WithoutRoute(String),
    /// The template has no function, or several, for the queue or the topic.
    #[error(
        "the event is of the {what} `{arn}`, and {known}; name the function with --function: {functions}"
    )]
    WithoutMapping {
        /// `queue`, `topic`.
        what: &'static str,
        /// The ARN in the event.
        arn: String,
        /// The queues or topics of the template that invoke functions, in words.
        known: String,
        /// The logical ids of the functions.
        functions: String,
    },
}

/// The function for a captured event: that of its route, its function URL, its queue or its topic, or the only one.
///
/// # Errors
///
/// [`EventPlaceError`] if there is none, or if there are several.
pub fn place_event(
    event: &Value,
    config: &Config,
    wanted: Option<&str>,
) -> Result<EventPlace, EventPlaceError> {
    if let Some(wanted) = wanted {
        let mut functions = config.functions.iter();
        let found = functions.find(|one| one.logical_id == wanted || one.name == wanted);
        return found.map(|function| EventPlace::of(&function.name)).ok_or_else(|| {
            EventPlaceError::UnknownFunction {
                wanted: wanted.to_owned(),
                known: function_ids(config),
            }
        });
    }
    let placed = match Source::of(event, config) {
        Some(source) => source.place(config),
        None => of_route(event, config)
            .map(EventPlace::of)
            .ok_or_else(|| EventPlaceError::WithoutRoute(function_ids(config))),
    };
    match (placed, config.functions.as_slice()) {
        (Err(_), [only]) => Ok(EventPlace::of(&only.name)),
        (placed, _) => placed,
    }
}

fn function_ids(config: &Config) -> String {
    let ids: Vec<&str> = config.functions.iter().map(|one| one.logical_id.as_str()).collect();
    ids.join(", ")
}

/// The function of the route in an event of a gateway. A function URL has no route of its own, so it has to be the only one.
fn of_route<'c>(event: &Value, config: &'c Config) -> Option<&'c str> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    if text("/requestContext/domainName").is_some_and(|host| host.contains(".lambda-url.")) {
        return match config.function_urls.as_slice() {
            [only] => Some(&only.function),
            _ => None,
        };
    }
    let (method, path) = match (text("/routeKey"), text("/httpMethod"), text("/resource")) {
        (Some(key), _, _) => key.split_once(' ').unwrap_or(("ANY", key)),
        (None, Some(method), Some(resource)) => (method, resource),
        _ => return None,
    };
    let mut routes = config.apis.iter().flat_map(|api| &api.routes);
    let found = routes.find(|route| {
        route.path == path && (route.method == method || route.method == "ANY" || method == "ANY")
    });
    found.map(|route| route.function.as_str())
}

/// The queue or the topic that an event names, and those of the template that invoke functions.
struct Source<'a> {
    what: &'static str,
    arn: &'a str,
    /// The names with their functions.
    known: Vec<(&'a str, &'a str)>,
}

impl<'a> Source<'a> {
    fn of(event: &'a Value, config: &'a Config) -> Option<Source<'a>> {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        if text("/Records/0/eventSource") == Some("aws:sqs") {
            let arn = text("/Records/0/eventSourceARN")?;
            let known = config.mappings.iter();
            let known = known.map(|one| (one.queue.as_str(), one.function.as_str())).collect();
            return Some(Source { what: "queue", arn, known });
        }
        let arn = text("/Records/0/Sns/TopicArn")?;
        let subscriptions = config.topics.iter().flat_map(|topic| {
            topic.subscriptions.iter().map(|subscription| (topic.name.as_str(), subscription))
        });
        let known = subscriptions
            .filter(|(_, subscription)| subscription.protocol == "lambda")
            .filter_map(|(name, it)| Some((name, it.endpoint.split_once(":function:")?.1)))
            .collect();
        Some(Source { what: "topic", arn, known })
    }

    /// The function of the name in the ARN. A name can differ between stages, so the only one of the template is taken as well.
    fn place(&self, config: &Config) -> Result<EventPlace, EventPlaceError> {
        let Source { what, arn, known } = self;
        let name = arn.rsplit(':').next().unwrap_or_default();
        let same: Vec<_> = known.iter().filter(|(one, _)| *one == name).collect();
        match (same.as_slice(), known.as_slice()) {
            ([(_, function)], _) => Ok(EventPlace::of(function)),
            ([], [(only, function)]) => Ok(EventPlace {
                function: (*function).to_owned(),
                notes: vec![format!(
                    "the event is of the {what} `{arn}`; `{only}` is the only {what} of the template that invokes a function"
                )],
            }),
            _ => Err(EventPlaceError::WithoutMapping {
                what: self.what,
                arn: (*arn).to_owned(),
                known: self.known_names(),
                functions: function_ids(config),
            }),
        }
    }

    /// The names of the template in words.
    fn known_names(&self) -> String {
        if self.known.is_empty() {
            return format!("no {} of the template invokes a function", self.what);
        }
        let names = self.known.iter().map(|(name, function)| format!("`{name}` ({function})"));
        let names: Vec<String> = names.collect();
        format!("the {}s of the template that invoke functions are {}", self.what, names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_core::config::{
        Api, ApiKind, EventSourceMapping, Function, FunctionUrl, Subscription, Topic,
    };
    use hardcap_limits::Limits;
    use serde_json::json;

    fn config() -> Config {
        let mut config = Config::empty(Limits::classic());
        let rest = ApiKind::Rest { binary_media_types: Vec::new(), minimum_compression_size: None };
        let http = ApiKind::Http { cors: None };
        config.apis = vec![
            Api::new("Rest", rest, "dev", &[("GET", "/giant", "giant")]),
            Api::new("Http", http, "$default", &[("ANY", "/a/{b+}", "all")]),
        ];
        config.functions = ["giant", "all"].map(|name| Function::new(name, [""; 0])).into();
        config
    }

    fn placed(event: &Value, config: &Config) -> Result<String, String> {
        let place = place_event(event, config, None).map_err(|error| error.to_string())?;
        Ok([vec![place.function], place.notes].concat().join(": "))
    }

    fn of_queue(name: &str) -> Value {
        let arn = format!("arn:aws:sqs:us-east-1:111122223333:{name}");
        json!({"Records": [{"eventSource": "aws:sqs", "eventSourceARN": arn}]})
    }

    #[test]
    fn an_event_finds_its_function_by_its_route() {
        let config = config();
        let v1 = json!({"httpMethod": "GET", "resource": "/giant", "requestContext": {}});
        assert_eq!(placed(&v1, &config).as_deref(), Ok("giant"));
        let v2 = json!({"routeKey": "POST /a/{b+}", "requestContext": {}});
        assert_eq!(placed(&v2, &config).as_deref(), Ok("all"));
        let wanted = place_event(&v2, &config, Some("giant"));
        assert_eq!(wanted, Ok(EventPlace::of("giant")));
        let other = json!({"routeKey": "GET /other", "requestContext": {}});
        assert!(placed(&other, &config).is_err_and(|said| said.contains("giant, all")));
        assert!(place_event(&other, &config, Some("x")).is_err());
    }

    #[test]
    fn an_event_of_a_function_url_goes_to_the_only_function_url() {
        let mut config = config();
        config.apis[1].routes[0].path = "$default".to_owned();
        let event = json!({"routeKey": "$default", "requestContext": {"domainName": "x.lambda-url.eu-west-1.on.aws"}});
        assert!(placed(&event, &config).is_err());
        let url = |function: &str| FunctionUrl {
            logical_id: format!("{function}Url"),
            function: function.to_owned(),
            ..FunctionUrl::default()
        };
        config.function_urls.push(url("giant"));
        assert_eq!(placed(&event, &config).as_deref(), Ok("giant"));
        config.function_urls.push(url("all"));
        assert!(placed(&event, &config).is_err());
    }

    #[test]
    fn an_event_of_a_queue_goes_to_the_function_of_its_mapping() {
        let mut config = config();
        config.mappings = vec![
            EventSourceMapping::new("Queue", "giant"),
            EventSourceMapping::new("Other", "all:live"),
        ];
        assert_eq!(placed(&of_queue("Queue"), &config).as_deref(), Ok("giant"));
        assert_eq!(placed(&of_queue("Other"), &config).as_deref(), Ok("all:live"));
        let expected = "the event is of the queue `arn:aws:sqs:us-east-1:111122223333:prod-Queue`, and the queues of the template \
                        that invoke functions are `Queue` (giant), `Other` (all:live); name the function with --function: \
                        giant, all";
        assert_eq!(placed(&of_queue("prod-Queue"), &config), Err(expected.to_owned()));
    }

    #[test]
    fn an_event_of_a_queue_with_another_name_goes_to_the_only_mapping_with_a_note() {
        let mut config = config();
        config.mappings = vec![EventSourceMapping::new("Queue", "all")];
        assert_eq!(
            placed(&of_queue("prod-Queue"), &config).as_deref(),
            Ok(
                "all: the event is of the queue `arn:aws:sqs:us-east-1:111122223333:prod-Queue`; `Queue` is the only queue of the \
                template that invokes a function"
            )
        );
        config.mappings.clear();
        let none = placed(&of_queue("prod-Queue"), &config);
        assert!(
            none.is_err_and(|said| said.contains("no queue of the template invokes a function"))
        );
    }

    #[test]
    fn an_event_of_a_topic_goes_to_the_function_of_its_subscription() {
        let mut config = config();
        let subscription = |protocol: &str, endpoint: &str| Subscription {
            protocol: protocol.to_owned(),
            endpoint: endpoint.to_owned(),
            ..Subscription::default()
        };
        let topic = |name: &str, subscriptions| Topic {
            name: name.to_owned(),
            subscriptions,
            ..Topic::default()
        };
        let function = "arn:aws:lambda:us-east-1:000000000000:function:all:live";
        config.topics = vec![
            topic("Mail", vec![subscription("email", "a@example.com")]),
            topic("Topic", vec![subscription("lambda", function)]),
        ];
        let event = |name: &str| {
            let arn = format!("arn:aws:sns:us-east-1:111122223333:{name}");
            json!({"Records": [{"EventSource": "aws:sns", "Sns": {"TopicArn": arn}}]})
        };
        assert_eq!(placed(&event("Topic"), &config).as_deref(), Ok("all:live"));
        let other = placed(&event("prod-Topic"), &config);
        assert!(other.is_ok_and(|said| said.starts_with("all:live: ") && said.contains("`Topic`")));
    }
}
