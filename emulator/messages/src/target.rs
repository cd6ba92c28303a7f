//! Targets: what a message, an event or a record can be sent to.

/// What an ARN names, as far as messages can be sent to it. Names are those of the ARN; the account and the region are the
/// emulator's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A function: `NAME`, or `NAME:QUALIFIER` with an alias or a version.
    Function(String),
    /// A queue, by its name.
    Queue(String),
    /// A topic, by its name.
    Topic(String),
    /// An event bus, by its name.
    Bus(String),
}

impl Target {
    /// The target of an ARN. `None` for an ARN of another service or kind, and for a text that is not an ARN.
    ///
    /// ```
    /// use hardcap_messages::Target;
    ///
    /// let queue = Target::of("arn:aws:sqs:us-east-1:000000000000:orders");
    /// assert_eq!(queue, Some(Target::Queue("orders".to_owned())));
    /// assert_eq!(Target::of("arn:aws:kinesis:us-east-1:000000000000:stream/orders"), None);
    /// ```
    #[must_use]
    pub fn of(arn: &str) -> Option<Target> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _partition, service, _region, _account, resource] = parts[..] else {
            return None;
        };
        let name = match service {
            "sqs" | "sns" => resource,
            "lambda" => resource.strip_prefix("function:")?,
            "events" => resource.strip_prefix("event-bus/")?,
            _ => return None,
        };
        let name = name.to_owned();
        match service {
            // The ARN of a subscription has one part more than that of its topic.
            _ if name.is_empty() || (name.contains(':') && service != "lambda") => None,
            "sqs" => Some(Target::Queue(name)),
            "sns" => Some(Target::Topic(name)),
            "lambda" => Some(Target::Function(name)),
            _ => Some(Target::Bus(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_a_function_a_queue_a_topic_or_a_bus() {
        let named = |kind: fn(String) -> Target, name: &str| Some(kind(name.to_owned()));
        for (arn, expected) in [
            ("arn:aws:lambda:us-east-1:000000000000:function:f", named(Target::Function, "f")),
            ("arn:aws:lambda:us-east-1:000000000000:function:f:v", named(Target::Function, "f:v")),
            ("arn:aws:sqs:us-east-1:000000000000:q.fifo", named(Target::Queue, "q.fifo")),
            ("arn:aws:sns:us-east-1:000000000000:t", named(Target::Topic, "t")),
            ("arn:aws:sns:us-east-1:000000000000:t:0a-1b", None),
            ("arn:aws:events:us-east-1:000000000000:event-bus/b", named(Target::Bus, "b")),
            ("arn:aws:events:us-east-1:000000000000:rule/b", None),
            ("arn:aws:s3:::bucket", None),
            ("arn:aws:sqs:us-east-1:000000000000:", None),
            ("queue", None),
            ("", None),
        ] {
            assert_eq!(Target::of(arn), expected, "{arn}");
        }
    }
}
