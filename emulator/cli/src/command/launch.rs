//! The start of a project: programs are found and built, addresses are filled in, companions are started.

use std::collections::BTreeSet;
use std::path::PathBuf;

use hardcap_limits::Millis;

use super::Failure;
use super::debug;
use super::options::UpOptions;
use super::project::Project;
use super::remote;
use super::terminal::{self, BuildProgress};
use super::up::Signals;
use crate::check;
use crate::companion::{Companions, Ready};
use crate::explain;
use hardcap::Emulator;
use hardcap_core::addresses::Addresses;
use hardcap_core::clock::Clock;
use hardcap_core::config::{Config, Function};
use hardcap_core::paths::temporary_folder;
use hardcap_core::serve::{self, LOOPBACK};
use hardcap_project::packaging::machine::Machine;
use hardcap_project::packaging::{
    self, Binary, Found, Means, Package, PackagingError, Resolved, build,
};
use hardcap_project::settings::{Companion, Program};

/// The maximum time for the response of a hardcap that may listen on a wanted port.
const HEALTH_WITHIN: Millis = Millis(1_000);

/// A running project.
pub(super) struct Started {
    pub(super) emulator: Emulator,
    pub(super) companions: Companions,
    pub(super) addresses: Addresses,
    /// The functions in the configuration of their start.
    pub(super) functions: Vec<Function>,
}

/// Starts a template, does some work and stops the template. A signal interrupts it.
///
/// # Errors
///
/// [`Failure`] if the start or the work fails, or a signal arrives before the work is `done`.
pub(super) async fn with_started<T>(
    project: &Project,
    options: &UpOptions,
    done: &str,
    work: impl AsyncFnOnce(&Started) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut signals = Signals::new()?;
    let started = tokio::select! {
        started = start(project, options) => started?,
        _ = signals.next() => return Err(Failure::new("interrupted before startup was complete")),
    };
    let outcome = tokio::select! {
        outcome = work(&started) => outcome,
        _ = signals.next() => Err(Failure::new(format!("interrupted before {done}"))),
    };
    let Started { emulator, companions, .. } = started;
    let clock = emulator.clock().clone();
    super::up::stop(companions, emulator, &clock, &mut signals).await;
    outcome
}

/// Refuses a template that AWS would refuse to deploy, unless `--allow-invalid` is given.
fn admit(project: &Project, options: &UpOptions) -> Result<(), Failure> {
    let refused = check::refused(&project.loaded);
    if !refused.is_empty() && !options.allow_invalid {
        let findings: Vec<String> = refused.iter().map(ToString::to_string).collect();
        return Err(Failure::new(format!(
            "AWS would refuse to deploy this template\n{}\n  = help: fix it, or start it anyway with --allow-invalid",
            findings.join("\n")
        )));
    }
    for finding in &refused {
        terminal::warning(&format!("started although AWS would refuse it: {finding}"));
    }
    Ok(())
}

/// Builds the programs, then starts the emulator and the companions. A template that AWS would refuse to deploy is not started,
/// unless `--allow-invalid` is given.
pub(super) async fn start(project: &Project, options: &UpOptions) -> Result<Started, Failure> {
    admit(project, options)?;
    let mut config = project.loaded.config.clone();
    config.host = options.host;
    options.trust.apply(&project.settings, &mut config);
    config.api_port = options.api_port;
    config.aws_port = options.aws_port;
    config.data.clone_from(&options.data);
    config.strict_auth = options.strict_auth;
    config.body_idle = project.settings.body_idle.unwrap_or(config.body_idle);
    config.sandbox_idle = project.settings.sandbox_idle.unwrap_or(config.sandbox_idle);
    config.aws_hosts = options.aws_hosts;
    config.explain = Some(explain::text);
    check_ports(&config).await?;
    if config.data.is_none() {
        // Only to find out before the build whether it is possible.
        drop(temporary_folder("hardcap-").map_err(Failure::new)?);
    }
    let python = project.settings.python.as_ref();
    config.installs_runtimes = !options.template.offline;
    config.python = python.map(|python| packaging::absolute_program(&project.folder, python));
    let companions = &project.settings.companions;
    let ready = find_programs(project, &mut config, companions, options);
    let ready = ready.await.map_err(Failure::new)?;
    let known = Addresses {
        companions: ready.iter().map(|one| (one.settings.name.clone(), one.url())).collect(),
        ..Addresses::default()
    };
    for value in config.placeholders_mut() {
        *value = known.fill(value);
    }
    let mut functions = config.functions.clone();
    let emulator = Emulator::start(config).await.map_err(Failure::new)?;
    let addresses = Addresses { companions: known.companions, ..emulator.addresses().clone() };
    for value in functions.iter_mut().flat_map(|function| function.environment.values_mut()) {
        *value = addresses.fill(value);
    }
    let mut companions = Companions::default();
    companions.start(&ready, &addresses, &Clock::default()).await.map_err(Failure::new)?;
    Ok(Started { emulator, companions, addresses, functions })
}

