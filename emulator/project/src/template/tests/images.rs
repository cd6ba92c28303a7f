//! The image of a function in templates of AWS SAM, CloudFormation and CDK.

use super::{bad, good, warnings};
use crate::packaging::image::ImageBuild;
use crate::packaging::{Code, ImageSource};

/// The image of the only function of a template, which has no warnings.
fn image(template: &str) -> ImageSource {
    let loaded = good(template);
    assert_eq!(warnings(&loaded), [""; 0]);
    match &loaded.packages[0].code {
        Code::Image(source) => ImageSource::clone(source),
        other => panic!("{other:?}"),
    }
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).into()
}

#[test]
fn the_metadata_of_a_sam_function_is_the_build_of_its_image() {
    let image = image(
        "
Resources:
  HelloWorld:
    Type: AWS::Serverless::Function
    Metadata:
      DockerTag: python3.12-v1
      DockerContext: ./hello_world
      Dockerfile: Dockerfile.lambda
      DockerBuildArgs: {STAGE: dev, NUMBER: 7}
      DockerBuildTarget: final
      DockerBuildExtraParams: [--ssh, default]
    Properties:
      PackageType: Image
      ImageConfig: {Command: [app.handler], EntryPoint: [/entry, -x], WorkingDirectory: /srv}
",
    );
    let build = ImageBuild {
        name: "helloworld:python3.12-v1".to_owned(),
        context: "./hello_world".into(),
        dockerfile: Some("Dockerfile.lambda".to_owned()),
        arguments: [("STAGE", "dev"), ("NUMBER", "7")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        target: Some("final".to_owned()),
        options: texts(["--ssh", "default"]),
    };
    let expected = ImageSource {
        uri: None,
        build: Some(build),
        entry_point: texts(["/entry", "-x"]),
        command: texts(["app.handler"]),
        working_directory: Some("/srv".to_owned()),
    };
    assert_eq!(image, expected);
}

#[test]
fn an_image_is_named_by_docker_image_or_the_logical_id_and_latest() {
    let name = |metadata: &str| {
        let source = image(&format!(
            "{{Resources: {{MyFn: {{Type: AWS::Serverless::Function, Metadata: {{DockerContext: ., {metadata}}}, \
             Properties: {{PackageType: Image}}}}}}}}"
        ));
        source.build.map(|build| build.name)
    };
    assert_eq!(name("Dockerfile: Dockerfile").as_deref(), Some("myfn:latest"));
    assert_eq!(name("DockerImage: My/App, DockerTag: V2").as_deref(), Some("my/app:V2"));
}

#[test]
fn a_template_of_sam_build_has_the_tag_and_the_metadata() {
    let image = image(
        "
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Metadata: {DockerContext: ../../hello, Dockerfile: Dockerfile, SamResourceId: Hello}
    Properties: {PackageType: Image, ImageUri: 'hello:latest'}
",
    );
    assert_eq!(image.uri.as_deref(), Some("hello:latest"));
    assert_eq!(image.build.map(|build| build.context), Some("../../hello".into()));
}

#[test]
fn the_uri_of_cloudformation_and_cdk_is_that_of_the_code() {
    let image = image(
        "
Resources:
  Hello:
    Type: AWS::Lambda::Function
    Metadata: {'aws:asset:path': asset.4e5f, 'aws:asset:property': Code.ImageUri}
    Properties:
      PackageType: Image
      Code:
        ImageUri: !Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/cdk-assets:4e5f'
      ImageConfig: {Command: [app.handler]}
",
    );
    let uri = "000000000000.dkr.ecr.us-east-1.amazonaws.com/cdk-assets:4e5f";
    assert_eq!(image.uri.as_deref(), Some(uri));
    assert_eq!((image.build, image.command), (None, texts(["app.handler"])));
}

#[test]
fn an_unknown_member_of_the_image_config_is_a_warning_and_a_wrong_one_an_error() {
    let template = |config: &str| {
        format!(
            "{{Resources: {{F: {{Type: AWS::Serverless::Function, Properties: {{PackageType: Image, ImageUri: 'f:1', \
             ImageConfig: {config}}}}}}}}}"
        )
    };
    let warned = warnings(&good(&template("{Comand: [a]}")));
    assert!(warned.len() == 1 && warned[0].contains("Comand"), "{warned:?}");
    assert!(bad(&template("{Command: {a: b}}")).contains("Command"));
}
