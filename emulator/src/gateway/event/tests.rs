//! The events of the four gateways.
