//! What the proxy writes to its log. A program of its own: a log is of the whole process, and these tests read all of it.

mod logins;
mod requests;
#[path = "../proxy/support/mod.rs"]
mod support;

use std::sync::OnceLock;

use tokio::sync::{Mutex, MutexGuard};

use crate::support::log::Log;

static TURN: Mutex<()> = Mutex::const_new(());
static LOG: OnceLock<Log> = OnceLock::new();

/// The log of this process, emptied, for one test at a time.
async fn whole_log() -> (MutexGuard<'static, ()>, Log) {
    let turn = TURN.lock().await;
    let log = LOG.get_or_init(|| {
        let log = Log::default();
        let subscriber = hardcap_proxy::log::subscriber("info,hardcap_proxy=trace", log.clone());
        tracing::subscriber::set_global_default(subscriber).expect("it is set once");
        log
    });
    log.clear();
    (turn, log.clone())
}
