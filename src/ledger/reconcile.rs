//! pure: a plan meets what the ledger holds: which reminders are new, renewed, brought back, cancelled or too late.

use jiff::Timestamp;
use jiff::civil::Date;

use super::ReminderTerms;
use super::chain::Hash;
use super::change::{Change, Columns, LoadedReminder, NewRow, RowChange, RowUpdate};
use super::life::{self, Move, Moved, NoMove};
use super::returning;
use crate::audit::{Entry, Event, LoggedPhone};
use crate::plan::{Cancellation, PlannedReminder, SkippedRow};
use crate::reminder::{Lead, ReminderId, RunId, SkipReason, State};
use crate::seeded::SeededMap;

/// The read that brings a plan.
#[derive(Debug, Clone, Copy)]
pub struct PlannedBy<'a> {
    /// The run, or the one that is read again for.
    pub run: RunId,
    /// The schedule's name.
    pub schedule: &'a str,
    /// The current instant (UTC).
    pub now: Timestamp,
    /// When the source was read (UTC).
    pub read_at: Timestamp,
    /// What reminders take from their schedule.
    pub terms: &'a ReminderTerms,
    /// The target's address under the ledger's key; `None` when it isn't known.
    pub target: Option<Hash>,
    /// The user or component that did it.
    pub actor: &'a str,
    /// Whether it may plan somebody new.
    pub mode: Mode,
}

/// What a read is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A run: it plans new reminders and brings cancelled ones back.
    Run,
    /// A run of a schedule in shadow mode: it renews and cancels what is pending, and writes down whom it would call.
    Shadow,
    /// A fresh read before a late send: it renews and cancels what is pending, and plans nothing.
    FreshRead,
}

impl Mode {
    /// Whether somebody new may be planned, or written down in shadow mode.
    const fn is_run(self) -> bool {
        match self {
            Self::Run | Self::Shadow => true,
            Self::FreshRead => false,
        }
    }
}

/// The calls that persons of an account have, by day: loaded once for a plan, and kept up with what it changes.
#[derive(Debug, Default)]
pub struct Calls {
    by_day: SeededMap<Date, SeededMap<String, u32>>,
}

impl Calls {
    /// Whether the calls of that day were loaded.
    #[must_use]
    pub fn has(&self, day: Date) -> bool {
        self.by_day.contains_key(&day)
    }

    /// The calls of that day, by person.
    pub fn load(&mut self, day: Date, calls: SeededMap<String, u32>) {
        self.by_day.insert(day, calls);
    }

    /// How many calls the person has on that day.
    #[must_use]
    pub fn of(&self, day: Date, person: &str) -> u32 {
        self.by_day.get(&day).and_then(|calls| calls.get(person)).copied().unwrap_or_default()
    }

    /// Takes note of a change that was written, of what the ledger held before.
    pub fn follow(&mut self, by: &PlannedBy<'_>, held: Option<&LoadedReminder>, change: &Change<'_>) {
        let is_retry = held.is_some_and(|held| held.root.is_some());
        let counts = |held: &&LoadedReminder| {
            !is_retry && held.account == by.terms.account && held.counts_for_person(by.target.as_ref())
        };
        if let Some(held) = held.filter(counts) {
            let calls = self.by_day.get_mut(&held.due_day).and_then(|calls| calls.get_mut(held.person.as_str()));
            calls.into_iter().for_each(|count| *count = count.saturating_sub(1));
        }
        let columns = match &change.row {
            RowChange::Insert(row) => &row.columns,
            RowChange::Update(_, RowUpdate::Columns(columns)) => columns,
            RowChange::Update(
                _,
                RowUpdate::Taken { .. }
                | RowUpdate::State { .. }
                | RowUpdate::Retry { .. }
                | RowUpdate::Withdrawn { .. }
                | RowUpdate::Told { .. }
                | RowUpdate::PutOff { .. },
            ) => return,
        };
        // a retry takes no call of its own from the person of its chain
        let is_counted =
            held.is_some_and(|held| is_retry && held.person == *columns.person && held.due_day == columns.due_day);
        let counts = !is_counted && columns.moved.to().counts_for_person();
        if let Some(calls) = self.by_day.get_mut(&columns.due_day).filter(|_| counts) {
            *calls.entry(columns.person.to_owned()).or_default() += 1;
        }
    }
}

