//! pure: the life of a reminder: its states, the moves between them, and what each move writes.
//!
//! [`MOVES`] is the whole state machine. A state is set only by a [`Moved`], and only [`go`] makes one, from a row of that
//! table. The picture in the README is compared with it by a test.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;

use super::chain::Hash;
use super::change::{AttemptChange, Change, ExchangeResult, LoadedReminder, RowChange, RowUpdate};
use super::gate::Opening;
use super::{CancelByHand, LedgerError, Recover, Resolution, Resolve, SettleTo, Settlement, Step, TakeIntents};
use crate::audit::{Entry, Event};
use crate::reminder::State;

/// What can happen to a reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// A run plans it for the first time.
    Plan,
    /// Its intent is committed; one request follows.
    Take,
    /// Its request has come to an end.
    Settle,
    /// A start finds it `sending`: the process that sent it died.
    Recover,
    /// A person decides what nobody else can know, or has it sent again.
    Resolve,
    /// Its time is over before anything was sent.
    Expire,
    /// Its source, the person limit, the opt-out list, the schedule's removal or a person says that it is not to be sent.
    Cancel,
    /// It is planned again: after a cancellation, or after a sandbox accepted it and its target has another address now.
    Return,
    /// The ledger has lost rows and doesn't know whether it was sent: one that it holds as open, or that is planned (again).
    Doubt,
    /// A record of its call shows that a request of unknown fate had arrived.
    Prove,
}

/// Each move: from a state (`None`: the ledger doesn't hold it) to a state.
pub const MOVES: &[(Move, Option<State>, State)] = &[
    (Move::Plan, None, State::Pending),
    (Move::Take, Some(State::Pending), State::Sending),
    (Move::Settle, Some(State::Sending), State::Delivered),
    (Move::Settle, Some(State::Sending), State::Failed),
    (Move::Settle, Some(State::Sending), State::Dropped),
    (Move::Settle, Some(State::Sending), State::Pending),
    (Move::Settle, Some(State::Sending), State::Expired),
    (Move::Settle, Some(State::Sending), State::Uncertain),
    (Move::Recover, Some(State::Sending), State::Pending),
    (Move::Recover, Some(State::Sending), State::Dropped),
    (Move::Recover, Some(State::Sending), State::Uncertain),
    (Move::Resolve, Some(State::Uncertain), State::Delivered),
    (Move::Resolve, Some(State::Uncertain), State::Pending),
    (Move::Resolve, Some(State::Uncertain), State::Dropped),
    (Move::Resolve, Some(State::Failed), State::Pending),
    (Move::Resolve, Some(State::Dropped), State::Pending),
    (Move::Expire, Some(State::Pending), State::Expired),
    (Move::Cancel, Some(State::Pending), State::Cancelled),
    (Move::Return, Some(State::Cancelled), State::Pending),
    (Move::Return, Some(State::Delivered), State::Pending),
    (Move::Doubt, None, State::Uncertain),
    (Move::Doubt, Some(State::Pending), State::Uncertain),
    (Move::Doubt, Some(State::Sending), State::Uncertain),
    (Move::Doubt, Some(State::Cancelled), State::Uncertain),
    (Move::Doubt, Some(State::Delivered), State::Uncertain),
    (Move::Prove, Some(State::Uncertain), State::Delivered),
    (Move::Prove, Some(State::Pending), State::Delivered),
];

/// A move that the table has: the only way to set a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    to: State,
}

impl Moved {
    /// The state afterwards.
    #[must_use]
    pub const fn to(self) -> State {
        self.to
    }

    /// No move: it stays in the state it has.
    #[must_use]
    pub const fn none(held: &LoadedReminder) -> Self {
        Self { to: held.state }
    }
}

/// A move that the table doesn't have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMove {
    pub(super) of: Move,
    pub(super) from: Option<State>,
    pub(super) to: State,
}

impl fmt::Display for NoMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.from.map_or("absent", State::as_str);
        write!(f, "a reminder that is {from} does not become {} ({:?}): this is a bug in tickler", self.to, self.of)
    }
}

impl From<NoMove> for LedgerError {
    fn from(no_move: NoMove) -> Self {
        Self::Refused(no_move.to_string())
    }
}

/// Makes a move of the table.
///
/// # Errors
/// When the table has no such move.
pub fn go(of: Move, from: Option<State>, to: State) -> Result<Moved, NoMove> {
    match MOVES.contains(&(of, from, to)) {
        true => Ok(Moved { to }),
        false => Err(NoMove { of, from, to }),
    }
}

