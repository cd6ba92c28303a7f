//! The output of `curl -v`: lines of the request after `>`, of the response after `<`. Pure.
//!
//! The text may be indented, have times (`--trace-time`) or progress meters before the marks, or be a trace (`--trace-ascii`).

use super::body::CapturedBody;
use super::{Captured, Exchange, LeftOut, header, sendable, trace};

/// All requests in the text, in order; none if it is not the output of `curl -v`.
pub(super) fn read(text: &str) -> Captured {
    let mut captured = Captured::default();
    let mut reading = Reading::default();
    let lines = trace::lines(text);
    for line in &lines {
        reading.line(line, &mut captured);
    }
    reading.end(&mut captured);
    captured
}

/// A line of the output, without the text before its mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line of the head of a request.
    Sent(String),
    /// A line of the head of a response.
    Came(String),
    /// A message of curl about its work.
    Told(String),
    /// The number of sent bytes of data.
    SentData(u64),
    /// Any other text: a body, a command line, a progress meter.
    Other,
}

#[derive(Default)]
struct Reading {
    entry: usize,
    first: Option<(String, String)>,
    headers: Vec<(String, String)>,
    response_headers: Vec<(String, String)>,
    status: Option<u16>,
    is_tls: bool,
    /// The length that curl reports, if the head has none.
    told: Option<u64>,
    /// The same for the next request.
    told_of_next: Option<u64>,
    sent: u64,
    after_tls: bool,
}

