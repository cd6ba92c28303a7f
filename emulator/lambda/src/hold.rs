//! Functions whose program is being prepared, such as by an installation: their invocations wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Lambda;

/// The functions and versions that are held, by their qualified names.
#[derive(Clone, Debug, Default)]
pub(super) struct HeldFunctions(Arc<Mutex<BTreeMap<String, watch::Receiver<()>>>>);

/// Invocations of a function or a version wait until this value is dropped.
#[derive(Debug)]
pub struct Hold {
    name: String,
    all: HeldFunctions,
    end: watch::Sender<()>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        // Another one of the same name may have replaced it.
        if all.get(&self.name).is_some_and(|held| held.same_channel(&self.end.subscribe())) {
            all.remove(&self.name);
        }
    }
}

impl HeldFunctions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, watch::Receiver<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, name: &str) -> Option<watch::Receiver<()>> {
        self.lock().get(name).cloned()
    }
}

impl Lambda {
    /// Lets the invocations of a function or a version wait until the returned value is dropped. `name` is `orders` or `orders:1`.
    #[must_use]
    pub fn hold(&self, name: String) -> Hold {
        let (end, held) = watch::channel(());
        let all = self.shared.held.clone();
        all.lock().insert(name.clone(), held);
        Hold { name, all, end }
    }

    /// Waits until a function or a version is not held.
    pub(super) async fn until_prepared(&self, name: &str) {
        if self.shared.held.lock().is_empty() {
            return;
        }
        while let Some(mut held) = self.shared.held.get(&self.resolved(name)) {
            // The error is the end of the hold, which is its only event.
            let _ = held.changed().await;
        }
    }
}
