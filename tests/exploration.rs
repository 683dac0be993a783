//! Every interleaving of what can happen to two reminders of one account, judged by the pure decisions of the ledger: takes,
//! ends, crashes, restarts, expiry, cancellations, persons' decisions, pauses. And the picture of it in the README.

#[path = "ledger/calls.rs"]
#[allow(dead_code, reason = "shared with the ledger's suite, of which this takes a part")]
mod calls;

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use tickler::audit::{Entry, Event};
use tickler::ledger::chain::Hash;
use tickler::ledger::change::{Change, ExpectedState, LoadedReminder, RowChange, RowUpdate};
use tickler::ledger::doubt;
use tickler::ledger::life::{self, MOVES, Move};
use tickler::ledger::outcomes;
use tickler::ledger::reconcile::{self, Calls, Fate, Mode, PlannedBy};
use tickler::ledger::{Resolution, SettleTo, Step};
use tickler::outcome::Report;
use tickler::outcome::matching::was_sent;
use tickler::reminder::{ReminderId, RunId, State};

use calls::{again, asking, at, planned, recover, resolve, settlement_of, terms};

/// How many things happen one after another.
const DEPTH: usize = 8;

/// One thing that happens.
#[derive(Debug, Clone, PartialEq)]
enum Happening {
    Take(usize),
    Settle(usize, SettleTo),
    /// The process dies with requests under way; the next one recovers, repeating unknown fates or not.
    Crash {
        resends: bool,
    },
    Expire(usize),
    Cancel(usize),
    PlanAgain(usize),
    /// A sandbox accepts it.
    AcceptInTrial(usize),
    /// The target gets another address, or its former one again.
    MoveTarget,
    Resolve(usize, Resolution),
    /// A record of its call comes.
    Report(usize),
    Restore,
    Pause,
    Resume,
    /// An hour passes.
    Wait,
}

/// A reminder with what really happened to its requests.
#[derive(Debug, Clone)]
struct Reminder {
    held: LoadedReminder,
    /// Attempts of which nobody knows whether they placed a call, and whether the audit log says so.
    unknown: Vec<(u32, bool)>,
    /// Whether somebody was phoned, as far as anybody knows.
    is_called: bool,
}

#[derive(Debug, Clone)]
struct World {
    reminders: [Reminder; 2],
    is_paused: bool,
    /// The address to which the target sends.
    target: Hash,
    now: Timestamp,
}

/// The target's addresses.
const ADDRESSES: [Hash; 2] = [[1; 32], [2; 32]];

/// The decisions under test: the ledger's, or with a defect.
struct Decisions {
    settled: fn(&LoadedReminder, &SettleTo, Timestamp) -> Option<Decided>,
    /// Accepts a reminder in a sandbox at the address with this hash.
    accepted_in_trial: fn(&LoadedReminder, Hash, Timestamp) -> Option<Decided>,
    cancelled: fn(&LoadedReminder, Timestamp) -> Option<Decided>,
}

