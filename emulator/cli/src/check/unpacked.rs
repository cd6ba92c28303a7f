//! The unpacked size of the code and the layers of a function. Unlike the other rules, this one reads files.

use std::path::{Component, Path};

use hardcap_core::config::Function;
use hardcap_lambda::rules::DeploymentRefusal;
use hardcap_limits::{Bytes, Exceeded, Limits, Party};
use hardcap_project::packaging::{Package, Program, unpacked_bytes};

use super::Severity;

/// AWS's refusal of a function whose code and layers are too large together.
///
/// The refusal is certain for code that is deployed unchanged: a zip, the output of a build tool, layers. The folder of a function that is
/// built first may have more files than its package.
pub(super) fn refusal(
    limits: &Limits,
    function: &Function,
    package: &Package,
) -> Option<(Severity, DeploymentRefusal)> {
    let code = package.local_code().filter(|_| !is_built_by_cargo(package));
    let code_bytes = code.and_then(|code| unpacked_bytes(code).ok()).unwrap_or_default();
    let layers: u64 = function.layers.iter().filter_map(|layer| unpacked_bytes(layer).ok()).sum();
    let limit = limits.lambda_unzipped_layers;
    let exceeded = limit.admit(Bytes(code_bytes + layers)).err()?;
    let is_certain = limit.max < Bytes(layers) || code.is_some_and(is_deployed_as_it_is);
    let severity = if is_certain { Severity::Error } else { Severity::Warning };
    // Code without layers has the text of another row.
    let alone = Limits::row("lambda_unzipped").filter(|_| layers == 0);
    let refusal = match alone {
        Some(row) => DeploymentRefusal::of(
            "package-size",
            &Exceeded { row, ..exceeded },
            Party::Invoker,
            &[],
        ),
        None => DeploymentRefusal::of("package-size", &exceeded, Party::Deployer, &[]),
    };
    Some((severity, refusal))
}

/// The folder of such a function has its source; one binary is deployed.
fn is_built_by_cargo(package: &Package) -> bool {
    let named = matches!(package.program, Some(Program::Cargo { .. }));
    let source = |code: &Path| code.join("Cargo.toml").exists() && !code.join("bootstrap").exists();
    named || package.local_code().is_some_and(source)
}

fn is_deployed_as_it_is(code: &Path) -> bool {
    let parts = code.components().filter_map(|part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    code.is_file() || parts.into_iter().any(|name| name == ".aws-sam" || name == "cdk.out")
}