/// What becomes of one planned reminder.
#[derive(Debug)]
pub enum Fate<'a> {
    /// The reminder is to be sent: new, renewed or brought back.
    Stands(ReminderId, Change<'a>),
    /// Its person has had the calls of that day.
    PersonLimit(Option<Change<'a>>),
    /// The retry is cancelled: it would have followed a call that only a sandbox took, and the target has another address now.
    Cancelled(Change<'a>),
    /// The reminder would be called: shadow mode writes that down.
    Shadowed(Entry<'a>),
    /// The reminder was sent, or is being sent, or is over.
    AlreadyReminded,
    /// A fresh read plans nothing new.
    NotPlanned,
}

/// The day whose calls decide about a planned reminder, if any do: one that is pending already keeps its day, and its place
/// among the calls of its person.
#[must_use]
pub fn day_to_count(by: &PlannedBy<'_>, planned: &PlannedReminder, found: Option<&LoadedReminder>) -> Option<Date> {
    let Some(found) = found else {
        return (by.mode.is_run() || planned.takes_over.is_some()).then_some(planned.due_day);
    };
    match found.state {
        State::Pending => (found.person != planned.person).then_some(found.due_day),
        State::Cancelled | State::Delivered => by.mode.is_run().then_some(planned.due_day),
        State::Sending | State::Uncertain | State::Failed | State::Expired | State::Dropped => None,
    }
}

/// Decides about one planned reminder, of which the ledger holds `found`, given the calls of [`day_to_count`]. `corrected`
/// of these it corrects: they are about the same appointment, and don't count against it.
///
/// # Errors
/// Never for what the table of moves has.
pub fn place<'a>(
    by: &PlannedBy<'a>,
    planned: &'a PlannedReminder,
    found: Option<&'a LoadedReminder>,
    calls: &Calls,
    corrected: u32,
) -> Result<Fate<'a>, NoMove> {
    let others = |day| calls.of(day, &planned.person).saturating_sub(corrected);
    let is_full = day_to_count(by, planned, found).is_some_and(|day| others(day) >= by.terms.max_per_person_per_day);
    let Some(found) = found else {
        return match by.mode {
            // the call in which it was to be told is not made any more, and no run may come to plan it
            Mode::FreshRead if planned.takes_over.is_some() && !is_full => {
                Ok(Fate::Stands(planned.id, inserted(by, planned)?))
            }
            Mode::FreshRead => Ok(Fate::NotPlanned),
            Mode::Run | Mode::Shadow if is_full => Ok(Fate::PersonLimit(None)),
            Mode::Shadow => Ok(Fate::Shadowed(shadow_entry(by, planned))),
            Mode::Run => Ok(Fate::Stands(planned.id, inserted(by, planned)?)),
        };
    };
    match found.state {
        State::Pending if returning::is_past_trial(found.trial.as_ref(), by.target.as_ref()) => {
            let entry = found.entry(by.now, Event::ReminderCancelled);
            let over = Entry { reason: Some("trial_over".into()), ..of_plan(by, entry) };
            Ok(Fate::Cancelled(life::cancelled(found, over)?))
        }
        State::Pending if is_full => {
            let entry = found.entry(by.now, Event::ReminderCancelled);
            let limited = Entry { reason: Some(SkipReason::PersonLimit.as_str().into()), ..of_plan(by, entry) };
            Ok(Fate::PersonLimit(Some(life::cancelled(found, limited)?)))
        }
        State::Pending => Ok(Fate::Stands(found.id, renewed(by, planned, found))),
        State::Cancelled | State::Delivered if by.mode.is_run() => {
            match returning::returned(found, by.target.as_ref())? {
                None => Ok(Fate::AlreadyReminded),
                Some(_) if is_full => Ok(Fate::PersonLimit(None)),
                Some(_) if by.mode == Mode::Shadow => Ok(Fate::Shadowed(shadow_entry(by, planned))),
                Some(moved) => Ok(Fate::Stands(found.id, brought_back(by, planned, found, moved))),
            }
        }
        State::Cancelled
        | State::Sending
        | State::Delivered
        | State::Uncertain
        | State::Failed
        | State::Expired
        | State::Dropped => Ok(Fate::AlreadyReminded),
    }
}

fn of_plan<'a>(by: &PlannedBy<'a>, entry: Entry<'a>) -> Entry<'a> {
    Entry { run_id: Some(by.run), actor: Some(by.actor.into()), ..entry }
}

fn inserted<'a>(by: &PlannedBy<'a>, planned: &'a PlannedReminder) -> Result<Change<'a>, NoMove> {
    let moved = life::go(Move::Plan, None, State::Pending)?;
    let columns = Columns::planned(planned, by.terms, moved, by.now, by.read_at);
    Ok(new(by, planned, columns, vec![planned_entry(by, planned, None)]))
}

/// The change by which a reminder becomes uncertain that may have been sent in a time that the ledger has forgotten: a person
/// resolves it. `found` is what the ledger holds of it; `None` for one that is neither absent nor to return.
///
/// # Errors
/// Never for what the table of moves has.
pub fn forgotten<'a>(
    by: &PlannedBy<'a>,
    planned: &'a PlannedReminder,
    found: Option<&'a LoadedReminder>,
) -> Result<Option<Change<'a>>, NoMove> {
    let state = found.map(|found| found.state);
    match state {
        None | Some(State::Cancelled | State::Delivered) => {}
        Some(State::Pending | State::Sending | State::Uncertain | State::Failed | State::Expired | State::Dropped) => {
            return Ok(None);
        }
    }
    let moved = life::go(Move::Doubt, state, State::Uncertain)?;
    let columns = Columns { unknown_fates: 1, ..Columns::planned(planned, by.terms, moved, by.now, by.read_at) };
    let plan = planned_entry(by, planned, found.map(|found| found.id));
    let doubt = Entry {
        event: Event::DeliveryUncertain,
        reason: Some("restored".into()),
        detail: Some("the ledger has lost the rows of that time and doesn't know whether it was called".into()),
        ..plan.clone()
    };
    Ok(Some(match found {
        None => new(by, planned, columns, vec![plan, doubt]),
        Some(found) => held(by, found, columns, vec![doubt]),
    }))
}

