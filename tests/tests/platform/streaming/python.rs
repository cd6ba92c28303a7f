//! boto3's `invoke_with_response_stream`.

use hardcap_tests::installed;
use hardcap_tests::process::Process;
use serde_json::json;

use super::{FIRST_DAY, Streaming, on};

/// Prints each event on a line: a chunk by its length, the end by its members.
const CLIENT: &str = r#"
import sys, boto3
client = boto3.client("lambda", endpoint_url=sys.argv[1], region_name="us-east-1")
answer = client.invoke_with_response_stream(FunctionName="stream", Payload=sys.argv[2].encode())
print(answer["StatusCode"], answer["ExecutedVersion"], answer["ResponseStreamContentType"])
length = 0
for event in answer["EventStream"]:
    if "PayloadChunk" in event:
        length += len(event["PayloadChunk"]["Payload"])
    else:
        print(length, sorted(event["InvokeComplete"].items()), flush=True)
"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn boto3_reads_a_stream_at_the_limit_and_one_byte_beyond_it() {
    let python = installed::python();
    let streaming = Streaming::start(on(FIRST_DAY).set("lambda_stream_response", 1_000_000)).await;
    let too_large = "('ErrorCode', 'Function.ResponseSizeTooLarge')";
    for (size, end) in [
        (1_000_000, "1000000 []".to_owned()),
        (1_000_005, format!("1000001 [{too_large}]")),
        (4, "4 []".to_owned()),
    ] {
        let wish = json!({"size": size}).to_string();
        let arguments = ["-c", CLIENT, streaming.emulator.aws_url(), &wish];
        let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
        let mut client = Process::start(&python, arguments, &keys).expect("Python starts");
        let head = client.line().await.expect("a head");
        assert_eq!(head, "200 $LATEST application/vnd.amazon.eventstream");
        assert_eq!(client.line().await.expect("an end"), end);
    }
}
