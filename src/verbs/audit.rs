//! shell: the log: listed, one story, exported, verified.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::redact::{self, Reveal};
use super::{App, VerbError, VerbResult};

use crate::audit::{AuditFilter, AuditRow, Event};
use crate::evaluation::clock_is_set;
use crate::ledger::{Ledger, LedgerResult, Prune, Pruned, ReminderAsk, ReminderRow, Verification};
use crate::reminder::{Lead, ReminderId, State};

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
pub async fn list(app: &App, filter: AuditFilter) -> VerbResult<Vec<AuditRow>> {
    let Some(ledger) = &app.around.ledger else { return Ok(Vec::new()) };
    let mut pages = Pages::new(ledger.as_ref(), filter);
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await? {
        rows.extend(page);
    }
    Ok(rows)
}

/// Everything that is known of one reminder or one appointment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Story {
    /// The reminders, oldest first.
    pub reminders: Vec<StoryReminder>,
    /// The log's rows, oldest first.
    pub rows: Vec<AuditRow>,
}

/// One reminder of a story, and its state now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoryReminder {
    /// Its id.
    pub id: ReminderId,
    /// Its appointment.
    pub appointment_id: String,
    /// The appointment's start (UTC).
    pub starts_at: jiff::Timestamp,
    /// Which lead.
    pub lead: Lead,
    /// The last four digits, unless revealed; `None` once purged.
    pub phone: Option<String>,
    /// Its state.
    pub state: State,
    /// What was sent or would be, when revealed and not yet purged.
    pub payload: Option<String>,
}

/// The story of a reminder or an appointment by its id.
///
/// # Errors
/// When nothing of that id is known, or the ledger can't be read.
pub async fn show(app: &App, id: &str, reveal: Reveal) -> VerbResult<Story> {
    let ledger = app.ledger()?;
    let by_reminder = match id.parse::<ReminderId>() {
        Ok(reminder) => ledger.reminders(ReminderAsk { id: Some(reminder), ..ReminderAsk::default() }).await?,
        Err(_) => Vec::new(),
    };
    let (reminders, filter) = match &by_reminder[..] {
        [reminder] => {
            let filter = AuditFilter { reminder: Some(reminder.id), ..AuditFilter::default() };
            (by_reminder, filter)
        }
        _ => {
            let ask = ReminderAsk { appointment_id: Some(id.to_owned()), ..ReminderAsk::default() };
            let filter = AuditFilter { appointment: Some(id.to_owned()), ..AuditFilter::default() };
            (ledger.reminders(ask).await?, filter)
        }
    };
    let rows = list(app, filter).await?;
    if reminders.is_empty() && rows.is_empty() {
        return Err(VerbError::Failed(format!("the log knows no reminder and no appointment `{id}`")));
    }
    Ok(Story { reminders: reminders.into_iter().map(|row| StoryReminder::of(row, reveal)).collect(), rows })
}

impl StoryReminder {
    fn of(row: ReminderRow, reveal: Reveal) -> Self {
        Self {
            id: row.id,
            appointment_id: row.appointment_id,
            starts_at: row.starts_at,
            lead: row.lead,
            phone: row.phone.map(|number| redact::phone(&number, reveal)),
            state: row.state,
            payload: row.payload.filter(|_| reveal == Reveal::Whole),
        }
    }
}

/// What the audit says of a story that was shown with whole phones.
#[must_use]
pub fn revealed(id: &str) -> String {
    format!("the story of {id}")
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
pub async fn prune(app: &App) -> VerbResult<Pruned> {
    let clock = app.around.clock.as_ref();
    if clock.is_shifted() || !clock_is_set(clock) {
        return Err(VerbError::Unsafe("nothing is removed by a clock that may be wrong".into()));
    }
    let (now, settings) = (clock.now(), &app.settings);
    let before = |keep| now.checked_sub(keep).map_err(|error| VerbError::Failed(error.to_string()));
    let (payloads_before, audit_before) = (before(settings.keep_payloads)?, before(settings.keep_audit)?);
    Ok(app.ledger()?.prune(Prune { payloads_before, audit_before, now }).await?)
}

/// Walks the whole chain.
///
/// # Errors
/// When the ledger can't be read.
pub async fn verify(app: &App) -> VerbResult<Verification> {
    Ok(app.ledger()?.verify().await?)
}
