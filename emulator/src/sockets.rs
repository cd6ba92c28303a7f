//! The listeners of an emulator and their addresses.

use std::io;
use std::net::SocketAddr;

use indexmap::IndexMap;
use tokio::net::TcpListener;

use hardcap_core::addresses::{Addresses, reachable};
use hardcap_core::config::Config;
use hardcap_core::serve;

/// All listeners. They are bound before anything is started, because functions may need the addresses.
pub(crate) struct Sockets {
    pub(crate) aws: (TcpListener, SocketAddr),
    pub(crate) gateways: Vec<(TcpListener, SocketAddr)>,
}

impl Sockets {
    pub(crate) async fn bind(config: &Config) -> io::Result<Sockets> {
        let aws = serve::bind(config.host, config.aws_port).await?;
        let mut gateways = Vec::new();
        for at in 0..config.apis.len() + config.function_urls.len() {
            let port = match config.api_port {
                0 => 0,
                first => first.saturating_add(u16::try_from(at).unwrap_or(u16::MAX)),
            };
            gateways.push(serve::bind(config.host, port).await?);
        }
        Ok(Sockets { aws, gateways })
    }

    pub(crate) fn addresses(&self, config: &Config) -> Addresses {
        let aws = format!("http://{}", reachable(self.aws.1));
        let mut bound = self.gateways.iter().map(|(_, address)| reachable(*address));
        let apis = config
            .apis
            .iter()
            .zip(bound.by_ref())
            .map(|(api, address)| {
                (api.logical_id.clone(), format!("http://{address}{}", api.stage_path()))
            })
            .collect();
        let function_urls = config
            .function_urls
            .iter()
            .zip(bound)
            .map(|(url, address)| (url.logical_id.clone(), format!("http://{address}")))
            .collect();
        Addresses {
            control: format!("{aws}/_hardcap"),
            aws,
            apis,
            function_urls,
            companions: IndexMap::new(),
        }
    }
}