pub(super) fn go_on(held: &LoadedReminder, of: Move, to: State) -> Result<Moved, NoMove> {
    go(of, Some(held.state), to)
}

/// An intent: exactly one request of this step may follow its commit, sent with this account.
///
/// # Errors
/// When the reminder isn't pending.
pub fn taken<'a>(
    held: &'a LoadedReminder,
    step: Step,
    account: &'a str,
    ask: &'a TakeIntents,
) -> Result<Change<'a>, NoMove> {
    let number = held.attempt + 1;
    let moved = go_on(held, Move::Take, State::Sending)?;
    let other_account = (held.account != account).then_some(account);
    let entry = Entry {
        attempt: Some(number),
        reason: announcement(held, step).map(Into::into),
        actor: Some(ask.actor.as_str().into()),
        ..held.entry(ask.now, Event::DeliveryIntent)
    };
    let set = RowUpdate::Taken { moved, attempt: number, account: other_account };
    let row = RowChange::Update(held.expected_state(), set);
    Ok(Change { row, attempt: Some(AttemptChange::Begin { number, step }), at: ask.now, entries: vec![entry] })
}

/// The word by which an intent is announced as something else than a first request.
fn announcement(held: &LoadedReminder, step: Step) -> Option<&'static str> {
    match step {
        Step::Contact => Some("contact"),
        Step::Call if held.unknown_fates > 0 => Some("resend"),
        Step::Call => None,
    }
}

/// What an end of an attempt means for its reminder.
struct Ending {
    to: State,
    event: Event,
    /// The word in the attempt's row.
    outcome: &'static str,
    /// The earliest time of the next attempt, where the reminder returns to pending (UTC).
    next_at: Option<Timestamp>,
    adds_try: bool,
    adds_unknown: bool,
    renews_contact: bool,
}

impl Ending {
    const fn over(to: State, event: Event) -> Self {
        Self {
            to,
            event,
            outcome: to.as_str(),
            next_at: None,
            adds_try: false,
            adds_unknown: false,
            renews_contact: false,
        }
    }

    const fn uncertain() -> Self {
        Self { adds_unknown: true, ..Self::over(State::Uncertain, Event::DeliveryUncertain) }
    }

    const fn again(event: Event, outcome: &'static str, next_at: Timestamp) -> Self {
        Self { outcome, next_at: Some(next_at), ..Self::over(State::Pending, event) }
    }

    /// What the settlement says, for a reminder that may not be sent at or after `expires_at`.
    fn of(settlement: &Settlement, expires_at: Timestamp) -> Self {
        match &settlement.to {
            SettleTo::Delivered => Self::over(State::Delivered, Event::DeliveryDelivered),
            SettleTo::Failed => Self::over(State::Failed, Event::DeliveryFailed),
            SettleTo::Dropped => Self::over(State::Dropped, Event::DeliveryDropped),
            SettleTo::Uncertain => Self::uncertain(),
            // nobody knows whether the call was made, and it is too late to send the request again
            SettleTo::Again { next_at, resend: true, .. } if *next_at >= expires_at => Self::uncertain(),
            SettleTo::Again { next_at, counts, resend: true } => Self {
                adds_try: *counts,
                adds_unknown: true,
                ..Self::again(Event::DeliveryUncertain, "resend", *next_at)
            },
            SettleTo::Again { next_at, counts, resend: false } => {
                Self { adds_try: *counts, ..Self::again(Event::DeliveryRefused, "refused", *next_at) }
            }
            SettleTo::ContactReady { .. } => Self::again(Event::DeliveryPrepared, "contact_ready", settlement.at),
            SettleTo::ContactForgotten => {
                let again = Self::again(Event::DeliveryRefused, "contact_forgotten", settlement.at);
                Self { renews_contact: true, ..again }
            }
        }
    }

    /// Whether it would go back only to find its time over.
    fn is_too_late(&self, expires_at: Timestamp) -> bool {
        self.next_at.is_some_and(|next_at| next_at >= expires_at)
    }
}

