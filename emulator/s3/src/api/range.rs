//! The bytes of an object that a read requests. Pure.

use s3s::dto::Range;

use crate::refusal::Refusal;

/// A range of an object's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByteRange {
    pub(super) start: u64,
    pub(super) length: u64,
    /// The length of the whole object for a 206; `None` for a 200.
    pub(super) partial_of: Option<u64>,
}

impl ByteRange {
    /// `bytes 0-9/100`; `None` for a whole object.
    pub(super) fn content_range(&self) -> Option<String> {
        let whole = self.partial_of?;
        let last = (self.start + self.length).saturating_sub(1);
        Some(format!("bytes {}-{last}/{whole}", self.start))
    }
}

/// Parses `Range`. An invalid range and multiple ranges are ignored, as HTTP allows and S3 does.
///
/// # Errors
///
/// 416 if the range begins after the end.
pub(super) fn of_header(header: Option<&str>, length: u64) -> Result<ByteRange, Refusal> {
    let whole = ByteRange { start: 0, length, partial_of: None };
    let Some(header) = header else { return Ok(whole) };
    // A range without numbers is the whole object: recorded by LocalStack's tests of ranges on 2026-02-21.
    if header == "bytes=-" {
        return Ok(whole);
    }
    let Ok(range) = Range::parse(header) else { return Ok(whole) };
    let found = range.check(length).ok().filter(|range| range.start < range.end);
    let range = found.ok_or_else(|| {
        Refusal::invalid_range()
            .with("RangeRequested", header)
            .with("ActualObjectSize", length.to_string())
    })?;
    Ok(ByteRange { start: range.start, length: range.end - range.start, partial_of: Some(length) })
}

/// The range of a part, numbered from 1, of an object whose parts have these lengths.
///
/// # Errors
///
/// 416 if the part does not exist.
pub(super) fn of_part(number: i32, lengths: &[u64]) -> Result<ByteRange, Refusal> {
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let found = index.and_then(|index| Some((lengths.get(..index)?, *lengths.get(index)?)));
    let (before, length) = found.ok_or_else(|| {
        Refusal::new(
            http::StatusCode::RANGE_NOT_SATISFIABLE,
            "InvalidPartNumber",
            "The requested partnumber is not satisfiable",
        )
        .with("ActualPartCount", lengths.len().to_string())
        .with("PartNumberRequested", number.to_string())
    })?;
    Ok(ByteRange { start: before.iter().sum(), length, partial_of: Some(lengths.iter().sum()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_clipped_to_the_object() {
        for (header, length, expected) in [
            ("bytes=0-9", 100, Some("bytes 0-9/100")),
            ("bytes=90-200", 100, Some("bytes 90-99/100")),
            ("bytes=99-", 100, Some("bytes 99-99/100")),
            ("bytes=-5", 100, Some("bytes 95-99/100")),
            ("bytes=-500", 100, Some("bytes 0-99/100")),
            ("bytes=9-5", 100, None),
            ("bytes=-", 100, None),
            ("bytes=0-1,5-6", 100, None),
            ("lines=0-1", 100, None),
        ] {
            let stretch = of_header(Some(header), length).unwrap();
            assert_eq!(stretch.content_range().as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn a_range_after_the_end_is_refused() {
        for (header, length) in
            [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-1", 0)]
        {
            let refusal = of_header(Some(header), length).unwrap_err();
            assert_eq!((refusal.status.as_u16(), refusal.code.as_ref()), (416, "InvalidRange"));
        }
    }

    #[test]
    fn part_numbers_begin_at_one() {
        let part = of_part(2, &[10, 20, 5]).unwrap();
        assert_eq!(part.content_range().as_deref(), Some("bytes 10-29/35"));
        assert!(of_part(0, &[10]).is_err());
        assert!(of_part(2, &[10]).is_err());
    }
}
