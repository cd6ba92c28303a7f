//! Whether the functions that a configuration names are there.

use crate::config::Config;
use crate::emulator::StartError;

/// Every route and every function URL leads to a function.
///
/// # Errors
///
/// [`StartError::UnknownFunction`] for the first that does not.
pub(crate) fn check_functions(config: &Config) -> Result<(), StartError> {
    let known = |name: &str| config.functions.iter().any(|function| function.name == name);
    let routes = config.apis.iter().flat_map(|api| {
        api.routes.iter().map(move |route| {
            (format!("{} {} of {}", route.method, route.path, api.logical_id), &route.function)
        })
    });
    let urls = config.function_urls.iter().map(|url| (url.logical_id.clone(), &url.function));
    for (what, function) in routes.chain(urls) {
        if !known(function) {
            return Err(StartError::UnknownFunction { what, function: function.clone() });
        }
    }
    Ok(())
}