/// The end of the attempt that is being made. `trial`: the address at which a sandbox accepted it, under the ledger's key.
///
/// # Errors
/// When none is.
pub fn settled<'a>(held: &'a LoadedReminder, ended: &'a Settlement, trial: Option<Hash>) -> Result<Change<'a>, NoMove> {
    let ending = Ending::of(ended, held.expires_at);
    let is_too_late = ending.is_too_late(held.expires_at);
    let moved = go_on(held, Move::Settle, if is_too_late { State::Expired } else { ending.to })?;
    let unknown_fates = held.unknown_fates + u32::from(ending.adds_unknown);
    let set = match ending.next_at {
        None => RowUpdate::State { moved, unknown_fates, trial: trial.filter(|_| ending.to == State::Delivered) },
        Some(next_at) => RowUpdate::Retry {
            moved,
            next_at,
            tries: held.tries + u32::from(ending.adds_try),
            unknown_fates,
            contact_renewed: held.contact_renewed || ending.renews_contact,
        },
    };
    let mut entries = vec![settled_entry(held, ended, &ending)];
    if is_too_late {
        let actor = Some(ended.actor.as_str().into());
        entries.push(Entry { actor, ..held.entry(ended.at, Event::ReminderExpired) });
    }
    let came = ExchangeResult {
        http_status: ended.http_status,
        latency_us: ended.latency.map(|latency| i64::try_from(latency.as_micros()).unwrap_or(i64::MAX)),
        remote_id: ended.remote_id.as_deref(),
        class: ended.class.as_deref(),
    };
    let attempt = AttemptChange::End { number: ended.attempt, outcome: ending.outcome, came };
    Ok(Change { row: RowChange::Update(held.expected_state(), set), attempt: Some(attempt), at: ended.at, entries })
}

fn settled_entry<'a>(held: &'a LoadedReminder, ended: &'a Settlement, ending: &Ending) -> Entry<'a> {
    let step_word = match ended.to {
        SettleTo::ContactReady { .. } | SettleTo::ContactForgotten => Some(ending.outcome),
        SettleTo::Delivered | SettleTo::Failed | SettleTo::Uncertain | SettleTo::Again { .. } | SettleTo::Dropped => {
            None
        }
    };
    Entry {
        attempt: Some(ended.attempt),
        reason: ended.class.as_deref().or(step_word).map(Into::into),
        http_status: ended.http_status,
        latency_ms: ended.latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
        actor: Some(ended.actor.as_str().into()),
        detail: detail_of(ended, ending),
        ..held.entry(ended.at, ending.event)
    }
}

/// What follows the reason of an attempt that is repeated although its fate is unknown.
const RESENT: &str = "it is sent again (on_uncertain = \"resend\")";

fn detail_of<'a>(ended: &'a Settlement, ending: &Ending) -> Option<Cow<'a, str>> {
    let detail = match (ended.detail.as_deref(), ending.outcome) {
        (Some(detail), "resend") => Some(format!("{detail}; {RESENT}").into()),
        (None, "resend") => Some(RESENT.into()),
        (detail, _) => detail.map(Cow::from),
    };
    let remote_id = ended.remote_id.as_ref().map(|id| Cow::from(format!("remote id {id}")));
    match (detail, remote_id) {
        (Some(detail), Some(remote_id)) => Some(format!("{detail}; {remote_id}").into()),
        (detail, remote_id) => detail.or(remote_id),
    }
}

/// What a crash in the middle of a request means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashFinding {
    /// It was the contact step, which may be repeated.
    ContactStep,
    /// It may have placed a call: a person decides, or its repeats are used up.
    Uncertain,
    /// It may have placed a call, and is sent again.
    Resent,
}

/// A start found the reminder `sending`, with a request of this step under way.
///
/// # Errors
/// When it wasn't.
pub fn recovered<'a>(
    held: &'a LoadedReminder,
    step: Option<Step>,
    recover: &'a Recover,
) -> Result<(Change<'a>, CrashFinding), NoMove> {
    match step {
        Some(Step::Contact) => Ok((contact_step_recovered(held, recover)?, CrashFinding::ContactStep)),
        Some(Step::Call) | None => call_recovered(held, recover),
    }
}

/// The change after a crash during a contact step: it is repeated, since finding or creating a contact twice harms nobody.
fn contact_step_recovered<'a>(held: &'a LoadedReminder, recover: &'a Recover) -> Result<Change<'a>, NoMove> {
    let set = RowUpdate::Retry {
        moved: go_on(held, Move::Recover, State::Pending)?,
        next_at: recover.now,
        tries: held.tries,
        unknown_fates: held.unknown_fates,
        contact_renewed: held.contact_renewed,
    };
    let entry = Entry {
        detail: Some("the contact step was interrupted; it is repeated".into()),
        ..crash_entry(held, recover, Event::DeliveryRefused)
    };
    Ok(crashed(held, recover, set, "refused", vec![entry]))
}

