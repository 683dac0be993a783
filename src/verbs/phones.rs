//! shell: a phone number as somebody types it at the page: with its country code, or as it is written within a country in use.

use std::collections::BTreeSet;

use super::{App, VerbError, VerbResult};
use crate::audit::AuditFilter;
use crate::evaluation::phone_of;
use crate::ledger::ReminderAsk;
use crate::personal::Personal;

/// How many of the newest calls are searched for the countries of their numbers.
const NEWEST_CALLS: u64 = 50;

/// Why a text is no number.
const NO_NUMBER: &str = "that is not a whole phone number: write all its digits, such as +1 202-555-0143";

/// The numbers (E.164) that a text may be: one for most texts, several where more than one country in use has such a number.
///
/// # Errors
/// When it is none, or the ledger can't be read.
pub async fn read(app: &App, text: &str) -> VerbResult<Vec<Personal>> {
    if let Some(phone) = phone_of(text, None) {
        return Ok(vec![phone.e164]);
    }
    let mut found = numbers(text, &of_schedules(app));
    if found.is_empty() {
        found = numbers(text, &of_calls(app).await?);
    }
    match found.is_empty() {
        true => Err(VerbError::Usage(NO_NUMBER.to_owned())),
        false => Ok(found.into_iter().collect()),
    }
}

/// The one number that a text is.
///
/// # Errors
/// When it is none or may be several, or the ledger can't be read.
pub async fn only(app: &App, text: &str) -> VerbResult<Personal> {
    let mut found = read(app, text).await?;
    match (found.pop(), found.is_empty()) {
        (Some(phone), true) => Ok(phone),
        (_, _) => Err(VerbError::Usage(
            "several countries have such a number: write it with its country code, such as +1 202-555-0143".to_owned(),
        )),
    }
}

/// The mark of whoever the text means, for a filter of the log; of several possible numbers those that the log knows are meant.
///
/// # Errors
/// When it is no number, nobody with it is in the log, several are, or the ledger can't be read.
pub async fn known_mark(app: &App, text: &str) -> VerbResult<String> {
    let ledger = app.ledger()?;
    let mut marks = Vec::new();
    for phone in read(app, text).await? {
        let mark = ledger.phone_mark(phone).await?;
        let filter = AuditFilter { phone_mark: Some(mark.clone()), limit: Some(1), ..AuditFilter::default() };
        if !ledger.audit(filter).await?.is_empty() {
            marks.push(mark);
        }
    }
    match (marks.pop(), marks.is_empty()) {
        (Some(mark), true) => Ok(mark),
        (Some(_), false) => Err(VerbError::Usage(
            "people with such a number in several countries are in the log: write it with its country code".to_owned(),
        )),
        (None, _) => Err(VerbError::Usage("nobody with this number is in the log".to_owned())),
    }
}

fn numbers(text: &str, regions: &BTreeSet<String>) -> BTreeSet<Personal> {
    regions.iter().filter_map(|region| Some(phone_of(text, Some(region))?.e164)).collect()
}

/// The countries that the schedules name.
fn of_schedules(app: &App) -> BTreeSet<String> {
    let folder = app.folder();
    let named = folder.schedules.values().flat_map(|schedule| {
        let allowed = schedule.remind.allowed_countries.iter().flatten();
        schedule.appointment.default_region.iter().chain(allowed).cloned()
    });
    named.collect()
}

/// The countries of the numbers that were called last: where every number has its country code, no schedule names one.
async fn of_calls(app: &App) -> VerbResult<BTreeSet<String>> {
    let ledger = app.ledger()?;
    let event = Some("delivery".to_owned());
    let newest = AuditFilter { event, newest: true, limit: Some(NEWEST_CALLS), ..AuditFilter::default() };
    let ids: BTreeSet<_> = ledger.audit(newest).await?.iter().filter_map(|row| row.reminder_id).collect();
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let called = ledger.reminders(ReminderAsk { ids: ids.into_iter().collect(), ..ReminderAsk::default() }).await?;
    let phones = called.iter().filter_map(|row| phone_of(row.phone.as_deref()?, None));
    Ok(phones.filter_map(|phone| phone.region()).collect())
}
