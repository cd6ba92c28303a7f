//! Errors of the embedded DynamoDB and of the way to it.

use dynoxide::DynoxideError;

use hardcap_core::config::InvalidTable;

/// The error of the embedded engine, of its files, or of the connection to it or to another endpoint.
#[derive(Debug, thiserror::Error)]
pub enum DynamoDbError {
    /// DynamoDB would refuse a table of the configuration.
    #[error("table `{name}`: {error}")]
    InvalidTable {
        /// The table's name.
        name: String,
        /// The violation.
        error: InvalidTable,
    },
    /// A table cannot be created or deleted.
    #[error("table `{name}`: {error}")]
    Table {
        /// The table's name.
        name: String,
        /// The engine's error.
        error: Box<DynoxideError>,
    },
    /// The tables cannot be listed.
    #[error("the tables cannot be listed: {0}")]
    List(Box<DynoxideError>),
    /// Expired items cannot be deleted.
    #[error("time to live: {0}")]
    TimeToLive(Box<DynoxideError>),
    /// The folder of the database cannot be created.
    #[error("{file}: {error}")]
    Folder {
        /// The database's file.
        file: String,
        /// The error of the system.
        error: std::io::Error,
    },
    /// The database cannot be opened.
    #[error("{place}: {error}")]
    Open {
        /// The database's file, or `DynamoDB in memory`.
        place: String,
        /// The engine's error.
        error: Box<DynoxideError>,
    },
    /// No port is free.
    #[error("cannot listen: {0}")]
    Listen(std::io::Error),
    /// The engine's thread cannot be started.
    #[error("cannot start a thread for DynamoDB: {0}")]
    Thread(std::io::Error),
    /// Blocking work was interrupted.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
    /// The configured endpoint is not a URL.
    #[error("`{address}` is not a URL: {error}; correct --dynamodb-endpoint")]
    Address {
        /// The endpoint with the path of the request.
        address: String,
        /// The reason.
        error: http::uri::InvalidUri,
    },
    /// The engine or the configured endpoint does not respond.
    #[error("DynamoDB at {address} does not respond: {error}")]
    NoResponse {
        /// The target of the request.
        address: String,
        /// The reason.
        error: hyper_util::client::legacy::Error,
    },
    /// The engine closed the connection during its response.
    #[error("the embedded DynamoDB did not send its whole response")]
    Truncated,
}
