//! Nested stacks, versions and aliases of a template, from outside.

use hardcap_tests::client::{Call, Client};
use hardcap_tests::process::binary;
use serde_json::Value;

use crate::project::{Project, Up};
use crate::watch::until_said;

const OUTER: &str = "
Resources:
  Web:
    Type: AWS::Serverless::Application
    Properties: {Location: web/template.yaml, Parameters: {Stage: nested, Bucket: !GetAtt Data.Outputs.Name}}
  Data:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: ./data.yaml}
  Behave:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Environment: {Variables: {WEB: !GetAtt Web.Outputs.Url}}
Outputs: {Web: {Value: !GetAtt Web.Outputs.Url}}
";

const WEB: &str = "
Parameters: {Stage: {Type: String}, Bucket: {Type: String}}
Resources:
  Behave:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Environment: {Variables: {STAGE: !Ref Stage, BUCKET: !Ref Bucket}}
      Events: {Post: {Type: HttpApi, Properties: {Path: /behave, Method: post}}}
Outputs: {Url: {Value: !Sub 'https://${ServerlessHttpApi}.execute-api.${AWS::Region}.amazonaws.com'}}
";

const DATA: &str =
    "Resources: {Files: {Type: AWS::S3::Bucket}}\nOutputs: {Name: {Value: !Ref Files}}\n";

/// A project whose functions are the guest that returns its environment.
fn project(functions: &[&str], files: &[(&str, &str)]) -> Project {
    let project = Project::new();
    let guest = binary(env!("CARGO_PKG_NAME"), "guest");
    let command = |id: &&str| format!("[functions.\"{id}\"]\ncommand = [{guest:?}, \"behave\"]\n");
    project.write("hardcap.toml", &functions.iter().map(command).collect::<String>());
    for (name, text) in files {
        let path = project.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        project.write(name, text);
    }
    project
}

async fn environment(project: &Project, up: &Up, function: &str) -> Value {
    let ran = project.run(&["invoke", "--url", &up.aws, function, "-e", r#"{"env":true}"#]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}\n{}", up.said());
    serde_json::from_str(&ran.printed).unwrap()
}

fn ready(project: &Project) -> Value {
    serde_json::from_slice(&std::fs::read(project.path().join("ready.json")).unwrap()).unwrap()
}

async fn cloudformation(up: &Up, form: &str) -> String {
    let signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/cloudformation/aws4_request, SignedHeaders=host, Signature=0";
    let call = Call::post(&up.aws, form.to_owned())
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", signed);
    Client::new().send(&call).await.unwrap().text().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_stack_starts_with_its_parameters_and_its_outputs_reach_the_parent() {
    let files = [("template.yaml", OUTER), ("web/template.yaml", WEB), ("data.yaml", DATA)];
    let project = project(&["Behave", "Web/Behave"], &files);
    let up = project.up_as_it_is(&[]).await;
    let ready = ready(&project);
    assert_eq!(ready["functions"]["Web/Behave"], "Web-Behave", "{ready}");
    assert_eq!(ready["buckets"]["Data/Files"], "hardcap-data-files", "{ready}");
    let api = ready["apis"]["Web/ServerlessHttpApi"].as_str().unwrap();
    assert_eq!(ready["environment"]["HARDCAP_API_Web_ServerlessHttpApi"], api);
    assert_eq!(ready["outputs"]["Web"].as_str(), Some(api.trim_end_matches('/')));

    let nested = environment(&project, &up, "Web/Behave").await;
    assert_eq!(
        (&nested["STAGE"], &nested["BUCKET"]),
        (&"nested".into(), &"hardcap-data-files".into())
    );
    let outer = environment(&project, &up, "Behave").await;
    assert_eq!(outer["WEB"].as_str(), Some(api.trim_end_matches('/')));
    let call = Call::post(format!("{}/behave", api.trim_end_matches('/')), "{}");
    assert_eq!(Client::new().send(&call).await.unwrap().status.as_u16(), 200, "{}", up.said());

    let all = cloudformation(&up, "Action=DescribeStacks").await;
    assert_eq!(all.matches("<StackName>").count(), 3, "{all}");
    let web = cloudformation(&up, "Action=DescribeStacks&StackName=hardcap-Web").await;
    for part in [
        "<ParentId>arn:aws:cloudformation:us-east-1:000000000000:stack/hardcap/hardcap</ParentId>",
        "<RootId>arn:aws:cloudformation:us-east-1:000000000000:stack/hardcap/hardcap</RootId>",
        "<ParameterKey>Stage</ParameterKey>\n<ParameterValue>nested</ParameterValue>",
        &format!("<OutputValue>{}</OutputValue>", api.trim_end_matches('/')),
    ] {
        assert!(web.contains(part), "{part}: {web}");
    }
    // A tool follows the physical id of the nested stack.
    let arn = "arn:aws:cloudformation:us-east-1:000000000000:stack/hardcap-Web/hardcap";
    let resource =
        cloudformation(&up, "Action=DescribeStackResource&StackName=hardcap&LogicalResourceId=Web")
            .await;
    assert!(
        resource.contains(&format!("<PhysicalResourceId>{arn}</PhysicalResourceId>")),
        "{resource}"
    );
    let inner = cloudformation(&up, &format!("Action=ListStackResources&StackName={arn}")).await;
    assert!(
        inner.contains("<LogicalResourceId>Behave</LogicalResourceId>\n<PhysicalResourceId>Web-Behave</PhysicalResourceId>"),
        "{inner}"
    );
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_template_that_is_edited_is_reloaded() {
    let files = [("template.yaml", OUTER), ("web/template.yaml", WEB), ("data.yaml", DATA)];
    let project = project(&["Behave", "Web/Behave"], &files);
    let up = project.up_as_it_is(&["--watch"]).await;
    project.write("web/template.yaml", &WEB.replace("STAGE: !Ref Stage", "STAGE: edited"));
    until_said(&up, "reloaded: Web/Behave\n", 1).await;
    assert_eq!(environment(&project, &up, "Web/Behave").await["STAGE"], "edited");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_and_urls_invoke_the_alias_that_the_template_names() {
    let template = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Sam:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      AutoPublishAlias: live
      FunctionUrlConfig: {AuthType: NONE}
      Events: {Get: {Type: HttpApi, Properties: {Path: /, Method: get}}}
  Raw: {Type: AWS::Lambda::Function, Properties: {Code: ., Role: r, Runtime: provided.al2023, Handler: bootstrap}}
  V: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Raw}}
  Next: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Raw, FunctionVersion: $LATEST, Name: next}}
  Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Raw, FunctionVersion: !GetAtt V.Version, Name: live}}
  Url: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: !Ref Raw, Qualifier: live, AuthType: NONE}}
  Open: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !Ref Live, Action: 'lambda:InvokeFunctionUrl', Principal: '*', FunctionUrlAuthType: NONE}}
