//! Buses and rules of EventBridge. Part of [`crate::config`].

/// A rule of EventBridge that exists at the start, with its targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusRule {
    /// The logical id of the rule, or of the function whose event it is.
    pub logical_id: String,
    /// The name of its bus: `default`, or one of [`Config::buses`](crate::config::Config::buses).
    pub bus: String,
    /// `PutRule` without its bus, as JSON in the spelling of EventBridge: `Name`, `EventPattern`, `State` and so on.
    pub rule: serde_json::Map<String, serde_json::Value>,
    /// The targets of `PutTargets`, each an object in the spelling of EventBridge.
    pub targets: Vec<serde_json::Value>,
}