/// The change after a crash during a call: uncertain; pending again where the schedule says so and repeats are left.
fn call_recovered<'a>(held: &'a LoadedReminder, recover: &'a Recover) -> Result<(Change<'a>, CrashFinding), NoMove> {
    let attempts = recover.resend.get(&held.schedule).filter(|_| recover.now < held.expires_at);
    let tries = held.tries + u32::from(attempts.is_some());
    let (to, found) = match attempts {
        None => (State::Uncertain, CrashFinding::Uncertain),
        Some(attempts) if tries < *attempts => (State::Pending, CrashFinding::Resent),
        Some(_) => (State::Dropped, CrashFinding::Uncertain),
    };
    let set = RowUpdate::Retry {
        moved: go_on(held, Move::Recover, to)?,
        next_at: held.next_at.max(recover.now),
        tries,
        unknown_fates: held.unknown_fates + 1,
        contact_renewed: held.contact_renewed,
    };
    let detail = match found {
        CrashFinding::Resent => {
            "a request may have gone out when the service ended; it is sent again (on_uncertain = \"resend\")"
        }
        CrashFinding::Uncertain | CrashFinding::ContactStep => "a request may have gone out when the service ended",
    };
    let entry = Entry { detail: Some(detail.into()), ..crash_entry(held, recover, Event::DeliveryUncertain) };
    let mut entries = vec![entry];
    if to == State::Dropped {
        let detail = Some("its repeats are used up".into());
        entries.push(Entry { detail, ..crash_entry(held, recover, Event::DeliveryDropped) });
    }
    Ok((crashed(held, recover, set, "uncertain", entries), found))
}

fn crashed<'a>(
    held: &LoadedReminder,
    recover: &Recover,
    set: RowUpdate<'a>,
    outcome: &'static str,
    entries: Vec<Entry<'a>>,
) -> Change<'a> {
    let came = ExchangeResult { class: Some("crash"), ..ExchangeResult::default() };
    let attempt = AttemptChange::End { number: held.attempt, outcome, came };
    Change { row: RowChange::Update(held.expected_state(), set), attempt: Some(attempt), at: recover.now, entries }
}

fn crash_entry<'a>(held: &'a LoadedReminder, recover: &'a Recover, event: Event) -> Entry<'a> {
    Entry {
        attempt: Some(held.attempt),
        reason: Some("crash".into()),
        actor: Some(recover.actor.as_str().into()),
        ..held.entry(recover.now, event)
    }
}

/// A person's decision.
///
/// # Errors
/// When the reminder's state, its time or its purged payload doesn't allow it.
pub fn resolved<'a>(held: &'a LoadedReminder, resolve: &'a Resolve) -> Result<Change<'a>, LedgerError> {
    let (set, word) = match resolve.verdict {
        Resolution::Delivered => (decided(held, State::Delivered)?, "delivered"),
        Resolution::Drop => (decided(held, State::Dropped)?, "drop"),
        Resolution::Resend => (resent(held, resolve.now)?, "resend"),
    };
    let entry = Entry {
        attempt: Some(held.attempt).filter(|attempt| *attempt > 0),
        reason: Some(word.into()),
        actor: Some(resolve.actor.as_str().into()),
        detail: Some(resolve.reason.as_str().into()),
        ..held.entry(resolve.now, Event::OperatorResolved)
    };
    let row = RowChange::Update(held.expected_state(), set);
    Ok(Change { row, attempt: None, at: resolve.now, entries: vec![entry] })
}

fn decided(held: &LoadedReminder, to: State) -> Result<RowUpdate<'static>, LedgerError> {
    let (id, is) = (held.id, held.state);
    let moved = go_on(held, Move::Resolve, to)
        .map_err(|_| LedgerError::Refused(format!("reminder {id} is {is}: only an uncertain one can become {to}")))?;
    Ok(RowUpdate::State { moved, unknown_fates: held.unknown_fates, trial: None })
}

