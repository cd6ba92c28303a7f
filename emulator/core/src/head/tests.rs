//! Heads that arrive in pieces of every size, and what is learned from them.

use super::*;

/// Reads `bytes` in pieces of `piece` bytes; returns the bytes for hyper.
fn read(heads: &Heads, bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut seen = Vec::new();
    for piece in bytes.chunks(piece) {
        let mut piece = piece.to_vec();
        let kept = heads.framing().feed(&mut piece);
        heads.framing().take_released(usize::MAX, |released| seen.extend_from_slice(released));
        seen.extend_from_slice(&piece[..kept]);
    }
    seen
}

fn parsed(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn names_keep_their_case_and_every_byte_of_the_lines_is_counted() {
    let sent = b"GET /a?b HTTP/1.1\r\ntEsT-HEADeR:  aValUE \r\nHost: h\r\n\r\n";
    for piece in [1, 7, 1000] {
        let heads = Heads::default();
        assert_eq!(read(&heads, sent, piece), sent);
        let head =
            heads.take(&mut parsed("GET", "/a?b", &[("test-header", "aValUE"), ("host", "h")]));
        let head = head.unwrap();
        assert_eq!(head.headers[0], ("tEsT-HEADeR".to_owned(), b"aValUE".to_vec()));
        assert_eq!(head.target_bytes, "/a?b".len() as u64);
        let lines = "tEsT-HEADeR:  aValUE \r\nHost: h\r\n";
        assert_eq!(head.header_bytes, lines.len() as u64);
    }
}

#[test]
fn a_target_that_hyper_cannot_accept_is_cut_and_its_length_is_kept() {
    for piece in [1000, 1_000_000] {
        let sent = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(70_000));
        let heads = Heads::default();
        let seen = read(&heads, sent.as_bytes(), piece);
        let target = format!("/{}", "a".repeat(59_999));
        let expected = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(String::from_utf8(seen).unwrap(), expected);
        let head = heads.take(&mut parsed("GET", &target, &[("host", "h")])).unwrap();
        assert_eq!(head.target_bytes, 70_001);
        assert!(head.is_cut());
    }
}

#[test]
fn no_head_is_reported_after_one_that_hyper_parsed_differently() {
    let (host, other) = (&[("host", "h")], &[("host", "other")]);
    let sent = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for mut parsed_otherwise in
        [parsed("GET", "/", other), parsed("PUT", "/", host), parsed("GET", "/x", host)]
    {
        let heads = Heads::default();
        read(&heads, sent, 1000);
        assert_eq!(heads.take(&mut parsed_otherwise), None);
        read(&heads, sent, 1000);
        assert_eq!(heads.take(&mut parsed("GET", "/", host)), None);
    }
}

