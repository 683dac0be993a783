//! pure: when a request that was refused or not sent is retried.

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

use crate::http::HttpResponse;

/// The first pause; it doubles with every attempt.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// Maximum pause, so that a short outage in the morning doesn't delay calls for hours.
const MAX_PAUSE: SignedDuration = SignedDuration::from_secs(15 * 60);

/// The share of the pause that is added at most by chance, so that requests that failed together aren't retried together.
const JITTER_SHARE: f64 = 0.2;

/// Maximum `Retry-After`: a nonsensical one must not stop an account for years.
const MAX_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The pause after the `attempt`-th request (counted from 1). `jitter` is a number in [0, 1).
#[must_use]
pub fn pause(attempt: u32, jitter: f64) -> SignedDuration {
    pause_between(FIRST_PAUSE, MAX_PAUSE, attempt, jitter)
}

/// Like [`pause`], with another first pause and another maximum.
#[must_use]
pub fn pause_between(first: SignedDuration, max: SignedDuration, attempt: u32, jitter: f64) -> SignedDuration {
    let doublings = attempt.saturating_sub(1).min(20);
    let plain = (first * (1_i32 << doublings)).min(max);
    plain + SignedDuration::from_secs_f64(plain.as_secs_f64() * JITTER_SHARE * jitter.clamp(0.0, 1.0))
}

/// The time in `Retry-After`: seconds, or an HTTP date (RFC 9110, section 10.2.3). A date counts from the response's
/// `Date` if there is one, so that the clocks of the two sides need not agree.
#[must_use]
pub fn retry_after(answer: &HttpResponse, now: Timestamp) -> Option<SignedDuration> {
    let value = answer.header("retry-after")?.trim();
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        value.parse().map_or(MAX_RETRY_AFTER, |seconds: u32| SignedDuration::from_secs(i64::from(seconds)))
    } else {
        let sent_at = answer.header("date").and_then(http_date).unwrap_or(now);
        sent_at.duration_until(http_date(value)?)
    };
    Some(wait.clamp(SignedDuration::ZERO, MAX_RETRY_AFTER))
}

fn http_date(text: &str) -> Option<Timestamp> {
    const PARSER: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    PARSER.parse_timestamp(text.trim()).ok()
}

/// The instant a pause after `now`; saturates.
#[must_use]
pub fn after(now: Timestamp, pause: SignedDuration) -> Timestamp {
    now.saturating_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::http::BodyEnd;

    fn now() -> Timestamp {
        "2026-11-24T14:00:00Z".parse().expect("a valid instant")
    }

    fn wish(headers: &[(&str, &str)]) -> Option<i64> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let latency = std::time::Duration::ZERO;
        let answer = HttpResponse { status: 429, headers, body: Bytes::new(), end: BodyEnd::Whole, latency };
        retry_after(&answer, now()).map(|wait| wait.as_secs())
    }

    #[test]
    fn pauses_double_from_ten_seconds_to_a_quarter_of_an_hour() {
        let seconds: Vec<i64> = (1..=9).map(|attempt| pause(attempt, 0.0).as_secs()).collect();
        assert_eq!(seconds, [10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(pause(u32::MAX, 0.0).as_secs(), 900);
        assert_eq!(pause(0, 0.0).as_secs(), 10);
    }

    #[test]
    fn jitter_only_adds_and_at_most_a_fifth() {
        assert_eq!(pause(1, 0.5), SignedDuration::from_secs(11));
        assert!(pause(8, 0.999_999) < SignedDuration::from_secs(1_080));
        assert_eq!(pause(1, -3.0), SignedDuration::from_secs(10));
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date_and_nothing_else() {
        assert_eq!(wish(&[("retry-after", " 120 ")]), Some(120));
        assert_eq!(wish(&[("retry-after", "Tue, 24 Nov 2026 14:02:00 GMT")]), Some(120));
        assert_eq!(wish(&[("retry-after", "Tue, 24 Nov 2026 13:02:00 GMT")]), Some(0));
        assert_eq!(wish(&[("retry-after", "99999999999999999999")]), Some(86_400));
        assert_eq!(wish(&[("retry-after", "Thu, 31 Dec 9998 23:59:59 GMT")]), Some(86_400));
        for nonsense in ["-1", "1.5", "soon", ""] {
            assert_eq!(wish(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
        assert_eq!(wish(&[]), None);
    }

    #[test]
    fn a_date_counts_from_the_clock_of_the_side_that_wrote_it() {
        let headers = [("retry-after", "Mon, 01 Jan 2029 00:01:00 GMT"), ("date", "Mon, 01 Jan 2029 00:00:00 GMT")];
        assert_eq!(wish(&headers), Some(60));
    }
}
