//! shell: the log: lists it, shows one appointment's story, exports and verifies it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::labels::Labels;
use super::redact::{self, Reveal};
use super::{App, VerbError, VerbResult, entry_of, ids};

use crate::audit::{AuditFilter, AuditRow, Event};
use crate::evaluation::clock_is_set;
use crate::ledger::{
    Head, LedgerResult, Log, Prune, Pruned, Questions, ReminderAsk, ReminderRow, Verification, sqlite,
};
use crate::personal::Personal;
use crate::reminder::{Lead, ReminderId, State};
use crate::row::unseen;

/// Rows per read of the ledger.
const PAGE_ROWS: u64 = 10_000;

/// Reads the rows of a filter page by page.
pub struct AuditPages<'a> {
    ledger: &'a Questions,
    filter: AuditFilter,
    left: Option<u64>,
    size: u64,
}

impl<'a> AuditPages<'a> {
    /// Begins at the first row.
    #[must_use]
    pub const fn new(ledger: &'a Questions, filter: AuditFilter) -> Self {
        let left = filter.limit;
        Self { ledger, filter, left, size: PAGE_ROWS }
    }

    /// Sets the page size.
    #[must_use]
    pub fn of(self, size: u64) -> Self {
        Self { size, ..self }
    }

    /// The next rows, oldest first; `None` at the end.
    ///
    /// # Errors
    /// When the ledger can't be read.
    pub async fn next(&mut self) -> LedgerResult<Option<Vec<AuditRow>>> {
        let wanted = self.left.unwrap_or(self.size).min(self.size);
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

/// All rows of a filter, oldest first; none if there is no ledger yet.
///
/// # Errors
/// When the ledger can't be read.
pub async fn list(app: &App, filter: AuditFilter) -> VerbResult<Vec<AuditRow>> {
    let Some(ledger) = &app.env.ledger else { return Ok(Vec::new()) };
    if filter.newest {
        return Ok(ledger.audit(filter).await?);
    }
    let mut pages = AuditPages::new(ledger, filter);
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await? {
        rows.extend(page);
    }
    Ok(rows)
}

/// Maximum rows of one answer at the control socket, so that the service keeps no more in memory.
pub const SOCKET_PAGE: u64 = 1_000;

/// One page of a filter, oldest first; the filter's own limit is capped. An empty one is the end.
///
/// # Errors
/// When the ledger can't be read.
pub async fn page(app: &App, filter: AuditFilter) -> VerbResult<Vec<AuditRow>> {
    match &app.env.ledger {
        Some(ledger) => Ok(bounded_page(ledger, filter).await?),
        None => Ok(Vec::new()),
    }
}

/// The number of rows that are read at once: each may be long.
const ROWS_AT_ONCE: u64 = 16;

/// Bytes from which on a page is full: its rows, their JSON and the answer around it are in memory at once.
const FULL_PAGE: usize = 512 << 10;

/// The next rows of a filter, as many as one answer may hold, oldest first; none at the end.
///
/// # Errors
/// When the ledger can't be read.
pub async fn bounded_page(ledger: &Questions, filter: AuditFilter) -> LedgerResult<Vec<AuditRow>> {
    let mut left = filter.limit.unwrap_or(SOCKET_PAGE).min(SOCKET_PAGE);
    let (mut parts, mut bytes, mut next) = (Vec::new(), 0, filter);
    while left > 0 && bytes < FULL_PAGE {
        let wanted = left.min(ROWS_AT_ONCE);
        let rows = ledger.audit(AuditFilter { limit: Some(wanted), ..next.clone() }).await?;
        let came = rows.len() as u64;
        match next.newest {
            true => next.before_seq = rows.first().map(|row| row.seq).or(next.before_seq),
            false => next.after_seq = rows.last().map(|row| row.seq).or(next.after_seq),
        }
        bytes += rows.iter().map(size_of_row).sum::<usize>();
        parts.push(rows);
        left = if came < wanted { 0 } else { left - came };
    }
    if next.newest {
        parts.reverse();
    }
    Ok(parts.into_iter().flatten().collect())
}

/// About how many bytes the row takes in memory: its texts may be long.
fn size_of_row(row: &AuditRow) -> usize {
    let texts = [&row.reason, &row.actor, &row.detail, &row.schedule, &row.appointment_id];
    size_of::<AuditRow>() + texts.into_iter().flatten().map(|text| text.len()).sum::<usize>()
}

/// The beginning of a recorded export.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportBegun {
    /// Its rows, without any that was written later.
    pub filter: AuditFilter,
    /// The first page.
    pub first: Vec<AuditRow>,
}

/// Counts the rows of an export, records it, and returns the first page.
///
/// # Errors
/// When the ledger can't be read or written.
pub async fn begin_export(app: &App, actor: &str, filter: AuditFilter) -> VerbResult<ExportBegun> {
    let ledger = app.ledger()?;
    let end = ledger.head().await?.seq + 1;
    let filter = AuditFilter { before_seq: Some(filter.before_seq.map_or(end, |before| before.min(end))), ..filter };
    let first = bounded_page(ledger, filter.clone()).await?;
    let mut rest = AuditPages::new(ledger, filter.clone()).of(ROWS_AT_ONCE);
    let mut count = 0;
    while let Some(page) = rest.next().await? {
        count += page.len();
    }
    let detail = format!("{count} rows of the log");
    ledger.append(vec![entry_of(app, actor, Event::OperatorExported, &detail)]).await?;
    Ok(ExportBegun { filter, first })
}

/// Everything that is known about a reminder or an appointment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Story {
    /// The reminders, oldest first.
    pub reminders: Vec<StoryReminder>,
    /// The log's rows, oldest first.
    pub rows: Vec<AuditRow>,
    /// How the schedule names the appointment (`appointment.label`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Personal>,
}

