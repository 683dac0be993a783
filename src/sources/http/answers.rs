//! pure: whether an answer may hold rows at all, by how it came, its status, type and end.

use super::never;
use crate::formats::kind_of;
use crate::http::{BodyEnd, HttpResponse, Sent};
use crate::schedule::{FormatSpec, HttpSpec};
use crate::sources::{Again, SourceError};

/// An answer, or why there is none and whether that may pass.
pub(super) fn answered(exchange: Sent, page: usize) -> Result<HttpResponse, SourceError> {
    match exchange {
        Sent::Answered(answer) => Ok(answer),
        Sent::NotSent { class, detail } => {
            let again = match class {
                "refused_address" | "invalid_request" => Again::Never,
                _ => Again::Soon,
            };
            Err(SourceError::new(again, format!("the source can't be asked for page {page}: {detail}")))
        }
        Sent::Unknown { class, detail, .. } => {
            let again = if class == "protocol" { Again::Never } else { Again::Soon };
            Err(SourceError::new(again, format!("the source didn't answer for page {page}: {detail}")))
        }
    }
}

/// Judges an answer by its status, type and end, before its content is looked at.
pub(super) fn accept(answer: HttpResponse, page: usize, spec: &HttpSpec) -> Result<HttpResponse, SourceError> {
    let status = answer.status;
    match status {
        206 => return Err(never(format!("the source answered page {page} with a part of it (206)"))),
        200..=299 => {}
        408 | 429 | 500..=599 => {
            return Err(SourceError::new(Again::Soon, format!("the source answered page {page} with {status}")));
        }
        401 | 403 => {
            return Err(never(format!("the source refuses page {page} ({status}): look at its `auth` and `headers`")));
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
        BodyEnd::Cut => Err(SourceError::new(Again::Soon, format!("the source's page {page} broke off"))),
        BodyEnd::TooLong => {
            Err(never(format!("the source's page {page} is longer than `max_bytes` ({})", spec.max_bytes)))
        }
    }
}

/// Types that say nothing of the content; many servers name none.
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
            FormatSpec::Csv(_) => {
                kind.ends_with("csv")
                    || kind.contains("comma-separated")
                    || kind.contains("tab-separated")
                    || kind.ends_with("excel")
            }
        }
}
