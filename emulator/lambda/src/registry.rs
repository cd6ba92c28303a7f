//! The registered functions, which can be added, changed and removed at any time.

use std::sync::{Arc, PoisonError};

use hardcap_limits::{Exceeded, Limits};

use super::Lambda;
use super::concurrency::Executions;
use super::function::Deployed;
use super::package::PackageFolder;
use hardcap_core::config::Function;
use hardcap_core::context::Context;
use hardcap_core::function_name::{qualified, unqualified};

/// A registered function.
#[derive(Clone, Debug)]
pub(super) struct RegisteredFunction {
    /// The current settings of its asynchronous events. Sandboxes keep the configuration of their start.
    pub(super) function: Arc<Function>,
    pub(super) deployed: Arc<Deployed>,
}

impl Lambda {
    /// Registers a function, or replaces its code or configuration. Running sandboxes finish their invocation; the next
    /// invocation gets a new one.
    /// A function with a version is one of the versions of the function of its name, and shares its concurrency.
    pub fn deploy(&self, mut function: Function, package: Option<Arc<PackageFolder>>) {
        let shared = &self.shared;
        // Two versions of a function cannot listen on the port of its debugger. Where a version is published, requests come to it
        // through its aliases.
        if function.version.is_some() != function.publishing.version {
            function.debugger = None;
        }
        let function = Arc::new(function);
        let mut functions = shared.functions.write().unwrap_or_else(PoisonError::into_inner);
        let executions = match functions.get(&function.name) {
            Some(registered) => Arc::clone(&registered.deployed.executions),
            None => Executions::new(Arc::clone(&shared.account), function.reserved_concurrency),
        };
        let resources = &shared.resources;
        let deployed = Deployed::new(Arc::clone(&function), executions, package, resources);
        let registered =
            RegisteredFunction { function: Arc::clone(&function), deployed: Arc::new(deployed) };
        let deployed = Arc::clone(&registered.deployed);
        let before = functions.insert(function.qualified_name(), registered);
        drop(functions);
        if let Some(before) = before {
            before.deployed.retire();
        }
        if function.debugger.is_some() {
            deployed.warm_up();
        }
    }

    /// Changes settings that do not concern sandboxes, which continue.
    pub fn configure(&self, function: Function) {
        let mut functions = self.shared.functions.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(registered) = functions.get_mut(&function.qualified_name()) {
            registered.function = Arc::new(function);
        }
    }

    /// Removes a function with its versions and aliases. Running invocations finish.
    pub fn remove(&self, name: &str) {
        let is_of = |key: &str| unqualified(key) == name;
        self.shared
            .aliases
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|key, _| !is_of(key));
        let mut functions = self.shared.functions.write().unwrap_or_else(PoisonError::into_inner);
        let removed: Vec<_> = functions.extract_if(.., |key, _| is_of(key)).collect();
        drop(functions);
        for (key, RegisteredFunction { deployed, .. }) in removed {
            if key == name {
                deployed.executions.release();
            }
            deployed.retire();
        }
    }

    /// Removes one published version. Running invocations finish.
    pub fn remove_version(&self, name: &str, version: &str) {
        let mut functions = self.shared.functions.write().unwrap_or_else(PoisonError::into_inner);
        let removed = functions.remove(&qualified(name, version));
        drop(functions);
        if let Some(RegisteredFunction { deployed, .. }) = removed {
            deployed.retire();
        }
    }

    /// All functions, ordered by name, without their versions.
    pub fn functions(&self) -> Vec<Arc<Function>> {
        let functions = self.shared.functions.read().unwrap_or_else(PoisonError::into_inner);
        let functions = functions.values().map(|registered| &registered.function);
        functions.filter(|function| function.version.is_none()).map(Arc::clone).collect()
    }

    /// The name of the function with this name or logical id.
    pub fn name_of(&self, named: &str) -> Option<String> {
        let functions = self.functions();
        let is_it = |it: &&Arc<Function>| it.name == named || it.logical_id == named;
        functions.iter().find(is_it).map(|function| function.name.clone())
    }

    /// Reserves concurrency for a function, or removes its reservation.
    ///
    /// # Errors
    ///
    /// [`Exceeded`] if too little concurrency would remain unreserved.
    pub fn reserve(&self, ctx: &Context, name: &str, wanted: Option<u32>) -> Result<(), Exceeded> {
        let Some(RegisteredFunction { deployed, .. }) = self.registered(name) else {
            return Ok(());
        };
        match wanted {
            Some(wanted) => deployed.executions.reserve(ctx, wanted),
            None => {
                deployed.executions.release();
                Ok(())
            }
        }
    }

    /// The concurrency of the account, and its unreserved part.
    pub fn concurrency(&self, limits: &Limits) -> (u64, u64) {
        let all = limits.lambda_concurrency.max.0;
        (all, all.saturating_sub(self.shared.account.reserved()))
    }
}
