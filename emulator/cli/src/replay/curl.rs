//! What `curl -v` prints: lines of the request behind `>`, of the answer behind `<`. Pure.

use super::{Exchange, filler, sendable};

/// Every request in the text, in order; none when it is no output of `curl -v`.
pub(super) fn read(text: &str) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    let mut reading = Reading::default();
    for line in text.lines() {
        let line = line.trim_end();
        if let Some(sent) = part(line, '>') {
            if let Some((method, target)) = request_line(sent) {
                exchanges.extend(reading.take());
                reading.first = Some((method.to_owned(), target.to_owned()));
            } else if let Some((name, value)) = sent.split_once(':') {
                reading.headers.push((name.to_owned(), value.trim().to_owned()));
            }
        } else if let Some(came) = part(line, '<') {
            // 100 Continue is not the answer yet.
            if let Some(status) = status(came).filter(|status| *status >= 200) {
                reading.status = Some(status);
            }
        } else if line.starts_with("* SSL connection") || line.starts_with("* using HTTP/2") {
            reading.is_tls = true;
        }
    }
    exchanges.extend(reading.take());
    exchanges
}

/// What stands behind the mark at the beginning of a line.
fn part(line: &str, mark: char) -> Option<&str> {
    let rest = line.strip_prefix(mark)?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

fn request_line(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_one = version.starts_with("HTTP/") && method.bytes().all(|b| b.is_ascii_uppercase());
    is_one.then_some((method, target))
}

fn status(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()
}

#[derive(Default)]
struct Reading {
    first: Option<(String, String)>,
    headers: Vec<(String, String)>,
    status: Option<u16>,
    is_tls: bool,
}

impl Reading {
    fn take(&mut self) -> Option<Exchange> {
        let (method, target) = self.first.take()?;
        let headers = std::mem::take(&mut self.headers);
        let value = |wanted: &str| {
            let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone())
        };
        let scheme = if self.is_tls { "https" } else { "http" };
        let host = value("host").unwrap_or_default();
        // curl does not print what it sends, only how much.
        let bytes = value("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        Some(Exchange {
            method,
            url: format!("{scheme}://{host}{target}"),
            headers: sendable(headers),
            body: filler(bytes),
            is_filler: bytes > 0,
            status: self.status.take(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
* Trying 3.5.1.2:443...
* SSL connection using TLSv1.3 / AEAD-AES128-GCM-SHA256
> POST /dev/upload HTTP/1.1
> Host: abc.execute-api.us-east-1.amazonaws.com
> User-Agent: curl/8.5.0
> Content-Length: 12
> Expect: 100-continue
>\x20
< HTTP/1.1 100 Continue
} [12 bytes data]
< HTTP/1.1 413 Request Entity Too Large
< Content-Type: application/json
<\x20
{ [57 bytes data]
{\"message\":\"Request Entity Too Large\"}
> GET /dev/giant?size=4718560 HTTP/2
> Host: abc.execute-api.us-east-1.amazonaws.com
> Accept: */*
>
< HTTP/2 502
<
";

    #[test]
    fn each_request_is_read_with_its_answer_and_a_body_as_long_as_was_sent() {
        let exchanges = read(PRINTED);
        assert_eq!(exchanges.len(), 2);
        let (upload, giant) = (&exchanges[0], &exchanges[1]);
        assert_eq!(upload.url, "https://abc.execute-api.us-east-1.amazonaws.com/dev/upload");
        assert_eq!(
            (upload.method.as_str(), upload.body.len(), upload.status),
            ("POST", 12, Some(413))
        );
        assert!(upload.is_filler);
        assert_eq!(upload.headers, [("User-Agent".to_owned(), "curl/8.5.0".to_owned())]);
        assert_eq!((giant.status, giant.is_filler), (Some(502), false));
        assert!(giant.url.ends_with("/dev/giant?size=4718560"));
    }

    #[test]
    fn a_log_with_arrows_is_none() {
        assert_eq!(read("> note\n< HTTP/1.1 200 OK\n>> GET x"), []);
    }
}
