//! Applications of other people's frameworks, unchanged: their own tools package them, and `hardcap up` runs what is there. They
//! are installed from PyPI and npm, below `target/`.

use std::path::{Path, PathBuf};

use hardcap::Clock;
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::process::{self, Process, binary};
use sha2::{Digest as _, Sha256};

use super::project::addresses;

const PYTHON_PACKAGES: [&str; 7] =
    ["flask", "zappa", "fastapi", "mangum", "django", "apig-wsgi", "chalice"];
const NODE_PACKAGES: [&str; 8] = [
    "express",
    "@codegenie/serverless-express",
    "fastify",
    "@fastify/aws-lambda",
    "hono",
    "osls",
    "aws-cdk-lib",
    "constructs",
];

/// Lambda's response limit, and the largest text that may fit into it beside the envelope of a framework.
const RESPONSE_MAX: usize = 6_291_556;
/// No framework writes an envelope of more bytes than this around a text.
const ENVELOPE_MAX: usize = 2_000;

/// An application, and what its own tool does before `hardcap up`.
struct Application {
    name: &'static str,
    folder: &'static str,
    /// Commands of a shell in the folder; `$FRAMEWORKS`, `$BIN` and `$SITE` are set.
    package: &'static str,
    /// What is given to `hardcap up`.
    template: &'static [&'static str],
    /// The status of an API whose function has answered too much.
    too_large: u16,
}

const APPLICATIONS: [Application; 8] = [
    Application {
        name: "Flask + Zappa's own handler",
        folder: "flask-zappa",
        package: "cp $SITE/zappa/handler.py handler.py",
        template: &[],
        too_large: 502,
    },
    Application {
        name: "FastAPI + Mangum",
        folder: "fastapi-mangum",
        package: "",
        template: &[],
        too_large: 500,
    },
    Application {
        name: "Django + apig-wsgi",
        folder: "django-apig-wsgi",
        package: "",
        template: &[],
        too_large: 502,
    },
    Application {
        name: "Chalice, `chalice package`",
        folder: "chalice",
        package: "$BIN/chalice package out",
        template: &["out/sam.json"],
        too_large: 502,
    },
    Application {
        name: "Express + serverless-express",
        folder: "express",
        package: "",
        template: &[],
        too_large: 502,
    },
    Application { name: "Fastify", folder: "fastify", package: "", template: &[], too_large: 500 },
    Application { name: "Hono", folder: "hono", package: "", template: &[], too_large: 500 },
    Application {
        name: "CDK, synthesized",
        folder: "cdk",
        package: "CDK_OUTDIR=cdk.out node app.js",
        template: &[],
        too_large: 502,
    },
];

const SERVERLESS: Application = Application {
    name: "Serverless, `osls package`",
    folder: "serverless",
    package: "rm node_modules && $FRAMEWORKS/node_modules/.bin/osls package",
    template: &[],
    too_large: 500,
};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

/// Runs a command of a shell to its end.
async fn shell(command: &str, folder: &Path) {
    let ran =
        process::output(Path::new("/bin/sh"), ["-ec", command], folder).await.expect("a shell");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command}: {}\n{said}", String::from_utf8_lossy(&ran.stdout));
}

/// The folder with the frameworks, installed once: `venv` and `node_modules`.
async fn installed() -> PathBuf {
    let folder = workspace().join("target/applications");
    std::fs::create_dir_all(&folder).expect("target/ can be written");
    if !folder.join(".installed").exists() {
        let python = PYTHON_PACKAGES.join(" ");
        let node = NODE_PACKAGES.join(" ");
        let install = format!(
            "python3 -m venv venv\n\
             venv/bin/pip install --quiet --disable-pip-version-check {python} & pip=$!\n\
             echo '{{\"private\": true}}' > package.json\n\
             npm install --silent --no-audit --no-fund {node}\n\
             wait $pip\n\
             touch .installed"
        );
        shell(&install, &folder).await;
    }
    folder
}

/// A copy of an application beside the frameworks, packaged by its own tool.
async fn prepared(application: &Application, frameworks: &Path) -> tempfile::TempDir {
    let copy = tempfile::Builder::new().prefix(application.folder).tempdir_in(frameworks).unwrap();
    let source = workspace().join("fixtures/applications").join(application.folder);
    let frameworks = frameworks.display();
    let prepare = format!(
        "cp -R {}/. . && ln -s {frameworks}/venv .venv && ln -s {frameworks}/node_modules node_modules\n\
         export FRAMEWORKS={frameworks} BIN={frameworks}/venv/bin SITE=$(echo {frameworks}/venv/lib/python3.*/site-packages)\n\
         export PATH=$BIN:$PATH AWS_DEFAULT_REGION=us-east-1\n{}",
        source.display(),
        application.package
    );
    shell(&prepare, copy.path()).await;
    copy
}

