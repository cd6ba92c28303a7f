//! The upstream `search` as a program: see `hardcap_demo::search`.

use std::io::Write as _;

use clap::Parser;
use hardcap_demo::search::{Flavor, Index, Search, SearchConfig};

/// An upstream shaped like OpenSearch, which verifies every signature and serves documents of any size.
#[derive(Parser, Debug)]
#[command(version)]
struct Arguments {
    /// The port of 127.0.0.1, 0 for any free one [default: the variable PORT, else 9200].
    #[arg(long)]
    port: Option<u16>,
    /// The region that signatures must be for.
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// The service that signatures must be for: es or aoss.
    #[arg(long, default_value = "es")]
    service: String,
    /// A key pair that is known; more than once for more.
    #[arg(long = "key", value_name = "ID:SECRET")]
    keys: Vec<String>,
    /// Where other keys are asked for, as `GET URL/ID`, which answers `{"secret": "…"}`.
    #[arg(long, value_name = "URL")]
    keys_url: Option<String>,
    /// Lets everybody in, signed or not.
    #[arg(long)]
    no_auth: bool,
    /// Answers as Elasticsearch does, with `X-Elastic-Product`.
    #[arg(long)]
    elasticsearch: bool,
    /// Drops and changes the headers of the connection before it verifies, as a balancer in front of it does.
    #[arg(long)]
    behind_balancer: bool,
    /// How many seconds the clock is ahead; negative for behind.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true)]
    clock_ahead: i64,
    /// An index instead of the usual ones; more than once for more.
    #[arg(long = "index", value_name = "NAME:DOCUMENTS:BYTES", value_parser = Index::parse)]
    indices: Vec<Index>,
}

impl Arguments {
    fn config(self) -> Result<SearchConfig, String> {
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
            let (id, secret) =
                pair.split_once(':').ok_or_else(|| "a --key is ID:SECRET".to_owned())?;
            config = config.key(id, secret);
        }
        Ok(config)
    }
}

#[expect(clippy::disallowed_methods, reason = "the program's own settings are read here")]
fn port_of_environment() -> Result<u16, String> {
    match std::env::var("PORT") {
        Ok(port) => port.parse().map_err(|error| format!("PORT is {port:?}: {error}")),
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