impl Reading {
    fn line(&mut self, line: &Line, captured: &mut Captured) {
        match line {
            Line::Sent(sent) => {
                if let Some((method, target)) = request_line(sent) {
                    self.end(captured);
                    self.first = Some((method.to_owned(), target.to_owned()));
                } else if let Some((name, value)) =
                    sent.split_once(':').filter(|(name, _)| !name.is_empty())
                {
                    self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            }
            Line::Came(came) => {
                if let Some(status) = status(came) {
                    // 100 Continue is not the final response. With a proxy, the last response counts.
                    if status >= 200 {
                        self.status = Some(status);
                        self.response_headers.clear();
                    }
                } else if let Some((name, value)) = came.split_once(':') {
                    self.response_headers
                        .push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
            Line::Told(told) => self.told(told),
            Line::SentData(bytes)
                if !self.after_tls && self.first.is_some() && self.status.is_none() =>
            {
                self.sent += bytes;
            }
            Line::SentData(_) | Line::Other => {}
        }
    }

    fn told(&mut self, told: &str) {
        let lower = told.to_ascii_lowercase();
        self.after_tls = lower.starts_with("tls");
        if lower.starts_with("ssl connection")
            || lower.starts_with("using http/2")
            || lower.starts_with("alpn")
        {
            self.is_tls = true;
        }
        // For HTTP/2, curl prints the head as `[1] [content-length: 12]` before the head itself.
        let length = lower.split_once("[content-length:").map(|(_, rest)| rest);
        let length = length.or_else(|| lower.split_once("sent off: ").map(|(_, rest)| rest));
        let digits = |rest: &str| {
            rest.trim_start().chars().take_while(char::is_ascii_digit).collect::<String>()
        };
        if let Some(length) = length.and_then(|rest| digits(rest).parse().ok()) {
            let next = self.first.is_some() && self.status.is_some();
            *(if next { &mut self.told_of_next } else { &mut self.told }) = Some(length);
        }
    }

    /// Ends a request.
    fn end(&mut self, captured: &mut Captured) {
        let Some((method, target)) = self.first.take() else { return };
        let told = std::mem::replace(&mut self.told, self.told_of_next.take());
        let headers = std::mem::take(&mut self.headers);
        let response_headers = std::mem::take(&mut self.response_headers);
        let (status, sent) = (self.status.take(), std::mem::take(&mut self.sent));
        self.entry += 1;
        if method == "CONNECT" {
            return;
        }
        let scheme = if self.is_tls { "https" } else { "http" };
        let host =
            header(&headers, "host").or_else(|| header(&headers, ":authority")).unwrap_or_default();
        let url =
            if target.contains("://") { target } else { format!("{scheme}://{host}{target}") };
        let declared = header(&headers, "content-length").and_then(|length| length.parse().ok());
        let declared = declared.or(told).or((sent > 0).then_some(sent));
        let is_chunked =
            header(&headers, "transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
        let left_out =
            |reason: String| LeftOut { entry: self.entry, what: format!("{method} {url}"), reason };
        if is_chunked && declared.is_none() {
            let reason = "its body was sent in chunks, and the output does not contain its length: send it with a Content-Length, \
                          or use --trace-ascii";
            captured.left_out.push(left_out(reason.to_owned()));
            return;
        }
        let body = CapturedBody { declared, ..CapturedBody::default() };
        match body.restore(captured.room()) {
            Err(error) => captured.left_out.push(left_out(error.to_string())),
            Ok((body, notes)) => captured.exchanges.push(Exchange {
                entry: self.entry,
                method,
                url,
                headers: sendable(headers),
                body,
                notes,
                status,
                response_headers,
            }),
        }
    }
}

fn request_line(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_one = version.starts_with("HTTP/")
        && !method.is_empty()
        && method.bytes().all(|b| b.is_ascii_uppercase());
    is_one.then_some((method, target))
}

/// The status of a status line: three digits, the first of them not 0 (RFC 9110, section 15).
fn status(line: &str) -> Option<u16> {
    let digits = line.strip_prefix("HTTP/")?.split_whitespace().nth(1)?;
    let is_status =
        digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    is_status.then(|| digits.parse().ok())?
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

    fn check(text: &str) {
        let exchanges = read(text).exchanges;
        assert_eq!(exchanges.len(), 2, "{text}\n{exchanges:?}");
        let (upload, giant) = (&exchanges[0], &exchanges[1]);
        assert_eq!(upload.url, "https://abc.execute-api.us-east-1.amazonaws.com/dev/upload");
        assert_eq!(
            (upload.method.as_str(), upload.body.len(), upload.status),
            ("POST", 12, Some(413)),
            "{text}"
        );
        assert_eq!(upload.notes.len(), 1, "{upload:?}");
        assert_eq!(upload.headers, [("User-Agent".to_owned(), "curl/8.5.0".to_owned())]);
        assert_eq!(
            upload.response_headers,
            [("content-type".to_owned(), "application/json".to_owned())]
        );
        assert_eq!((giant.status, giant.notes.len(), giant.entry), (Some(502), 0, 2));
        assert!(giant.url.ends_with("/dev/giant?size=4718560"));
    }

    #[test]
    fn each_request_is_read_with_its_response_and_a_body_as_long_as_was_sent() {
        check(PRINTED);
    }

    #[test]
    fn times_indentation_and_progress_meters_change_nothing() {
        let each = |change: &dyn Fn(&str) -> String| {
            PRINTED.lines().map(|line| change(line) + "\n").collect::<String>()
        };
        check(&each(&|line| format!("    {line}")));
        check(&each(&|line| format!("15:04:05.123456 {line}")));
        let meter =
            "  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0";
        check(&each(&|line| {
            if line.starts_with(['<', '>', '*', '}', '{']) {
                format!("{meter}{line}")
            } else {
                line.to_owned()
            }
        }));
        check(&PRINTED.replace('\n', "\r\n"));
    }

    #[test]
    fn a_body_in_chunks_has_the_length_that_curl_prints_or_is_left_out() {
        let chunked = "* [HTTP/1.1] [1] [content-length: 7340032]\n> POST /a HTTP/1.1\n> Host: h\n> Transfer-Encoding: chunked\n>\n< HTTP/1.1 413 \n";
        assert_eq!(read(chunked).exchanges[0].body.len(), 7_340_032);
        let sent = "> POST /a HTTP/1.1\n> Host: h\n> Transfer-Encoding: chunked\n>\n} [65536 bytes data]\n} [10 bytes data]\n< HTTP/1.1 413 \n";
        assert_eq!(read(sent).exchanges[0].body.len(), 65_546);
        let unknown = read(
            "> POST /a HTTP/1.1\n> Host: h\n> Transfer-Encoding: chunked\n>\n< HTTP/1.1 413 \n",
        );
        assert_eq!((unknown.exchanges.len(), unknown.left_out[0].entry), (0, 1));
    }

    #[test]
    fn a_trace_is_read_as_well() {
        let trace = "\
== Info: SSL connection using TLSv1.3
=> Send header, 66 bytes (0x42)
0000: POST /dev/upload?with=a-query-that-is-longer-than-sixty-four-cha
0040: racters HTTP/1.1
0052: Host: h
005b: Transfer-Encoding: chunked
0077:
=> Send data, 1000 bytes (0x3e8)
0000: xxxx
<= Recv header, 20 bytes (0x14)
0000: HTTP/1.1 413 Payload
<= Recv data, 5 bytes (0x5)
0000: no
";
        let exchanges = read(trace).exchanges;
        assert_eq!(exchanges.len(), 1, "{exchanges:?}");
        assert_eq!(
            exchanges[0].url,
            "https://h/dev/upload?with=a-query-that-is-longer-than-sixty-four-characters"
        );
        assert_eq!((exchanges[0].body.len(), exchanges[0].status), (1000, Some(413)));
    }

    #[test]
    fn an_invalid_status_is_not_a_response() {
        for (written, expected) in [
            ("502", Some(502)),
            ("999", Some(999)),
            ("5026", None),
            ("99", None),
            ("099", None),
            ("+50", None),
            ("5O2", None),
        ] {
            let printed = format!("> GET /a HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 {written}\n<\n");
            let exchanges = read(&printed).exchanges;
            assert_eq!(exchanges.len(), 1, "{written}: {exchanges:?}");
            assert_eq!(exchanges[0].status, expected, "{written}");
        }
    }

    #[test]
    fn a_log_with_arrows_is_not_a_curl_command() {
        assert_eq!(read("> note\n< HTTP/1.1 200 OK\n>> GET x"), Captured::default());
    }
}
