//! How numbers of the table relate. A change that breaks a relation does not compile.

use super::row::*;
use crate::date::Date;
use crate::envelope::base64_len;
use crate::row::Row;

/// Whether `lower` is at most `upper` on every day.
const fn never_above(lower: &Row, upper: &Row) -> bool {
    holds_at_starts_of(lower, lower, upper) && holds_at_starts_of(upper, lower, upper)
}

/// Numbers change only on the days that a history names, so looking at those days is enough.
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

// The hundred bytes that everyone misses: an answer may be a little larger than an event.
const _: () = assert!(now(&lambda_sync_response) == now(&lambda_sync_request) + 100);

// A gateway accepts more than Lambda takes, so the event is what is refused, not the body ...
const _: () = assert!(never_above(&lambda_sync_request, &rest_request_body));
const _: () = assert!(never_above(&lambda_sync_request, &http_request_body));

// ... and a full answer of Lambda always fits, so a gateway's own limit of answers is never met.
const _: () = assert!(never_above(&lambda_sync_response, &rest_response));
const _: () = assert!(never_above(&lambda_sync_response, &http_response));

// An event that is accepted asynchronously would be accepted synchronously too.
const _: () = assert!(never_above(&lambda_async_request, &lambda_sync_request));

// Streaming is for answers that do not fit; its free burst is a full buffered event.
const _: () = assert!(never_above(&lambda_sync_response, &lambda_stream_response));
const _: () = assert!(now(&lambda_stream_burst) == now(&lambda_sync_request));

// A slow start is told apart from a slow function only because it ends before any gateway gives up; gateways give up
// before the longest function does, which is why functions are seen to run on.
const _: () = assert!(never_above(&lambda_init, &rest_timeout));
const _: () = assert!(never_above(&rest_timeout, &http_timeout));
const _: () = assert!(never_above(&http_timeout, &lambda_timeout));
const _: () = assert!(never_above(&lambda_timeout_default, &lambda_timeout));
const _: () = assert!(never_above(&rest_timeout, &rest_timeout_ceiling));

// The map of variables is a part of the request that sets it.
const _: () = assert!(never_above(&lambda_environment, &lambda_environment_request));

// A zip of the largest size fits the request as base64, so it is the zip that is refused.
const _: () = assert!(base64_len(now(&lambda_zip)).0 <= now(&lambda_create_request));
const _: () = assert!(never_above(&lambda_zip, &lambda_unzipped));

// Ranges are not empty.
const _: () = assert!(never_above(&lambda_memory_min, &lambda_memory_max));
const _: () = assert!(never_above(&lambda_tmp_min, &lambda_tmp));
const _: () = assert!(never_above(&lambda_async_age_min, &lambda_async_age));
const _: () = assert!(never_above(&lambda_async_backoff_min, &lambda_async_backoff_max));
const _: () = assert!(never_above(&rest_timeout_min, &rest_timeout));
const _: () = assert!(never_above(&rest_url_edge, &rest_url));

// All retries happen before an event is too old.
const _: () = assert!(
    now(&lambda_async_first_wait) + now(&lambda_async_second_wait) < now(&lambda_async_age)
);

// The largest object can be uploaded: in parts, or at once when it is small enough for one PUT.
const _: () = assert!(never_above(&s3_part_min, &s3_part_max));
const _: () = assert!(now(&s3_put) == now(&s3_part_max));
const _: () = assert!(now(&s3_object) <= now(&s3_part_max) * now(&s3_part_count));
