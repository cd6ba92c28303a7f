//! Reading ends with a value or an error for every text.

use proptest::prelude::*;

use super::read;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = read(&text);
    }

    #[test]
    fn no_text_of_yaml_s_own_signs_makes_the_reader_panic(
        text in "[-:?,\\[\\]{}#&*!|>'\"%@` \t\nab0é🦀\\\\~<=]{0,80}"
    ) {
        let _ = read(&text);
    }

    #[test]
    fn no_mutation_of_a_template_makes_the_reader_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), "[-:!\\[\\]{}*&A-Za-z${}. \n]{0,6}"), 1..6)
    ) {
        let mut text = WHOLE.to_owned();
        for (at, insert) in cuts {
            let mut at = at.index(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let end = text[at..].char_indices().nth(insert.len() / 2).map_or(text.len(), |(n, _)| at + n);
            text.replace_range(at..end, &insert);
        }
        let _ = read(&text);
    }
}

const WHOLE: &str = "
Globals: {Function: {Timeout: 9}}
Parameters: {P: {Type: String, Default: x}}
Conditions: {C: !Equals [!Ref P, x]}
Resources:
  B: {Type: AWS::S3::Bucket, Properties: {LifecycleConfiguration: {Rules: [{Status: Enabled, ExpirationInDays: 1}]}}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Environment: {Variables: {A: !Sub '${B}-${P}', C: !If [C, !GetAtt B.Arn, !Select [0, !Split [a, bab]]]}}
      Events: {A: {Type: Api, Properties: {Path: '/{x}', Method: get}}, H: {Type: HttpApi}}
      FunctionUrlConfig: {AuthType: NONE, Cors: {AllowOrigins: ['*']}}
";
