//! Python functions and their code as people and build tools leave them, through `hardcap up`.

use std::io::Write as _;
use std::path::Path;

use hardcap_tests::client::Client;
use hardcap_tests::{installed, process};
use serde_json::Value;
use tempfile::TempDir;

use super::applications::{Ran, up};

/// Answers with what its process sees.
const APP: &str = "
import json, os, sys
def handler(event, context):
    try:
        import mylib
        layer = mylib.NAME
    except ImportError as error:
        layer = str(error)
    return {'statusCode': 200, 'body': json.dumps({
        'prefix': sys.prefix, 'executable': sys.executable, 'path': sys.path[:3], 'layer': layer,
        'root': os.environ['LAMBDA_TASK_ROOT'], 'files': sorted(os.listdir('.')), 'headers': event['headers'],
        'domain': event['requestContext']['domainName'], 'tmp': os.listdir('/tmp'),
    })}
";

/// A template with one function behind an HTTP API, with these properties of it.
fn template(properties: &str) -> String {
    format!(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  L: {{Type: AWS::Serverless::LayerVersion, Properties: {{ContentUri: layer}}}}\n  \
         F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Runtime: python3.11\n      Timeout: 20\n      {properties}\n      \
         Events: {{A: {{Type: HttpApi}}}}\n"
    )
}

fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

async fn seen(ran: &Ran) -> Value {
    let answer = Client::new().get(format!("{}/", ran.url)).await.expect("an answer");
    assert_eq!(answer.status.as_u16(), 200, "{}: {}", answer.text(), ran.said());
    answer.json()
}

