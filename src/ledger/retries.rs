//! pure: what an outcome changes besides its own reminder: the call that follows, and calls that are not made any more.

use jiff::Timestamp;
use jiff::civil::Date;
use sha2::{Digest as _, Sha256};

use super::OutcomeTerms;
use super::chain::Hash;
use super::change::{Change, Columns, LoadedReminder, NewRow, RowChange, RowUpdate};
use super::life::{self, Move, Moved, NoMove};
use super::returning;
use crate::audit::{Entry, Event};
use crate::outcome::retry::{DueRetry, EndedCall, NoRetry, RetryTimes};
use crate::personal::Personal;
use crate::reminder::{CallOutcome, Lead, ReminderId, State, uuid_v7};

/// The word with which a pending retry is cancelled whose chain has another outcome now.
const ANSWERED: &str = "answered";

/// The reason in the log of a retry that is planned.
const RETRY: &str = "retry";

/// What an outcome changes besides its own reminder.
#[derive(Debug, Default)]
pub struct Aftermath<'a> {
    /// Pending reminders of the same start that are not sent any more, with the reason.
    pub cancelled: Vec<(&'a LoadedReminder, &'static str)>,
    /// The retry that the outcome asks for.
    pub retry: Option<DueRetry>,
}

/// The aftermath of an outcome that holds from now on. `others` are the reminders of the same appointment and start, the
/// call's own among them or not.
#[must_use]
pub fn aftermath<'a>(
    held: &LoadedReminder,
    call: &EndedCall,
    others: &'a [LoadedReminder],
    terms: &OutcomeTerms,
) -> Aftermath<'a> {
    let others: Vec<&LoadedReminder> = others.iter().filter(|other| other.id != held.id).collect();
    let is_of_chain = |other: &LoadedReminder| other.chain() == held.chain();
    let is_on = |outcome: CallOutcome| terms.retry.as_ref().is_some_and(|retry| retry.on.contains(&outcome));
    let skips = |outcome: CallOutcome| terms.skip_later_leads.contains(&outcome);
    let cancelled =
        others.iter().filter(|other| other.state == State::Pending).filter_map(|other| match is_of_chain(other) {
            true => (!is_on(call.outcome)).then_some((*other, ANSWERED)),
            false => skips(call.outcome).then_some((*other, call.outcome.as_str())),
        });
    // a later record of an earlier call may have said more than this one
    let is_settled = others.iter().filter_map(|other| Some((other, other.outcome?.outcome))).any(|(other, outcome)| {
        skips(outcome) || is_of_chain(other) && !is_on(outcome) && outcome.rank() >= call.outcome.rank()
    });
    let retry = terms.retry.as_ref().and_then(|retry| retry.after(call)).filter(|_| !is_settled);
    Aftermath { cancelled: cancelled.collect(), retry }
}

/// Cancels a pending reminder of which an outcome says that it is not sent any more.
///
/// # Errors
/// When it isn't pending.
pub fn cancelled<'a>(
    other: &'a LoadedReminder,
    reason: &'static str,
    at: Timestamp,
    actor: &'a str,
) -> Result<Change<'a>, NoMove> {
    let entry =
        Entry { reason: Some(reason.into()), actor: Some(actor.into()), ..other.entry(at, Event::ReminderCancelled) };
    life::cancelled(other, entry)
}

/// What speaks against any retry of this call: a sandbox took it, and the target has another address now.
#[must_use]
pub fn forbidden(held: &LoadedReminder, target: Option<&Hash>) -> Option<NoRetry> {
    returning::is_past_trial(held.trial.as_ref(), target).then_some(NoRetry::TrialOver)
}

/// The id of a retry: one for each retry of a chain, whoever asks for it and however often.
#[must_use]
pub fn id_of(held: &LoadedReminder, due: DueRetry, now: Timestamp) -> ReminderId {
    let digest = Sha256::new().chain_update(held.chain().0.as_bytes()).chain_update([due.number]).finalize();
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&digest[..10]);
    ReminderId(uuid_v7(now, bytes))
}

