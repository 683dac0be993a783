//! pure: whether an answer may hold rows, judged by its status, its content type and whether its body is complete.

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use super::never;
use crate::formats::kind_of;
use crate::http::{BodyEnd, HttpResponse, Sent};
use crate::schedule::{FormatSpec, HttpSpec};
use crate::sources::{RepeatRead, SourceError};

/// The answer, or why there is none and whether a retry may help.
pub(super) fn answered(exchange: Sent, page: usize) -> Result<HttpResponse, SourceError> {
    match exchange {
        Sent::Answered(answer) => Ok(answer),
        Sent::NotSent { class, detail } => {
            let again = match class {
                "refused_address" | "invalid_request" => RepeatRead::Never,
                _ => RepeatRead::Soon,
            };
            Err(SourceError::new(again, format!("the request for page {page} of the source can't be sent: {detail}")))
        }
        Sent::Unknown { class, detail, .. } => {
            let again = if class == "protocol" { RepeatRead::Never } else { RepeatRead::Soon };
            Err(SourceError::new(again, format!("the source didn't answer the request for page {page}: {detail}")))
        }
    }
}

/// Refuses an answer with a bad status, an unfitting content type or an incomplete body, before its content is parsed.
pub(super) fn accept(answer: HttpResponse, page: usize, spec: &HttpSpec) -> Result<HttpResponse, SourceError> {
    let status = answer.status;
    match status {
        206 => return Err(never(format!("the source answered page {page} with a part of it (206)"))),
        200..=299 => {}
        408 | 429 | 500..=599 => {
            return Err(SourceError::new(RepeatRead::Soon, format!("the source answered page {page} with {status}")));
        }
        401 | 403 => {
            return Err(never(format!("the source refuses page {page} ({status}): check its `auth` and `headers`")));
        }
        _ => return Err(never(format!("the source answered page {page} with {status}"))),
    }
    let kind = answer.header("content-type").unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if !is_fitting(&kind, &spec.format) {
        let what = kind_of(&answer.body).map(|kind| format!(": {}", kind.instead_of("rows")));
        let hint = what
            .unwrap_or_else(|| if kind.contains("html") { ": a login page, perhaps".into() } else { String::new() });
        let kind: String = kind.chars().filter(char::is_ascii_graphic).take(60).collect();
        return Err(never(format!("the source answered page {page} with `{kind}`{hint}")));
    }
    match answer.end {
        BodyEnd::Whole => Ok(answer),
        BodyEnd::Cut => Err(SourceError::new(RepeatRead::Soon, format!("the source's page {page} ended early"))),
        BodyEnd::TooLong => {
            Err(never(format!("the source's page {page} is longer than `max_bytes` ({})", spec.max_bytes)))
        }
    }
}

/// Content types that don't restrict what the body holds; the empty one stands for a missing header.
const GENERAL: [&str; 12] = [
    "",
    "text/plain",
    "application/octet-stream",
    "binary/octet-stream",
    "application/x-octet-stream",
    "application/download",
    "application/force-download",
    "application/x-download",
    "application/x-force-download",
    "application/save",
    "application/unknown",
    "application/x-unknown",
];

/// Whether a content type may hold the format.
fn is_fitting(kind: &str, format: &FormatSpec) -> bool {
    GENERAL.contains(&kind)
        || match format {
            FormatSpec::Json(_) => ["/json", "+json", "/x-json", "/javascript"].iter().any(|end| kind.ends_with(end)),
            FormatSpec::Calendar(_) => kind.ends_with("calendar") || kind.ends_with("/xml") || kind.ends_with("/ics"),
            FormatSpec::Workbook(_) => true,
            FormatSpec::Csv(_) => {
                kind.ends_with("csv")
                    || kind.contains("comma-separated")
                    || kind.contains("tab-separated")
                    || kind.ends_with("excel")
            }
        }
}

/// When an answer was last changed (UTC): the earlier of `Last-Modified` and the time a cache's copy was made (`Age`, RFC 9111).
pub(super) fn changed_at(answer: &HttpResponse, now: Timestamp) -> Option<Timestamp> {
    let modified = answer.header("last-modified").and_then(|text| rfc2822::parse(text.trim()).ok());
    let age = answer.header("age").and_then(|text| text.trim().parse::<u32>().ok());
    let copied = age.and_then(|seconds| now.checked_sub(SignedDuration::from_secs(i64::from(seconds))).ok());
    modified.map(|at| at.timestamp()).into_iter().chain(copied).min()
}

#[cfg(test)]
mod age_tests {
    use super::*;

    #[test]
    fn an_answer_is_as_old_as_the_older_of_its_last_change_and_its_copy() {
        let now: Timestamp = "2026-11-24T14:00:00Z".parse().expect("an instant");
        for (headers, expected) in [
            (&[][..], None),
            (&[("last-modified", "Mon, 23 Nov 2026 14:00:00 GMT")][..], Some("2026-11-23T14:00:00Z")),
            (&[("age", "3600")][..], Some("2026-11-24T13:00:00Z")),
            (&[("age", "60"), ("last-modified", "Mon, 23 Nov 2026 14:00:00 GMT")][..], Some("2026-11-23T14:00:00Z")),
            (&[("age", "-1"), ("last-modified", "yesterday")][..], None),
        ] {
            let answer = HttpResponse {
                status: 200,
                headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
                body: bytes::Bytes::new(),
                end: crate::http::BodyEnd::Whole,
                latency: std::time::Duration::ZERO,
            };
            let expected: Option<Timestamp> = expected.map(|text| text.parse().expect("an instant"));
            assert_eq!(changed_at(&answer, now), expected, "{headers:?}");
        }
    }
}