/// Checks that the wanted ports are free, because the build before they are bound can take minutes.
async fn check_ports(config: &Config) -> Result<(), Failure> {
    let apis = u16::try_from(config.apis.len() + config.function_urls.len()).unwrap_or(u16::MAX);
    let apis = if config.api_port == 0 { 0 } else { apis };
    let apis = (0..apis).map(|at| ("--api-port", config.api_port.saturating_add(at)));
    for (option, port) in std::iter::once(("--aws-port", config.aws_port)).chain(apis) {
        let Err(error) = serve::bind(config.host, port).await else { continue };
        let health = remote::control(&format!("http://127.0.0.1:{port}"), "health");
        let asked = Clock::default().timeout(HEALTH_WITHIN, remote::get(&health)).await;
        let whose = match asked {
            Some(Ok(_)) => "a hardcap is running there: stop it",
            Some(Err(_)) | None => "stop the program that listens there",
        };
        return Err(Failure::new(format!(
            "{error}\n  = help: {whose}, or choose another port with {option}, 0 for any free port"
        )));
    }
    Ok(())
}

/// Builds the functions of a project again, for a run that continues.
pub(super) async fn functions(
    project: &Project,
    addresses: &Addresses,
    options: &UpOptions,
) -> Result<Vec<Function>, Failure> {
    admit(project, options)?;
    let mut config = project.loaded.config.clone();
    find_programs(project, &mut config, &[], options).await.map_err(Failure::new)?;
    for value in config.placeholders_mut() {
        *value = addresses.fill(value);
    }
    Ok(config.functions)
}

/// Sets the command of every function, and the command and the port of each of these companions.
async fn find_programs(
    project: &Project,
    config: &mut Config,
    wanted: &[Companion],
    options: &UpOptions,
) -> Result<Vec<Ready>, PackagingError> {
    let mut binaries: Vec<Binary> = Vec::new();
    let mut found = Vec::new();
    let mut machine = Machine::here();
    for package in &project.loaded.packages {
        let package = package.opened(&machine.cache)?;
        let one = match packaging::find(&package) {
            Err(missing) if package.is_elsewhere() => Err(missing),
            other => Ok(other?),
        };
        binaries.extend(one.iter().filter_map(binary));
        found.push((package, one));
    }
    let mut companions = Vec::new();
    for companion in wanted {
        let one = match &companion.program {
            Program::Command(words) => {
                let what = format!("the companion `{}`", companion.name);
                Found::Command(packaging::command(words, &project.folder, &what)?)
            }
            Program::Cargo { package, bin } => Found::Cargo(Binary {
                folder: packaging::absolute(&project.folder),
                package: package.clone(),
                bin: Some(bin.clone()),
                for_lambda: false,
            }),
        };
        binaries.extend(binary(&one));
        companions.push(one);
    }
    let mut progress = BuildProgress::new(options.quiet);
    let built = build::build(&binaries, options.no_build, &mut progress).await;
    progress.done();
    let mut built = built?.into_iter();
    give_programs(config, found, &mut built, (&mut machine, options)).await?;
    let mut ready = Vec::new();
    for (settings, found) in wanted.iter().zip(companions) {
        let command = match found {
            Found::Command(command) => command,
            Found::Cargo(_) | Found::Python | Found::Node | Found::Image(_) => {
                built.next().into_iter().map(PathBuf::into_os_string).collect()
            }
        };
        let folder =
            settings.cwd.as_ref().map_or(project.folder.clone(), |cwd| project.folder.join(cwd));
        let port = free_port(settings.port).await?;
        let folder = packaging::absolute(&folder);
        ready.push(Ready { settings: settings.clone(), command, folder, port });
    }
    Ok(ready)
}