/// One reminder of a story, and its state now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoryReminder {
    /// The reminder's id.
    pub id: ReminderId,
    /// Its appointment.
    pub appointment_id: String,
    /// The appointment's start (UTC).
    pub starts_at: jiff::Timestamp,
    /// The lead before the start.
    pub lead: Lead,
    /// The last four digits, unless revealed; `None` once purged.
    pub phone: Option<Personal>,
    /// Its state.
    pub state: State,
    /// Whether a sandbox accepted it: nobody was phoned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trial: bool,
    /// How the schedule names the appointment (`appointment.label`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Personal>,
    /// What was sent or would be, when revealed and not yet purged.
    pub payload: Option<Personal>,
}

/// The request for a story.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShowAsk {
    /// A reminder's id or its unique beginning, or an appointment's id.
    pub id: String,
    /// The schedule.
    pub schedule: Option<String>,
    /// How much of a phone is shown.
    pub reveal: Reveal,
}

/// The story of a reminder or an appointment.
///
/// # Errors
/// When the id is unknown, several ids begin with it, or the ledger can't be read.
pub async fn show(app: &App, ask: &ShowAsk) -> VerbResult<Story> {
    let ledger = app.ledger()?;
    let of_appointment =
        ReminderAsk { appointment_id: Some(ask.id.clone()), schedule: ask.schedule.clone(), ..ReminderAsk::default() };
    let mut reminders = ledger.reminders(of_appointment).await?;
    let filter =
        AuditFilter { appointment: Some(ask.id.clone()), schedule: ask.schedule.clone(), ..AuditFilter::default() };
    let mut rows = list(app, filter).await?;
    if reminders.is_empty() && rows.is_empty() {
        let Some(found) = ids::beginning(app, &ask.id).await? else {
            let id = unseen::on_one_line(&ask.id);
            return Err(VerbError::Failed(format!("the log knows no reminder and no appointment `{id}`")));
        };
        rows = list(app, AuditFilter { reminder: Some(found.id), ..AuditFilter::default() }).await?;
        reminders = vec![found];
    }
    let labels = Labels::of_rows(app, &rows).await;
    let reminders: Vec<StoryReminder> = reminders.into_iter().map(|row| StoryReminder::of(row, ask.reveal)).collect();
    let of_reminder = reminders.iter().rev().find_map(|reminder| reminder.label.clone());
    let label = of_reminder.or_else(|| rows.iter().rev().find_map(|row| labels.of_row(row)).map(Personal::from));
    Ok(Story { reminders, rows, label })
}