fn new<'a>(
    by: &PlannedBy<'a>,
    planned: &'a PlannedReminder,
    columns: Columns<'a>,
    entries: Vec<Entry<'a>>,
) -> Change<'a> {
    let row = NewRow {
        id: planned.id,
        run_id: by.run,
        schedule: by.schedule,
        appointment_id: &planned.appointment_id,
        starts_at: planned.starts_at,
        lead: planned.lead,
        chain: None,
        columns,
    };
    Change { row: RowChange::Insert(Box::new(row)), attempt: None, at: by.now, entries }
}

/// A pending one that is planned again keeps id, due time and tries, and takes the row's newest columns.
fn renewed<'a>(by: &PlannedBy<'a>, planned: &'a PlannedReminder, found: &'a LoadedReminder) -> Change<'a> {
    // it waits for the opening of hours that no longer hold: it is judged by the new ones at once
    let is_moved = found.calling_hours != by.terms.calling_hours || found.recipient_zone != *planned.recipient_zone;
    if planned.lead == Lead::NOW && found.due_at != planned.due_at {
        return renewed_in_time(by, planned, found);
    }
    let columns = Columns {
        due_day: found.due_day,
        due_at: found.due_at,
        next_at: if is_moved && found.waited_for_opening { found.due_at } else { found.next_at },
        tries: found.tries,
        unknown_fates: found.unknown_fates,
        waited_for_opening: found.waited_for_opening && planned.send_at > by.now,
        updated_at: found.updated_at,
        ..Columns::planned(planned, by.terms, Moved::none(found), by.now, by.read_at)
    };
    let has_other_phone = found.phone.as_deref() != Some(planned.phone.as_str());
    let reason = match (has_other_phone, is_moved && planned.send_at != found.next_at) {
        (true, _) => Some("phone_changed"),
        (false, true) => Some("time_changed"),
        (false, false) => None,
    };
    let entry =
        reason.map(|reason| Entry { reason: Some(reason.into()), ..planned_entry(by, planned, Some(found.id)) });
    held(by, found, columns, entry.into_iter().collect())
}

/// A request that asks for another time than before has that time.
fn renewed_in_time<'a>(by: &PlannedBy<'a>, planned: &'a PlannedReminder, found: &'a LoadedReminder) -> Change<'a> {
    let columns = Columns {
        tries: found.tries,
        unknown_fates: found.unknown_fates,
        updated_at: found.updated_at,
        ..Columns::planned(planned, by.terms, Moved::none(found), by.now, by.read_at)
    };
    let entry = Entry { reason: Some("time_changed".into()), ..planned_entry(by, planned, Some(found.id)) };
    held(by, found, columns, vec![entry])
}

/// The change by which a reminder that certainly phoned nobody is pending again, with the new due time.
fn brought_back<'a>(
    by: &PlannedBy<'a>,
    planned: &'a PlannedReminder,
    found: &'a LoadedReminder,
    moved: Moved,
) -> Change<'a> {
    let columns = Columns::planned(planned, by.terms, moved, by.now, by.read_at);
    let entry = planned_entry(by, planned, Some(found.id));
    let entry = match &found.trial {
        None => Entry { reason: Some("returned".into()), ..entry },
        Some(_) => {
            let due = entry.detail.as_deref().unwrap_or_default();
            let detail = format!("only the sandbox had accepted it, and the target has another address now; {due}");
            Entry { reason: Some("trial_over".into()), detail: Some(detail.into()), ..entry }
        }
    };
    held(by, found, columns, vec![entry])
}

