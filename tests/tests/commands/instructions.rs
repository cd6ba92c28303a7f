//! The instructions of a warm invocation, as valgrind counts them: their number depends neither on what else the machine does nor
//! on how fast it is, so a bound is close to what was measured.

use hardcap_tests::client::{Call, Client};
use hardcap_tests::process::{self, binary};
use hardcap_tests::{eventually::eventually, installed};
use std::path::Path;
use std::time::Duration;

use super::project::{Project, Up};

const TEMPLATE: &str = "
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: echo
      CodeUri: .
";
/// The invocations that are counted.
const CALLS: u64 = 100;

/// `hardcap up` under valgrind. Nothing is counted yet. valgrind permits no change of the hard limit of descriptors, which is
/// below that of a function then, so that hardcap makes none.
async fn up(project: &Project) -> Up {
    project.write("template.yaml", TEMPLATE);
    let guest = binary(env!("CARGO_PKG_NAME"), "guest");
    let settings = format!("[functions.Echo]\ncommand = [\"{}\", \"echo\"]\n", guest.display());
    project.write("hardcap.toml", &settings);
    let folder = project.path().display();
    let command = format!(
        "ulimit -n 1000; exec '{}' --tool=callgrind --instr-atstart=no --callgrind-out-file='{folder}/callgrind.%p' \
         --log-file='{folder}/valgrind.%p' \"$@\"",
        installed::valgrind().display()
    );
    project.up_by(&command).await
}

/// Begins to count.
async fn count(up: &Up) {
    let vgdb = installed::valgrind().with_file_name("vgdb");
    let process = format!("--pid={}", up.id());
    let said = process::output(&vgdb, [&process, "instrumentation", "on"], Path::new("/")).await;
    let said = said.unwrap();
    assert!(said.status.success(), "{said:?}");
}

/// Stops hardcap, and reads how many instructions it executed after [`count`].
async fn counted(project: &Project, up: Up) -> u64 {
    let log = project.path().join(format!("valgrind.{}", up.id()));
    up.stop().await;
    let collected = eventually(Duration::from_secs(30), "valgrind has counted", async || {
        let said = std::fs::read_to_string(&log).unwrap();
        let line = said.lines().find_map(|line| line.split_once("Collected : "));
        line.map(|(_, number)| number.to_owned()).ok_or(said)
    });
    collected.await.trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs valgrind: just test-all"]
async fn a_warm_invocation_of_1_kb_executes_at_most_520_000_instructions() {
    let project = Project::new();
    let up = up(&project).await;
    let url = format!("{}/2015-03-31/functions/echo/invocations", up.aws);
    let call = Call::post(url, format!("\"{}\"", "x".repeat(1_022)));
    let client = Client::new();
    for number in 0..CALLS + 20 {
        if number == 20 {
            count(&up).await;
        }
        let response = client.send(&call).await.unwrap();
        assert_eq!((response.status.as_u16(), response.body.len()), (200, 1_024), "{response:?}");
    }
    let instructions = counted(&project, up).await / CALLS;
    assert!(instructions <= 520_000, "{instructions} instructions an invocation");
}