/// `hardcap up` in a folder, once it listens.
pub(crate) struct Ran {
    process: Process,
    /// The address of the only API.
    pub(crate) url: String,
    log: PathBuf,
}

/// Runs `hardcap up` in a folder; `before` are variables for it, and `arguments` follow `up`.
pub(crate) async fn up(folder: &Path, before: &str, arguments: &str) -> Ran {
    let (ready, log) = (folder.join("ready.json"), folder.join("up.log"));
    let before = if before.is_empty() { String::new() } else { format!("export {before} &&") };
    let command = format!(
        "cd {} && {before} exec {} up {arguments} --limits current --api-port 0 --aws-port 0 --ready-file {}",
        folder.display(),
        binary("hardcap", "hardcap").display(),
        ready.display()
    );
    let mut process = Process::start_logged(Path::new("/bin/sh"), ["-c", &command], &log).unwrap();
    let addresses = addresses(&mut process, &ready, &log).await;
    let apis = addresses["apis"].as_object().expect("there is an API");
    let url = apis.values().next().and_then(|api| api["url"].as_str().or(api.as_str()));
    let url = url.unwrap_or_else(|| panic!("{addresses}")).trim_end_matches('/').to_owned();
    Ran { process, url, log }
}

impl Ran {
    /// What it has said so far, to people.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Stops it; everything that it has said.
    pub(crate) async fn stop(self) -> String {
        assert_eq!(self.process.stop().await.unwrap().code(), Some(0));
        std::fs::read_to_string(&self.log).unwrap()
    }

    async fn text(&self, letters: usize) -> Answer {
        Client::new().get(format!("{}/text?n={letters}", self.url)).await.expect("an answer")
    }

    /// Bodies of requests arrive whole, binary ones too, and one over the gateway's limit does not.
    async fn takes_bodies(&self, name: &str) {
        for size in [0_usize, 1, 1_000_000, 4_500_000] {
            let body: Vec<u8> = (0..=250_u8).cycle().take(size).collect();
            let expected = format!("{size} {}", hex::encode(Sha256::digest(&body)));
            let call = Call::post(format!("{}/echo", self.url), body);
            let call = call.header("content-type", "application/octet-stream");
            let answer = Client::new().send(&call).await.expect("an answer");
            let found = (answer.status.as_u16(), answer.text());
            assert_eq!(found, (200, &*expected), "{name}: {}", self.said());
        }
        let call = Call::post(format!("{}/echo", self.url), vec![0; 10 * 1024 * 1024 + 1]);
        let call = call.header("content-type", "application/octet-stream");
        let answer = Client::new().send(&call).await.expect("an answer");
        assert_eq!(answer.status.as_u16(), 413, "{name}: {answer:?}");
    }

    /// The largest text that passes: one more letter is refused, and the application is healthy after it.
    async fn has_a_cutoff(&self, application: &Application) -> usize {
        let (mut passes, mut fails) = (RESPONSE_MAX - ENVELOPE_MAX, RESPONSE_MAX);
        assert_eq!(self.text(passes).await.body.len(), passes, "{}", application.name);
        while fails - passes > 1 {
            let size = usize::midpoint(passes, fails);
            let answer = self.text(size).await;
            if answer.status == 200 {
                assert_eq!(answer.body.len(), size, "{}", application.name);
                passes = size;
            } else {
                assert_eq!(answer.status.as_u16(), application.too_large, "{}", application.name);
                fails = size;
            }
        }
        assert_eq!(self.text(3).await.text(), "xxx", "{}", application.name);
        passes
    }
}

/// Runs one application, and gives its line of the table.
async fn line(application: &Application, frameworks: &Path) -> String {
    let folder = prepared(application, frameworks).await;
    let watch = Clock::default().stopwatch();
    let ran = up(folder.path(), "", &application.template.join(" ")).await;
    let first = Client::new().get(format!("{}/", ran.url)).await.expect("an answer");
    let millis = watch.elapsed_millis().0;
    let found = (first.status.as_u16(), first.text());
    assert_eq!(found, (200, "hello"), "{}: {}", application.name, ran.said());
    ran.takes_bodies(application.name).await;
    let cutoff = ran.has_a_cutoff(application).await;
    let line = format!("| {} | nothing | {millis} ms | {cutoff} |", application.name);
    ran.stop().await;
    line
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "installs from PyPI and npm: just test-all"]
async fn applications_of_other_frameworks_start_unchanged_and_meet_the_limits() {
    let frameworks = installed().await;
    let mut table = vec![
        "| application | written for hardcap | first answer after `up` | largest text |".to_owned(),
        "| --- | --- | --- | --- |".to_owned(),
    ];
    for application in APPLICATIONS.iter().chain([&SERVERLESS]) {
        table.push(line(application, &frameworks).await);
    }
    let table = table.join("\n");
    std::fs::write(frameworks.join("table.md"), &table).expect("target/ can be written");
    eprintln!("{table}");
}
