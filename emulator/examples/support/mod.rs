//! An HTTP request without an HTTP client, to keep the examples short. In a test, use the client of your choice.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends a GET request and returns the status and the body of the response.
///
/// # Errors
///
/// If the connection fails, or the response is not HTTP.
pub(crate) async fn get(url: &str) -> std::io::Result<(u16, String)> {
    let invalid = || std::io::Error::other("not an HTTP response");
    let address = url.strip_prefix("http://").unwrap_or(url);
    let (host, target) = address.split_once('/').unwrap_or((address, ""));
    let mut connection = TcpStream::connect(host).await?;
    let request = format!("GET /{target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    connection.read_to_string(&mut response).await?;
    let (head, body) = response.split_once("\r\n\r\n").ok_or_else(invalid)?;
    let status =
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(invalid)?;
    Ok((status, body.to_owned()))
}
