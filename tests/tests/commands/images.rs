//! Functions that are container images, run by Docker. Each image is the guest and nothing else.

use std::path::PathBuf;
use std::time::Duration;

use hardcap_tests::client::Client;
use hardcap_tests::eventually::eventually;
use hardcap_tests::{installed, process};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::project::{Project, Ran, Up};
use crate::watch::until_said;

/// The label comes first, so that the tests have no layer in common: the end of one would remove it from under the build of another.
const DOCKERFILE: &str = "
FROM scratch
LABEL of=TAG
COPY guest /guest
COPY guest /other/guest
ENV OF_THE_IMAGE=1
ENTRYPOINT [\"/guest\"]
CMD [\"behave\"]
";

/// A project with the folder `image` of a Dockerfile, and its images, which are removed at the end.
struct Images {
    project: Project,
    names: Vec<String>,
}

impl Images {
    /// A template whose `TAG` is one of this test alone.
    fn new(tag: &str, template: &str) -> Images {
        let project = Project::new();
        project.write("hardcap.toml", "");
        std::fs::create_dir(project.path().join("image")).unwrap();
        let guest = installed::image().join("guest");
        std::fs::copy(guest, project.path().join("image/guest")).unwrap();
        let tag = format!("{tag}-{}", std::process::id());
        project.write("image/Dockerfile", &DOCKERFILE.replace("TAG", &tag));
        project.write(
            "template.yaml",
            &template.replace("DockerTag: TAG", &format!("DockerTag: {tag}")),
        );
        let names = ["behave", "giant", "other"].map(|name| format!("{name}:{tag}")).into();
        Images { project, names }
    }

    async fn invoke(&self, up: &Up, function: &str, event: &str) -> Ran {
        self.project.run(&["invoke", "--url", &up.aws, function, "-e", event]).await
    }

    /// The response of a function that does not fail.
    async fn answer(&self, up: &Up, function: &str, event: &str) -> Value {
        let ran = self.invoke(up, function, event).await;
        assert_eq!(ran.code, Some(0), "{ran:?}\n{}", up.said());
        serde_json::from_str(&ran.printed).unwrap()
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        let remove = ["image", "rm", "--force"].map(str::to_owned);
        let arguments = remove.iter().chain(&self.names);
        let _ = process::output_with(&docker(), arguments, &[]);
    }
}

fn docker() -> PathBuf {
    installed::docker()
}

/// What a command of Docker prints.
async fn docker_says(project: &Project, arguments: &[&str]) -> String {
    let output = process::output(&docker(), arguments, project.path()).await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The containers of a hardcap, running or not.
async fn containers(project: &Project, hardcap: u32) -> Vec<String> {
    let label = format!("label=hardcap={hardcap}");
    let listed = docker_says(project, &["ps", "--all", "--quiet", "--filter", &label]).await;
    listed.lines().map(str::to_owned).collect()
}

/// Waits until a hardcap has so many containers.
async fn until_containers(project: &Project, hardcap: u32, number: usize) {
    let what = format!("hardcap has {number} containers");
    eventually(Duration::from_secs(60), &what, async || {
        let containers = containers(project, hardcap).await;
        if containers.len() == number { Ok(()) } else { Err(containers) }
    })
    .await;
}

const BEHAVE: &str = "
Resources:
  Behave:
    Type: AWS::Serverless::Function
    Metadata: {DockerContext: image, Dockerfile: Dockerfile, DockerTag: TAG}
    Properties: {PackageType: Image, Timeout: 30}
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker: just test-all"]
async fn an_image_is_built_at_the_start_and_answers_4718559_bytes_and_not_one_more() {
    let images = Images::new(
        "giant",
        "
Resources:
  Giant:
    Type: AWS::Serverless::Function
    Metadata: {DockerContext: image, Dockerfile: Dockerfile, DockerTag: TAG}
    Properties:
      PackageType: Image
      MemorySize: 512
      Timeout: 29
      ImageConfig: {Command: [giant]}
      Events: {Get: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /giant, Method: GET}}}
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: dev, BinaryMediaTypes: ['*~1*']}
",
    );
    let up = images.project.up_as_it_is(&[]).await;
    let said = up.said();
    assert_eq!(said.matches("building the image giant:giant-").count(), 1, "{said}");
    let ready = std::fs::read(images.project.path().join("ready.json")).unwrap();
    let ready: Value = serde_json::from_slice(&ready).unwrap();
    let giant = format!("{}/giant", ready["apis"]["Api"].as_str().unwrap());
    let client = Client::new();
    let largest = client.get(format!("{giant}?size=4718559")).await.unwrap();
    assert_eq!((largest.status.as_u16(), largest.body.len()), (200, 4_718_559), "{largest:?}");
    let over = client.get(format!("{giant}?size=4718560")).await.unwrap();
    let refused = (over.status.as_u16(), over.text());
    assert_eq!(refused, (502, r#"{"message": "Internal server error"}"#), "{over:?}");
    let after = client.get(format!("{giant}?size=1000")).await.unwrap();
    assert_eq!((after.status.as_u16(), after.body.len()), (200, 1000), "{after:?}");
    let hardcap = up.id();
    assert_eq!(containers(&images.project, hardcap).await.len(), 1, "one sandbox is one container");
    up.stop().await;
    assert_eq!(containers(&images.project, hardcap).await, [""; 0]);

    let again = images.project.up_as_it_is(&[]).await;
    assert!(!again.said().contains("building the image"), "it is there: {}", again.said());
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker: just test-all"]
async fn a_container_has_the_image_config_the_variables_of_its_function_and_a_read_only_file_system()
 {
    let images = Images::new(
        "config",
        "
Resources:
  Behave:
    Type: AWS::Serverless::Function
    Metadata: {DockerContext: image, Dockerfile: Dockerfile, DockerTag: TAG}
    Properties:
      PackageType: Image
      MemorySize: 256
      Timeout: 30
      ImageConfig: {WorkingDirectory: /other}
      Environment: {Variables: {STAGE: dev, LINES: \"one\\ntwo\", QUOTED: \" 'a' # b \"}}
  Other:
    Type: AWS::Lambda::Function
    Metadata: {DockerContext: image, DockerTag: TAG}
    Properties:
      PackageType: Image
      Code: {}
      Timeout: 30
      ImageConfig: {EntryPoint: [/other/guest, behave], Command: [more]}
",
    );
    let up = images.project.up_as_it_is(&[]).await;
    let place = images.answer(&up, "Behave", r#"{"place":true}"#).await;
    assert_eq!(place[1], "/other");
    assert_ne!(place[0], 1, "not the first process, so that signals end it");
    let environment = images.answer(&up, "Behave", r#"{"env":true}"#).await;
    for (name, value) in [
        ("STAGE", "dev"),
        ("LINES", "one\ntwo"),
        ("QUOTED", " 'a' # b "),
        ("OF_THE_IMAGE", "1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "Behave"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_ENDPOINT_URL", up.aws.as_str()),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ] {
        assert_eq!(environment[name], value, "{environment}");
    }
    let of_this_machine = |name: &&String| name.starts_with("CARGO") || name.starts_with("RUST");
    let leaked: Vec<_> = environment.as_object().unwrap().keys().filter(of_this_machine).collect();
    assert_eq!(leaked, [""; 0], "nothing of the environment of hardcap");

    let written = |path: &str| json!({ "file": path }).to_string();
    for (path, is_kept) in [("/tmp/file", true), ("/file", false)] {
        images.answer(&up, "Behave", &written(path)).await;
        let before = images.answer(&up, "Behave", &written(path)).await;
        assert_eq!(before == "written", is_kept, "{path}: {before}");
    }
    let filled = images.answer(&up, "Behave", r#"{"fill":["/tmp/file",600]}"#).await;
    assert_eq!(filled, json!([512, 28]), "/tmp has 512 MB beside the memory of the function");

    let entered = images.answer(&up, "Other", r#"{"place":true}"#).await;
    assert_eq!(entered[1], "/");
    let command = images.answer(&up, "Other", r#"{"file":"/proc/self/cmdline"}"#).await;
    assert_eq!(command, "/other/guest\0behave\0more\0");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker: just test-all"]
async fn a_container_ends_with_its_timeout_its_exit_and_too_much_memory_and_the_next_one_answers() {
    let images = Images::new("ends", &BEHAVE.replace("Timeout: 30", "Timeout: 2"));
    let up = images.project.up_as_it_is(&[]).await;
    let hardcap = up.id();
    let project = &images.project;
    for (event, error) in [
        (r#"{"hang":true}"#, "Task timed out after 2.00 seconds"),
        (r#"{"exit":3}"#, "Runtime exited with error: exit status 3"),
        (r#"{"exit":137}"#, "Runtime exited with error: signal: killed"),
        (r#"{"leak_mb":700}"#, "Runtime.OutOfMemory"),
    ] {
        let failed = images.invoke(&up, "Behave", event).await;
        assert_eq!(failed.code, Some(1), "{event}: {failed:?}");
        assert!(failed.printed.contains(error), "{event}: {failed:?}\n{}", up.said());
        until_containers(project, hardcap, 0).await;
        let after = images.answer(&up, "Behave", r#"{"size":10}"#).await;
        assert_eq!(after, "xxxxxxxx", "{event}");
    }
    up.stop().await;
    assert_eq!(containers(project, hardcap).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker: just test-all"]
async fn the_output_of_a_container_is_in_the_log_of_its_function() {
    let images = Images::new("log", BEHAVE);
    let up = images.project.up_as_it_is(&[]).await;
    images.answer(&up, "Behave", r#"{"print":"a line of the container"}"#).await;
    until_said(&up, "a line of the container", 1).await;
    let logs = images.project.run(&["logs", "--url", &up.aws, "Behave"]).await;
    assert!(logs.printed.contains("a line of the container"), "{logs:?}");
    assert!(logs.printed.contains("REPORT RequestId"), "{logs:?}");
    assert!(!logs.printed.contains("Max Memory Used: 0 MB"), "{logs:?}");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker: just test-all"]
async fn no_container_is_left_after_a_busy_hardcap_is_told_to_end_or_is_killed() {
    let images = Images::new("killed", BEHAVE);
    let project = &images.project;
    for signal in [Signal::TERM, Signal::KILL] {
        let up = project.up_as_it_is(&[]).await;
        let hardcap = up.id();
        let hang = ["invoke", "--url", &up.aws, "Behave", "-e", r#"{"hang":true}"#];
        let ended = async {
            until_containers(project, hardcap, 1).await;
            let running = docker_says(project, &["ps", "--quiet", "--filter", "status=running"]);
            eventually(Duration::from_secs(60), "the function is busy", async || {
                let records = up.control("records").await;
                let starts = records["records"].as_array().unwrap().iter();
                let starts = starts.filter(|one| one["what"] == "cold_start").count();
                if starts == 1 { Ok(()) } else { Err(records) }
            })
            .await;
            assert_ne!(running.await, "");
            let id = Pid::from_raw(hardcap.try_into().unwrap()).unwrap();
            kill_process(id, signal).unwrap();
        };
        let (_, ()) = tokio::join!(project.run(&hang), ended);
        until_containers(project, hardcap, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker: just test-all"]
async fn a_start_removes_the_containers_of_a_hardcap_that_has_ended() {
    let images = Images::new("left", BEHAVE);
    let project = &images.project;
    let up = project.up_as_it_is(&[]).await;
    up.stop().await;
    // A process id that no process has.
    let ended = 2_147_483_647;
    let label = format!("hardcap={ended}");
    docker_says(project, &["create", "--label", &label, &images.names[0]]).await;
    assert_eq!(containers(project, ended).await.len(), 1);
    let up = project.up_as_it_is(&[]).await;
    assert_eq!(containers(project, ended).await, [""; 0]);
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker: just test-all"]
async fn an_image_that_is_not_here_is_one_line_and_the_rest_starts() {
    let images = Images::new(
        "missing",
        "
Resources:
  Behave:
    Type: AWS::Serverless::Function
    Metadata: {DockerContext: image, Dockerfile: Dockerfile, DockerTag: TAG}
    Properties: {PackageType: Image, Timeout: 30}
  Pull: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: '1.dkr.ecr.us-east-1.amazonaws.com/x:1'}}
  Sam: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: 'sam:not-built'}}
  Gone:
    Type: AWS::Serverless::Function
    Metadata: {DockerContext: gone, Dockerfile: Dockerfile}
    Properties: {PackageType: Image, ImageUri: 'gone:not-built'}
",
    );
    let up = images.project.up_as_it_is(&[]).await;
    let said = up.said();
    for line in [
        "the function `Pull` is a container image: 1.dkr.ecr.us-east-1.amazonaws.com/x:1; it is not on this machine: \
         `docker pull 1.dkr.ecr.us-east-1.amazonaws.com/x:1`, or name the program in it that polls the Runtime API: \
         [functions.Pull] command = [\"…\"] in hardcap.toml",
        "the function `Sam` is a container image: sam:not-built; it is not on this machine: `sam build`, or name the program",
        "/gone of its build does not exist: `sam build`, or name the program in it that polls the Runtime API: [functions.Gone] command",
    ] {
        assert_eq!(said.matches(line).count(), 1, "{said}");
    }
    images.answer(&up, "Behave", "{}").await;
    let failed = images.invoke(&up, "Pull", "{}").await;
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.printed.contains("the function `Pull` is a container image"), "{failed:?}");
    up.stop().await;
    let checked = images.project.run(&["check"]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    for line in [
        format!("`Behave` runs in a container of the image {}", images.names[0]),
        "the function `Sam` is a container image: sam:not-built; it is not on this machine: `sam build`".to_owned(),
    ] {
        assert!(checked.printed.contains(&line), "{line}: {checked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker: just test-all"]
async fn an_image_is_not_built_without_a_build_or_offline() {
    let images = Images::new("unbuilt", BEHAVE);
    for option in ["--no-build", "--offline"] {
        let ran = images.project.run(&["up", "--api-port", "0", "--aws-port", "0", option]).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let line = format!(
            "the function `Behave` is a container image: {}\n  = help: it is not on this machine, and is not built with {option}: \
             `docker build --tag {0} --file ",
            images.names[0]
        );
        assert!(ran.said.contains(&line), "{ran:?}");
    }
    let checked = images.project.run(&["check"]).await;
    let line = "`Behave` runs in a container whose image is built at the start";
    assert!(checked.printed.contains(line), "{checked:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker: just test-all"]
async fn a_build_that_fails_shows_what_docker_said() {
    let images = Images::new("failing", BEHAVE);
    images.project.write("image/Dockerfile", "FROM scratch\nCOPY nothing-of-that-name /guest\n");
    let ran = images.project.run(&["up", "--api-port", "0", "--aws-port", "0"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for text in [
        "of the function `Behave` cannot be built\n",
        "nothing-of-that-name",
        "= help: correct what Docker says",
    ] {
        assert!(ran.said.contains(text), "{text}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker: just test-all"]
async fn an_asset_of_cdk_is_built_under_the_name_that_cdk_gives_it() {
    let hash = format!("hardcap{}", std::process::id());
    let template = "
Resources:
  Behave:
    Type: AWS::Lambda::Function
    Properties:
      PackageType: Image
      Timeout: 30
      Code: {ImageUri: !Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/cdk-assets:HASH'}
";
    let mut images = Images::new("cdk", &template.replace("HASH", &hash));
    images.names = vec![format!("cdkasset-{hash}:latest")];
    let manifest = json!({ "dockerImages": { &hash: {
        "source": { "directory": "image", "dockerFile": "Dockerfile" },
        "destinations": { "current": { "repositoryName": "cdk-assets", "imageTag": hash } },
    } } });
    images.project.write("Stack.assets.json", &manifest.to_string());
    let up = images.project.up_as_it_is(&[]).await;
    let said = up.said();
    assert!(said.contains(&format!("building the image {} of", images.names[0])), "{said}");
    assert_eq!(images.answer(&up, "Behave", r#"{"size":4}"#).await, "xx");
    up.stop().await;
}

/// The image is the same in each run: only the number in force differs.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker: just test-all"]
async fn an_image_of_the_largest_size_runs_and_one_byte_more_is_refused() {
    let images = Images::new("size", BEHAVE);
    images.project.up_as_it_is(&[]).await.stop().await;
    let size = ["image", "inspect", "--format", "{{.Size}}", &images.names[0]];
    let bytes: u64 = docker_says(&images.project, &size).await.parse().unwrap();
    let (largest, smaller) =
        (format!("lambda_image={bytes}"), format!("lambda_image={}", bytes - 1));
    let up = images.project.up_as_it_is(&["--set", &largest]).await;
    images.answer(&up, "Behave", "{}").await;
    up.stop().await;
    let refused = format!("AWS refuses `Behave`: its image {} is too large", images.names[0]);
    let run = ["up", "--api-port", "0", "--aws-port", "0", "--set", &smaller];
    let ran = images.project.run(&run).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.said.contains(&refused), "{ran:?}");
    let checked = images.project.run(&["check", "--set", &smaller]).await;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.printed.contains(&refused), "{checked:?}");
    let allowed = images.project.up_as_it_is(&["--set", &smaller, "--allow-invalid"]).await;
    assert!(allowed.said().contains(&refused), "{}", allowed.said());
    images.answer(&allowed, "Behave", "{}").await;
    allowed.stop().await;
}