/// Makes an empty virtual environment.
async fn environment(python: &Path, folder: &Path) -> String {
    let arguments = ["-m", "venv", "--without-pip", folder.to_str().unwrap()];
    let made = process::output(python, arguments, Path::new("/")).await.unwrap();
    assert!(made.status.success(), "{made:?}");
    folder.canonicalize().unwrap().display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn the_python_that_was_found_is_the_one_that_runs() {
    let python = installed::python();
    let project = project(&[
        ("template.yaml", &template("CodeUri: code\n      Handler: app.handler")),
        ("code/app.py", APP),
    ]);
    let active = tempfile::tempdir().unwrap();
    let active = environment(&python, &active.path().join("active")).await;
    // Active as `activate` leaves it, and on `PATH` alone as pyenv, conda and Homebrew are.
    for before in [
        format!("VIRTUAL_ENV={active}"),
        format!("VIRTUAL_ENV= PYENV_ROOT=/none PATH={active}/bin:/usr/bin:/bin"),
    ] {
        let ran = up(project.path(), &before, "").await;
        let seen = seen(&ran).await;
        assert_eq!(seen["prefix"], *active, "{before}: {seen} {}", ran.said());
        ran.stop().await;
    }
    let beside = environment(&python, &project.path().join("venv")).await;
    let ran = up(project.path(), &format!("VIRTUAL_ENV={active}"), "").await;
    assert_eq!(seen(&ran).await["prefix"], *beside);
    ran.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn a_template_that_sam_has_built_finds_the_project_of_its_sources() {
    let python = installed::python();
    let built = template("CodeUri: F\n      Handler: app.handler");
    let project = project(&[
        (".aws-sam/build/template.yaml", &built),
        (".aws-sam/build/F/app.py", APP),
        ("template.yaml", "the sources, which are not read"),
        ("hardcap.toml", "[functions.F]\nlayers = [\"layer\"]\n"),
        ("layer/python/mylib.py", "NAME = 'of the project'"),
    ]);
    let own = environment(&python, &project.path().join(".venv")).await;
    let ran = up(project.path(), "", "").await;
    let seen = seen(&ran).await;
    assert_eq!(seen["prefix"], *own, "{seen}");
    assert_eq!(seen["layer"], "of the project", "{seen} {}", ran.said());
    let said = ran.stop().await;
    assert!(
        said.contains("running .aws-sam/build/template.yaml, which `sam build` made"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn layers_of_the_template_and_of_hardcap_toml_are_on_the_path_of_python() {
    let of_template = template("CodeUri: code\n      Handler: app.handler\n      Layers: [!Ref L]");
    let plain = template("CodeUri: code\n      Handler: app.handler");
    let toml = "[functions.F]\nlayers = [\"layer\"]\n";
    let sites = "layer/python/lib/python3.11/site-packages/mylib.py";
    for (template, toml, file) in [
        (&of_template, "", "layer/python/mylib.py"),
        (&plain, toml, "layer/python/mylib.py"),
        (&plain, toml, sites),
    ] {
        let files = [
            ("template.yaml", template.as_str()),
            ("hardcap.toml", toml),
            ("code/app.py", APP),
            (file, "NAME = 'from the layer'"),
        ];
        let project = project(&files);
        let ran = up(project.path(), "", "").await;
        let seen = seen(&ran).await;
        assert_eq!(seen["layer"], "from the layer", "{file}: {seen} {}", ran.said());
        assert_eq!(seen["files"], serde_json::json!(["app.py"]), "{seen}");
        if seen["root"] == "/var/task" {
            let path = ["/var/task", "/opt/python/lib/python3.11/site-packages", "/opt/python"];
            assert_eq!(seen["path"], serde_json::json!(path), "{seen}");
        }
        let said = ran.stop().await;
        assert!(!said.contains("the kernel does not permit it: No such file"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn code_starts_as_a_folder_an_archive_a_text_or_what_hardcap_toml_names() {
    let inline = APP.lines().map(|line| format!("        {line}\n")).collect::<String>();
    let inline = template(&format!("Handler: index.handler\n      InlineCode: |\n{inline}"));
    for (about, template, toml, file) in [
        ("no CodeUri", template("Handler: app.handler"), "", "app.py"),
        ("a folder in the handler", template("Handler: inner/app.handler"), "", "inner/app.py"),
        ("an archive", template("CodeUri: code.zip\n      Handler: app.handler"), "", "zipped"),
        ("a text", inline, "", "unused"),
        (
            "hardcap.toml",
            template("CodeUri: s3://bucket/key.zip\n      Handler: app.handler"),
            "[functions.F]\ncode = \"mine\"\n",
            "mine/app.py",
        ),
        (
            "beside the template",
            template("CodeUri: s3://bucket/a/code.zip\n      Handler: app.handler"),
            "",
            "zipped",
        ),
    ] {
        let project = project(&[("template.yaml", &template), ("hardcap.toml", toml), (file, APP)]);
        let archive = std::fs::File::create(project.path().join("code.zip")).unwrap();
        let mut archive = zip::ZipWriter::new(archive);
        archive.start_file("app.py", zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(APP.as_bytes()).unwrap();
        archive.finish().unwrap();
        let ran = up(project.path(), "", "").await;
        let seen = seen(&ran).await;
        assert!(seen["prefix"].is_string(), "{about}: {seen}");
        ran.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn functions_see_the_hosts_of_aws_where_that_is_asked_for() {
    let project = project(&[("template.yaml", &template("Handler: app.handler")), ("app.py", APP)]);
    let ran = up(project.path(), "", "--aws-hosts").await;
    let seen_there = seen(&ran).await;
    let host = seen_there["headers"]["host"].as_str().unwrap_or_default();
    assert!(host.ends_with(".execute-api.us-east-1.amazonaws.com"), "{seen_there}");
    assert_eq!(seen_there["domain"], host);
    assert_eq!(seen_there["headers"]["x-forwarded-proto"], "https");
    assert_eq!(seen_there["headers"]["x-forwarded-port"], "443");
    ran.stop().await;
    let ran = up(project.path(), "", "").await;
    let seen_here = seen(&ran).await;
    assert_eq!(format!("http://{}", seen_here["headers"]["host"].as_str().unwrap()), ran.url);
    assert_eq!(seen_here["headers"]["x-forwarded-proto"], "http");
    ran.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn a_function_that_imports_boto3_gets_it_although_its_python_does_not_have_it() {
    let python = installed::python();
    let app = "def handler(event, context):\n    import boto3\n    return {'statusCode': 200, 'body': boto3.__version__}\n";
    let project = project(&[("template.yaml", &template("Handler: app.handler")), ("app.py", app)]);
    environment(&python, &project.path().join(".venv")).await;
    let ran = up(project.path(), "", "").await;
    let answer = Client::new().get(format!("{}/", ran.url)).await.expect("an answer");
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    assert!(answer.body.starts_with(b"1."), "{answer:?}");
    ran.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn a_function_without_boto3_is_explained_once() {
    let python = installed::python();
    // It is installed for code that names it.
    let app = "def handler(event, context):\n    __import__('bo' + 'to3')\n";
    let project = project(&[("template.yaml", &template("Handler: app.handler")), ("app.py", app)]);
    environment(&python, &project.path().join(".venv")).await;
    let ran = up(project.path(), "", "").await;
    for _ in 0..3 {
        let answer = Client::new().get(format!("{}/", ran.url)).await.expect("an answer");
        assert_eq!(answer.status.as_u16(), 500, "{answer:?}");
    }
    let said = ran.stop().await;
    assert_eq!(said.matches("AWS's Python runtimes contain boto3").count(), 1, "{said}");
}

/// Polls the Runtime API itself, and says when a request for an event has any answer at the end.
const POLLS: &str = "
import http.client, os
api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
while True:
    api.request('GET', '/2018-06-01/runtime/invocation/next')
    answer = api.getresponse()
    answer.read()
    print('next answered', answer.status, flush=True)
    request = answer.getheader('Lambda-Runtime-Aws-Request-Id')
    api.request('POST', f'/2018-06-01/runtime/invocation/{request}/response', '{\"statusCode\": 200, \"body\": \"{}\"}')
    api.getresponse().read()
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn a_request_for_an_event_has_no_answer_when_the_run_is_stopped() {
    let python = installed::python();
    let toml = format!("[functions.F]\ncommand = [\"{}\", \"poll.py\"]\n", python.display());
    let template = template("Handler: app.handler").replace("python3.11", "provided.al2023");
    let files = [("template.yaml", &*template), ("hardcap.toml", &toml), ("poll.py", POLLS)];
    let project = project(&files);
    let ran = up(project.path(), "", "").await;
    seen(&ran).await;
    let said = ran.stop().await;
    assert_eq!(said.matches("next answered 200").count(), 1, "{said}");
    assert!(!said.contains("next answered 5"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "installs packages of Python and Node: just test-all"]
async fn the_layers_of_powertools_have_their_packages() {
    let python = "
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.parser import BaseModel
import aws_lambda_powertools
class Order(BaseModel):
    id: int
def handler(event, context):
    Logger(service='s').info('hello')
    return {'statusCode': 200, 'body': f'{Order(id=7).id} from {aws_lambda_powertools.__file__}'}
";
    let node = "
const { Logger } = require('@aws-lambda-powertools/logger');
require('@aws-lambda-powertools/parameters/ssm');
exports.handler = async () => {
  new Logger({ serviceName: 's' }).info('hello');
  return { statusCode: 200, body: `7 from ${require.resolve('@aws-lambda-powertools/logger')}` };
};
";
    for (runtime, layer, file, code, place) in [
        (
            "python3.11",
            "017000801446:layer:AWSLambdaPowertoolsPythonV3-python311-x86_64:7",
            "app.py",
            python,
            "python",
        ),
        (
            "nodejs20.x",
            "094274105915:layer:AWSLambdaPowertoolsTypeScriptV2:44",
            "app.js",
            node,
            "nodejs/node_modules",
        ),
    ] {
        let template = format!(
            "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      \
             Runtime: {runtime}\n      Timeout: 30\n      MemorySize: 512\n      CodeUri: code\n      Handler: app.handler\n      \
             Layers: [!Sub 'arn:aws:lambda:${{AWS::Region}}:{layer}']\n      Events: {{A: {{Type: HttpApi}}}}\n"
        );
        let code_path = format!("code/{file}");
        let project = project(&[("template.yaml", template.as_str()), (code_path.as_str(), code)]);
        let ran = up(project.path(), "", "").await;
        let answer = Client::new().get(format!("{}/", ran.url)).await.expect("an answer");
        let text = answer.text().to_owned();
        assert_eq!(answer.status.as_u16(), 200, "{text}: {}", ran.said());
        assert!(text.starts_with("7 from ") && text.contains(place), "{text}");
        let said = ran.stop().await;
        assert!(!said.contains("is left out"), "{said}");
    }
}