fn held<'a>(by: &PlannedBy<'a>, found: &LoadedReminder, columns: Columns<'a>, entries: Vec<Entry<'a>>) -> Change<'a> {
    let row = RowChange::Update(found.expected_state(), RowUpdate::Columns(Box::new(columns)));
    Change { row, attempt: None, at: by.now, entries }
}

/// Cancels a pending reminder on the evidence of a read; `None` for any other, also of another schedule.
///
/// # Errors
/// Never for what the table of moves has.
pub fn cancelled_on_evidence<'a>(
    by: &PlannedBy<'a>,
    cancellation: &'a Cancellation,
    found: &'a LoadedReminder,
) -> Result<Option<Change<'a>>, NoMove> {
    if found.state != State::Pending || found.schedule != by.schedule {
        return Ok(None);
    }
    let entry = Entry {
        reason: Some(cancellation.reason.as_str().into()),
        detail: Some(cancellation.detail.as_str().into()),
        ..of_plan(by, found.entry(by.now, Event::ReminderCancelled))
    };
    life::cancelled(found, entry).map(Some)
}

fn planned_entry<'a>(by: &PlannedBy<'a>, planned: &'a PlannedReminder, held: Option<ReminderId>) -> Entry<'a> {
    let note = planned.note.as_deref().map(|note| format!("; {note}")).unwrap_or_default();
    let entry = Entry {
        schedule: Some(by.schedule.into()),
        reminder_id: Some(held.unwrap_or(planned.id)),
        appointment_id: Some(planned.appointment_id.as_str().into()),
        phone: Some(LoggedPhone::whole(planned.phone.as_str())),
        starts_at: Some(planned.starts_at),
        lead: Some(planned.lead),
        detail: Some(format!("to be sent from {}{note}", planned.send_at).into()),
        ..Entry::new(by.now, Event::ReminderPlanned)
    };
    of_plan(by, entry)
}

/// The row of the audit log about somebody who would have been called.
fn shadow_entry<'a>(by: &PlannedBy<'a>, planned: &'a PlannedReminder) -> Entry<'a> {
    let note = planned.note.as_deref().map(|note| format!("; {note}")).unwrap_or_default();
    Entry {
        reminder_id: None,
        event: Event::ReminderShadowed,
        detail: Some(format!("would have been called from {}{note}", planned.send_at).into()),
        ..planned_entry(by, planned, None)
    }
}

/// The row of the audit log about a planned reminder whose person has had the calls of that day.
#[must_use]
pub fn limit_entry<'a>(by: &PlannedBy<'a>, planned: &'a PlannedReminder) -> Entry<'a> {
    let limit = by.terms.max_per_person_per_day;
    Entry {
        reminder_id: None,
        event: Event::ReminderSkipped,
        reason: Some(SkipReason::PersonLimit.as_str().into()),
        detail: Some(format!("the person has {limit} of {limit} calls on {}", planned.due_day).into()),
        ..planned_entry(by, planned, None)
    }
}

/// The row of the audit log about an appointment whose call was to be that of another one, which is not made: its person
/// has had the calls of that day.
#[must_use]
pub fn untold_entry<'a>(by: &PlannedBy<'a>, row: &'a SkippedRow) -> Entry<'a> {
    let limit = by.terms.max_per_person_per_day;
    Entry {
        reason: Some(SkipReason::PersonLimit.as_str().into()),
        detail: Some(
            format!("{}, which is not made: its person has {limit} of {limit} calls on that day", row.detail).into(),
        ),
        ..skip_entry(by, row)
    }
}

/// The row of the audit log about a row of the source that is not called.
#[must_use]
pub fn skip_entry<'a>(by: &PlannedBy<'a>, row: &'a SkippedRow) -> Entry<'a> {
    let entry = Entry {
        schedule: Some(by.schedule.into()),
        appointment_id: row.appointment_id.as_deref().map(Into::into),
        phone: row.phone.as_deref().map(LoggedPhone::whole),
        starts_at: row.starts_at,
        lead: row.lead,
        reason: Some(row.reason.as_str().into()),
        detail: Some(row.detail.as_str().into()),
        ..Entry::new(by.now, Event::ReminderSkipped)
    };
    of_plan(by, entry)
}
