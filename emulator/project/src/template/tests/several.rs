//! Several errors of one template, and names that AWS refuses.

use super::{bad, good, read, warnings};

#[test]
fn all_errors_of_resources_are_reported_each_once() {
    let text = "
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {Timeout: ten}}
  G: {Type: AWS::Serverless::Function, Properties: {Handler: !Ref Gone}}
  H: {Type: AWS::Serverless::Function, Properties: {Handler: !Ref Gone, DeadLetterQueue: {Type: SQS}}}
  I-J: {Type: AWS::SQS::Queue}
  K: {}
";
    let error = read(text).expect_err("this template cannot be read");
    let all: Vec<String> = std::iter::once(&error)
        .chain(&error.also)
        .map(|error| format!("{}: {}", error.position, error.message))
        .collect();
    assert_eq!(
        all,
        [
            "3:62: `Timeout` of the function `F` must be a whole number, not `ten`",
            "4:62: this template has no parameter or resource `Gone`",
            "7:3: the resource `K` has no `Type`",
            "6:3: AWS refuses the template: Template format error: Resource name I-J is non alphanumeric.",
        ]
    );
    let shown = error.to_string();
    assert_eq!(shown.matches("\nerror: ").count(), 3, "{shown}");
    assert_eq!(shown.matches("  --> t.yaml:").count(), 4, "{shown}");
}

#[test]
fn all_errors_of_parameters_are_reported() {
    let text = "
Parameters: {A: {Type: Number, Default: x}, B: {Type: Nothing}}
Resources: {F: {Type: AWS::Serverless::Function}}
";
    let error = read(text).expect_err("this template cannot be read");
    assert_eq!(error.also.len(), 1, "{error}");
    assert_eq!(bad(text), "2:41: the parameter `A` must be a number, not `x`");
}

#[test]
fn logical_ids_have_letters_and_digits_only() {
    let text = "
Parameters: {Good1: {Type: String}, bad_one: {Type: String}}
Resources:
  Good2: {Type: AWS::SQS::Queue}
  bad-two: {Type: AWS::SQS::Queue}
  bad.three: {Type: AWS::Serverless::SimpleTable}
";
    assert_eq!(
        warnings(&good(text)),
        [
            "t.yaml:2:37: AWS refuses the template: Template format error: Parameter name bad_one is non alphanumeric.; write letters and digits only",
            "t.yaml:5:3: AWS refuses the template: Template format error: Resource name bad-two is non alphanumeric.; write letters and digits only",
            "t.yaml:6:3: AWS refuses the template: Resource with id [bad.three] is invalid. Logical ids must be alphanumeric.; write letters and digits only",
        ]
    );
}
