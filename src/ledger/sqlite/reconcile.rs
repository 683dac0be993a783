//! shell: a plan meets the ledger: what is new, pending still, returns, goes, or comes too late.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::records::{Card, card, card_columns};
use super::stored::{id_text, micros, time};
use super::writer::Desk;
use crate::audit::{Entry, Event, LoggedPhone};
use crate::ledger::{FreshRead, LedgerResult, RecordedRun, ReminderTerms};
use crate::plan::{Cancellation, Plan, PlannedReminder, SkippedRow, Standing};
use crate::reminder::{ReminderId, RunId, SkipReason, State};

/// The run or fresh read that brings a plan.
pub(super) struct Bringer<'a> {
    pub(super) run: RunId,
    pub(super) schedule: &'a str,
    pub(super) now: Timestamp,
    pub(super) read_at: Timestamp,
    pub(super) terms: &'a ReminderTerms,
    pub(super) actor: &'a str,
    pub(super) inserts: Inserts,
}

/// Whether keys the ledger doesn't hold are planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inserts {
    Yes,
    No,
}

/// What became of one planned reminder.
enum Fate {
    Stands(ReminderId),
    /// The person has had the calls of that day. With the one that was pending and is cancelled for it.
    PersonLimit(Option<ReminderId>),
    /// Sent, or under way, or over.
    AlreadyReminded,
    /// A fresh read plans nothing new.
    Unknown,
}

