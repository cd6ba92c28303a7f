//! Relations between numbers of the table. A change that violates one does not compile.

use super::row::*;
use crate::date::Date;
use crate::envelope::base64_len;
use crate::row::Row;

/// Whether `lower` is at most `upper` on every day.
const fn never_above(lower: &Row, upper: &Row) -> bool {
    holds_at_starts_of(lower, lower, upper) && holds_at_starts_of(upper, lower, upper)
}

/// Numbers change only on the days in their histories, so checking those days suffices.
const fn holds_at_starts_of(days: &Row, lower: &Row, upper: &Row) -> bool {
    let mut at = 0;
    while at < days.history.len() {
        let day = days.history[at].since;
        if lower.value_at(day) > upper.value_at(day) {
            return false;
        }
        at += 1;
    }
    true
}

const fn now(row: &Row) -> u64 {
    row.value_at(Date::LATEST)
}

// The response limit is 100 bytes larger than the request limit.
const _: () = assert!(now(&lambda_sync_response) == now(&lambda_sync_request) + 100);

// A gateway accepts larger bodies than Lambda accepts events, so the event is refused and not the body.
const _: () = assert!(never_above(&lambda_sync_request, &rest_request_body));
const _: () = assert!(never_above(&lambda_sync_request, &http_request_body));

// A response of the maximum size fits the gateway, so the gateway's own response limit is never reached.
const _: () = assert!(never_above(&lambda_sync_response, &rest_response));
const _: () = assert!(never_above(&lambda_sync_response, &http_response));

// Lambda accepts every asynchronous event synchronously too.
const _: () = assert!(never_above(&lambda_async_request, &lambda_sync_request));

// Streaming is for responses that do not fit a buffered one; its burst is one maximum event.
const _: () = assert!(never_above(&lambda_sync_response, &lambda_stream_response));
const _: () = assert!(now(&lambda_stream_burst) == now(&lambda_sync_request));

// Init ends before any gateway times out, so a slow start can be told from a slow function. Gateways time out before the
// longest function, so functions continue after a gateway timeout.
const _: () = assert!(never_above(&lambda_init, &rest_timeout));
const _: () = assert!(never_above(&rest_timeout, &http_timeout));
const _: () = assert!(never_above(&http_timeout, &lambda_timeout));
const _: () = assert!(never_above(&lambda_timeout_default, &lambda_timeout));
const _: () = assert!(never_above(&rest_timeout, &rest_timeout_ceiling));

// The environment variables are a part of the request that sets them.
const _: () = assert!(never_above(&lambda_environment, &lambda_environment_request));

// A zip of the maximum size fits the request as base64, so the zip is refused and not the request.
const _: () = assert!(base64_len(now(&lambda_zip)).0 <= now(&lambda_create_request));
const _: () = assert!(never_above(&lambda_zip, &lambda_unzipped));

// Ranges are not empty.
const _: () = assert!(never_above(&lambda_memory_min, &lambda_memory_max));
const _: () = assert!(never_above(&lambda_tmp_min, &lambda_tmp));
const _: () = assert!(never_above(&lambda_async_age_min, &lambda_async_age));
const _: () = assert!(never_above(&lambda_async_backoff_min, &lambda_async_backoff_max));
const _: () = assert!(never_above(&rest_timeout_min, &rest_timeout));
const _: () = assert!(never_above(&rest_url_edge, &rest_url));

// All retries happen before an event exceeds its maximum age.
const _: () = assert!(
    now(&lambda_async_first_wait) + now(&lambda_async_second_wait) < now(&lambda_async_age)
);

// The largest object can be uploaded: in parts, or with one PUT if it is small enough.
const _: () = assert!(never_above(&s3_part_min, &s3_part_max));
const _: () = assert!(now(&s3_put) == now(&s3_part_max));
const _: () = assert!(now(&s3_object) <= now(&s3_part_max) * now(&s3_part_count));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Dated;

    const fn since(year: u16, value: u64) -> Dated {
        Dated { since: Date::new(year, 1, 1), value, source: "" }
    }

    const fn row(history: &'static [Dated]) -> Row {
        Row { history, ..rest_timeout }
    }

    #[test]
    fn a_row_is_never_above_another_only_if_that_holds_on_the_day_of_each_change() {
        let ten = row(const { &[since(2000, 10)] });
        let nine = row(const { &[since(2000, 9)] });
        let grows = row(const { &[since(2000, 9), since(2010, 11)] });
        let shrinks = row(const { &[since(2000, 11), since(2010, 9)] });
        let above_once = row(const { &[since(2000, 9), since(2010, 11), since(2020, 9)] });
        assert!(never_above(&ten, &ten), "equal is not above");
        assert!(never_above(&nine, &ten));
        assert!(!never_above(&ten, &nine));
        for row in [&grows, &shrinks, &above_once] {
            // Once the changes are those of the lower row, once those of the upper.
            assert!(!never_above(row, &ten), "{:?}", row.history);
            assert!(!never_above(&ten, row), "{:?}", row.history);
            assert!(never_above(&nine, row), "{:?}", row.history);
            assert!(never_above(row, row), "{:?}", row.history);
        }
    }

    #[test]
    fn the_number_of_now_is_the_newest() {
        assert_eq!(now(&row(const { &[since(2000, 9), since(2010, 11)] })), 11);
    }
}