impl StoryReminder {
    fn of(row: ReminderRow, reveal: Reveal) -> Self {
        Self {
            id: row.id,
            appointment_id: row.appointment_id,
            starts_at: row.starts_at,
            lead: row.lead,
            phone: row.phone.map(|number| redact::phone(&number, reveal).into()),
            state: row.state,
            trial: row.trial,
            label: redact::label(row.label.as_deref()),
            payload: row.payload.filter(|_| reveal == Reveal::Whole),
        }
    }
}

/// The detail in the audit log of a story that was shown with whole phones.
#[must_use]
pub fn reveal_detail(id: &str) -> String {
    format!("the story of {id}")
}

/// How often something happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Only rows of this schedule.
    pub schedule: Option<String>,
    /// What happened.
    pub event: Event,
    /// The reason, a word.
    pub reason: Option<String>,
    /// The count.
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
/// When the clock was given by `--now` or isn't set: a wrong date would remove everything.
pub async fn prune(app: &App) -> VerbResult<Pruned> {
    let clock = app.env.clock.as_ref();
    if clock.is_shifted() || !clock_is_set(clock) {
        return Err(VerbError::Unsafe("nothing is removed by a clock that may be wrong".into()));
    }
    let (now, settings) = (clock.now(), &app.settings);
    let before = |keep| now.checked_sub(keep).map_err(|error| VerbError::Failed(error.to_string()));
    let (payloads_before, audit_before) = (before(settings.keep_payloads)?, before(settings.keep_audit)?);
    Ok(app.ledger()?.prune(Prune { payloads_before, audit_before, now }).await?)
}

/// What `audit verify` found, as `--format json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyAnswer {
    /// Nothing is broken or missing.
    pub ok: bool,
    /// The number of rows that were checked.
    pub rows: u64,
    /// The log's last row.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
    /// The first row that is broken or missing.
    pub broken_at: Option<u64>,
    /// What is broken.
    pub detail: Option<String>,
    /// Whether the log still has the row of the checkpoint that was given; null without one.
    pub checkpoint: Option<bool>,
    /// What this proves, and what it does not.
    pub proves: String,
}

/// The log's end at one moment. Kept elsewhere, it detects later changes of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// The row.
    pub seq: u64,
    /// Its hash, hex.
    pub hash: String,
}

/// Why a text is not a valid checkpoint.
const NO_CHECKPOINT: &str = "a checkpoint is SEQ:HASH as `tickler audit checkpoint` prints it, or a file that holds it";

impl Checkpoint {
    /// Parses `SEQ:HASH`, or the JSON of `audit checkpoint` and of the last line of an export.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> VerbResult<Self> {
        let text = text.trim();
        let last_line = text.lines().next_back().unwrap_or_default();
        let read = |text: &str| Self::of_json(text).or_else(|| Self::of_text(text));
        read(text).or_else(|| read(last_line)).ok_or_else(|| VerbError::Usage(NO_CHECKPOINT.to_owned()))
    }

    fn of_text(text: &str) -> Option<Self> {
        let (seq, hash) = text.split_once(':')?;
        Self { seq: seq.trim().parse().ok()?, hash: hash.trim().to_ascii_lowercase() }.checked()
    }

    fn of_json(text: &str) -> Option<Self> {
        let json: serde_json::Value = serde_json::from_str(text).ok()?;
        let field = |names: [&str; 2]| names.into_iter().find_map(|name| json.get(name));
        let (seq, hash) = (field(["seq", "last_seq"])?.as_u64()?, field(["hash", "last_hash"])?.as_str()?);
        Self { seq, hash: hash.to_ascii_lowercase() }.checked()
    }

    fn checked(self) -> Option<Self> {
        let is_hash = self.hash.len() == 64 && self.hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then_some(self)
    }
}

/// The log's end, to be kept elsewhere.
///
/// # Errors
/// When there is no ledger, or it can't be read.
pub async fn checkpoint(app: &App) -> VerbResult<Checkpoint> {
    let head = app.ledger()?.head().await?;
    Ok(Checkpoint { seq: head.seq, hash: head.hash })
}

