//! Both stores answer alike: random sequences of verbs, with the same ids and the same clock, get the same answers from a
//! ledger in SQLite and from one in memory, and leave the same reminders, runs and rows of the audit log.
//!
//! The hashes of the log differ, because every row has its own random salt; and so do the ids that a ledger makes itself, those
//! of the runs of times that were passed over.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tickler::attempt::TargetAddress;
use tickler::audit::{AuditFilter, Entry, Event};
use tickler::ledger::*;
use tickler::plan::{
    Cancellation, ComparableRuns, Counted, Counts, Held, MergedAppointment, Plan, PlannedReminder, SkippedRow, Standing,
};
use tickler::reminder::{CallKind, CallOutcome, Lead, Priority, ReminderId, RunId, RunKind, RunState, SkipReason};
use tickler::schedule::{Merging, ScheduleMode};
use tickler::settings::Rate;
use tickler::template::Payload;
use tickler::zones::Zones;

use crate::calls::*;
use crate::chance::Chance;
use crate::{Maker, MemoryMaker, questions};

/// Sequences of one run of the test: some seconds in a debug build. `TICKLER_SEQUENCES=2000` asks for more, about a minute.
const SEQUENCES: u64 = 600;
const VERBS: usize = 50;
const SCHEDULES: [&str; 4] = [SCHEDULE, "evening", "dental", LEADS];
/// The schedule whose source is what is posted to it.
const LEADS: &str = "leads";
const REQUESTS: [&str; 4] = ["L1", "L2", "L3", "L4"];
const PHONES: [&str; 3] = [PHONE, "+12025550144", "+12025550145"];

/// Every event that a verb of the ledger writes by itself.
const WRITTEN: [Event; 36] = [
    Event::InboundReceived,
    Event::WriteBackSent,
    Event::WriteBackFailed,
    Event::WriteBackDropped,
    Event::OutcomeMissing,
    Event::OperatorRetried,
    Event::OutcomeReceived,
    Event::OutcomeUnmatched,
    Event::OperatorOutcome,
    Event::RunStarted,
    Event::RunFinished,
    Event::RunHeld,
    Event::RunMissed,
    Event::RunSkipped,
    Event::ReminderPlanned,
    Event::ReminderSkipped,
    Event::ReminderCancelled,
    Event::ReminderExpired,
    Event::DeliveryIntent,
    Event::DeliveryDelivered,
    Event::DeliveryRefused,
    Event::DeliveryFailed,
    Event::DeliveryUncertain,
    Event::DeliveryDropped,
    Event::DeliveryPrepared,
    Event::OperatorResolved,
    Event::OperatorCancelled,
    Event::OperatorPruned,
    Event::OperatorApproved,
    Event::OptoutAdded,
    Event::OptoutRemoved,
    Event::OperatorRejected,
    Event::OperatorPaused,
    Event::OperatorResumed,
    Event::ServiceRecovered,
    Event::ConfigLoaded,
];

