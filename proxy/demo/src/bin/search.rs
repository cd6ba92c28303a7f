//! The program `search`: the upstream of `hardcap_demo::search`.

use std::io::Write as _;
use std::num::ParseIntError;

use clap::Parser;
use hardcap_demo::search::{Flavor, Index, Search, SearchConfig};

/// An upstream like OpenSearch that verifies every signature and serves documents of any size.
#[derive(Parser, Debug)]
#[command(version)]
struct Arguments {
    /// Port on 127.0.0.1; 0 for any free one [default: the variable PORT, else 9200].
    #[arg(long)]
    port: Option<u16>,
    /// Region of the signatures.
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// Service of the signatures: es or aoss.
    #[arg(long, default_value = "es")]
    service: String,
    /// A known key pair; may be repeated.
    #[arg(long = "key", value_name = "ID:SECRET")]
    keys: Vec<String>,
    /// Endpoint for other keys: `GET URL/ID` returns `{"secret": "…"}`.
    #[arg(long, value_name = "URL")]
    keys_url: Option<String>,
    /// Accept all requests, signed or not.
    #[arg(long)]
    no_auth: bool,
    /// Respond as Elasticsearch does, with `X-Elastic-Product`.
    #[arg(long)]
    elasticsearch: bool,
    /// Drop and change the connection's headers before verification, as a load balancer does.
    #[arg(long)]
    behind_balancer: bool,
    /// Seconds by which the clock is ahead; negative if it is behind.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true)]
    clock_ahead: i64,
    /// An index instead of the default ones; may be repeated.
    #[arg(long = "index", value_name = "NAME:DOCUMENTS:BYTES", value_parser = Index::parse)]
    indices: Vec<Index>,
}

/// An argument that cannot be used.
#[derive(Debug, thiserror::Error)]
enum ArgumentError {
    #[error("--key must be ID:SECRET")]
    Key,
    #[error("PORT is {0:?}: {1}")]
    Port(String, ParseIntError),
}

impl Arguments {
    fn config(self) -> Result<SearchConfig, ArgumentError> {
        let mut config = SearchConfig {
            port: match self.port {
                Some(port) => port,
                None => port_of_environment()?,
            },
            region: self.region,
            service: self.service,
            verify: !self.no_auth,
            keys_url: self.keys_url,
            clock_ahead_seconds: self.clock_ahead,
            behind_balancer: self.behind_balancer,
            ..SearchConfig::default()
        };
        if self.elasticsearch {
            config.flavor = Flavor::Elasticsearch;
        }
        if !self.indices.is_empty() {
            config.indices = self.indices;
        }
        for pair in self.keys {
            let (id, secret) = pair.split_once(':').ok_or(ArgumentError::Key)?;
            config = config.key(id, secret);
        }
        Ok(config)
    }
}

#[expect(clippy::disallowed_methods, reason = "the program's own settings are read here")]
fn port_of_environment() -> Result<u16, ArgumentError> {
    match std::env::var("PORT") {
        Ok(port) => port.parse().map_err(|error| ArgumentError::Port(port, error)),
        Err(_) => Ok(9200),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let search = Search::start(Arguments::parse().config()?).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", search.url())?;
    stdout.flush()?;
    search.wait().await?;
    Ok(())
}