/// Checks the whole chain, and whether it has the row of a checkpoint.
///
/// # Errors
/// When there is no ledger, or it can't be read.
pub async fn verify(app: &App, checkpoint: Option<&Checkpoint>) -> VerbResult<VerifyAnswer> {
    let found = match &app.env.ledger {
        Some(ledger) => ledger.verify().await?,
        None => verification_of_missing(app)?,
    };
    let has_row = match (&app.env.ledger, checkpoint) {
        (Some(ledger), Some(wanted)) => Some(has_row(ledger, wanted).await?),
        (None, Some(_)) => Some(false),
        (_, None) => None,
    };
    let not_there = checkpoint.filter(|_| has_row == Some(false)).map(|wanted| {
        (wanted.seq, "the log has no such row with the checkpoint's hash: it was changed or cut since".to_owned())
    });
    let broken = found.broken.or(not_there);
    Ok(VerifyAnswer {
        ok: broken.is_none(),
        rows: found.rows,
        proves: proves(&broken, found.head.seq, checkpoint),
        seq: found.head.seq,
        hash: found.head.hash,
        broken_at: broken.as_ref().map(|(seq, _)| *seq),
        detail: broken.map(|(_, what)| what),
        checkpoint: has_row,
    })
}

/// A ledger that has disappeared is reported as a log that was cut; one that never existed is an error.
fn verification_of_missing(app: &App) -> VerbResult<Verification> {
    let Some(loss) = sqlite::loss_of_missing(&app.settings.ledger) else {
        return Err(app.ledger().err().unwrap_or_else(|| VerbError::Failed("there is no ledger".to_owned())));
    };
    Ok(Verification { rows: 0, head: Head { seq: 0, hash: String::new() }, broken: Some((1, loss.to_string())) })
}

async fn has_row(ledger: &Questions, wanted: &Checkpoint) -> LedgerResult<bool> {
    if wanted.seq == 0 {
        return Ok(true);
    }
    let filter = AuditFilter { after_seq: Some(wanted.seq - 1), limit: Some(1), ..AuditFilter::default() };
    let rows = ledger.audit(filter).await?;
    Ok(rows.first().is_some_and(|row| row.seq == wanted.seq && row.hash == wanted.hash))
}

fn proves(broken: &Option<(u64, String)>, seq: u64, checkpoint: Option<&Checkpoint>) -> String {
    match (broken, checkpoint) {
        (Some(_), _) => "the log is not as it was written".to_owned(),
        (None, Some(checkpoint)) => format!(
            "the rows up to {seq} are consistent, and those up to {} are as they were when the checkpoint was made; whoever \
             can write the ledger and read its key could have changed later ones",
            checkpoint.seq
        ),
        (None, None) => format!(
            "the rows up to {seq} are consistent among themselves; whoever can write the ledger and read its key could have \
             written all of them anew, which only a checkpoint kept elsewhere shows (`tickler audit checkpoint`, then \
             `tickler audit verify --checkpoint`)"
        ),
    }
}

/// An event's word, or a family's.
///
/// # Errors
/// When there is no such event, with the likely one and all of them.
pub fn known_event(word: &str) -> VerbResult<String> {
    let family = |event: &Event| event.as_str().split('.').next() == Some(word);
    if word.parse::<Event>().is_ok() || Event::ALL.iter().any(family) {
        return Ok(word.to_owned());
    }
    let likely = super::likely_name(word, Event::ALL.iter().map(|event| event.as_str()));
    let remedy = likely.map_or_else(String::new, |likely| format!(": did you mean `{likely}`?"));
    let events: Vec<&str> = Event::ALL.iter().map(|event| event.as_str()).collect();
    Err(VerbError::Usage(format!("the log has no event `{word}`{remedy}\nthe events are {}", events.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_event_gets_the_likely_one() {
        assert!(known_event("delivery").is_ok() && known_event("run.held").is_ok());
        let refused = known_event("run.hold").map_err(|error| error.to_string());
        let text = refused.expect_err("there is no such event");
        assert!(text.starts_with("the log has no event `run.hold`: did you mean `run.held`?\n"), "{text}");
        assert!(Event::ALL.iter().all(|event| text.contains(event.as_str())), "{text}");
    }
}
