//! The container: an image of one static program, with a function mounted into it, reached from outside.

#![cfg(target_os = "linux")]

use std::path::Path;

use hardcap_tests::client::Client;
use hardcap_tests::installed;
use testcontainers::core::{BuildImageOptions, IntoContainerPort as _, Mount, WaitFor};
use testcontainers::runners::{AsyncBuilder as _, AsyncRunner as _};
use testcontainers::{ContainerAsync, GenericBuildableImage, GenericImage, ImageExt as _};

const TEMPLATE: &str = "
Resources:
  Giant:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: giant
      Runtime: provided.al2023
      MemorySize: 512
      Timeout: 29
      Events: {Get: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /giant, Method: GET}}}
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: dev, BinaryMediaTypes: ['*~1*']}
";

/// A folder as a person mounts it: a template, and a program that needs nothing of the machine.
fn application(programs: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    std::fs::write(folder.path().join("template.yaml"), TEMPLATE).expect("a template");
    std::fs::copy(programs.join("guest"), folder.path().join("bootstrap")).expect("a program");
    folder
}

/// Builds the image, starts it with the folder at `/app`, and waits until its own health check is content.
async fn started(programs: &Path, application: &Path) -> ContainerAsync<GenericImage> {
    let dockerfile = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Dockerfile");
    let image = GenericBuildableImage::new("hardcap", "under-test")
        .with_dockerfile(dockerfile)
        .with_file(programs.join("hardcap"), "./hardcap")
        .build_image_with(BuildImageOptions::new())
        .await
        .expect("the image is built of the Dockerfile; is Docker running? `just setup` starts it");
    image
        .with_exposed_port(3000.tcp())
        .with_exposed_port(4566.tcp())
        .with_wait_for(WaitFor::healthcheck())
        .with_mount(Mount::bind_mount(application.to_string_lossy(), "/app"))
        .start()
        .await
        .expect("the container starts and is healthy")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker: just test-all"]
async fn a_function_in_a_container_of_one_static_program_answers_4718559_bytes_and_not_one_more() {
    let programs = installed::image();
    let application = application(&programs);
    let container = started(&programs, application.path()).await;
    let origin = async |port: u16| {
        let port = container.get_host_port_ipv4(port.tcp()).await.expect("it is published");
        format!("http://127.0.0.1:{port}")
    };
    let client = Client::new();
    let giant = format!("{}/dev/giant", origin(3000).await);

    let largest = client.get(format!("{giant}?size=4718559")).await.expect("an answer");
    assert_eq!((largest.status.as_u16(), largest.body.len()), (200, 4_718_559), "{largest:?}");
    let over = client.get(format!("{giant}?size=4718560")).await.expect("an answer");
    let refused = (over.status.as_u16(), over.text());
    assert_eq!(refused, (502, r#"{"message": "Internal server error"}"#), "{over:?}");
    let after = client.get(format!("{giant}?size=1000")).await.expect("an answer");
    assert_eq!((after.status.as_u16(), after.body.len()), (200, 1000), "{after:?}");

    let control = format!("{}/_hardcap/limits", origin(4566).await);
    let limits = client.get(control).await.expect("an answer");
    assert_eq!(limits.status, 200, "{limits:?}");

    container.stop().await.expect("it is told to end");
    let said = container.stderr_to_vec().await.expect("its log");
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("lambda_sync_response"), "the report is missing:\n{said}");
    assert_eq!(container.exit_code().await.expect("it has ended"), Some(0), "{said}");
}
