//! Layers that AWS publishes and whose content is a set of public packages: Powertools for Python and for TypeScript. hardcap cannot
//! download a layer, so it installs the packages once into its cache, in the folders of a layer.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::machine::{Machine, Python};
use super::python::InstallError;
use super::{Means, cache, python, sdk};

/// The packages of Powertools for TypeScript in its layer. Version 1 has the first seven. Origin of both lists:
/// `layers/src/layer-publisher-stack.ts` of aws-powertools/powertools-lambda-typescript at 0bd8549b.
const TYPESCRIPT: [&str; 9] = [
    "batch",
    "commons",
    "idempotency",
    "logger",
    "metrics",
    "parameters",
    "tracer",
    "jmespath",
    "parser",
];
const TYPESCRIPT_1: usize = 7;
/// The packages of the SDK in that layer.
const TYPESCRIPT_SDK: [&str; 5] = [
    "@aws-sdk/client-appconfigdata",
    "@aws-sdk/client-dynamodb",
    "@aws-sdk/client-secrets-manager",
    "@aws-sdk/client-ssm",
    "@aws-sdk/util-dynamodb",
];

/// A layer of another account whose packages are public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicLayer {
    /// The ARN of the layer's version.
    pub arn: String,
    content: Content,
}

/// The packages, by their major version. The ARN has the number of the layer's version, which says nothing about the packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    PowertoolsPython(u32),
    PowertoolsTypeScript(u32),
}

impl PublicLayer {
    /// The layer of an ARN, if its content is known.
    ///
    /// ```
    /// use hardcap_project::packaging::public_layers::PublicLayer;
    ///
    /// let arn = "arn:aws:lambda:us-east-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-x86_64:7";
    /// assert!(PublicLayer::of(arn).is_some());
    /// assert!(PublicLayer::of("arn:aws:lambda:us-east-1:123456789012:layer:mine:1").is_none());
    /// ```
    #[must_use]
    pub fn of(arn: &str) -> Option<PublicLayer> {
        let parts: Vec<&str> = arn.split(':').collect();
        let &["arn", _, "lambda", _, _, "layer", name, version] = parts.as_slice() else {
            return None;
        };
        if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let rest = name.strip_prefix("AWSLambdaPowertools")?;
        let content = if let Some(rest) = rest.strip_prefix("Python") {
            Content::PowertoolsPython(major(rest, &["", "Extras"])?)
        } else {
            Content::PowertoolsTypeScript(major(rest.strip_prefix("TypeScript")?, &[""])?)
        };
        Some(PublicLayer { arn: arn.to_owned(), content })
    }
}

/// The major version in the rest of a layer's name: `V3-python312-x86_64` is 3. `first` are the rests of version 1.
fn major(rest: &str, first: &[&str]) -> Option<u32> {
    if first.contains(&rest) {
        return Some(1);
    }
    rest.strip_prefix('V')?.split('-').next()?.parse().ok()
}

/// The folders of the layers with packages of Python, and those that are missing with a line in the log.
pub(super) async fn python(
    layers: &[PublicLayer],
    python: &Python,
    machine: &Machine,
    means: &Means<'_>,
) -> Vec<Installed> {
    let mut installed = Vec::new();
    for layer in layers {
        let Content::PowertoolsPython(major) = layer.content else { continue };
        let name = format!("powertools-python-{major}-{}", python.tag);
        let packages = format!("aws-lambda-powertools[all]>={major},<{}", major + 1);
        let folder = machine.cache.join("layers").join(name);
        if is_to_install(layer, &packages, &folder, "PyPI", means) {
            let done = python::install_below(python, &packages, &folder, "python").await;
            tell_of_failure(layer, done, means);
        }
        installed.extend(Installed::of(layer, folder));
    }
    installed
}

/// The folders of the layers with packages of npm, and those that are missing with a line in the log.
pub(super) async fn node(
    layers: &[PublicLayer],
    node: &Path,
    machine: &Machine,
    means: &Means<'_>,
) -> Vec<Installed> {
    let mut installed = Vec::new();
    for layer in layers {
        let Content::PowertoolsTypeScript(major) = layer.content else { continue };
        let count = if major == 1 { TYPESCRIPT_1 } else { TYPESCRIPT.len() };
        let names = TYPESCRIPT.iter().take(count);
        let names = names.map(|name| format!("@aws-lambda-powertools/{name}@{major}"));
        let names: BTreeSet<String> = names.chain(TYPESCRIPT_SDK.map(str::to_owned)).collect();
        let folder = machine.cache.join("layers").join(format!("powertools-typescript-{major}"));
        let packages = format!("@aws-lambda-powertools/*@{major}");
        if is_to_install(layer, &packages, &folder, "npm's registry", means) {
            let done = sdk::install_below(node, &names, &folder, "nodejs").await;
            tell_of_failure(layer, done, means);
        }
        installed.extend(Installed::of(layer, folder));
    }
    installed
}

