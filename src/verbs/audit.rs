//! shell: the log: listed, one story, exported, verified.

use super::{House, VerbError, VerbResult};
use std::collections::BTreeMap;

use serde::Serialize;

use crate::audit::{AuditFilter, AuditRow, Event};
use crate::evaluation::clock_is_set;
use crate::ledger::{Ledger, LedgerResult, Prune, Pruned, ReminderAsk, ReminderRow, Verification};
use crate::reminder::ReminderId;

/// How many rows one page asks the ledger for.
const PAGE: u64 = 10_000;

/// The log from beginning to end of a filter, page by page.
pub struct Pages<'a> {
    ledger: &'a dyn Ledger,
    filter: AuditFilter,
    left: Option<u64>,
}

impl<'a> Pages<'a> {
    /// Nothing is read yet.
    #[must_use]
    pub const fn new(ledger: &'a dyn Ledger, filter: AuditFilter) -> Self {
        let left = filter.limit;
        Self { ledger, filter, left }
    }

    /// The next rows, oldest first; `None` at the end.
    ///
    /// # Errors
    /// When the ledger can't be read.
    pub async fn next(&mut self) -> LedgerResult<Option<Vec<AuditRow>>> {
        let wanted = self.left.unwrap_or(PAGE).min(PAGE);
        if wanted == 0 {
            return Ok(None);
        }
        let rows = self.ledger.audit(AuditFilter { limit: Some(wanted), ..self.filter.clone() }).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        self.filter.after_seq = Some(last.seq);
        let came = rows.len() as u64;
        self.left = match self.left {
            Some(left) => Some(left - came.min(left)),
            None if came < wanted => Some(0),
            None => None,
        };
        Ok(Some(rows))
    }
}

/// All rows of a filter, oldest first; none where there is no ledger yet.
///
/// # Errors
/// When the ledger can't be read.
pub async fn list(house: &House, filter: AuditFilter) -> VerbResult<Vec<AuditRow>> {
    let Some(ledger) = &house.around.ledger else { return Ok(Vec::new()) };
    let mut pages = Pages::new(ledger.as_ref(), filter);
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await? {
        rows.extend(page);
    }
    Ok(rows)
}

/// Everything that is known of one reminder or one appointment.
#[derive(Debug, Clone)]
pub struct Told {
    /// The reminders, oldest first.
    pub reminders: Vec<ReminderRow>,
    /// The log's rows, oldest first.
    pub rows: Vec<AuditRow>,
}

/// The story of a reminder or an appointment by its id.
///
/// # Errors
/// When nothing of that id is known, or the ledger can't be read.
pub async fn show(house: &House, id: &str) -> VerbResult<Told> {
    let ledger = house.ledger()?;
    let by_reminder = match id.parse::<ReminderId>() {
        Ok(reminder) => ledger.reminders(ReminderAsk { id: Some(reminder), ..ReminderAsk::default() }).await?,
        Err(_) => Vec::new(),
    };
    if let [reminder] = &by_reminder[..] {
        let filter = AuditFilter { reminder: Some(reminder.id), ..AuditFilter::default() };
        return Ok(Told { rows: list(house, filter).await?, reminders: by_reminder });
    }
    let ask = ReminderAsk { appointment_id: Some(id.to_owned()), ..ReminderAsk::default() };
    let reminders = ledger.reminders(ask).await?;
    let rows = list(house, AuditFilter { appointment: Some(id.to_owned()), ..AuditFilter::default() }).await?;
    if reminders.is_empty() && rows.is_empty() {
        return Err(VerbError::Failed(format!("the log knows no reminder and no appointment `{id}`")));
    }
    Ok(Told { reminders, rows })
}

/// How often something happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Of which schedule.
    pub schedule: Option<String>,
    /// What.
    pub event: Event,
    /// With which reason.
    pub reason: Option<String>,
    /// So often.
    pub count: u64,
}

/// The rows of a filter, counted.
///
/// # Errors
/// When the ledger can't be read.
pub async fn stats(house: &House, filter: AuditFilter) -> VerbResult<Vec<Count>> {
    Ok(counted(&list(house, filter).await?))
}

/// Rows counted by schedule, event and reason, in that order.
#[must_use]
pub fn counted(rows: &[AuditRow]) -> Vec<Count> {
    let mut counts = BTreeMap::new();
    for row in rows {
        let key = (row.schedule.as_deref(), row.event.as_str(), row.reason.as_deref());
        counts.entry(key).or_insert((row.event, 0_u64)).1 += 1;
    }
    counts
        .into_iter()
        .map(|((schedule, _, reason), (event, count))| Count {
            schedule: schedule.map(str::to_owned),
            event,
            reason: reason.map(str::to_owned),
            count,
        })
        .collect()
}

/// Removes payloads and rows of the log that are older than their retention.
///
/// # Errors
/// Refused under a clock that was given or isn't set: a wrong date would remove everything.
pub async fn prune(house: &House) -> VerbResult<Pruned> {
    let clock = house.around.clock.as_ref();
    if clock.is_shifted() || !clock_is_set(clock) {
        return Err(VerbError::Unsafe("nothing is removed by a clock that may be wrong".into()));
    }
    let (now, settings) = (clock.now(), &house.settings);
    let before = |keep| now.checked_sub(keep).map_err(|error| VerbError::Failed(error.to_string()));
    let (payloads_before, audit_before) = (before(settings.keep_payloads)?, before(settings.keep_audit)?);
    Ok(house.ledger()?.prune(Prune { payloads_before, audit_before, now }).await?)
}

/// Walks the whole chain.
///
/// # Errors
/// When the ledger can't be read.
pub async fn verify(house: &House) -> VerbResult<Verification> {
    Ok(house.ledger()?.verify().await?)
}
