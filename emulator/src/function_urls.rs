//! Function URLs, each on a port of its own. They are opened and closed while the emulator runs.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use hardcap_limits::Millis;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use hardcap_core::addresses::reachable;
use hardcap_core::config::{Config, FunctionUrl};
use hardcap_core::context::Platform;
use hardcap_core::serve;
use hardcap_gateway::Gateway;
use hardcap_lambda::Lambda;

/// The function URLs of an emulator.
#[derive(Debug)]
pub(crate) struct FunctionUrls {
    platform: Platform,
    lambda: Lambda,
    host: IpAddr,
    /// The idle timeout of request bodies.
    body_idle: Millis,
    aws_hosts: bool,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// By logical id.
    served: Mutex<HashMap<String, Served>>,
}

#[derive(Debug)]
struct Served {
    /// Replaced when the URL's configuration changes. Requests under way keep theirs.
    gateway: Arc<RwLock<Arc<Gateway>>>,
    stop: CancellationToken,
}

impl FunctionUrls {
    pub(crate) fn new(
        platform: &Platform,
        lambda: &Lambda,
        config: &Config,
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) -> FunctionUrls {
        FunctionUrls {
            host: config.host,
            body_idle: config.body_idle,
            aws_hosts: config.aws_hosts,
            platform: platform.clone(),
            lambda: lambda.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
            served: Mutex::default(),
        }
    }

    /// Binds a listener for a function URL, on this port if it is free, else on any.
    ///
    /// # Errors
    ///
    /// If no port is free.
    pub(crate) async fn bind(&self, port: u16) -> io::Result<(TcpListener, u16)> {
        let (listener, address) = match serve::bind(self.host, port).await {
            Ok(bound) => bound,
            Err(_) => serve::bind(self.host, 0).await?,
        };
        Ok((listener, address.port()))
    }

    /// The address of a function URL, with a slash at its end, as on AWS.
    pub(crate) fn address(&self, port: u16) -> String {
        format!("http://{}/", reachable((self.host, port).into()))
    }

    /// Serves a function URL until it is closed or the emulator stops.
    pub(crate) fn open(&self, listener: TcpListener, url: &FunctionUrl) {
        let gateway = Arc::new(RwLock::new(Arc::new(self.gateway(url))));
        let stop = self.stop.child_token();
        let served = Served { gateway: Arc::clone(&gateway), stop: stop.clone() };
        self.served().insert(url.logical_id.clone(), served);
        serve::serve(
            listener,
            stop,
            &self.tasks,
            serve::ListenerKind::Gateway(self.body_idle),
            move |request, peer| {
                let gateway = gateway.read().unwrap_or_else(PoisonError::into_inner).clone();
                async move { gateway.handle(request, peer).await }
            },
        );
    }

    /// Changes the configuration for the next request.
    pub(crate) fn change(&self, url: &FunctionUrl) {
        if let Some(served) = self.served().get(&url.logical_id) {
            let gateway = Arc::new(self.gateway(url));
            *served.gateway.write().unwrap_or_else(PoisonError::into_inner) = gateway;
        }
    }

    /// Stops listening. Requests under way continue.
    pub(crate) fn close(&self, logical_id: &str) {
        if let Some(served) = self.served().remove(logical_id) {
            served.stop.cancel();
        }
    }

    fn gateway(&self, url: &FunctionUrl) -> Gateway {
        Gateway::for_function_url(&self.platform, &self.lambda, url, self.aws_hosts)
    }

    fn served(&self) -> MutexGuard<'_, HashMap<String, Served>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
