//! pure: what a ledger in memory holds, and how a change or a row is written into it. What nothing reads isn't kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::canaries::KeptCanary;
use super::labels::KeptLabel;
use super::log::AuditLog;
use super::posts::KeptPost;
use crate::ledger::chain::{Hash, PhoneKey};
use crate::ledger::change::{AttemptChange, Columns, ExpectedState, LoadedReminder, NewRow, RowUpdate};
use crate::ledger::effects::TargetState;
use crate::ledger::gate::{AccountHold, PauseRow};
use crate::ledger::outcomes::CallRow;
use crate::ledger::store::{LearntNumber, Put, ShadowedCall, StoredSchedule};
use crate::ledger::witness::NotedLoss;
use crate::ledger::{LedgerError, LedgerResult, OptOut, RunRow, Step, WriteBackRow};
use crate::outcome::ReportedOutcome;
use crate::personal::Personal;
use crate::plan::{FirstSight, Gap, KnownReminder, MergedAppointment, WatchedLead};
use crate::reminder::{Lead, ReminderId, State};

/// Everything. Rows of which there are many are shared between copies.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    /// The reminders by number.
    pub(super) reminders: BTreeMap<i64, Arc<KeptReminder>>,
    /// The runs in the order in which they began.
    pub(super) runs: Vec<Arc<RunRow>>,
    pub(super) schedules: BTreeMap<String, StoredSchedule>,
    /// The texts of versions by hash.
    pub(super) texts: BTreeMap<String, String>,
    pub(super) accounts: BTreeMap<String, KeptAccount>,
    pub(super) targets: BTreeMap<String, TargetState>,
    /// `None` is the pause of everything.
    pub(super) pauses: BTreeMap<Option<String>, PauseRow>,
    /// The contacts by account and keyed hash of the phone.
    pub(super) contacts: BTreeMap<(String, Hash), String>,
    /// The opt-out list by keyed hash of the phone.
    pub(super) optouts: BTreeMap<Hash, OptOut>,
    /// Account, keyed hashes of the person and of the phone.
    pub(super) wrong_numbers: BTreeSet<(String, Hash, Hash)>,
    /// The first sights by schedule and appointment.
    pub(super) first_sights: BTreeMap<(String, String), FirstSight>,
    /// The watched leads by schedule.
    pub(super) watched_leads: BTreeMap<String, Vec<WatchedLead>>,
    /// For each reminder, its schedule and the other appointments that its call is about.
    pub(super) merged: BTreeMap<ReminderId, (String, Vec<MergedAppointment>)>,
    /// Calls that schedules in shadow mode would have made, by schedule, appointment, start and lead.
    pub(super) shadows: BTreeMap<(String, String, Timestamp, Lead), KeptShadow>,
    /// How schedules name appointments that have no reminder, by schedule and appointment.
    pub(super) labels: BTreeMap<(String, String), KeptLabel>,
    /// The reported calls by account and the other side's id.
    pub(super) calls: BTreeMap<(String, String), CallRow>,
    /// The canaries by id.
    pub(super) canaries: BTreeMap<ReminderId, KeptCanary>,
    /// The write-backs by reminder and number.
    pub(super) write_backs: BTreeMap<(ReminderId, u32), WriteBackRow>,
    /// Requests that were posted, by schedule and appointment.
    pub(super) posts: BTreeMap<(String, String), KeptPost>,
    /// How many were accepted, by schedule and minute.
    pub(super) accepted_posts: BTreeMap<(String, i64), u64>,
    pub(super) gaps: Vec<Gap>,
    pub(super) loss: Option<NotedLoss>,
    pub(super) log: AuditLog,
}

/// A reminder with what belongs to it.
#[derive(Debug, Clone)]
pub(super) struct KeptReminder {
    pub(super) held: LoadedReminder,
    /// `None` once it is pruned.
    pub(super) content: Option<Content>,
    /// The attempts by number.
    pub(super) attempts: BTreeMap<u32, KeptAttempt>,
    /// When the call was made of which an outcome was told; a later attempt doesn't change it.
    pub(super) called_at: Option<Timestamp>,
}