impl Desk<'_> {
    pub(super) fn reconcile(&self, fresh: &FreshRead) -> LedgerResult<RecordedRun> {
        if fresh.plan.held.is_some() {
            return Ok(RecordedRun::default());
        }
        let bringer = Bringer {
            run: fresh.run,
            schedule: &fresh.schedule,
            now: fresh.read_at,
            read_at: fresh.read_at,
            terms: &fresh.terms,
            actor: "service",
            inserts: Inserts::No,
        };
        self.take_plan(&bringer, &fresh.plan, &mut |_| {})
    }

    /// Cancellations first: they free their persons' calls of the day. `overruled` is told the skip's reason, or `None`
    /// for a reminder that was sent meanwhile.
    pub(super) fn take_plan(
        &self,
        bringer: &Bringer<'_>,
        plan: &Plan,
        overruled: &mut dyn FnMut(Option<SkipReason>),
    ) -> LedgerResult<RecordedRun> {
        let mut recorded = RecordedRun::default();
        for cancellation in &plan.cancellations {
            if self.cancel_on_evidence(bringer, cancellation)? {
                recorded.cancelled.push(cancellation.id);
            }
        }
        for planned in &plan.reminders {
            match self.place(bringer, planned)? {
                Fate::Stands(id) => recorded.reminders.push(id),
                Fate::PersonLimit(cancelled) => {
                    recorded.cancelled.extend(cancelled);
                    self.log_limit(bringer, planned)?;
                    overruled(Some(SkipReason::PersonLimit));
                    recorded.overruled.push(planned.id);
                }
                Fate::AlreadyReminded => {
                    overruled(None);
                    recorded.overruled.push(planned.id);
                }
                Fate::Unknown => {}
            }
        }
        if bringer.inserts == Inserts::Yes {
            plan.forgotten.iter().try_for_each(|planned| self.insert_forgotten(bringer, planned))?;
        }
        Ok(recorded)
    }

    fn log_limit(&self, bringer: &Bringer<'_>, planned: &PlannedReminder) -> LedgerResult<()> {
        let limit = bringer.terms.max_per_person_per_day;
        let detail = format!("the person has {limit} of {limit} calls on {}", planned.due_day);
        self.log(&Entry {
            reminder_id: None,
            event: Event::ReminderSkipped,
            reason: Some(SkipReason::PersonLimit.as_str().into()),
            ..planned_line(bringer, planned, &detail)
        })
    }

    /// It may have been sent in a time the ledger doesn't know: a person settles it.
    fn insert_forgotten(&self, bringer: &Bringer<'_>, planned: &PlannedReminder) -> LedgerResult<()> {
        if !self.write_new(bringer, planned)? {
            return Ok(());
        }
        let sql = "UPDATE reminder SET state = 'uncertain', unknown_fates = 1 WHERE id = ?1";
        self.conn.prepare_cached(sql)?.execute([id_text(planned.id.0)])?;
        self.log(&Entry {
            event: Event::DeliveryUncertain,
            reason: Some("restored".into()),
            ..planned_line(bringer, planned, "the restored ledger doesn't know whether it was called")
        })
    }

    fn cancel_on_evidence(&self, bringer: &Bringer<'_>, cancellation: &Cancellation) -> LedgerResult<bool> {
        let Some(found) = self.card_of(cancellation.id)? else { return Ok(false) };
        if found.state != State::Pending || found.schedule != bringer.schedule {
            return Ok(false);
        }
        self.cancel(found.nr, bringer.now)?;
        self.log(&Entry {
            run_id: Some(bringer.run),
            reason: Some(cancellation.reason.as_str().into()),
            detail: Some(cancellation.detail.as_str().into()),
            actor: Some(bringer.actor.into()),
            ..found.entry(bringer.now, Event::ReminderCancelled)
        })?;
        Ok(true)
    }

    fn place(&self, bringer: &Bringer<'_>, planned: &PlannedReminder) -> LedgerResult<Fate> {
        if bringer.inserts == Inserts::Yes
            && planned.standing == Standing::New
            && let Some(fate) = self.insert_unseen(bringer, planned)?
        {
            return Ok(fate);
        }
        let Some(found) = self.card_by_key(bringer.schedule, planned)? else {
            return match bringer.inserts {
                Inserts::No => Ok(Fate::Unknown),
                Inserts::Yes => self.insert(bringer, planned),
            };
        };
        match found.state {
            State::Pending => self.renew(bringer, planned, &found),
            State::Cancelled if found.unknown_fates == 0 && bringer.inserts == Inserts::Yes => {
                self.bring_back(bringer, planned, &found)
            }
            State::Sending
            | State::Delivered
            | State::Uncertain
            | State::Failed
            | State::Expired
            | State::Dropped
            | State::Cancelled => Ok(Fate::AlreadyReminded),
        }
    }

    fn card_by_key(&self, schedule: &str, planned: &PlannedReminder) -> LedgerResult<Option<Card>> {
        let sql = concat!(
            "SELECT ",
            card_columns!(),
            " FROM reminder r WHERE r.schedule = ?1 AND r.appointment_id = ?2 AND r.starts_at = ?3 AND r.lead = ?4"
        );
        let key = params![schedule, planned.appointment_id, micros(planned.starts_at), planned.lead.to_string()];
        Ok(self.kept.row(sql, key, card).optional()?)
    }

    /// Whether the person has had the calls of that day, this reminder itself not counted.
    fn is_full(&self, bringer: &Bringer<'_>, planned: &PlannedReminder, due_day: &str, nr: i64) -> LedgerResult<bool> {
        let sql = "SELECT count(*) FROM reminder WHERE account = ?1 AND due_day = ?2 AND person = ?3 AND nr <> ?4 \
            AND state IN ('pending', 'sending', 'delivered', 'uncertain')";
        let key = params![bringer.terms.account, due_day, planned.person, nr];
        let calls: u32 = self.kept.row(sql, key, |row| row.get(0))?;
        Ok(calls >= bringer.terms.max_per_person_per_day)
    }

    fn insert(&self, bringer: &Bringer<'_>, planned: &PlannedReminder) -> LedgerResult<Fate> {
        Ok(self.insert_unseen(bringer, planned)?.unwrap_or(Fate::PersonLimit(None)))
    }

    /// Inserts a key that the plan found nowhere, without looking for it once more; `None`, and nothing is written, when it
    /// came meanwhile or the person has had the calls of that day.
    fn insert_unseen(&self, bringer: &Bringer<'_>, planned: &PlannedReminder) -> LedgerResult<Option<Fate>> {
        let is_full = self.is_full(bringer, planned, &planned.due_day.to_string(), 0)?;
        let is_written = !is_full && self.write_new(bringer, planned)?;
        Ok(is_written.then_some(Fate::Stands(planned.id)))
    }

    /// `false`, and nothing is written, when the ledger holds the key.
    fn write_new(&self, bringer: &Bringer<'_>, planned: &PlannedReminder) -> LedgerResult<bool> {
        let sql = "INSERT INTO reminder (id, run_id, schedule, appointment_id, starts_at, lead, account, phone, person, \
            due_day, recipient_zone, calling_hours, due_at, next_at, expires_at, state, waited_for_opening, read_at, \
            previous_starts_at, note, payload_hash, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
            ?12, ?13, ?14, ?15, 'pending', ?16, ?17, ?18, ?19, ?20, ?21) \
            ON CONFLICT (schedule, appointment_id, starts_at, lead) DO NOTHING";
        let content = Content::of(planned);
        let written = self.kept.run(
            sql,
            params![
                id_text(planned.id.0),
                id_text(bringer.run.0),
                bringer.schedule,
                planned.appointment_id,
                micros(planned.starts_at),
                planned.lead.to_string(),
                bringer.terms.account,
                planned.phone,
                planned.person,
                planned.due_day.to_string(),
                planned.recipient_zone,
                bringer.terms.calling_hours,
                micros(planned.due_at),
                micros(planned.send_at),
                micros(planned.expires_at),
                waits_for_opening(bringer, planned),
                micros(bringer.read_at),
                planned.previous_starts_at.map(micros),
                planned.note,
                content.hash,
                micros(bringer.now)
            ],
        )?;
        if written == 0 {
            return Ok(false);
        }
        self.keep_content(self.conn.last_insert_rowid(), &content)?;
        self.log(&planned_line(bringer, planned, &planned_detail(planned)))?;
        Ok(true)
    }

    fn keep_content(&self, nr: i64, content: &Content<'_>) -> LedgerResult<()> {
        let sql = "INSERT INTO content (reminder, payload, contact) VALUES (?1, ?2, ?3) \
            ON CONFLICT (reminder) DO UPDATE SET payload = excluded.payload, contact = excluded.contact";
        self.kept.run(sql, params![nr, content.payload, content.contact])?;
        Ok(())
    }

    /// A pending one that is planned again keeps id, due time and tries, and takes the row's newest columns.
    fn renew(&self, bringer: &Bringer<'_>, planned: &PlannedReminder, found: &Card) -> LedgerResult<Fate> {
        let (due_day, due_at) = self.due_of(found.nr)?;
        if found.person != planned.person && self.is_full(bringer, planned, &due_day, found.nr)? {
            self.cancel(found.nr, bringer.now)?;
            self.log(&Entry {
                run_id: Some(bringer.run),
                reason: Some(SkipReason::PersonLimit.as_str().into()),
                actor: Some(bringer.actor.into()),
                ..found.entry(bringer.now, Event::ReminderCancelled)
            })?;
            return Ok(Fate::PersonLimit(Some(found.id)));
        }
        // it waits for the opening of hours that no longer hold: look at once
        let is_moved =
            found.calling_hours != bringer.terms.calling_hours || found.recipient_zone != *planned.recipient_zone;
        let sql = "UPDATE reminder SET phone = ?2, person = ?3, recipient_zone = ?4, calling_hours = ?5, expires_at = ?6, \
            read_at = ?7, previous_starts_at = ?8, note = ?9, payload_hash = ?10, \
            next_at = CASE WHEN ?11 AND waited_for_opening THEN ?12 ELSE next_at END, \
            waited_for_opening = waited_for_opening AND ?13, account = ?14 WHERE nr = ?1";
        let content = Content::of(planned);
        self.conn.prepare_cached(sql)?.execute(params![
            found.nr,
            planned.phone,
            planned.person,
            planned.recipient_zone,
            bringer.terms.calling_hours,
            micros(planned.expires_at),
            micros(bringer.read_at),
            planned.previous_starts_at.map(micros),
            planned.note,
            content.hash,
            is_moved,
            micros(due_at),
            planned.send_at > bringer.now,
            bringer.terms.account
        ])?;
        self.keep_content(found.nr, &content)?;
        if found.phone.as_deref() != Some(planned.phone.as_str()) {
            let detail = planned_detail(planned);
            let line = planned_line(bringer, planned, &detail);
            self.log(&Entry { reminder_id: Some(found.id), reason: Some("phone_changed".into()), ..line })?;
        }
        Ok(Fate::Stands(found.id))
    }

    fn due_of(&self, nr: i64) -> LedgerResult<(String, Timestamp)> {
        let mut statement = self.conn.prepare_cached("SELECT due_day, due_at FROM reminder WHERE nr = ?1")?;
        Ok(statement.query_row([nr], |row| Ok((row.get(0)?, time(row, 1)?)))?)
    }

    /// A cancelled one, none of whose requests has an unknown fate, is pending again, with the new due time.
    fn bring_back(&self, bringer: &Bringer<'_>, planned: &PlannedReminder, found: &Card) -> LedgerResult<Fate> {
        let due_day = planned.due_day.to_string();
        if self.is_full(bringer, planned, &due_day, found.nr)? {
            return Ok(Fate::PersonLimit(None));
        }
        let sql = "UPDATE reminder SET state = 'pending', account = ?2, phone = ?3, person = ?4, due_day = ?5, \
            recipient_zone = ?6, calling_hours = ?7, due_at = ?8, next_at = ?9, expires_at = ?10, tries = 0, \
            waited_for_opening = ?11, read_at = ?12, previous_starts_at = ?13, note = ?14, payload_hash = ?15, \
            updated_at = ?16 WHERE nr = ?1";
        let content = Content::of(planned);
        self.conn.prepare_cached(sql)?.execute(params![
            found.nr,
            bringer.terms.account,
            planned.phone,
            planned.person,
            due_day,
            planned.recipient_zone,
            bringer.terms.calling_hours,
            micros(planned.due_at),
            micros(planned.send_at),
            micros(planned.expires_at),
            waits_for_opening(bringer, planned),
            micros(bringer.read_at),
            planned.previous_starts_at.map(micros),
            planned.note,
            content.hash,
            micros(bringer.now)
        ])?;
        self.keep_content(found.nr, &content)?;
        let detail = planned_detail(planned);
        let line = planned_line(bringer, planned, &detail);
        self.log(&Entry { reminder_id: Some(found.id), reason: Some("returned".into()), ..line })?;
        Ok(Fate::Stands(found.id))
    }
}