";
    let project = project(&["Sam", "Raw"], &[("template.yaml", template)]);
    let up = project.up_as_it_is(&[]).await;
    let ready = ready(&project);
    for url in [
        &ready["apis"]["ServerlessHttpApi"],
        &ready["function_urls"]["SamUrl"],
        &ready["function_urls"]["Url"],
    ] {
        let answer = Client::new().get(url.as_str().unwrap()).await.unwrap();
        assert_eq!(answer.status.as_u16(), 200, "{url}: {}\n{}", answer.text(), up.said());
    }
    let run = up.control("records").await;
    let records = run["records"].as_array().unwrap();
    let starts = records.iter().filter(|one| one["what"] == "cold_start").count();
    assert_eq!(starts, 2, "SAM's API and URL share the sandbox of the version: {run}");
    let invoked = async |function: &str| environment(&project, &up, function).await;
    for (function, version) in [
        ("Sam:live", "1"),
        ("Sam", "$LATEST"),
        ("Raw:live", "1"),
        ("Raw:1", "1"),
        ("Raw:next", "$LATEST"),
    ] {
        let environment = invoked(function).await;
        assert_eq!(environment["AWS_LAMBDA_FUNCTION_VERSION"], version, "{function}");
    }
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_an_application_starts_beside_a_container_image() {
    let template = "
Resources:
  Image: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: '1.dkr.ecr.us-east-1.amazonaws.com/x:1'}}
  Behave: {Type: AWS::Serverless::Function, Properties: {CodeUri: .}}
";
    let project = project(&["Behave"], &[("template.yaml", template)]);
    let up = project.up_as_it_is(&[]).await;
    let line = "the function `Image` is a container image: 1.dkr.ecr.us-east-1.amazonaws.com/x:1; ";
    assert!(up.said().contains(line), "{}", up.said());
    environment(&project, &up, "Behave").await;
    let ran = project.run(&["invoke", "--url", &up.aws, "Image", "-e", "{}"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.printed.contains("is a container image"), "{ran:?}");
    up.stop().await;
}