/// A call that a schedule in shadow mode would have made.
#[derive(Debug, Clone)]
pub(super) struct KeptShadow {
    pub(super) account: String,
    pub(super) known: KnownReminder,
    pub(super) send_at: Timestamp,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(super) struct Content {
    /// When its source was last read (UTC); `None`: never for it, and the payload is a stand-in.
    pub(super) read_at: Option<Timestamp>,
    pub(super) payload: Personal,
    pub(super) contact: Option<Personal>,
    pub(super) label: Option<Personal>,
}

/// An attempt, and what came of it.
#[derive(Debug, Clone)]
pub(super) struct KeptAttempt {
    pub(super) step: Step,
    pub(super) intent_at: Timestamp,
    pub(super) http_status: Option<u16>,
    pub(super) remote_id: Option<String>,
}

/// An account that was ever used.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptAccount {
    pub(super) hold: AccountHold,
    /// The earliest time at which the account's next request may start (µs UTC).
    pub(super) free_at: Option<i64>,
}

/// Where the unit of that length begins in which an instant lies.
pub(super) fn floor(at: Timestamp, length: i64) -> Timestamp {
    let number = at.as_microsecond() / length;
    Timestamp::from_microsecond(number * length).unwrap_or(at)
}

/// An instant as precise as a ledger keeps it.
pub(super) fn micro(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

fn doubled(what: &str) -> LedgerError {
    LedgerError::Storage(format!("the ledger holds this {what} already; nothing was changed"))
}

impl Content {
    fn of(columns: &Columns<'_>) -> Self {
        let rendered = columns.rendered.as_ref();
        Self {
            read_at: rendered.map(|rendered| micro(rendered.read_at)),
            payload: columns.kept_payload().into(),
            contact: rendered.and_then(|rendered| rendered.contact.as_deref()).map(Personal::from),
            label: rendered.and_then(|rendered| rendered.label).map(Personal::from),
        }
    }
}

/// Writes what a plan sets.
fn set_columns(held: &mut LoadedReminder, columns: &Columns<'_>) {
    // one that returns begins anew: what became of its trial says nothing about the next call
    let was_pending = held.state == State::Pending;
    if !was_pending {
        (held.outcome, held.heard_at) = (None, None);
    }
    held.account = columns.account.to_owned();
    held.phone = Some(columns.phone.into());
    held.person = columns.person.into();
    held.due_day = columns.due_day;
    held.recipient_zone = columns.recipient_zone.to_owned();
    held.calling_hours = columns.calling_hours.to_owned();
    held.due_at = micro(columns.due_at);
    held.next_at = micro(columns.next_at);
    held.expires_at = micro(columns.expires_at);
    held.state = columns.moved.to();
    held.tries = columns.tries;
    held.unknown_fates = columns.unknown_fates;
    held.waited_for_opening = columns.waited_for_opening;
    held.updated_at = micro(columns.updated_at);
    held.priority = columns.priority;
    if !was_pending {
        held.trial = None;
    }
}

fn new_row(nr: i64, row: &NewRow<'_>) -> LoadedReminder {
    let columns = &row.columns;
    LoadedReminder {
        nr,
        id: row.id,
        run_id: row.run_id,
        schedule: row.schedule.to_owned(),
        appointment_id: row.appointment_id.to_owned(),
        starts_at: micro(row.starts_at),
        lead: row.lead,
        account: columns.account.to_owned(),
        phone: Some(columns.phone.into()),
        state: columns.moved.to(),
        attempt: 0,
        tries: columns.tries,
        unknown_fates: columns.unknown_fates,
        expires_at: micro(columns.expires_at),
        person: columns.person.into(),
        calling_hours: columns.calling_hours.to_owned(),
        recipient_zone: columns.recipient_zone.to_owned(),
        contact_renewed: false,
        due_day: columns.due_day,
        due_at: micro(columns.due_at),
        next_at: micro(columns.next_at),
        waited_for_opening: columns.waited_for_opening,
        updated_at: micro(columns.updated_at),
        trial: row.chain.and_then(|(_, trial)| trial),
        withdrawn: false,
        outcome: None,
        heard_at: None,
        root: row.chain.map(|(root, _)| root),
        priority: columns.priority,
    }
}

impl KeptReminder {
    fn set(&mut self, set: &RowUpdate<'_>, at: Timestamp) {
        let held = &mut self.held;
        match set {
            RowUpdate::State { moved, unknown_fates, trial } => {
                (held.state, held.unknown_fates, held.updated_at) = (moved.to(), *unknown_fates, at);
                held.trial = *trial;
            }
            RowUpdate::Taken { moved, attempt, account } => {
                (held.state, held.attempt, held.updated_at) = (moved.to(), *attempt, at);
                if let Some(account) = account {
                    (*account).clone_into(&mut held.account);
                }
            }
            RowUpdate::Retry { moved, next_at, tries, unknown_fates, contact_renewed } => {
                (held.state, held.next_at, held.updated_at) = (moved.to(), micro(*next_at), at);
                (held.tries, held.unknown_fates) = (*tries, *unknown_fates);
                held.contact_renewed = *contact_renewed;
            }
            RowUpdate::Withdrawn { moved } => {
                (held.state, held.withdrawn, held.updated_at) = (moved.to(), true, at);
            }
            RowUpdate::Told { moved, outcome, heard_at } => {
                if held.state != moved.to() {
                    (held.state, held.updated_at) = (moved.to(), at);
                }
                held.outcome = outcome.map(|told| ReportedOutcome { at: micro(told.at), ..told });
                held.heard_at = heard_at.map(micro);
                if outcome.is_some() {
                    self.called_at = self.attempts.get(&held.attempt).map(|attempt| attempt.intent_at);
                }
            }
            RowUpdate::PutOff { next_at } => (held.next_at, held.waited_for_opening) = (micro(*next_at), true),
            RowUpdate::Columns(columns) => {
                self.called_at = self.called_at.filter(|_| held.state == State::Pending);
                set_columns(held, columns);
                self.content = Some(Content::of(columns));
            }
        }
    }
}

impl Tables {
    /// Adds a reminder and returns its number; `None` when the store holds one with the same key.
    pub(super) fn insert(&mut self, row: &NewRow<'_>) -> LedgerResult<Option<i64>> {
        let starts_at = micro(row.starts_at);
        let is_key = |held: &LoadedReminder| {
            held.appointment_id == row.appointment_id
                && held.starts_at == starts_at
                && held.lead == row.lead
                && held.schedule == row.schedule
        };
        if self.held().any(is_key) {
            return Ok(None);
        }
        if self.held().any(|held| held.id == row.id) {
            return Err(doubled("reminder"));
        }
        let nr = self.last_nr() + 1;
        let content = Some(Content::of(&row.columns));
        let kept = KeptReminder { held: new_row(nr, row), content, attempts: BTreeMap::new(), called_at: None };
        self.reminders.insert(nr, Arc::new(kept));
        Ok(Some(nr))
    }

    /// Updates a reminder if it is in the expected state; returns whether it was.
    pub(super) fn set(&mut self, expected: ExpectedState, set: &RowUpdate<'_>, at: Timestamp) -> bool {
        let found = self.reminders.get_mut(&expected.nr).filter(|kept| kept.held.expected_state() == expected);
        let Some(kept) = found else { return false };
        Arc::make_mut(kept).set(set, micro(at));
        true
    }

    pub(super) fn write_attempt(&mut self, nr: i64, attempt: &AttemptChange<'_>, at: Timestamp) -> LedgerResult<()> {
        let Some(kept) = self.reminders.get_mut(&nr).map(Arc::make_mut) else { return Ok(()) };
        match attempt {
            AttemptChange::Begin { number, step } => {
                let begun = KeptAttempt { step: *step, intent_at: micro(at), http_status: None, remote_id: None };
                kept.attempts.insert(*number, begun).map_or(Ok(()), |_| Err(doubled("attempt")))
            }
            AttemptChange::End { number, outcome: _, came } => {
                if let Some(begun) = kept.attempts.get_mut(number) {
                    begun.http_status = came.http_status;
                    begun.remote_id = came.remote_id.map(str::to_owned);
                }
                Ok(())
            }
        }
    }

    /// Writes what is no reminder; `false` when everything is so already.
    pub(super) fn put(&mut self, put: &Put<'_>, phones: &PhoneKey) -> LedgerResult<bool> {
        match put {
            Put::Run(run) => self.put_run(run)?,
            Put::Schedule(schedule) => {
                let (first_loaded, cursor) = (micro(schedule.first_loaded), micro(schedule.cursor));
                let stored = StoredSchedule { first_loaded, cursor, ..(*schedule).clone() };
                self.schedules.insert(schedule.name.clone(), stored);
            }
            Put::Text(hash, text, _) => {
                let is_new = !self.texts.contains_key(*hash);
                self.texts.entry((*hash).to_owned()).or_insert_with(|| (*text).to_owned());
                return Ok(is_new);
            }
            Put::Account(name, hold) => {
                let paused_until = hold.paused_until.map(micro);
                self.account(name).hold = AccountHold { paused_until, ..(*hold).clone() };
            }
            Put::Rate(name, free_at) => return Ok(self.account(name).free_at.replace(*free_at) != Some(*free_at)),
            Put::Target(schedule, state) => {
                self.targets.insert((*schedule).to_owned(), *state);
            }
            Put::Pause(schedule, pause) => return Ok(self.put_pause(*schedule, *pause)),
            Put::Contact(account, phone, contact) => {
                let key = ((*account).to_owned(), phones.hash(phone));
                match contact {
                    Some((id, _)) => drop(self.contacts.insert(key, (*id).to_owned())),
                    None => return Ok(self.contacts.remove(&key).is_some()),
                }
            }
            Put::OptOut(phone, listed) => {
                let hash = phones.hash(phone);
                match listed {
                    Some(listed) => {
                        let since = micro(listed.since);
                        drop(self.optouts.insert(hash, OptOut { since, ..(*listed).clone() }));
                    }
                    None => return Ok(self.optouts.remove(&hash).is_some()),
                }
            }
            Put::WrongNumber(wrong) => return Ok(self.put_wrong_number(wrong, phones)),
            Put::FirstSight(schedule, sight, _) => return Ok(self.put_first_sight(schedule, sight)),
            Put::WatchedLeads(schedule, watched) => self.put_watched_leads(schedule, watched),
            Put::Merged(schedule, reminder, merged) => {
                return Ok(self.put_merged(schedule, *reminder, merged));
            }
            Put::Shadow(shadowed) => return Ok(self.put_shadow(shadowed)),
            Put::Label(named) => return Ok(self.put_label(named, phones)),
            Put::Call(call) => self.put_call(call),
            Put::Canary(row, phone) => self.put_canary(row, phone.map(|phone| phones.hash(phone))),
            Put::WriteBack(row) => self.put_write_back(row),
            Put::Post(post, phone) => self.put_post(post, phone.map(|phone| phones.hash(phone))),
            Put::AcceptedPost(schedule, minute) => self.count_post(schedule, *minute),
            Put::Gap(gap) => self.gaps.push(micro_gap(*gap)),
            Put::Loss(loss) => {
                self.loss = loss.map(|loss| NotedLoss { gap: micro_gap(loss.gap), last_nr: loss.last_nr });
            }
        }
        Ok(true)
    }

    fn put_wrong_number(&mut self, wrong: &LearntNumber<'_>, phones: &PhoneKey) -> bool {
        let key = (wrong.account.to_owned(), phones.hash(wrong.person), phones.hash(wrong.phone));
        self.wrong_numbers.insert(key)
    }

    fn put_merged(&mut self, schedule: &str, reminder: ReminderId, merged: &[MergedAppointment]) -> bool {
        if merged.is_empty() {
            return self.merged.remove(&reminder).is_some();
        }
        let micro = |told: &MergedAppointment| MergedAppointment { starts_at: micro(told.starts_at), ..told.clone() };
        self.merged.insert(reminder, (schedule.to_owned(), merged.iter().map(micro).collect()));
        true
    }

    fn put_first_sight(&mut self, schedule: &str, sight: &FirstSight) -> bool {
        let key = (schedule.to_owned(), sight.appointment_id.clone());
        let is_new = !self.first_sights.contains_key(&key);
        let (starts_at, unseen_at) = (sight.starts_at.map(micro), sight.unseen_at.map(micro));
        self.first_sights.entry(key).or_insert_with(|| FirstSight { starts_at, unseen_at, ..sight.clone() });
        is_new
    }

    fn put_watched_leads(&mut self, schedule: &str, watched: &[WatchedLead]) {
        let micros = |watched: &WatchedLead| WatchedLead {
            since: micro(watched.since),
            due_from: watched.due_from.map(micro),
            ..watched.clone()
        };
        self.watched_leads.insert(schedule.to_owned(), watched.iter().map(micros).collect());
    }

    fn put_shadow(&mut self, shadowed: &ShadowedCall<'_>) -> bool {
        let planned = shadowed.planned;
        let mut is_new = false;
        for (call, person) in shadowed.calls() {
            let key = (shadowed.schedule.to_owned(), call.appointment_id, micro(call.starts_at), call.lead);
            let (due_at, at) = (micro(planned.due_at), micro(shadowed.at));
            let known = KnownReminder::shadowed(planned.id, person.to_owned().into(), planned.due_day, due_at, at);
            is_new |= !self.shadows.contains_key(&key);
            let (account, send_at) = (shadowed.account.to_owned(), micro(planned.send_at));
            self.shadows.entry(key).or_insert(KeptShadow { account, known, send_at });
        }
        is_new
    }

    fn account(&mut self, name: &str) -> &mut KeptAccount {
        self.accounts.entry(name.to_owned()).or_default()
    }

    fn put_pause(&mut self, schedule: Option<&str>, pause: Option<&PauseRow>) -> bool {
        let key = schedule.map(str::to_owned);
        let Some(pause) = pause else { return self.pauses.remove(&key).is_some() };
        let (since, until) = (micro(pause.since), pause.until.map(micro));
        self.pauses.insert(key, PauseRow { since, until, ..pause.clone() });
        true
    }

    /// A known run keeps its schedule and its nominal time.
    fn put_run(&mut self, run: &RunRow) -> LedgerResult<()> {
        let mut row = RunRow {
            nominal_at: micro(run.nominal_at),
            started_at: micro(run.started_at),
            finished_at: run.finished_at.map(micro),
            read_at: run.read_at.map(micro),
            ..run.clone()
        };
        let known = self.runs.iter().position(|known| known.id == run.id);
        if let Some(known) = known {
            row.schedule.clone_from(&self.runs[known].schedule);
            row.nominal_at = self.runs[known].nominal_at;
        }
        let is_same_time = |other: &Arc<RunRow>| {
            other.id != row.id
                && other.kind.is_of_cron()
                && other.nominal_at == row.nominal_at
                && other.schedule == row.schedule
        };
        if row.kind.is_of_cron() && self.runs.iter().any(is_same_time) {
            return Err(doubled("run"));
        }
        match known {
            Some(known) => self.runs[known] = Arc::new(row),
            None => self.runs.push(Arc::new(row)),
        }
        Ok(())
    }
}

fn micro_gap(gap: Gap) -> Gap {
    Gap { from: micro(gap.from), until: micro(gap.until) }
}
