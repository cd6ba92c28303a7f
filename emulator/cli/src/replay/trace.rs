//! The lines of curl's output, of `-v` and of `--trace-ascii`, without times, indentation and progress meters. Pure.

use super::curl::Line;

/// The number of characters after which `--trace-ascii` breaks a line.
const TRACE_WIDTH: usize = 64;

/// Every line with the meaning of its mark.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let is_trace = text.lines().any(|line| without_time(line).starts_with("=> Send header"));
    if is_trace { of_trace(text) } else { text.lines().map(of_verbose).collect() }
}

fn of_verbose(line: &str) -> Line {
    let line = without_time(line.trim());
    let line = behind_meter(line).unwrap_or(line);
    let rest = |rest: &str| rest.strip_prefix(' ').unwrap_or(rest).trim_end().to_owned();
    if let Some(sent) = line.strip_prefix('>') {
        Line::Sent(rest(sent))
    } else if let Some(came) = line.strip_prefix('<') {
        Line::Came(rest(came))
    } else if let Some(told) = line.strip_prefix("* ") {
        Line::Told(told.trim().to_owned())
    } else if let Some(bytes) = line.strip_prefix("} [") {
        bytes
            .split(' ')
            .next()
            .and_then(|bytes| bytes.parse().ok())
            .map_or(Line::Other, Line::SentData)
    } else {
        Line::Other
    }
}

/// `15:04:05.123456 > GET` and `15:04:05.123456 [0-0] > GET` without the time.
fn without_time(line: &str) -> &str {
    let Some((time, rest)) = line.split_once(' ') else { return line };
    let is_time = time.len() >= 8
        && time.matches(':').count() == 2
        && time.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'));
    if !is_time {
        return line;
    }
    let rest = rest.trim_start();
    match rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((ids, rest))
            if ids.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'x')) =>
        {
            rest
        }
        _ => rest,
    }
}

/// The text after a progress meter on the same line.
fn behind_meter(line: &str) -> Option<&str> {
    if !line.contains("--:--:--") && !line.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let at = line.find(['<', '>', '*', '}', '{'])?;
    let is_meter =
        |c: char| c.is_ascii_digit() || matches!(c, ' ' | ':' | '-' | '.' | 'k' | 'M' | 'G');
    line[..at].chars().all(is_meter).then(|| &line[at..])
}

/// `--trace-ascii` prints a title before each part, and offsets before its text.
fn of_trace(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut mark = '?';
    let mut pending = String::new();
    let mut is_broken = false;
    for line in text.lines() {
        let line = without_time(line.trim_end());
        if let Some(told) = line.strip_prefix("== Info: ") {
            flush(&mut pending, mark, &mut lines);
            lines.push(Line::Told(told.to_owned()));
        } else if line.starts_with("=> ") || line.starts_with("<= ") {
            flush(&mut pending, mark, &mut lines);
            is_broken = false;
            mark = match (line.starts_with("=>"), line.contains(" header")) {
                (true, true) => '>',
                (false, true) => '<',
                _ => '?',
            };
            let bytes = line
                .strip_prefix("=> Send data, ")
                .and_then(|rest| rest.split(' ').next()?.parse().ok());
            lines.extend(bytes.map(Line::SentData));
        } else if let Some(part) = behind_offset(line).filter(|_| mark != '?') {
            if !is_broken {
                flush(&mut pending, mark, &mut lines);
            }
            pending.push_str(part);
            is_broken = part.len() == TRACE_WIDTH;
        }
    }
    flush(&mut pending, mark, &mut lines);
    lines
}

fn flush(pending: &mut String, mark: char, lines: &mut Vec<Line>) {
    if pending.is_empty() {
        return;
    }
    let text = std::mem::take(pending);
    lines.push(if mark == '>' { Line::Sent(text) } else { Line::Came(text) });
}

/// `0040: text` as `text`.
fn behind_offset(line: &str) -> Option<&str> {
    let (offset, rest) = line.split_once(':')?;
    let is_offset = offset.len() >= 4 && offset.bytes().all(|b| b.is_ascii_hexdigit());
    is_offset.then(|| rest.strip_prefix(' ').unwrap_or(rest))
}