/// Sets the command or the image of every function: the next of the built programs, or the result of [`packaging::resolve`]. A function
/// whose code or image is not on this machine has none: the rest of the application starts, and its invocations fail.
async fn give_programs(
    config: &mut Config,
    found: Vec<(Package, Result<Found, PackagingError>)>,
    built: &mut std::vec::IntoIter<PathBuf>,
    (machine, options): (&mut Machine, &UpOptions),
) -> Result<(), PackagingError> {
    let say = |line: &str| terminal::say(line);
    let (offline, no_build) = (options.template.offline, options.no_build);
    let means = Means { offline, no_build, only_looks: false, tell: &say };
    let mut notes = BTreeSet::new();
    let mut absent = Vec::new();
    for (function, (package, found)) in config.functions.iter_mut().zip(found) {
        let resolved = match found {
            Err(missing) => Err(missing),
            Ok(Found::Cargo(_)) => {
                let program = built.next().into_iter();
                Ok(Resolved::of(program.map(PathBuf::into_os_string).collect()))
            }
            Ok(found) => match packaging::resolve(found, &package, machine, &means).await {
                Err(missing) if package.is_elsewhere() => Err(missing),
                other => Ok(other?),
            },
        };
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err(missing) => {
                function.no_program = Some(missing.what.clone());
                notes.insert(format!("{}; {}", missing.what, missing.help));
                absent.push(missing);
                continue;
            }
        };
        notes.extend(resolved.note);
        function.command = resolved.command;
        function.image = resolved.image;
        let id = &function.logical_id;
        if let Some(image) = &function.image
            && let Some(refused) = check::refused_image(&config.limits, id, image)
        {
            if !options.allow_invalid {
                let help = "make it smaller, or start it anyway with --allow-invalid";
                return Err(PackagingError::new(refused, help));
            }
            notes.insert(refused);
        }
        notes.extend(packaging::missing_handler(&package).map(|missing| missing.to_string()));
        function.command.extend(package.arguments.iter().map(Into::into));
        debug::apply(&options.debug, function, &package, machine).await?;
        function.has_timeouts &= !options.no_timeouts;
        function.task_root = package.task_root();
        function.layers.clone_from(&package.layers);
        for layer in resolved.layers {
            function.absent_layers.retain(|arn| *arn != layer.arn);
            function.layers.push(layer.folder);
        }
    }
    if absent.len() == config.functions.len()
        && let Some(missing) = absent.into_iter().next()
    {
        return Err(missing);
    }
    if config.functions.iter().any(|function| function.image.is_some()) {
        packaging::image::keep_tidy(machine).await;
    }
    for note in notes.iter().filter(|_| !options.quiet) {
        terminal::warning(note);
    }
    Ok(())
}

fn binary(found: &Found) -> Option<Binary> {
    match found {
        Found::Cargo(binary) => Some(binary.clone()),
        Found::Command(_) | Found::Python | Found::Node | Found::Image(_) => None,
    }
}

/// The port for a companion. It is not reserved until the companion listens, but the kernel does not assign a free port again soon.
async fn free_port(wanted: Option<u16>) -> Result<u16, PackagingError> {
    let bound = serve::bind(LOOPBACK, wanted.unwrap_or(0)).await;
    bound.map(|(_, address)| address.port()).map_err(|error| {
        PackagingError::new(
            format!("a companion {error}"),
            "stop the program that listens there, or omit `port` in hardcap.toml for any free port",
        )
    })
}