/// One thing that is asked of both.
#[derive(Debug, Clone)]
enum Verb {
    Load(LoadedSchedule),
    Remove(&'static str, Timestamp),
    Begin(RunStart),
    Record(Box<RunRecord>),
    PassOver(PassedOver),
    Exchange(Vec<Settlement>, Option<TakeIntents>),
    /// The process dies with its requests under way, and the next one recovers.
    Crash(Recover),
    ByHand(ByHand),
    Expire(Timestamp),
    Hold(HoldChange),
    Append(Entry<'static>),
    Prune(Prune),
    Reject(RejectRun),
    OptOut(OptOutChange),
    Report(Box<RecordedCall>),
    SetOutcome(OutcomeByHand),
    CallAgain(CallAgain),
    Unreported(Unreported),
    WrittenBack(SettledWriteBack),
    Acknowledge(AcknowledgeWriteBacks),
    Post(Box<TakePost>),
    Withdraw(Withdraw),
}

/// What the sequence has come to, as the answers say.
struct Course {
    chance: Chance,
    now: Timestamp,
    ids: Vec<ReminderId>,
    /// The reminders of whose calls a record was posted.
    reported: Vec<ReminderId>,
    /// The reminders whose outcome waits for its write-back, with its number.
    to_write_back: Vec<(ReminderId, u32)>,
    runs: Vec<RunId>,
    flying: Vec<Intent>,
}

impl Course {
    fn new(seed: u64) -> Self {
        Self {
            chance: Chance(seed),
            now: at(0),
            ids: Vec::new(),
            reported: Vec::new(),
            to_write_back: Vec::new(),
            runs: Vec::new(),
            flying: Vec::new(),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance.below(bound)
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).expect("a small number")].clone()
    }

    /// Some instant up to so many seconds before or after now.
    fn about(&mut self, seconds: u64) -> Timestamp {
        let ahead = i64::try_from(self.below(2 * seconds + 1)).expect("a small number");
        self.now + SignedDuration::from_secs(ahead - i64::try_from(seconds).expect("a small number"))
    }

    fn some_id(&mut self) -> ReminderId {
        match self.ids.is_empty() || self.one_in(12) {
            true => ReminderId(new_id()),
            false => self.pick(&self.ids.clone()),
        }
    }

    fn some_run(&mut self) -> RunId {
        match self.runs.is_empty() || self.one_in(20) {
            true => RunId(new_id()),
            // most often the run that began last
            false if self.below(4) > 0 => *self.runs.last().expect("one at least"),
            false => self.pick(&self.runs.clone()),
        }
    }

    fn reminder(&mut self) -> PlannedReminder {
        let appointment = format!("A{}", self.below(6));
        let due_at = self.about(600);
        let is_late = self.one_in(4);
        let corrects = if self.one_in(5) { vec![self.some_id()] } else { Vec::new() };
        PlannedReminder {
            standing: self.pick(&[Standing::New, Standing::New, Standing::Pending, Standing::Returning]),
            starts_at: start() + SignedDuration::from_hours(i64::try_from(self.below(2)).expect("0 or 1")),
            lead: self.pick(&[Lead::days(1), Lead::hours(24)]),
            due_at,
            send_at: if is_late { due_at + SignedDuration::from_secs(300) } else { due_at },
            expires_at: due_at + SignedDuration::from_secs(self.pick(&[60, 900, 21_600])),
            phone: self.pick(&PHONES).into(),
            person: self.pick(&["Ada", "Brook", "Cleo", "Dana"]).into(),
            due_day: self.pick(&[jiff::civil::date(2026, 11, 24), jiff::civil::date(2026, 11, 25)]),
            contact: self.one_in(2).then(|| Payload::of(&serde_json::json!({"name": "Ada"}))),
            label: self.one_in(2).then(|| "Ada Example".into()),
            note: self.one_in(6).then(|| "ambiguous_time".to_owned()),
            merged: self.told(),
            takes_over: if self.one_in(6) { Some(self.some_id()) } else { None },
            corrects,
            priority: self.pick(&[Priority::High, Priority::Normal, Priority::Normal]),
            ..planned(&appointment)
        }
    }

    fn told(&mut self) -> Vec<MergedAppointment> {
        let count = if self.one_in(3) { self.below(3) } else { 0 };
        (0..count)
            .map(|number| MergedAppointment {
                appointment_id: format!("A{}", 2 * self.below(3) + number),
                starts_at: start() + SignedDuration::from_hours(i64::try_from(number).expect("few")),
                lead: Lead::days(1),
            })
            .collect()
    }

    fn plan(&mut self) -> Plan {
        let reminders: Vec<_> = (0..self.below(4)).map(|_| self.reminder()).collect();
        let forgotten = if self.one_in(8) { vec![self.reminder()] } else { Vec::new() };
        let cancellations = (0..self.below(3)).map(|_| {
            let reason = self.pick(&["missing", "moved", "invalid_phone"]).to_owned();
            Cancellation { id: self.some_id(), reason, detail: "the read says so".to_owned() }
        });
        let cancellations = cancellations.collect();
        let skipped = self.one_in(3).then(|| SkippedRow {
            cell: None,
            row: 7,
            label: Some("Dan Nobody".into()),
            label_phone: Some(PHONE.into()),
            appointment_id: Some("A9".to_owned()),
            starts_at: Some(start()),
            lead: None,
            reason: SkipReason::InvalidPhone,
            detail: "no number".to_owned(),
            phone: None,
            recipient_zone: None,
        });
        let held = self.one_in(8).then(|| Held {
            guard: "max_calls".to_owned(),
            detail: "too many".to_owned(),
            also: Vec::new(),
        });
        let planned = reminders.len() as u64;
        let counts = Counts { rows: planned + 1, planned, outside_window: 1, ..Counts::default() };
        let skipped = skipped.into_iter().collect();
        let in_window = (!self.one_in(4)).then_some(planned);
        let sight = |planned: &PlannedReminder| tickler::plan::FirstSight {
            appointment_id: planned.appointment_id.clone(),
            starts_at: Some(planned.starts_at),
            unseen_at: in_window.map(|_| planned.due_at),
        };
        let first_sights = reminders.iter().map(sight).collect();
        let newly_watched = in_window.map(|since| self.watched_leads(since));
        let plan = Plan { counts, in_window, reminders, forgotten, cancellations, skipped, held, ..Plan::default() };
        Plan { first_sights, newly_watched, ..plan }
    }

    fn watched_leads(&mut self, since: u64) -> Vec<tickler::plan::WatchedLead> {
        let since = at(i64::try_from(since).expect("few"));
        let watched = |lead: &str| tickler::plan::WatchedLead {
            lead: lead.parse().expect("a lead"),
            since,
            due_from: self.one_in(2).then_some(since),
            rules: "skip".to_owned(),
        };
        ["2h", "24h"].map(watched).into_iter().collect()
    }

    fn record(&mut self) -> Verb {
        let plan = Box::new(self.plan());
        let end = match self.below(8) {
            0 => RunEnd::Failed("the source can't be read".to_owned()),
            1 => RunEnd::Waiting("the source is away".to_owned()),
            2 => RunEnd::ReadAgain(plan),
            3 => RunEnd::Approved { plan, reason: self.one_in(2).then(|| "seen".to_owned()) },
            _ => RunEnd::Planned(plan),
        };
        let terms = ReminderTerms {
            account: self.pick(&["thoughtly", "thoughtly", "other"]).to_owned(),
            calling_hours: self.pick(&["always", "always", "08:00-21:00", "02:00-03:00"]).to_owned(),
            max_per_person_per_day: self.pick(&[1, 2, 5]),
            target: self.pick(&[None, Some(TargetAddress::of("a")), Some(TargetAddress::of("b"))]),
            merge: self.pick(&[Merging::Never, Merging::SameDay]),
            mode: self.pick(&[ScheduleMode::Live, ScheduleMode::Live, ScheduleMode::Live, ScheduleMode::Shadow]),
        };
        Verb::Record(Box::new(RunRecord { terms, ..record(self.some_run(), self.now, end) }))
    }

    fn settlement(&mut self, intent: &Intent) -> Settlement {
        let next_at = self.about(120);
        let counts = self.one_in(2);
        let to = match self.below(8) {
            0 | 1 => SettleTo::Delivered,
            2 => SettleTo::Failed,
            3 => SettleTo::Uncertain,
            4 => SettleTo::Again { next_at, counts, resend: !counts },
            5 => SettleTo::Dropped,
            6 => SettleTo::ContactReady { contact_id: format!("c{}", self.below(3)) },
            _ => SettleTo::ContactForgotten,
        };
        let effect = match self.below(8) {
            0 => Effect::PauseAccountUntil(self.about(60)),
            1 => Effect::PauseAccount { credentials: self.pick(&["c1", "c2"]).to_owned() },
            2 | 3 => Effect::Forbidden,
            4 => Effect::Accepted,
            _ => Effect::None,
        };
        let attempt = if self.one_in(15) { intent.attempt + 1 } else { intent.attempt };
        Settlement {
            effect,
            http_status: self.pick(&[None, Some(200), Some(503)]),
            remote_id: self.one_in(2).then(|| "r1".to_owned()),
            class: self.one_in(2).then(|| "http_503".to_owned()),
            trial: self.pick(&[None, None, Some(TargetAddress::of("a")), Some(TargetAddress::of("b"))]),
            ..settlement_of(intent.reminder_id, attempt, self.now, to)
        }
    }

    fn exchange(&mut self) -> Verb {
        let (ended, flying): (Vec<Intent>, Vec<Intent>) =
            std::mem::take(&mut self.flying).into_iter().partition(|_| self.one_in(2));
        self.flying = flying;
        let mut settled: Vec<Settlement> = ended.iter().map(|intent| self.settlement(intent)).collect();
        if self.one_in(6) {
            settled.extend(settled.first().cloned());
        }
        let lanes = SCHEDULES.map(|schedule| Lane {
            rate: self.pick(&[Rate::Unlimited, Rate::Unlimited, Rate::Every { interval_us: 2_000_000 }]),
            free: self.pick(&[0, 1, 3, 256]),
            needs_contact: self.one_in(2),
            credentials: self.pick(&["c1", "c2"]).to_owned(),
            account: self.pick(&["thoughtly", "thoughtly", "other"]).to_owned(),
            ..lane(schedule)
        });
        let only = self.one_in(8).then(|| "A1".to_owned());
        let ask = (!self.one_in(6)).then(|| TakeIntents { only, ..asking(self.now, lanes.to_vec()) });
        Verb::Exchange(settled, ask)
    }

    fn hold(&mut self) -> Verb {
        let schedule = self.one_in(2).then(|| self.pick(&SCHEDULES).to_owned());
        let actor = "maria".to_owned();
        Verb::Hold(match self.one_in(2) {
            true => HoldChange::Resume(Resume { reason: None, schedule, now: self.now, actor }),
            false => {
                let until = (!self.one_in(4)).then(|| self.about(100));
                HoldChange::Pause(Pause { schedule, reason: "holiday".to_owned(), until, now: self.now, actor })
            }
        })
    }

    fn opt_out(&mut self) -> Verb {
        let phones = (0..1 + self.below(2)).map(|_| self.pick(&PHONES).into()).collect();
        let to = self.pick(&[OptOutSide::On, OptOutSide::Off]);
        let (reason, actor) = (self.one_in(2).then(|| "they asked".to_owned()), "maria".to_owned());
        Verb::OptOut(OptOutChange { list: NumbersList::OptedOut, phones, to, reason, now: self.now, actor })
    }

    fn by_hand(&mut self) -> Verb {
        let (id, now) = (self.some_id(), self.now);
        Verb::ByHand(match self.one_in(3) {
            true => {
                let (reason, actor) = ("they asked".to_owned(), "maria".to_owned());
                ByHand::Cancel(CancelByHand { reminder_id: id, reason, actor, now })
            }
            false => {
                let verdict = self.pick(&[Resolution::Delivered, Resolution::Resend, Resolution::Drop]);
                ByHand::Resolve(resolve(id, verdict, now))
            }
        })
    }

    fn report(&mut self) -> RecordedCall {
        let mut body = serde_json::json!({
            "status": self.pick(&["COMPLETED", "NO_ANSWER", "IN_PROGRESS", "BUSY"]),
            "outcome": self.pick(&["", "yes", "cancel", "stop", "wrong", "perhaps"]),
        });
        if !self.one_in(4) {
            let id = self.some_id();
            self.reported.push(id);
            body["reminder_id"] = id.to_string().into();
        }
        if !self.one_in(3) {
            body["call_id"] = self.pick(&["k1", "k2", "k3", "k4"]).into();
        }
        if self.one_in(2) {
            body["phone_number"] = self.pick(&PHONES).into();
        }
        if self.one_in(2) {
            body["ended_at"] = self.about(600).to_string().into();
        }
        RecordedCall { terms: retrying(), ..recorded(body, self.now) }
    }

    /// A request for a call; now and then the same again, one that renews it, and one that a rule refuses.
    fn post(&mut self) -> Verb {
        let id = self.pick(&REQUESTS);
        let phone = self.pick(&PHONES);
        let later = self.about(300).to_string();
        let more = self.pick(&[
            serde_json::json!({}),
            serde_json::json!({}),
            serde_json::json!({"priority": "high"}),
            serde_json::json!({"call_at": later}),
            serde_json::json!({"call_at": "9999-12-31T10:00:00Z"}),
        ]);
        let post = crate::inbox::post(id, phone, &more, self.now);
        let has_phone = !self.one_in(6);
        let (phone, phones) = if has_phone { (post.phone, post.phones) } else { (None, Vec::new()) };
        let mut row = post.row;
        if !has_phone {
            row.insert("phone".to_owned(), "911".into());
        }
        let mode = if self.one_in(6) { ScheduleMode::Shadow } else { ScheduleMode::Live };
        let do_not_call = if self.one_in(8) { phones.iter().cloned().collect() } else { HashSet::new() };
        Verb::Post(Box::new(TakePost {
            schedule: crate::inbox::schedule(mode),
            target: self.pick(&[None, Some(TargetAddress::of("a")), Some(TargetAddress::of("b"))]),
            id: (!self.one_in(12)).then(|| id.to_owned()),
            max_per_hour: self.pick(&[1, 3, 60, 60]),
            do_not_call,
            row,
            phone,
            phones,
            ..post
        }))
    }

    fn withdraw(&mut self) -> Verb {
        let id = if self.one_in(3) { self.some_id().to_string() } else { self.pick(&REQUESTS).to_owned() };
        Verb::Withdraw(Withdraw { schedule: LEADS.to_owned(), id, now: self.now, actor: "inbound".to_owned() })
    }

    /// Most of the time one of which something was reported lately.
    fn reported_id(&mut self) -> ReminderId {
        let lately = self.reported[self.reported.len().saturating_sub(4)..].to_vec();
        if lately.is_empty() || self.one_in(5) { self.some_id() } else { self.pick(&lately) }
    }

    fn written_back(&mut self) -> Verb {
        let later = self.about(600);
        let (to, reason) = self.pick(&[
            (WriteBackEnd::Sent, None),
            (WriteBackEnd::Again(later), Some("http_503")),
            (WriteBackEnd::Failed, Some("http_404")),
            (WriteBackEnd::Dropped, Some("moved")),
        ]);
        let known = self.to_write_back.clone();
        let (reminder_id, number) = match known.is_empty() || self.one_in(4) {
            true => (self.reported_id(), self.pick(&[1, 1, 1, 2, 3])),
            false => self.pick(&known),
        };
        Verb::WrittenBack(SettledWriteBack {
            reminder_id,
            number,
            to,
            reason: reason.map(str::to_owned),
            detail: None,
            http_status: reason.and_then(|reason| reason.strip_prefix("http_")?.parse().ok()),
            latency: self.one_in(2).then(|| std::time::Duration::from_millis(7)),
            actor: "service".to_owned(),
            now: self.now,
        })
    }

    fn set_outcome(&mut self) -> Verb {
        let outcome = self.pick(tickler::reminder::CallOutcome::ALL);
        let (reminder_id, actor, now) = (self.some_id(), "maria".to_owned(), self.now);
        let reason = self.one_in(2).then(|| "she rang".to_owned());
        Verb::SetOutcome(OutcomeByHand { reminder_id, outcome, reason, terms: retrying(), actor, now })
    }

    fn passed_over(&mut self) -> Verb {
        let (first, last) = (at(60), at(240));
        let folded = FoldedTimes { first, last, count: 4, state: RunState::Missed, why: "down" };
        let folded = if self.one_in(3) { vec![folded] } else { Vec::new() };
        let state = self.pick(&[RunState::Missed, RunState::Skipped]);
        let times = vec![(self.nominal(), state, self.pick(&["down", "paused", "overlap"]).to_owned())];
        let schedule = self.pick(&SCHEDULES).to_owned();
        Verb::PassOver(PassedOver { schedule, folded, times, cursor: self.nominal(), now: self.now })
    }

    fn nominal(&mut self) -> Timestamp {
        at(60 * i64::try_from(self.below(12)).expect("a small number"))
    }

    fn load(&mut self) -> Verb {
        let version = self.below(3);
        Verb::Load(LoadedSchedule {
            name: self.pick(&SCHEDULES).to_owned(),
            cron: self.pick(&["0 9 * * *", "0 8 * * *"]).to_owned(),
            timezone: "America/New_York".to_owned(),
            enabled: !self.one_in(5),
            text_hash: format!("hash{version}"),
            text: format!("version {version}"),
            now: self.now,
            actor: "service".to_owned(),
        })
    }

    fn begin(&mut self) -> Verb {
        let kind = self.pick(&[RunKind::Trigger, RunKind::Trigger, RunKind::Scheduled, RunKind::CatchUp]);
        let nominal_at = self.nominal();
        Verb::Begin(RunStart { started_at: self.now, ..run_start(self.pick(&SCHEDULES), kind, nominal_at) })
    }

    fn next(&mut self) -> Verb {
        // the clock is finer than what a ledger keeps, and now and then it is set back
        let step = i64::try_from(self.below(90)).expect("a small number") - if self.one_in(10) { 60 } else { 0 };
        let nanos = i32::try_from(self.below(1_000_000_000)).expect("it fits");
        self.now += SignedDuration::new(step, nanos);
        match self.below(68) {
            0 | 1 => self.load(),
            2 => Verb::Remove(self.pick(&SCHEDULES), self.now),
            3..8 => self.begin(),
            8..16 => self.record(),
            16 | 17 => self.passed_over(),
            18..29 => self.exchange(),
            29 => {
                self.flying.clear();
                let resend: &[(&str, u32)] = if self.one_in(2) { &[(SCHEDULE, 3), ("evening", 1)] } else { &[] };
                Verb::Crash(recover(self.now, resend))
            }
            30..33 => self.by_hand(),
            33 => {
                let (reason, actor) = ("a holiday".to_owned(), "maria".to_owned());
                Verb::Reject(RejectRun { id: self.some_run(), reason, now: self.now, actor })
            }
            34 => Verb::Expire(self.now),
            35 => self.hold(),
            36 => self.opt_out(),
            37 => {
                Verb::Append(Entry { detail: Some("it started".into()), ..Entry::new(self.now, Event::ServiceStarted) })
            }
            38 => {
                let (payloads_before, audit_before) = (self.about(300), self.about(900));
                Verb::Prune(Prune { payloads_before, audit_before, now: self.now })
            }
            39..44 => Verb::Report(Box::new(self.report())),
            44 => self.set_outcome(),
            47 => self.record(),
            46 | 49 | 52 => {
                let (from, until) = (at(-3_600), self.now);
                let (schedule, account) =
                    (self.pick(&SCHEDULES).to_owned(), self.pick(&["thoughtly", "thoughtly", "other"]).to_owned());
                let (unreported, actor) = (vec![CallOutcome::Unreported], "service".to_owned());
                Verb::Unreported(Unreported {
                    schedule,
                    account,
                    from,
                    until,
                    write_back: unreported,
                    now: self.now,
                    actor,
                })
            }
            50..52 | 54..58 => self.written_back(),
            53 => {
                let (reminder_id, reason) = (self.one_in(3).then(|| self.some_id()), Some("seen".to_owned()));
                Verb::Acknowledge(AcknowledgeWriteBacks {
                    reminder_id,
                    reason,
                    actor: "maria".to_owned(),
                    now: self.now,
                })
            }
            45 | 48 => {
                let whom = match self.one_in(2) {
                    true => CalledAgain::Of(self.some_id()),
                    false => CalledAgain::Silent(SCHEDULE.to_owned()),
                };
                let (reason, actor) = (None, "maria".to_owned());
                Verb::CallAgain(CallAgain { whom, terms: retrying(), reason, actor, now: self.now })
            }
            58..65 => self.post(),
            65..67 => self.withdraw(),
            _ => self.exchange(),
        }
    }

    /// Learns what later verbs may name.
    fn learn(&mut self, verb: &Verb, answer: &Answer) {
        if let Verb::Record(record) = verb
            && let RunEnd::Planned(plan) | RunEnd::Approved { plan, .. } = &record.end
        {
            self.ids.extend(plan.reminders.iter().chain(&plan.forgotten).map(|planned| planned.id));
        }
        if let Verb::Begin(start) = verb {
            self.runs.push(start.id);
        }
        if let Verb::Post(post) = verb {
            self.runs.push(post.run.id);
            self.ids.push(post.reminder_id);
        }
        self.flying.extend(answer.intents.iter().cloned());
    }
}

/// What a verb was answered.
struct Answer {
    text: String,
    intents: Vec<Intent>,
}

impl Answer {
    fn of(text: &impl Debug) -> Self {
        Self { text: format!("{text:?}"), intents: Vec::new() }
    }
}

/// Asks one ledger, which a crash opens anew.
async fn asked(ledger: &mut Arc<Ledger>, maker: &dyn Maker, verb: Verb) -> Answer {
    match verb {
        Verb::Load(loaded) => Answer::of(&ledger.load_schedule(loaded).await),
        Verb::Remove(name, now) => Answer::of(&ledger.remove_schedule(name, now, "service").await),
        Verb::Begin(start) => {
            let given = start.id;
            // one that was passed over goes on under the id that the ledger made
            Answer::of(&ledger.begin_run(start).await.map(|begun| begun.map(|id| id == given)))
        }
        Verb::Record(record) => Answer::of(&ledger.record_run(*record).await),
        Verb::PassOver(passed) => Answer::of(&ledger.pass_over(passed).await),
        Verb::Exchange(ended, ask) => {
            let answer = ledger.exchange(ended.into(), ask).await;
            let intents = answer.as_ref().map_or_else(|_| Vec::new(), |answer| answer.taken.intents.clone());
            Answer { intents, ..Answer::of(&answer) }
        }
        Verb::Crash(recover) => {
            // the last handle goes before the next one is opened
            *ledger = MemoryMaker::new().open();
            *ledger = maker.open();
            Answer::of(&ledger.recover(recover).await)
        }
        Verb::ByHand(decision) => Answer::of(&ledger.by_hand(decision).await),
        Verb::Expire(now) => Answer::of(&ledger.expire(now).await),
        Verb::Hold(change) => Answer::of(&ledger.hold(change).await),
        Verb::Append(entry) => Answer::of(&ledger.append(vec![entry]).await),
        Verb::OptOut(change) => Answer::of(&ledger.opt_out(change).await),
        Verb::Report(record) => Answer::of(&ledger.take_report(*record).await),
        Verb::SetOutcome(word) => Answer::of(&ledger.by_hand(ByHand::Outcome(word)).await),
        Verb::Unreported(ask) => Answer::of(&ledger.pass_unreported(ask).await),
        Verb::WrittenBack(ended) => Answer::of(&ledger.settle_write_back(ended).await),
        Verb::Acknowledge(ask) => Answer::of(&ledger.acknowledge_write_backs(ask).await),
        Verb::CallAgain(again) => Answer::of(&ledger.call_again(again).await),
        Verb::Reject(reject) => Answer::of(&ledger.reject_run(reject).await),
        Verb::Prune(prune) => Answer::of(&ledger.prune(prune).await),
        Verb::Post(post) => Answer::of(&ledger.take_post(*post).await),
        Verb::Withdraw(withdraw) => Answer::of(&ledger.withdraw(withdraw).await),
    }
}

/// Every write-back, however it is asked for.
async fn write_backs(ledger: &Arc<Ledger>, course: &Course) -> Vec<String> {
    let waiting = WriteBacksAsk::Waiting { schedule: SCHEDULE.to_owned(), appointment_id: "A1".to_owned() };
    let due = WriteBacksAsk::Due { now: course.now, limit: 7 };
    let mut asks = vec![waiting, due, WriteBacksAsk::Failed, WriteBacksAsk::OfMany(course.ids.clone())];
    asks.extend(course.ids.first().map(|id| WriteBacksAsk::Of(*id)));
    let mut lines = Vec::new();
    for ask in asks {
        lines.push(format!("{:?}", ledger.write_backs(ask).await.expect("they are read")));
    }
    lines
}

/// Every request, however it is asked for, and what is known of the schedule to which it was posted.
async fn requests(ledger: &Arc<Ledger>, course: &Course) -> Vec<String> {
    let of_leads = PostsAsk { schedule: Some(LEADS.to_owned()), ..PostsAsk::default() };
    let asks = [
        PostsAsk::default(),
        PostsAsk { appointment_id: Some("L1".to_owned()), ..of_leads.clone() },
        PostsAsk { from: Some(at(120)), until: Some(course.now), ..of_leads },
        PostsAsk { schedule: Some(SCHEDULE.to_owned()), ..PostsAsk::default() },
    ];
    let mut lines = Vec::new();
    for ask in asks {
        lines.push(format!("{:?}", ledger.posts(ask).await.expect("they are read")));
    }
    lines
}

/// Everything that can be read of a ledger, in an order that is always the same; ids that it made itself are left out.
async fn contents(ledger: &Arc<Ledger>, course: &Course) -> Vec<String> {
    let given: HashSet<RunId> = course.runs.iter().copied().collect();
    let mut lines = write_backs(ledger, course).await;
    lines.extend(requests(ledger, course).await);
    lines.extend(questions::answers(ledger, &course.ids, course.now).await);
    let filters = [
        AuditFilter::default(),
        AuditFilter { appointment: Some("A1".into()), ..AuditFilter::default() },
        AuditFilter { phone: Some(PHONE.into()), ..AuditFilter::default() },
        AuditFilter { reminder: course.ids.first().copied(), ..AuditFilter::default() },
        AuditFilter { event: Some("delivery".into()), limit: Some(5), newest: true, ..AuditFilter::default() },
        AuditFilter { since: Some(at(300)), until: Some(course.now), limit: Some(9), ..AuditFilter::default() },
        AuditFilter { run: course.runs.first().copied(), ..AuditFilter::default() },
        AuditFilter { run: course.runs.last().copied(), event: Some("delivery".into()), ..AuditFilter::default() },
        AuditFilter {
            phone: Some(PHONE.into()),
            event: Some("reminder".into()),
            newest: true,
            ..AuditFilter::default()
        },
        AuditFilter {
            schedule: Some(SCHEDULE.into()),
            event: Some("reminder.skipped".into()),
            ..AuditFilter::default()
        },
        AuditFilter { seqs: vec![1, 3, 4, 9_999], ..AuditFilter::default() },
        AuditFilter { after_seq: Some(3), before_seq: Some(9), ..AuditFilter::default() },
    ];
    for filter in filters {
        lines.push(format!("{filter:?}"));
        for row in ledger.audit(filter).await.expect("the log is read") {
            let run_id = row.run_id.filter(|run| given.contains(run));
            // a prune names a hash
            let detail = row.detail.as_deref().filter(|_| row.event != Event::OperatorPruned);
            let entry = Entry { run_id, detail: detail.map(Into::into), ..row.entry.clone() };
            lines.push(format!("{} {entry:?}", row.seq));
        }
    }
    for row in ledger.reminders(ReminderAsk::default()).await.expect("reminders") {
        lines.push(format!("{row:?}"));
    }
    for until in [course.now, at(300)] {
        lines.push(format!("{:#?}", ledger.fates(FatesAsk { since: at(0), until }).await));
    }
    let appointments = SCHEDULES.map(|schedule| (schedule.to_owned(), "A9".to_owned())).into();
    let mut labels: Vec<_> = ledger.labels(LabelsAsk { appointments }).await.expect("labels").into_iter().collect();
    labels.sort();
    lines.push(format!("{:?}", labels.iter().map(|(key, label)| (key, label.as_str())).collect::<Vec<_>>()));
    for schedule in SCHEDULES.map(str::to_owned) {
        let days = ledger.runs(RunsAsk::Days { schedule, first: at(0), last: course.now }).await.expect("runs");
        lines.push(format!("{:?}", days.iter().map(|run| (run.nominal_at, run.kind, run.state)).collect::<Vec<_>>()));
    }
    let ids = course.ids.iter().rev().copied().collect();
    lines.push(format!("{:?}", ledger.briefs(ReminderAsk { ids, ..ReminderAsk::default() }).await));
    for name in SCHEDULES {
        let every = RunsAsk::Nominal { schedule: name.to_owned(), first: at(0), last: at(900) };
        for ask in [
            RunsAsk::Open,
            RunsAsk::Held,
            RunsAsk::Latest(vec![name.to_owned()]),
            RunsAsk::LatestEvaluated(vec![name.to_owned()]),
            every,
        ] {
            for run in ledger.runs(ask).await.expect("runs") {
                let id = if given.contains(&run.id) { run.id } else { RunId(uuid::Uuid::nil()) };
                lines.push(format!("{:?}", RunRow { id, ..run }));
            }
        }
        let ids: Vec<String> = (0..6).map(|number| format!("A{number}")).collect();
        for target in [None, Some(TargetAddress::of("a")), Some(TargetAddress::of("b"))] {
            for mode in [ScheduleMode::Shadow, ScheduleMode::Live] {
                lines.push(format!("{:?}", known_of(ledger, name, target, mode).await));
            }
            let ask = LastCalledAsk { schedule: name.to_owned(), appointments: ids.clone(), target };
            let reported: BTreeMap<_, _> = ledger.last_called_starts(ask).await.expect("starts").into_iter().collect();
            lines.push(format!("{reported:?}"));
        }
    }
    lines.push(format!("{:?}", ledger.schedules(None).await));
    lines.push(format!("{:?}", ledger.schedule_text("hash1".into()).await));
    lines.push(format!("{:?}", ledger.optouts().await));
    lines.push(format!("{:?}", ledger.tally().await));
    lines.push(format!("{:?}", ledger.holds(Machine::default()).await));
    lines.push(format!("{:?}", ledger.next_due(SCHEDULES.map(str::to_owned).into()).await));
    let found = ledger.verify().await.expect("a walk");
    lines.push(format!("{} {} {:?}", found.rows, found.head.seq, found.broken));
    lines
}

fn comparable(counted: Counted) -> ComparableRuns {
    ComparableRuns { times: vec![(at(300), at(900)), (at(0), at(300))], counted, day: Some((at(0), at(900))) }
}

async fn known_of(ledger: &Arc<Ledger>, schedule: &str, target: Option<TargetAddress>, mode: ScheduleMode) -> String {
    // each way of counting in one of the modes
    let counted = if mode == ScheduleMode::Live { Counted::Runs } else { Counted::Range };
    let ask = KnowledgeAsk {
        schedule: schedule.to_owned(),
        account: "thoughtly".to_owned(),
        target,
        windows: vec![(start(), start() + SignedDuration::from_mins(30))],
        due_days: (jiff::civil::date(2026, 11, 24), jiff::civil::date(2026, 11, 25)),
        comparable: comparable(counted),
        kind: if schedule == LEADS { CallKind::Request } else { CallKind::Reminder },
        now: at(1_000_000),
        first_sights_from: Some(jiff::Timestamp::MIN),
        mode,
        rehearsed: tickler::plan::Rehearsed::CountAsMade,
    };
    let known = ledger.knowledge(ask).await.expect("knowledge");
    let reminders: BTreeMap<_, _> = known.reminders.into_iter().collect();
    let people: BTreeMap<_, _> = known.people.into_iter().collect();
    let by_pending: BTreeMap<_, _> = known.told_by_pending.into_iter().collect();
    let opted_out: Vec<bool> = PHONES.iter().map(|phone| known.opted_out.holds(phone)).collect();
    format!(
        "{reminders:?} {people:?} {by_pending:?} {opted_out:?} {:?} {:?}",
        known.gaps,
        (
            known.previous_evaluation,
            known.usual_rows,
            known.seen_until,
            known.watched_leads,
            known.first_sights.into_iter().collect::<BTreeMap<_, _>>()
        )
    )
}

/// A ledger in a file that lies in memory where that can be: what reaches the disk isn't the question here.
struct FastMaker(tempfile::TempDir);

impl FastMaker {
    fn new() -> Self {
        Self(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder"))
    }
}

impl Maker for FastMaker {
    fn open(&self) -> Arc<Ledger> {
        let path = self.0.path().join("ledger.db");
        sqlite::open(path, sqlite::LedgerAccess::Write, Zones::newest()).expect("the ledger opens")
    }
}

/// What a request came to, by the name of the answer's variant.
fn kind_of(verb: &Verb, answer: &Answer) -> Option<String> {
    let is_request = matches!(verb, Verb::Post(_) | Verb::Withdraw(_));
    let rest = answer.text.strip_prefix("Ok(").filter(|_| is_request)?;
    rest.split([' ', '(', ')']).next().map(str::to_owned)
}

/// Runs one sequence; answers the events that it brought into the log, and what requests came to.
async fn compare(seed: u64) -> (HashSet<Event>, HashSet<String>) {
    let (sqlite, memory) = (FastMaker::new(), MemoryMaker::new());
    let (mut one, mut other) = (sqlite.open(), memory.open());
    let mut course = Course::new(seed);
    let mut kinds = HashSet::new();
    for number in 0..VERBS {
        let verb = course.next();
        let answer = asked(&mut one, &sqlite, verb.clone()).await;
        let same = asked(&mut other, &memory, verb.clone()).await;
        assert_eq!(answer.text, same.text, "seed {seed}, verb {number}: {verb:?}");
        course.learn(&verb, &answer);
        kinds.extend(kind_of(&verb, &answer));
        let due = WriteBacksAsk::Due { now: at(86_400), limit: 8 };
        let due = one.write_backs(due).await.expect("they are read");
        course.to_write_back = due.iter().map(|row| (row.reminder_id, row.number)).collect();
    }
    let (left, right) = (contents(&one, &course).await, contents(&other, &course).await);
    for (one, other) in left.iter().zip(&right) {
        assert_eq!(one, other, "seed {seed}");
    }
    assert_eq!(left.len(), right.len(), "seed {seed}");
    let rows = one.audit(AuditFilter::default()).await.expect("the log is read");
    (rows.into_iter().map(|row| row.event).collect(), kinds)
}

/// How many sequences are run.
#[allow(clippy::disallowed_methods, reason = "only who runs the tests can say how long they may take")]
fn sequences() -> u64 {
    std::env::var("TICKLER_SEQUENCES").ok().and_then(|count| count.parse().ok()).unwrap_or(SEQUENCES)
}

#[tokio::test]
async fn random_verbs_get_the_same_answers_and_the_same_log_from_both_stores() {
    let (mut events, mut kinds) = (HashSet::new(), HashSet::new());
    for seed in 0..sequences() {
        let (of_sequence, came_to) = compare(seed).await;
        events.extend(of_sequence);
        kinds.extend(came_to);
    }
    for kind in ["Accepted", "Duplicate", "Refused", "TooMany", "Unknown", "AlreadySent", "Done"] {
        assert!(kinds.contains(kind), "no request came to {kind}: {kinds:?}");
    }
    let missing: Vec<Event> = WRITTEN.into_iter().filter(|event| !events.contains(event)).collect();
    assert_eq!(missing, [], "what the sequences never bring about is not compared");
}