/// A change without its borrows: what it sets, and what the audit log says of it.
type Decided = (ExpectedState, RowUpdate<'static>, Vec<(Event, Option<String>)>);

fn decided(change: &Change<'_>, held: &LoadedReminder) -> Decided {
    let RowChange::Update(expected, set) = &change.row else { panic!("nothing is inserted here") };
    let set = match set {
        RowUpdate::Taken { moved, attempt, .. } => RowUpdate::Taken { moved: *moved, attempt: *attempt, account: None },
        RowUpdate::State { moved, unknown_fates, trial } => {
            RowUpdate::State { moved: *moved, unknown_fates: *unknown_fates, trial: *trial }
        }
        RowUpdate::Retry { moved, next_at, tries, unknown_fates, contact_renewed } => RowUpdate::Retry {
            moved: *moved,
            next_at: *next_at,
            tries: *tries,
            unknown_fates: *unknown_fates,
            contact_renewed: *contact_renewed,
        },
        RowUpdate::Withdrawn { moved } => RowUpdate::Withdrawn { moved: *moved },
        RowUpdate::PutOff { next_at } => RowUpdate::PutOff { next_at: *next_at },
        RowUpdate::Told { moved, outcome, heard_at } => {
            RowUpdate::Told { moved: *moved, outcome: *outcome, heard_at: *heard_at }
        }
        // a plan sets all of it; what matters here is what a new try has
        RowUpdate::Columns(columns) => RowUpdate::Retry {
            moved: columns.moved,
            next_at: columns.next_at,
            tries: columns.tries,
            unknown_fates: columns.unknown_fates,
            contact_renewed: held.contact_renewed,
        },
    };
    let word = |entry: &Entry<'_>| (entry.event, entry.reason.as_deref().map(str::to_owned));
    (*expected, set, change.entries.iter().map(word).collect())
}

const SOUND: Decisions = Decisions {
    settled: |held, to, now| {
        let ended = settlement_of(held.id, held.attempt, now, to.clone());
        life::settled(held, &ended, None).ok().map(|change| decided(&change, held))
    },
    accepted_in_trial: |held, at_address, now| {
        let ended = settlement_of(held.id, held.attempt, now, SettleTo::Delivered);
        life::settled(held, &ended, Some(at_address)).ok().map(|change| decided(&change, held))
    },
    cancelled: |held, now| {
        let entry = held.entry(now, Event::ReminderCancelled);
        life::cancelled(held, entry).ok().map(|change| decided(&change, held))
    },
};

impl World {
    fn new() -> Self {
        let reminder = |number: u128| Reminder { held: pending(number), unknown: Vec::new(), is_called: false };
        Self { reminders: [reminder(1), reminder(2)], is_paused: false, target: ADDRESSES[0], now: at(1) }
    }

    /// Everything that could happen next.
    fn happenings(&self) -> Vec<Happening> {
        let mut all = vec![
            Happening::Crash { resends: false },
            Happening::Crash { resends: true },
            Happening::Restore,
            if self.is_paused { Happening::Resume } else { Happening::Pause },
            Happening::Wait,
            Happening::MoveTarget,
        ];
        for which in 0..self.reminders.len() {
            let soon = self.now + jiff::SignedDuration::from_secs(1);
            let unknown = SettleTo::Again { next_at: soon, counts: true, resend: true };
            all.extend([
                Happening::Take(which),
                Happening::Expire(which),
                Happening::Cancel(which),
                Happening::PlanAgain(which),
                Happening::AcceptInTrial(which),
                Happening::Report(which),
            ]);
            let ends =
                [SettleTo::Delivered, SettleTo::Failed, SettleTo::Uncertain, SettleTo::Dropped, again(soon), unknown];
            all.extend(ends.map(|to| Happening::Settle(which, to)));
            all.extend(
                [Resolution::Delivered, Resolution::Resend, Resolution::Drop].map(|it| Happening::Resolve(which, it)),
            );
        }
        all
    }

    /// What a decision writes about one reminder; `None`: it doesn't happen.
    fn decide(&self, happening: &Happening, which: usize, decisions: &Decisions) -> Option<Decided> {
        let (held, now) = (&self.reminders[which].held, self.now);
        let decision = match happening {
            Happening::Take(it) if *it == which && !self.is_paused && held.next_at <= now && now < held.expires_at => {
                let ask = asking(now, Vec::new());
                life::taken(held, Step::Call, &held.account, &ask).ok().map(|change| decided(&change, held))
            }
            Happening::Settle(it, to) if *it == which => (decisions.settled)(held, to, now),
            Happening::Crash { resends } if held.state == State::Sending => {
                let recover = recover(now, if *resends { &[("clinic", 3)] } else { &[] });
                let found = life::recovered(held, Some(Step::Call), &recover);
                found.ok().map(|(change, _)| decided(&change, held))
            }
            Happening::Expire(it) if *it == which && held.expires_at <= now => {
                life::expired(held, now, "service").ok().map(|change| decided(&change, held))
            }
            Happening::Cancel(it) if *it == which => (decisions.cancelled)(held, now),
            Happening::AcceptInTrial(it) if *it == which => (decisions.accepted_in_trial)(held, self.target, now),
            Happening::PlanAgain(it)
                if *it == which
                    && matches!(held.state, State::Cancelled | State::Delivered)
                    && now < held.expires_at =>
            {
                planned_again(held, self.target, now)
            }
            Happening::Resolve(it, verdict) if *it == which => {
                let resolve = resolve(held.id, *verdict, now);
                life::resolved(held, &resolve).ok().map(|change| decided(&change, held))
            }
            Happening::Report(it)
                if *it == which
                    && was_sent(held.state, held.attempt, held.unknown_fates)
                    && held.heard_at.is_none() =>
            {
                let record = calls::recorded(serde_json::json!({"reminder_id": held.id.to_string()}), now);
                let report = Report { outcome: None, unmapped: None };
                let told = outcomes::told(held, &record, &report, None).ok();
                told.and_then(|told| told.change.map(|change| decided(&change, held)))
            }
            Happening::Restore => {
                let why = doubt::Doubt { now, actor: "maria", reason: "restored" };
                doubt::doubted(held, &why).ok().map(|change| decided(&change, held))
            }
            _ => None,
        };
        decision.filter(|(expected, ..)| (expected.state, expected.attempt) == (held.state, held.attempt))
    }

    /// The world after it, or what is wrong; `None`: nothing changes.
    fn after(&self, happening: &Happening, decisions: &Decisions) -> Result<Option<Self>, String> {
        let mut next = self.clone();
        match happening {
            Happening::Pause => next.is_paused = true,
            Happening::Resume => next.is_paused = false,
            Happening::MoveTarget => {
                next.target = ADDRESSES[usize::from(next.target == ADDRESSES[0])];
            }
            Happening::Wait => next.now += jiff::SignedDuration::from_hours(1),
            _ => {}
        }
        let mut is_changed = (next.is_paused, next.now, next.target) != (self.is_paused, self.now, self.target);
        for which in 0..self.reminders.len() {
            if let Some(decided) = self.decide(happening, which, decisions) {
                next.reminders[which].write(happening, decided)?;
                is_changed = true;
            }
        }
        Ok(is_changed.then_some(next))
    }

    /// What tells two worlds apart.
    fn key(&self) -> String {
        let of = |reminder: &Reminder| {
            let held = &reminder.held;
            format!(
                "{} {} {} {} {} {} {:?} {:?} {} {}",
                held.state,
                held.attempt,
                held.tries,
                held.unknown_fates,
                held.heard_at.is_some(),
                held.next_at,
                reminder.unknown,
                held.trial.map(|trial| trial[0]),
                reminder.is_called,
                held.withdrawn
            )
        };
        let [one, other] = &self.reminders;
        format!("{} | {} | {} {} {}", of(one), of(other), self.is_paused, self.target[0], self.now)
    }
}

impl Reminder {
    fn write(&mut self, happening: &Happening, (_, set, entries): Decided) -> Result<(), String> {
        let before = self.held.state;
        if let RowUpdate::Taken { .. } = set {
            if self.is_called {
                return Err("a request follows a call that was placed".to_owned());
            }
            let is_unknown = !self.unknown.is_empty();
            let is_announced = entries.iter().any(|(_, reason)| reason.as_deref() == Some("resend"));
            if is_unknown && !(is_announced && self.unknown.iter().all(|(_, is_reported)| *is_reported)) {
                return Err("a request follows one of unknown fate, and the audit log does not announce it".to_owned());
            }
        }
        let is_reported = entries.iter().any(|(event, _)| *event == Event::DeliveryUncertain);
        match happening {
            Happening::Settle(_, SettleTo::Uncertain | SettleTo::Again { resend: true, .. })
            | Happening::Crash { .. } => self.unknown.push((self.held.attempt, is_reported)),
            Happening::Restore => self.unknown.push((self.held.attempt, is_reported)),
            Happening::Settle(_, SettleTo::Delivered) => self.is_called = true,
            _ => {}
        }
        match set {
            RowUpdate::State { moved, unknown_fates, trial } => {
                (self.held.state, self.held.unknown_fates) = (moved.to(), unknown_fates);
                self.held.trial = trial;
            }
            RowUpdate::Retry { moved, next_at, tries, unknown_fates, contact_renewed } => {
                (self.held.state, self.held.next_at, self.held.tries) = (moved.to(), next_at, tries);
                (self.held.unknown_fates, self.held.contact_renewed) = (unknown_fates, contact_renewed);
                // as the ledger's own condition on the column demands: no other state has one
                self.held.trial = None;
            }
            RowUpdate::Taken { moved, attempt, .. } => {
                (self.held.state, self.held.attempt) = (moved.to(), attempt);
            }
            RowUpdate::Withdrawn { moved } => (self.held.state, self.held.withdrawn) = (moved.to(), true),
            RowUpdate::PutOff { next_at } => self.held.next_at = next_at,
            RowUpdate::Told { moved, outcome, heard_at } => {
                // a record of the call shows that somebody was phoned
                self.is_called |= self.held.state != moved.to();
                (self.held.state, self.held.outcome, self.held.heard_at) = (moved.to(), outcome, heard_at);
            }
            RowUpdate::Columns(_) => panic!("columns are a retry here"),
        }
        let ends_sending = matches!(
            happening,
            Happening::Settle(..) | Happening::AcceptInTrial(_) | Happening::Crash { .. } | Happening::Restore
        );
        if before == State::Sending && self.held.state != State::Sending && !ends_sending {
            return Err(format!("`sending` was left by {happening:?}, with a request under way"));
        }
        if before != self.held.state && entries.is_empty() {
            return Err(format!("{before} became {} and the audit log does not say so", self.held.state));
        }
        Ok(())
    }
}

fn planned_again(held: &LoadedReminder, target: Hash, now: Timestamp) -> Option<Decided> {
    let (terms, target) = (terms(), Some(target));
    let (run, schedule, actor, mode) = (held.run_id, held.schedule.as_str(), "service", Mode::Run);
    let by = PlannedBy { run, schedule, now, read_at: now, terms: &terms, target, actor, mode };
    let mut planned = planned(&held.appointment_id);
    planned.expires_at = held.expires_at;
    match reconcile::place(&by, &planned, Some(held), &Calls::default(), 0) {
        Ok(Fate::Stands(_, change)) => Some(decided(&change, held)),
        Ok(
            Fate::PersonLimit(_) | Fate::Cancelled(_) | Fate::AlreadyReminded | Fate::Shadowed(_) | Fate::NotPlanned,
        )
        | Err(_) => None,
    }
}

fn pending(number: u128) -> LoadedReminder {
    let planned = planned(&format!("A{number}"));
    LoadedReminder {
        nr: i64::try_from(number).expect("a small number"),
        id: ReminderId(uuid::Uuid::from_u128(number)),
        run_id: RunId(uuid::Uuid::nil()),
        schedule: calls::SCHEDULE.to_owned(),
        appointment_id: planned.appointment_id.clone(),
        starts_at: planned.starts_at,
        lead: planned.lead,
        account: "thoughtly".to_owned(),
        phone: Some(calls::PHONE.into()),
        state: State::Pending,
        attempt: 0,
        tries: 0,
        unknown_fates: 0,
        withdrawn: false,
        expires_at: at(5_400),
        person: planned.person.clone(),
        calling_hours: "always".to_owned(),
        recipient_zone: "America/New_York".to_owned(),
        contact_renewed: false,
        due_day: planned.due_day,
        due_at: at(0),
        next_at: at(0),
        waited_for_opening: false,
        updated_at: at(0),
        trial: None,
        root: None,
        outcome: None,
        heard_at: None,
        priority: planned.priority,
    }
}

/// What was found on the way.
#[derive(Debug, Default)]
struct Found {
    worlds: usize,
    states: BTreeSet<State>,
    wrong: Option<String>,
}

fn explore(decisions: &Decisions) -> Found {
    let mut found = Found::default();
    let mut seen = HashSet::from([World::new().key()]);
    let mut layer = vec![World::new()];
    for _step in 0..DEPTH {
        let mut following = Vec::new();
        for world in &layer {
            found.states.extend(world.reminders.iter().map(|reminder| reminder.held.state));
            if let Some(stuck) = stuck(world, decisions) {
                found.wrong = Some(stuck);
                return found;
            }
            for happening in world.happenings() {
                match world.after(&happening, decisions) {
                    Ok(next) => following.extend(next.filter(|next| seen.insert(next.key()))),
                    Err(wrong) => {
                        found.wrong = Some(wrong);
                        return found;
                    }
                }
            }
        }
        layer = following;
    }
    found.worlds = seen.len();
    found
}

/// An open reminder that nothing can move on, by itself or by a person.
fn stuck(world: &World, decisions: &Decisions) -> Option<String> {
    let running = World { is_paused: false, ..world.clone() };
    let later = World { now: world.now + jiff::SignedDuration::from_hours(24), ..running.clone() };
    (0..world.reminders.len()).find_map(|which| {
        let state = world.reminders[which].held.state;
        let can_move = [&running, &later].into_iter().any(|world| {
            let all = world.happenings();
            all.iter().filter(|it| **it != Happening::Restore).any(|it| world.decide(it, which, decisions).is_some())
        });
        (!state.is_terminal() && !can_move).then(|| format!("nothing leads on from {state}"))
    })
}

#[test]
fn no_interleaving_repeats_an_unknown_fate_in_silence_or_leaves_a_reminder_stuck() {
    let found = explore(&SOUND);
    assert_eq!(found.wrong, None);
    assert_eq!(found.states.len(), State::ALL.len(), "every state was met: {:?}", found.states);
    assert!(found.worlds > 10_000, "{} worlds", found.worlds);
}

#[test]
fn a_repeat_that_forgets_its_unknown_fate_is_found() {
    let settled = |held: &LoadedReminder, to: &SettleTo, now| {
        let decided = (SOUND.settled)(held, to, now);
        decided.map(|(expected, set, entries)| match set {
            RowUpdate::Retry { moved, next_at, tries, contact_renewed, .. } => {
                let unknown_fates = held.unknown_fates;
                (expected, RowUpdate::Retry { moved, next_at, tries, unknown_fates, contact_renewed }, entries)
            }
            other => (expected, other, entries),
        })
    };
    let wrong = explore(&Decisions { settled, ..SOUND }).wrong.expect("the defect is found");
    assert!(wrong.contains("unknown fate"), "{wrong}");
}

#[test]
fn a_real_delivery_that_passes_for_a_trial_is_found() {
    let settled = |held: &LoadedReminder, to: &SettleTo, now| {
        let ended = settlement_of(held.id, held.attempt, now, to.clone());
        life::settled(held, &ended, Some(ADDRESSES[0])).ok().map(|change| decided(&change, held))
    };
    let wrong = explore(&Decisions { settled, ..SOUND }).wrong.expect("the defect is found");
    assert!(wrong.contains("a call that was placed"), "{wrong}");
}

#[test]
fn a_cancellation_under_a_request_is_found() {
    let cancelled = |held: &LoadedReminder, now| {
        let as_pending = LoadedReminder { state: State::Pending, ..held.clone() };
        let decided = (SOUND.cancelled)(&as_pending, now);
        decided.map(|(expected, set, entries)| (ExpectedState { state: held.state, ..expected }, set, entries))
    };
    let wrong = explore(&Decisions { cancelled, ..SOUND }).wrong.expect("the defect is found");
    assert!(wrong.contains("`sending` was left by Cancel"), "{wrong}");
}

/// `pending --> sending: take` of the README, with `[*]` for what the ledger doesn't hold.
fn pictured() -> Vec<(String, String, String)> {
    let readme = include_str!("../README.md");
    let picture = readme.split("```mermaid").nth(1).and_then(|rest| rest.split("```").next()).expect("a picture");
    let arrow = |line: &str| {
        let (from, rest) = line.trim().split_once(" --> ")?;
        let (to, of) = rest.split_once(": ")?;
        Some((of.to_owned(), from.to_owned(), to.to_owned()))
    };
    picture.lines().filter_map(arrow).collect()
}

#[test]
fn the_picture_in_the_readme_is_the_table_of_moves() {
    let word = |of: Move| format!("{of:?}").to_lowercase();
    let place = |state: Option<State>| state.map_or("[*]", State::as_str).to_owned();
    let mut table: Vec<_> = MOVES.iter().map(|(of, from, to)| (word(*of), place(*from), place(Some(*to)))).collect();
    let mut picture = pictured();
    table.sort();
    picture.sort();
    assert_eq!(picture, table);
}

#[test]
fn only_moves_of_the_table_can_be_made() {
    for from in State::ALL {
        for to in State::ALL {
            let of = Move::Take;
            let is_listed = MOVES.contains(&(of, Some(*from), *to));
            assert_eq!(life::go(of, Some(*from), *to).is_ok(), is_listed, "{from} to {to}");
        }
    }
}
