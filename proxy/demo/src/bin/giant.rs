//! A function that demonstrates a limit: the envelope of Zappa up to 0.45.1 around a body of `?size=N`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(giant)).await
}

/// The response of Zappa for a Flask application that returns `"x" * size`, as Python's `json.dumps` writes it.
async fn giant(event: LambdaEvent<Value>) -> Result<Box<RawValue>, Error> {
    let size = &event.payload["queryStringParameters"]["size"];
    let size: usize = size.as_str().ok_or("the query has no `size`")?.parse()?;
    let body = STANDARD.encode(vec![b'x'; size]);
    let envelope = format!(
        "{{\"body\": \"{body}\", \"isBase64Encoded\": \"true\", \"statusCode\": 200, \"headers\": \
         {{\"Content-Type\": \"text/html; charset=utf-8\", \"Content-Length\": \"{size}\"}}}}"
    );
    Ok(RawValue::from_string(envelope)?)
}