/// A retry that is to be inserted.
#[derive(Debug, Clone, Copy)]
pub struct NewRetry<'a> {
    /// The call that is repeated.
    pub of: &'a LoadedReminder,
    /// Its phone (E.164).
    pub phone: &'a Personal,
    /// Its own id.
    pub id: ReminderId,
    /// The retry that is due.
    pub due: DueRetry,
    /// When it can be sent.
    pub times: RetryTimes,
    /// The recipient's day of its due time.
    pub due_day: Date,
    /// Now (UTC).
    pub now: Timestamp,
    /// Who brought the outcome, or asks for the retry.
    pub actor: &'a str,
}

impl<'a> NewRetry<'a> {
    /// A reminder of its own in the same chain and of the same run. Its source was never read for it: it is sent only after
    /// a fresh read, which renders it.
    ///
    /// # Errors
    /// Never for what the table of moves has.
    pub fn inserted(&self) -> Result<Change<'a>, NoMove> {
        let Self { of, id, now, .. } = *self;
        let row = NewRow {
            id,
            run_id: of.run_id,
            schedule: &of.schedule,
            appointment_id: &of.appointment_id,
            starts_at: of.starts_at,
            lead: self.lead(),
            chain: Some((of.chain(), of.trial)),
            columns: self.columns(life::go(Move::Plan, None, State::Pending)?),
        };
        let entries = vec![self.entry(id)];
        Ok(Change { row: RowChange::Insert(Box::new(row)), attempt: None, at: now, entries })
    }

    /// The one that the ledger holds under its key waits again, if a record that came between had it cancelled and nobody was
    /// called; `None` where it does not.
    ///
    /// # Errors
    /// Never for what the table of moves has.
    pub fn brought_back(&self, known: &LoadedReminder) -> Result<Option<Change<'a>>, NoMove> {
        let moved = match known.state {
            State::Cancelled => returning::returned(known, None)?,
            State::Pending
            | State::Sending
            | State::Delivered
            | State::Uncertain
            | State::Failed
            | State::Expired
            | State::Dropped => None,
        };
        Ok(moved.map(|moved| {
            let row = RowChange::Update(known.expected_state(), RowUpdate::Columns(Box::new(self.columns(moved))));
            Change { row, attempt: None, at: self.now, entries: vec![self.entry(known.id)] }
        }))
    }

    /// The lead under which it is kept.
    #[must_use]
    pub const fn lead(&self) -> Lead {
        self.of.lead.at_retry(self.due.number)
    }

    fn entry(&self, id: ReminderId) -> Entry<'a> {
        Entry {
            reminder_id: Some(id),
            lead: Some(self.lead()),
            reason: Some(RETRY.into()),
            actor: Some(self.actor.into()),
            detail: Some(format!("to be sent from {}", self.times.send_at).into()),
            ..self.of.entry(self.now, Event::ReminderPlanned)
        }
    }

    fn columns(&self, moved: Moved) -> Columns<'a> {
        let Self { of, times, .. } = *self;
        Columns {
            account: &of.account,
            phone: self.phone,
            person: of.person.as_str(),
            due_day: self.due_day,
            recipient_zone: &of.recipient_zone,
            calling_hours: &of.calling_hours,
            due_at: times.due_at,
            next_at: times.send_at,
            expires_at: times.expires_at,
            moved,
            tries: 0,
            unknown_fates: 0,
            waited_for_opening: times.send_at > times.due_at,
            previous_starts_at: None,
            note: None,
            updated_at: self.now,
            rendered: None,
            priority: of.priority,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::outcome::retry::RetryTerms;
    use crate::outcome::{ReportedOutcome, Teller};
    use crate::reminder::RunId;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn id(number: u8) -> ReminderId {
        ReminderId(Uuid::from_u128(u128::from(number)))
    }

    /// A reminder of the chain that begins with the one of number `root`.
    fn held((number, root): (u8, u8), lead: &str, state: State, outcome: Option<CallOutcome>) -> LoadedReminder {
        let due_at = at("2026-11-24T14:00:00Z");
        LoadedReminder {
            nr: i64::from(number),
            id: id(number),
            run_id: RunId(Uuid::nil()),
            schedule: "day-before".into(),
            appointment_id: "A-1".into(),
            starts_at: at("2026-11-25T15:00:00Z"),
            lead: lead.parse().expect("a lead"),
            account: "thoughtly".into(),
            phone: Some("+12025550143".into()),
            state,
            attempt: 1,
            tries: 0,
            unknown_fates: 0,
            withdrawn: false,
            expires_at: at("2026-11-24T20:00:00Z"),
            person: "+12025550143".into(),
            calling_hours: "always".into(),
            recipient_zone: "America/New_York".into(),
            contact_renewed: false,
            due_day: jiff::civil::date(2026, 11, 24),
            due_at,
            next_at: due_at,
            waited_for_opening: false,
            updated_at: due_at,
            trial: None,
            outcome: outcome.map(|outcome| ReportedOutcome { outcome, teller: Teller::Record, at: due_at }),
            heard_at: None,
            root: (number != root).then_some(id(root)),
            priority: crate::reminder::Priority::Normal,
        }
    }

    #[test]
    fn an_outcome_cancels_what_it_makes_pointless_and_asks_for_the_next_call() {
        use CallOutcome::{Answered, Confirmed, Failed, NoAnswer, Voicemail};
        use State::{Delivered, Pending};
        let hour = SignedDuration::from_hours(1);
        let terms = OutcomeTerms {
            retry: Some(RetryTerms {
                on: vec![NoAnswer, CallOutcome::Busy],
                times: 2,
                after: vec![hour],
                max_lateness: hour * 6,
                min_notice: hour,
            }),
            skip_later_leads: vec![Confirmed],
            ..OutcomeTerms::default()
        };
        let first = || held((1, 1), "1d", Delivered, None);
        let retry = |state, outcome| held((2, 1), "1d+1", state, outcome);
        let other = |state, outcome| held((3, 3), "2h", state, outcome);
        // the others of that start, the outcome, which are cancelled, the retry that is asked for
        let cases = [
            (vec![], NoAnswer, vec![], Some(1)),
            (vec![], Answered, vec![], None),
            (vec![retry(Pending, None)], Confirmed, vec![(2, "answered")], None),
            (
                vec![retry(Pending, None), other(Pending, None)],
                Confirmed,
                vec![(2, "answered"), (3, "confirmed")],
                None,
            ),
            (vec![retry(Pending, None), other(Pending, None)], Answered, vec![(2, "answered")], None),
            (vec![other(Pending, None)], NoAnswer, vec![], Some(1)),
            (vec![retry(Delivered, None)], Confirmed, vec![], None),
            // said in the retry, or in another lead's call, before this record came
            (vec![retry(Delivered, Some(Confirmed))], NoAnswer, vec![], None),
            (vec![retry(Delivered, Some(Voicemail))], NoAnswer, vec![], None),
            (vec![other(Delivered, Some(Confirmed))], NoAnswer, vec![], None),
            (vec![other(Delivered, Some(Answered))], NoAnswer, vec![], Some(1)),
            (vec![retry(Pending, None)], Failed, vec![(2, "answered")], None),
        ];
        for (others, outcome, cancelled, expected) in cases {
            let held = first();
            let call = EndedCall { outcome, retry: 0, ended_at: held.due_at, starts_at: held.starts_at };
            let found = aftermath(&held, &call, &others, &terms);
            let numbers: Vec<_> = found.cancelled.iter().map(|(other, reason)| (other.nr, *reason)).collect();
            assert_eq!((numbers, found.retry.map(|due| due.number)), (cancelled, expected), "{outcome} {others:?}");
        }
        let nothing = OutcomeTerms::default();
        let call = EndedCall { outcome: NoAnswer, retry: 0, ended_at: first().due_at, starts_at: first().starts_at };
        assert_eq!(aftermath(&first(), &call, &[], &nothing).retry, None, "without `[outcome.retry]`");
    }
}