/// A layer that is in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The ARN of the layer's version.
    pub arn: String,
    /// The folder with the content of the layer.
    pub folder: PathBuf,
}

impl Installed {
    fn of(layer: &PublicLayer, folder: PathBuf) -> Option<Installed> {
        folder.is_dir().then(|| Installed { arn: layer.arn.clone(), folder })
    }
}

/// Whether a layer's packages are to be installed now. There is a line about it, or about the reason against it.
fn is_to_install(
    layer: &PublicLayer,
    packages: &str,
    folder: &Path,
    source: &str,
    means: &Means<'_>,
) -> bool {
    if folder.is_dir() {
        cache::used(folder);
        return false;
    }
    if means.only_looks {
        return false;
    }
    let arn = &layer.arn;
    if means.offline {
        (means.tell)(&format!(
            "the layer `{arn}` is left out, because nothing is installed offline; it has {packages} of {source}"
        ));
        return false;
    }
    (means.tell)(&format!(
        "installing {packages} of {source}, the content of the layer `{arn}`, into {}, once",
        folder.display()
    ));
    true
}

fn tell_of_failure(layer: &PublicLayer, done: Result<(), InstallError>, means: &Means<'_>) {
    if let Err(error) = done {
        (means.tell)(&format!(
            "the layer `{}` is left out, and code that imports it fails: {error}",
            layer.arn
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn content(name: &str) -> Option<Content> {
        let arn = format!("arn:aws:lambda:eu-west-1:017000801446:layer:{name}");
        PublicLayer::of(&arn).map(|layer| layer.content)
    }

    #[test]
    fn the_name_of_a_layer_has_the_major_version_of_its_packages() {
        for (name, expected) in [
            ("AWSLambdaPowertoolsPython:3", Some(Content::PowertoolsPython(1))),
            ("AWSLambdaPowertoolsPythonExtras:3", Some(Content::PowertoolsPython(1))),
            ("AWSLambdaPowertoolsPythonV2:59", Some(Content::PowertoolsPython(2))),
            ("AWSLambdaPowertoolsPythonV2-Arm64:59", Some(Content::PowertoolsPython(2))),
            ("AWSLambdaPowertoolsPythonV3-python312-x86_64:7", Some(Content::PowertoolsPython(3))),
            ("AWSLambdaPowertoolsTypeScript:11", Some(Content::PowertoolsTypeScript(1))),
            ("AWSLambdaPowertoolsTypeScriptV2:44", Some(Content::PowertoolsTypeScript(2))),
            ("AWSLambdaPowertoolsPythonV:1", None),
            ("AWSLambdaPowertoolsPython2:1", None),
            ("AWSLambdaPowertoolsPythonV2", None),
            ("AWSLambdaPowertoolsPythonV2:", None),
            ("AWSLambdaPowertoolsPythonV2:x", None),
            ("AWSLambdaPowertoolsPythonV99999999999:1", None),
            ("LambdaInsightsExtension:38", None),
        ] {
            assert_eq!(content(name), expected, "{name}");
        }
        assert_eq!(PublicLayer::of("AWSLambdaPowertoolsPythonV2"), None);
    }

    #[tokio::test]
    async fn a_layer_is_left_out_offline_with_one_line_and_is_taken_from_the_cache() {
        let cache = tempfile::tempdir().unwrap();
        let machine = Machine { cache: cache.path().to_owned(), ..Machine::default() };
        let said = Mutex::new(Vec::new());
        let tell = |line: &str| said.lock().unwrap().push(line.to_owned());
        let means = Means { offline: true, tell: &tell, ..Means::default() };
        let arn = "arn:aws:lambda:us-east-1:094274105915:layer:AWSLambdaPowertoolsTypeScriptV2:44";
        let layers = [PublicLayer::of(arn).unwrap()];
        assert_eq!(node(&layers, Path::new("node"), &machine, &means).await, []);
        assert_eq!(
            *said.lock().unwrap(),
            [format!(
                "the layer `{arn}` is left out, because nothing is installed offline; it has @aws-lambda-powertools/*@2 of npm's registry"
            )]
        );
        let folder = cache.path().join("layers/powertools-typescript-2");
        std::fs::create_dir_all(&folder).unwrap();
        let expected = Installed { arn: arn.to_owned(), folder };
        assert_eq!(node(&layers, Path::new("node"), &machine, &means).await, [expected]);
        assert_eq!(said.lock().unwrap().len(), 1);
    }
}
