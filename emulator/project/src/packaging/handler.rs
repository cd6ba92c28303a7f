//! The handler of a Python or Node function: whether its file is in the code, and its name in the file. Nothing is run.

use std::path::Path;

use super::{Package, PackagingError};

/// The maximum size of a file that is searched for the handler's name, in bytes.
const SEARCHED_MAX: u64 = 8 * 1024 * 1024;
/// What may define names that the text does not contain.
const PYTHON_DEFINES_MORE: [&str; 4] = ["import *", "globals()", "setattr(", "__getattr__"];
/// The same for Node. An assigned object contains the names of its members.
const NODE_DEFINES_MORE: [&str; 4] = ["export *", "require(", "exports[", "Object.assign("];

/// The error of a Python or Node function whose handler names a file that the code does not contain, or a name that the file does
/// not contain. AWS deploys such a function, and each invocation fails. A handler that may be in a layer is not checked.
pub fn missing_handler(package: &Package) -> Option<PackagingError> {
    let is_python = package.runtime.starts_with("python");
    let code =
        package.code_folder().filter(|_| package.program.is_none() && package.has_no_layer())?;
    let extensions = match package.runtime.as_str() {
        runtime if runtime.starts_with("nodejs") => &["js", "mjs", "cjs"][..],
        _ if is_python => &["py", "so"],
        _ => return None,
    };
    let handler = package.handler.as_str();
    // Python's module ends at the last dot, and dots before it are folders; Node's ends at the first dot of the file name.
    let module = if is_python {
        handler.rsplit_once('.').map(|(module, _)| module.replace('.', "/"))
    } else {
        let name = handler.rsplit('/').next().unwrap_or_default();
        let ends = handler.len() - name.len() + name.find('.').unwrap_or(name.len());
        name.contains('.').then(|| handler[..ends].to_owned())
    };
    let Some(module) = module.filter(|module| !module.is_empty()) else {
        return Some(PackagingError::new(
            format!(
                "the handler of the function `{}` is not FILE.NAME: `{handler}`",
                package.logical_id
            ),
            "write the file without its extension, a dot, and the name of the function in it",
        ));
    };
    let file = code.join(&module);
    let exists = file.exists()
        || extensions.iter().any(|extension| code.join(format!("{module}.{extension}")).is_file());
    let is_installed = code.join("node_modules").join(&module).exists();
    if exists || is_installed || (is_python && has_extension_module(&file)) {
        let name = handler[module.len()..].trim_start_matches('.');
        return without_name(package, code, (&module, name), extensions);
    }
    let wanted = format!("{module}.{}", extensions[0]);
    let built = match package.build_method.as_deref() {
        Some(method) => format!("; its `BuildMethod: {method}` is what `sam build` runs"),
        None => String::new(),
    };
    Some(PackagingError::new(
        format!(
            "the handler `{handler}` of the function `{}` is not in its code: {} has no {wanted}{built}",
            package.logical_id,
            code.display()
        ),
        "correct `Handler`, or build the code first: `sam build`, then hardcap runs .aws-sam/build/template.yaml",
    ))
}

/// A module in C, such as `app.cpython-312-x86_64-linux-gnu.so`.
fn has_extension_module(file: &Path) -> bool {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return false };
    let prefix = format!("{}.", name.to_string_lossy());
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with(&prefix) && name.ends_with(".so")
    })
}

/// The error of a handler whose name is nowhere in the text of its file.
fn without_name(
    package: &Package,
    code: &Path,
    (module, name): (&str, &str),
    extensions: &[&str],
) -> Option<PackagingError> {
    let file = extensions.iter().map(|extension| code.join(format!("{module}.{extension}")));
    let file = file.into_iter().find(|file| file.is_file())?;
    let is_text = file.extension().is_some_and(|extension| extension != "so");
    if !is_text || std::fs::metadata(&file).ok()?.len() > SEARCHED_MAX {
        return None;
    }
    let text = std::fs::read_to_string(&file).ok()?;
    let is_python = package.runtime.starts_with("python");
    let defines_more = if is_python { &PYTHON_DEFINES_MORE } else { &NODE_DEFINES_MORE };
    if contains_word(&text, name) || defines_more.iter().any(|part| text.contains(part)) {
        return None;
    }
    Some(PackagingError::new(
        format!(
            "the handler `{}` of the function `{}` is not in its code: {} has no `{name}`",
            package.handler,
            package.logical_id,
            file.display()
        ),
        "correct `Handler`, or define the function in this file",
    ))
}

/// Whether a text contains a name that is not a part of a longer one. Of `a.b`, which Node reads as a member, each part.
fn contains_word(text: &str, name: &str) -> bool {
    let is_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    name.split('.').all(|part| text.split(|c| !is_of_name(c)).any(|word| word == part))
}

#[cfg(test)]
mod tests {
    use super::super::Code;
    use super::*;

    /// What is missing from a function with this runtime, handler, and file.
    fn missing(runtime: &str, handler: &str, (file, text): (&str, &str)) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(file), text).unwrap();
        let package = Package {
            runtime: runtime.to_owned(),
            handler: handler.to_owned(),
            code: Code::Local(folder.path().to_owned()),
            ..Package::new("F")
        };
        let folder = format!("{}/", folder.path().display());
        missing_handler(&package).map(|missing| missing.what.replace(&folder, ""))
    }

    #[test]
    fn a_handler_whose_name_is_not_in_its_file_is_missing() {
        for (runtime, handler, file) in [
            ("python3.12", "app.handler", ("app.py", "x = 1\nhandler_of_x = 2\n")),
            ("nodejs22.x", "idx.handler", ("idx.mjs", "export const other = 1;")),
            ("nodejs22.x", "idx.api.handler", ("idx.js", "exports.api = {other}")),
        ] {
            let (name, text) = (file.0, missing(runtime, handler, file));
            let text = text.unwrap_or_else(|| panic!("{handler} is found in {name}"));
            assert!(text.starts_with(&format!("the handler `{handler}` of the function `F` is not in its code: {name} has no `")), "{text}");
        }
    }

    #[test]
    fn a_handler_whose_name_is_in_its_file_or_may_be_defined_elsewhere_is_not_missing() {
        for (runtime, handler, file) in [
            ("python3.12", "app.handler", ("app.py", "def handler(event, context): pass")),
            ("python3.12", "app.handler", ("app.py", "from other import handler")),
            ("python3.12", "app.handler", ("app.py", "from other import *")),
            ("nodejs22.x", "idx.handler", ("idx.mjs", "export {main as handler};")),
            ("nodejs22.x", "idx.handler", ("idx.js", "module.exports = require('./other');")),
            ("nodejs22.x", "idx.api.handler", ("idx.js", "exports.api = {handler: run}")),
        ] {
            assert_eq!(missing(runtime, handler, file), None, "{file:?}");
        }
    }

    #[test]
    fn a_handler_whose_file_is_not_in_the_code_is_missing() {
        let text = missing("python3.12", "web/app.handler", ("app.py", "def handler(e, c): pass"));
        let text = text.unwrap();
        assert!(text.ends_with("has no web/app.py"), "{text}");
    }
}
