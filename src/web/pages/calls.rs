//! shell: the page of the audit log, with the same filters as at the terminal.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};

use super::{asked_for, done, failure, page as answer};
use crate::audit::{AuditFilter, AuditRow, times, words};
use crate::reminder::SkipReason;
use crate::verbs::labels::Labels;
use crate::verbs::people::{self, PersonSearch};
use crate::verbs::{VerbError, VerbResult, audit, ids, waiting};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::calls::{AskedCalls, CallsPage, Choices, PAGE_ROWS, SoughtPerson};
use crate::web::views::frame::MenuPlace;
use crate::web::views::moments::Moments;
use crate::web::views::people::FoundList;
use crate::web::views::plan::PlannedCall;
use crate::web::views::rows::FoldedRow;

/// The page.
pub async fn page(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(read(&site, &visitor, &asked_for(query)).await, "/calls")
}

/// Finds a person: what was typed never is in an address. Whoever is found by a whole number is a filter of the log; whoever else
/// is found is listed, with what was typed.
pub async fn find(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(form): Extension<SubmittedForm>,
) -> Response {
    let typed = form.get("person").unwrap_or_default();
    let found = match people::find(&site.app, typed).await {
        Ok(PersonSearch::Phone(mark)) => {
            return Redirect::to(&AskedCalls { mark, ..AskedCalls::default() }.link(None)).into_response();
        }
        Ok(PersonSearch::Appointments(found)) => Ok(FoundList::of(found, &site.moments())),
        Err(VerbError::Usage(why)) => Err(sentence_of(&why)),
        Err(error) => return failure(&error, "/calls"),
    };
    let sought = SoughtPerson { typed: typed.into(), found };
    let page = read(&site, &visitor, &SubmittedForm::default()).await;
    answer(page.map(|page| CallsPage { sought: Some(sought), ..page }), "/calls")
}

/// The calls that are still to be made to a phone.
async fn to_come(site: &Site, mark: &str, moments: &Moments) -> VerbResult<Vec<PlannedCall>> {
    if mark.is_empty() {
        return Ok(Vec::new());
    }
    let calls = waiting::to_phone(&site.app, mark).await?;
    Ok(calls.into_iter().map(|call| PlannedCall::of_waiting(call, moments)).collect())
}

/// The words as a sentence, with a capital letter and a full stop.
fn sentence_of(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// The fields of the filter that a form or an address has.
pub fn asked_calls(form: &SubmittedForm) -> AskedCalls {
    let text = |name| form.get(name).unwrap_or_default().to_owned();
    AskedCalls {
        since: text("since"),
        until: text("until"),
        schedule: text("schedule"),
        event: text("event"),
        reason: text("reason"),
        appointment: text("appointment"),
        mark: text("phone"),
        run: text("run"),
    }
}

/// A reason as it is stored: the page shows it in words, and people type it as they see it.
fn reason_of(text: String) -> String {
    let mut stored = SkipReason::ALL.iter().map(|reason| reason.as_str());
    stored.find(|stored| words::reason(stored) == text).map_or(text, str::to_owned)
}

/// What they ask of the log.
///
/// # Errors
/// When a time, an event or a run can't be read.
pub async fn filter(site: &Site, asked: &AskedCalls, moments: &Moments) -> VerbResult<AuditFilter> {
    let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let zone = moments.zone(set(&asked.schedule).as_deref());
    let time = |text: &str| {
        set(text).map(|text| times::read(&text, moments.now(), zone)).transpose().map_err(VerbError::Usage)
    };
    let run = match set(&asked.run) {
        Some(text) => Some(ids::run(&site.app, &text).await?),
        None => None,
    };
    Ok(AuditFilter {
        since: time(&asked.since)?,
        until: time(&asked.until)?,
        schedule: set(&asked.schedule),
        event: set(&asked.event).map(|event| audit::known_event(&event)).transpose()?,
        reason: set(&asked.reason).map(reason_of),
        appointment: set(&asked.appointment),
        phone_mark: set(&asked.mark),
        run,
        ..AuditFilter::default()
    })
}

async fn read(site: &Site, visitor: &Visitor, form: &SubmittedForm) -> VerbResult<CallsPage> {
    let moments = site.moments();
    let asked = asked_calls(form);
    let filter = filter(site, &asked, &moments).await?;
    let number = |name| form.get(name).and_then(|text| text.parse::<u64>().ok());
    let LogPage { rows, newer, older } = turn(site, filter, (number("before"), number("after"))).await?;
    let labels = Labels::of_rows(&site.app, &rows).await;
    let schedules: Vec<String> = site.app.folder().schedules.keys().cloned().collect();
    Ok(CallsPage {
        frame: site.frame(visitor, MenuPlace::Calls, "Calls", &moments).after(done(form)),
        sought: None,
        choices: Choices::of(&schedules),
        to_come: to_come(site, &asked.mark, &moments).await?,
        rows: FoldedRow::all(&rows, &labels, &moments),
        newer: newer.map(|seq| asked.link(Some(("after", seq)))),
        older: older.map(|seq| asked.link(Some(("before", seq)))),
        asked,
    })
}

/// One page of the log, the newest first, and where the pages beside it go on.
struct LogPage {
    rows: Vec<AuditRow>,
    newer: Option<u64>,
    older: Option<u64>,
}

/// Turns to a page: one row more than it shows tells whether another follows.
async fn turn(site: &Site, filter: AuditFilter, from: (Option<u64>, Option<u64>)) -> VerbResult<LogPage> {
    let limit = Some(PAGE_ROWS as u64 + 1);
    let (before, after) = from;
    let is_forward = after.is_some() && before.is_none();
    let filter = match is_forward {
        true => AuditFilter { after_seq: after, limit, ..filter },
        false => AuditFilter { before_seq: before, limit, newest: true, ..filter },
    };
    let mut rows = audit::page(&site.app, filter).await?;
    let has_more = rows.len() > PAGE_ROWS;
    if has_more && is_forward {
        rows.pop();
    } else if has_more {
        rows.remove(0);
    }
    rows.reverse();
    let (first, last) = (rows.first().map(|row| row.seq), rows.last().map(|row| row.seq));
    let (newer, older) = match is_forward {
        true => (first.filter(|_| has_more), last),
        false => (first.filter(|_| before.is_some()), last.filter(|_| has_more)),
    };
    Ok(LogPage { rows, newer, older })
}

#[cfg(test)]
mod tests {
    use super::{reason_of, sentence_of};

    #[test]
    fn a_refusal_is_a_sentence_on_the_page() {
        assert_eq!(sentence_of("nobody with this number is in the log"), "Nobody with this number is in the log.");
        assert_eq!(sentence_of(""), ".");
    }

    #[test]
    fn a_reason_is_taken_as_the_page_shows_it_and_as_it_is_stored() {
        for (typed, stored) in
            [("no phone", "no_phone"), ("no_phone", "no_phone"), ("too late", "too_late"), ("snow", "snow")]
        {
            assert_eq!(reason_of(typed.to_owned()), stored);
        }
    }
}