/// The header lines that frame a body, the headers that hyper parses, and the body on the wire.
type Framed = (&'static str, &'static [(&'static str, &'static str)], &'static str);

/// Bodies of every framing, each with content that looks like a head or like the end of the body.
const BODIES: [Framed; 7] = [
    ("", &[], ""),
    ("Content-Length: 0\r\n", &[("content-length", "0")], ""),
    ("Content-Length: 27\r\n", &[("content-length", "27")], "GET / HTTP/1.1\r\nA: b\r\n\r\n123"),
    ("Content-Length: 5\r\nContent-Length: 5\r\n", &[("content-length", "5")], "\r\n\r\n\n"),
    (
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        &[("transfer-encoding", "chunked")],
        "4;a=\"b\"\r\n\r\n\r\n\r\n0\r\n\r\n",
    ),
    (
        "Transfer-Encoding: gzip, Chunked\r\nContent-Length: 1\r\n",
        &[("transfer-encoding", "gzip, Chunked")],
        "0A \r\n0\r\n\r\nGET /\r\n1\r\nx\r\n00\r\nTrailer: GET\r\n x\r\n\r\n",
    ),
    (
        "Expect: 100-continue\r\nContent-Length: 4\r\n",
        &[("expect", "100-continue"), ("content-length", "4")],
        "\n\n\r\n",
    ),
];

#[test]
fn pipelined_requests_keep_their_heads_with_bodies_that_look_like_heads() {
    for first in BODIES {
        for second in BODIES {
            for piece in [1, 2, 3, 5, 17, 1000] {
                let mut sent = String::new();
                for (name, (lines, _, body)) in [("oNe", first), ("tWo", second), ("3", first)] {
                    sent.push_str(&format!(
                        "POST /{name} HTTP/1.1\r\nX-{name}: 1\r\n{lines}\r\n{body}"
                    ));
                }
                let heads = Heads::default();
                assert_eq!(read(&heads, sent.as_bytes(), piece), sent.as_bytes());
                for (name, (_, headers, _)) in [("oNe", first), ("tWo", second), ("3", first)] {
                    let own = (format!("x-{}", name.to_lowercase()), "1");
                    let mut headers = headers.to_vec();
                    headers.insert(0, (&own.0, own.1));
                    let head = heads.take(&mut parsed("POST", &format!("/{name}"), &headers));
                    let head = head.unwrap_or_else(|| panic!("{name} of {sent:?} by {piece}"));
                    assert_eq!(head.headers[0].0, format!("X-{name}"), "{sent:?}");
                }
            }
        }
    }
}

#[test]
fn a_request_that_hyper_refuses_passes_unchanged_and_no_further_head_is_reported() {
    for refused in [
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nA : b\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n;\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
    ] {
        let heads = Heads::default();
        let sent = format!("{refused}GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000));
        assert_eq!(read(&heads, sent.as_bytes(), 100), sent.as_bytes(), "{refused:?}");
        heads.framing().heads.clear();
        read(&heads, b"GET / HTTP/1.1\r\n\r\n", 100);
        assert_eq!(heads.take(&mut parsed("GET", "/", &[])), None, "{refused:?}");
    }
}

/// A head with this many lines, of which the first and the last frame a body of five bytes.
fn many_lines(count: usize) -> (String, String) {
    let own: String = (0..count - 2).map(|number| format!("X-{number}: v{number}\r\n")).collect();
    let head = format!("POST /a HTTP/1.1\r\nContent-Length: 5\r\n{own}Connection: close\r\n\r\n");
    let for_hyper = "POST /a HTTP/1.1\r\nContent-Length:5\nConnection:close\n\n".to_owned();
    (head, for_hyper)
}

#[test]
fn hyper_gets_only_the_framing_lines_of_a_head_with_more_than_100() {
    for (count, reduced) in [(100, false), (101, true), (2_560, true)] {
        let (head, for_hyper) = many_lines(count);
        let sent = format!("{head}12345GET / HTTP/1.1\r\n\r\n");
        let expected =
            format!("{}12345GET / HTTP/1.1\r\n\r\n", if reduced { &for_hyper } else { &head });
        for piece in [1, 7, 1_000, 1_000_000] {
            let heads = Heads::default();
            let seen = read(&heads, sent.as_bytes(), piece);
            assert_eq!(String::from_utf8(seen).unwrap(), expected, "{count} lines by {piece}");
            let framing_lines = [("content-length", "5"), ("connection", "close")];
            let mut request = parsed("POST", "/a", &framing_lines);
            if !reduced {
                let own =
                    (0..count - 2).map(|number| (format!("x-{number}"), format!("v{number}")));
                for (name, value) in own {
                    let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
                    request.headers.insert(name, value.parse().unwrap());
                }
            }
            let taken = heads.take(&mut request).unwrap();
            assert_eq!(taken.headers.len(), count);
            assert_eq!(request.headers.len(), count, "the service gets all headers");
            assert_eq!(request.headers["x-7"], "v7");
            assert!(heads.take(&mut parsed("GET", "/", &[])).is_some(), "{count} lines by {piece}");
        }
    }
}

#[test]
fn a_head_of_more_than_10_000_lines_passes_and_hyper_refuses_it() {
    for count in [10_001, 40_000] {
        let (head, _) = many_lines(count);
        for piece in [1_000, 10_000_000] {
            let heads = Heads::default();
            assert_eq!(read(&heads, head.as_bytes(), piece), head.as_bytes());
            assert!(heads.framing().heads.is_empty(), "{count} lines");
        }
    }
}

#[test]
fn hyper_gets_the_beginning_of_a_head_once_it_cannot_become_one() {
    for wrong in ["\u{16}\u{3}\u{1}", "hello\r\n", "GET / HTTP/3.0\r\n", "PRI * HTTP/2.0\r\n"] {
        let heads = Heads::default();
        assert_eq!(read(&heads, wrong.as_bytes(), 1), wrong.as_bytes(), "{wrong:?}");
    }
    let heads = Heads::default();
    assert_eq!(read(&heads, b"GET / HTTP/1.1\r\nA: b\r\n", 3), b"", "this can become a head");
    heads.framing().end();
    assert_eq!(read(&heads, b"", 1), b"");
    heads.framing().take_released(usize::MAX, |released| {
        assert_eq!(released, b"GET / HTTP/1.1\r\nA: b\r\n", "the client has ended");
    });
}

#[test]
fn no_byte_is_lost_if_heads_become_unreliable_in_the_middle_of_one() {
    let heads = Heads::default();
    let first = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let sent = [first.as_slice(), b"GET /x HTTP/1.1\r\nHo"].concat();
    assert_eq!(read(&heads, &sent, 1_000), first);
    assert_eq!(heads.take(&mut parsed("GET", "/", &[("host", "other")])), None);
    assert_eq!(read(&heads, b"st: h\r\n\r\n", 1_000), b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
}