/// Why a reminder can't be sent again in time, if it can't: it may not be sent at or after `expires_at`, and its recipient's
/// calling hours are as `opening` says.
#[must_use]
pub fn too_late_to_resend(expires_at: Timestamp, opening: Opening, now: Timestamp) -> Option<String> {
    let instant = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    match opening {
        _ if expires_at <= now => Some(format!("its time was over at {}", instant(expires_at))),
        Opening::At(opening) if opening >= expires_at => Some(format!(
            "nobody may be called before {}, and its time is over at {}",
            instant(opening),
            instant(expires_at)
        )),
        Opening::At(_) | Opening::Open => None,
    }
}

fn resent(held: &LoadedReminder, now: Timestamp) -> Result<RowUpdate<'static>, LedgerError> {
    let (id, is) = (held.id, held.state);
    let refused = |sentence| Err(LedgerError::Refused(sentence));
    let may_be_asked = is == State::Expired || go_on(held, Move::Resolve, State::Pending).is_ok();
    // one that is expired was too late, whatever the clock says now
    let now = if is == State::Expired { held.expires_at.max(now) } else { now };
    if let (true, Some(why)) = (may_be_asked, too_late_to_resend(held.expires_at, Opening::Open, now)) {
        return refused(format!(
            "reminder {id} may not be sent again: {why}. Phone the person yourself, or add a lead to [remind] that is still \
             to come: the next run calls for it"
        ));
    }
    let Ok(moved) = go_on(held, Move::Resolve, State::Pending) else {
        return refused(format!("reminder {id} is {is}: only an uncertain, failed or dropped one can be sent again"));
    };
    if held.phone.is_none() {
        return refused(format!("reminder {id} may not be sent again: its payload was removed"));
    }
    let unknown_fates = held.unknown_fates;
    Ok(RowUpdate::Retry { moved, next_at: now, tries: 0, unknown_fates, contact_renewed: false })
}

/// The change by which a pending reminder expires.
///
/// # Errors
/// When it isn't pending.
pub fn expired<'a>(held: &'a LoadedReminder, now: Timestamp, actor: &'a str) -> Result<Change<'a>, NoMove> {
    let moved = go_on(held, Move::Expire, State::Expired)?;
    let entry = Entry {
        actor: Some(actor.into()),
        detail: Some(format!("not sent by {}", held.expires_at).into()),
        ..held.entry(now, Event::ReminderExpired)
    };
    Ok(only_state(held, moved, now, entry))
}

/// The change by which a pending reminder is cancelled; `entry` says why.
///
/// # Errors
/// When it isn't pending.
pub fn cancelled<'a>(held: &LoadedReminder, entry: Entry<'a>) -> Result<Change<'a>, NoMove> {
    let moved = go_on(held, Move::Cancel, State::Cancelled)?;
    Ok(only_state(held, moved, entry.at, entry))
}

/// The change by which a person cancels a pending reminder for good: like one of unknown fate it is not brought back by a plan.
///
/// # Errors
/// When it isn't pending.
pub fn cancelled_by_hand<'a>(held: &'a LoadedReminder, cancel: &'a CancelByHand) -> Result<Change<'a>, LedgerError> {
    let (id, is) = (held.id, held.state);
    let moved = go_on(held, Move::Cancel, State::Cancelled)
        .map_err(|_| LedgerError::Refused(format!("reminder {id} is {is}: only a pending one can be cancelled")))?;
    let entry = Entry {
        actor: Some(cancel.actor.as_str().into()),
        detail: Some(cancel.reason.as_str().into()),
        ..held.entry(cancel.now, Event::OperatorCancelled)
    };
    let row = RowChange::Update(held.expected_state(), RowUpdate::Withdrawn { moved });
    Ok(Change { row, attempt: None, at: cancel.now, entries: vec![entry] })
}

fn only_state<'a>(held: &LoadedReminder, moved: Moved, at: Timestamp, entry: Entry<'a>) -> Change<'a> {
    let set = RowUpdate::State { moved, unknown_fates: held.unknown_fates, trial: None };
    Change { row: RowChange::Update(held.expected_state(), set), attempt: None, at, entries: vec![entry] }
}

/// The change by which a pending reminder waits until its recipient's calling hours open.
#[must_use]
pub fn put_off(held: &LoadedReminder, now: Timestamp, opening: Timestamp) -> Change<'static> {
    let row = RowChange::Update(held.expected_state(), RowUpdate::PutOff { next_at: opening });
    Change { row, attempt: None, at: now, entries: Vec::new() }
}