/// The exact bytes to send.
struct Content<'p> {
    payload: &'p str,
    contact: Option<String>,
    hash: [u8; 32],
}

impl<'p> Content<'p> {
    fn of(planned: &'p PlannedReminder) -> Self {
        let payload = planned.payload.as_str();
        let contact = (!planned.contact.is_null()).then(|| planned.contact.to_string());
        let hash = Sha256::digest(payload.as_bytes()).into();
        Self { payload, contact, hash }
    }
}

/// Its hours open later than it is due: the source may say otherwise by then.
fn waits_for_opening(bringer: &Bringer<'_>, planned: &PlannedReminder) -> bool {
    planned.send_at > bringer.now && planned.send_at > planned.due_at
}

fn planned_detail(planned: &PlannedReminder) -> String {
    let note = planned.note.as_deref().map(|note| format!("; {note}")).unwrap_or_default();
    format!("to be sent from {}{note}", planned.send_at)
}

fn planned_line<'a>(bringer: &Bringer<'a>, planned: &'a PlannedReminder, detail: &'a str) -> Entry<'a> {
    Entry {
        schedule: Some(bringer.schedule.into()),
        run_id: Some(bringer.run),
        reminder_id: Some(planned.id),
        appointment_id: Some(planned.appointment_id.as_str().into()),
        phone: Some(LoggedPhone::whole(planned.phone.as_str())),
        starts_at: Some(planned.starts_at),
        lead: Some(planned.lead),
        actor: Some(bringer.actor.into()),
        detail: Some(detail.into()),
        ..Entry::new(bringer.now, Event::ReminderPlanned)
    }
}

pub(super) fn skip_entry<'a>(bringer: &Bringer<'a>, row: &'a SkippedRow) -> Entry<'a> {
    Entry {
        schedule: Some(bringer.schedule.into()),
        run_id: Some(bringer.run),
        appointment_id: row.appointment_id.as_deref().map(Into::into),
        phone: row.phone.as_deref().map(LoggedPhone::whole),
        starts_at: row.starts_at,
        lead: row.lead,
        reason: Some(row.reason.as_str().into()),
        actor: Some(bringer.actor.into()),
        detail: Some(row.detail.as_str().into()),
        ..Entry::new(bringer.now, Event::ReminderSkipped)
    }
}
