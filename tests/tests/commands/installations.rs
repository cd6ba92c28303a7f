//! Installations and builds: what remains of them when hardcap ends.

use std::path::Path;
use std::time::Duration;

use hardcap_tests::eventually::eventually;
use hardcap_tests::process::{self, Process};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::project::{Project, hardcap};

/// A template with one function of a runtime.
fn template(runtime: &str) -> String {
    format!(
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {{CodeUri: code, Handler: app.handler, \
         Runtime: {runtime}}}\n"
    )
}

/// Starts another process, writes its id, and waits for it without end.
const BUSY: &str = "sleep 1000 &\necho $! > \"$(dirname \"$0\")/started.new\"\n\
                    mv \"$(dirname \"$0\")/started.new\" \"$(dirname \"$0\")/started\"\nwait\n";

/// A Python without AWS's runtime client, with this pip. Its functions return their event.
fn python(pip: &str) -> String {
    let guest = process::binary(env!("CARGO_PKG_NAME"), "guest");
    let properties = r#"{"executable": "%s", "base": "%s", "version": [3, 12, 1], "tag": "fake", "has_client": false, "has_sdk": true}"#;
    format!(
        "#!/bin/sh\ncase \"$1\" in\n-m)\n{pip}\n;;\n-E) printf '{properties}' \"$0\" \"$0\" ;;\n*) exec '{}' echo ;;\nesac\n",
        guest.display()
    )
}

/// The id of the process that [`BUSY`] has started.
async fn started(project: &Project) -> Pid {
    let file = project.path().join("started");
    let id = eventually(Duration::from_secs(60), "the installation has begun", async || {
        std::fs::read_to_string(&file)
    });
    let id: i32 = id.await.trim().parse().unwrap();
    Pid::from_raw(id).unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_9_of_hardcap_ends_the_processes_of_its_installation_and_of_its_build() {
    for (runtime, program, text) in [
        ("python3.12", "python", python(BUSY)),
        ("provided.al2023", "cargo", format!("#!/bin/sh\n{BUSY}")),
    ] {
        let project = Project::new();
        let code = project.path().join("code");
        std::fs::create_dir(&code).unwrap();
        std::fs::write(code.join("app.py"), "").unwrap();
        if program == "cargo" {
            std::fs::write(code.join("Cargo.toml"), "").unwrap();
        }
        project.program(program, &text);
        project.write("hardcap.toml", "[functions.F]\npython = \"python\"\n");
        let template = project.write("template.yaml", &template(runtime));
        let path = format!("{}:/usr/bin:/bin", project.path().display());
        let cache = project.path().join("cache");
        let variables = [("PATH", path.as_str()), ("HARDCAP_CACHE", cache.to_str().unwrap())];
        let up = ["up", &template, "--api-port", "0", "--aws-port", "0"];
        let hardcap = Process::start(&hardcap(), up, &variables).unwrap();
        let child = started(&project).await;
        let id = hardcap.id().and_then(|id| Pid::from_raw(i32::try_from(id).unwrap())).unwrap();
        kill_process(id, Signal::KILL).unwrap();
        eventually(Duration::from_secs(60), "the process of the program ends", async || {
            if is_running(child) { Err(format!("{program}: {child:?} runs")) } else { Ok(()) }
        })
        .await;
        drop(hardcap);
    }
}

/// Whether a process exists and is not a zombie.
fn is_running(process: Pid) -> bool {
    let stat = Path::new("/proc").join(process.as_raw_nonzero().to_string()).join("stat");
    let is_zombie = std::fs::read_to_string(stat).is_ok_and(|stat| stat.contains(") Z "));
    test_kill_process(process).is_ok() && !is_zombie
}
