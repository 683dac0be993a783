//! Short names for what the conformance suite does often. Invented people and numbers only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tickler::ledger::*;
use tickler::plan::{Cancellation, Counts, Plan, PlannedReminder, Standing};
use tickler::reminder::{Lead, Priority, ReminderId, RunId, RunKind, State};
use tickler::settings::Rate;
use uuid::Uuid;

pub const PHONE: &str = "+12025550143";
pub const SCHEDULE: &str = "clinic";

/// An instant on 2026-11-24, in seconds after 15:00 UTC.
pub fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-11-24T15:00:00Z".parse().expect("a valid instant");
    start + jiff::SignedDuration::from_secs(seconds)
}

/// The appointment's start in the suite: the next day.
pub fn start() -> Timestamp {
    at(86_400)
}

pub fn new_id() -> Uuid {
    let mut random = [0; 10];
    getrandom::fill(&mut random).expect("random bytes");
    tickler::reminder::uuid_v7(at(0), random)
}

pub fn planned(appointment: &str) -> PlannedReminder {
    PlannedReminder {
        id: ReminderId(new_id()),
        standing: Standing::New,
        appointment_id: appointment.to_owned(),
        starts_at: start(),
        lead: Lead::days(1),
        due_at: at(0),
        send_at: at(0),
        expires_at: at(21_600),
        phone: PHONE.into(),
        person: format!("person of {appointment}").into(),
        due_day: jiff::civil::date(2026, 11, 24),
        recipient_zone: "America/New_York".into(),
        priority: Priority::Normal,
        payload: tickler::template::Payload::of(&serde_json::json!({"appointment": appointment})),
        label: None,
        contact: None,
        note: None,
        previous_starts_at: None,
        merged: Vec::new(),
        takes_over: None,
        corrects: Vec::new(),
    }
}

pub fn plan_of(reminders: Vec<PlannedReminder>) -> Plan {
    let planned = reminders.len() as u64;
    Plan { counts: Counts { rows: planned, planned, ..Counts::default() }, reminders, ..Plan::default() }
}

pub fn cancelling(ids: &[ReminderId]) -> Plan {
    let cancellations = ids
        .iter()
        .map(|id| Cancellation { id: *id, reason: "missing".to_owned(), detail: "it is gone".to_owned() })
        .collect();
    Plan { cancellations, ..Plan::default() }
}

pub fn terms() -> ReminderTerms {
    ReminderTerms {
        account: "thoughtly".to_owned(),
        calling_hours: "always".to_owned(),
        max_per_person_per_day: 1,
        target: None,
        mode: tickler::schedule::ScheduleMode::Live,
        merge: tickler::schedule::Merging::Never,
    }
}

pub fn run_start(schedule: &str, kind: RunKind, nominal_at: Timestamp) -> RunStart {
    RunStart {
        id: RunId(new_id()),
        schedule: schedule.to_owned(),
        nominal_at,
        kind,
        started_at: nominal_at,
        text_hash: "abc".to_owned(),
        text: "cron = \"0 9 * * *\"".to_owned(),
        zone_rules: "2026f (bundled)".to_owned(),
        actor: "service".to_owned(),
    }
}

pub fn record(run: RunId, now: Timestamp, end: RunEnd) -> RunRecord {
    RunRecord {
        id: run,
        finished_at: now,
        end,
        source_fingerprint: Some("f00".to_owned()),
        read_at: now,
        terms: terms(),
        actor: "service".to_owned(),
    }
}

/// A trigger of `schedule` that records `plan` at `now`.
pub async fn run_plan_of(ledger: &Arc<Ledger>, schedule: &str, now: Timestamp, plan: Plan) -> RecordedRun {
    let start = run_start(schedule, RunKind::Trigger, now);
    let run = ledger.begin_run(start).await.expect("a run begins").expect("a trigger always has its own row");
    ledger.record_run(record(run, now, RunEnd::Planned(Box::new(plan)))).await.expect("the plan is recorded")
}

pub async fn run_plan(ledger: &Arc<Ledger>, now: Timestamp, plan: Plan) -> RecordedRun {
    run_plan_of(ledger, SCHEDULE, now, plan).await
}

/// Plans one reminder and answers its id.
pub async fn one_pending(ledger: &Arc<Ledger>) -> ReminderId {
    run_plan(ledger, at(0), plan_of(vec![planned("A1")])).await.reminders[0]
}

pub fn lane(schedule: &str) -> Lane {
    Lane {
        schedule: schedule.to_owned(),
        account: "thoughtly".to_owned(),
        rate: Rate::Unlimited,
        free: 256,
        needs_contact: false,
        credentials: "c1".to_owned(),
    }
}

pub fn asking(now: Timestamp, lanes: Vec<Lane>) -> TakeIntents {
    TakeIntents {
        now,
        lanes,
        only: None,
        fresh_for: Duration::from_secs(900),
        machine: tickler::ledger::Machine::default(),
        actor: "service".to_owned(),
    }
}

pub async fn take(ledger: &Arc<Ledger>, now: Timestamp) -> Taken {
    ledger.take_intents(asking(now, vec![lane(SCHEDULE)])).await.expect("intents are taken")
}

pub fn settlement(intent: &Intent, now: Timestamp, to: SettleTo) -> Settlement {
    settlement_of(intent.reminder_id, intent.attempt, now, to)
}

pub fn settlement_of(reminder_id: ReminderId, attempt: u32, now: Timestamp, to: SettleTo) -> Settlement {
    Settlement {
        reminder_id,
        attempt,
        at: now,
        to,
        http_status: Some(200),
        latency: Some(Duration::from_millis(12)),
        remote_id: None,
        class: None,
        detail: None,
        effect: Effect::None,
        trial: None,
        actor: "service".to_owned(),
    }
}

/// Takes the one intent there is at `now` and settles it.
pub async fn send(ledger: &Arc<Ledger>, now: Timestamp, to: SettleTo) -> Intent {
    let mut taken = take(ledger, now).await;
    assert_eq!(taken.intents.len(), 1, "one reminder is due");
    let intent = taken.intents.remove(0);
    assert!(ledger.settle(settlement(&intent, now, to)).await.expect("it settles"));
    intent
}

pub async fn row(ledger: &Arc<Ledger>, id: ReminderId) -> ReminderRow {
    let ask = ReminderAsk { id: Some(id), ..ReminderAsk::default() };
    ledger.reminders(ask).await.expect("reminders are read").remove(0)
}

pub async fn state(ledger: &Arc<Ledger>, id: ReminderId) -> State {
    row(ledger, id).await.state
}

/// The log's events, oldest first, each with its reason.
pub async fn events(ledger: &Arc<Ledger>) -> Vec<(String, Option<String>)> {
    let rows = ledger.audit(tickler::audit::AuditFilter::default()).await.expect("the log is read");
    rows.into_iter().map(|row| (row.event.to_string(), row.reason.as_deref().map(str::to_owned))).collect()
}

/// How often an event is in the log.
pub async fn count_of(ledger: &Arc<Ledger>, event: &str) -> usize {
    events(ledger).await.into_iter().filter(|(word, _)| word == event).count()
}

pub fn recover(now: Timestamp, resend: &[(&str, u32)]) -> Recover {
    let resend: HashMap<String, u32> = resend.iter().map(|(name, attempts)| ((*name).to_owned(), *attempts)).collect();
    Recover { now, resend, actor: "service".to_owned() }
}

pub fn resolve(id: ReminderId, verdict: Resolution, now: Timestamp) -> Resolve {
    Resolve { reminder_id: id, verdict, reason: "asked them".to_owned(), actor: "maria".to_owned(), now }
}

/// A record as it is posted to the suite's schedule.
pub fn recorded(body: serde_json::Value, now: Timestamp) -> RecordedCall {
    RecordedCall {
        account: "thoughtly".to_owned(),
        schedule: SCHEDULE.to_owned(),
        facts: tickler::outcome::CallFacts::of(&body, &tickler::outcome::Places::new(), now),
        match_within: jiff::SignedDuration::from_mins(30),
        terms: Arc::new([(SCHEDULE.to_owned(), outcome_terms())].into()),
        now,
        origin: RecordOrigin::Posted,
        actor: "inbound".to_owned(),
    }
}

/// What the suite's schedule makes of outcomes.
pub fn outcome_terms() -> OutcomeTerms {
    let words = [("yes", "confirmed"), ("cancel", "declined"), ("stop", "opted_out"), ("wrong", "wrong_number")];
    let word = |(word, meaning): (&str, &str)| (word.to_owned(), meaning.parse().expect("a meaning"));
    let vocabulary = tickler::outcome::Vocabulary { values: words.map(word).into(), ..Default::default() };
    OutcomeTerms { vocabulary, ..OutcomeTerms::default() }
}

/// The same, with retries ten minutes after a call that nobody answered.
pub fn retrying() -> Arc<std::collections::BTreeMap<String, OutcomeTerms>> {
    use tickler::reminder::CallOutcome::{Busy, Confirmed, Declined, NoAnswer};
    let minutes = jiff::SignedDuration::from_mins;
    let retry = tickler::outcome::retry::RetryTerms {
        on: vec![NoAnswer, Busy],
        times: 2,
        after: vec![minutes(10)],
        max_lateness: minutes(60),
        min_notice: minutes(5),
    };
    let terms = OutcomeTerms {
        retry: Some(retry),
        skip_later_leads: vec![Confirmed],
        write_back: vec![Confirmed, Declined, NoAnswer],
        lateness: Some((minutes(60), minutes(5))),
        max_per_person_per_day: 3,
        ..outcome_terms()
    };
    Arc::new([SCHEDULE, "leads"].map(|schedule| (schedule.to_owned(), terms.clone())).into())
}

pub fn again(next_at: Timestamp) -> SettleTo {
    SettleTo::Again { next_at, counts: true, resend: false }
}

pub async fn verified(ledger: &Arc<Ledger>) {
    assert_eq!(ledger.verify().await.expect("the log is walked").broken, None);
}

/// Single verbs and rows, where the ledger's traits answer several.
pub trait Single {
    async fn take_intents(&self, ask: TakeIntents) -> LedgerResult<Taken>;
    async fn settle(&self, settlement: Settlement) -> LedgerResult<bool>;
    async fn resolve(&self, resolve: Resolve) -> LedgerResult<ReminderRow>;
    async fn last_run(&self, schedule: &str) -> LedgerResult<Option<RunRow>>;
    async fn open_runs(&self) -> LedgerResult<Vec<RunRow>>;
    async fn schedule(&self, name: &str) -> LedgerResult<Option<ScheduleStanding>>;
    async fn postpone_run(&self, run: RunId, at: Timestamp, detail: &str) -> LedgerResult<RecordedRun>;
    async fn pause(&self, pause: Pause) -> LedgerResult<()>;
    async fn resume(&self, schedule: Option<&str>, now: Timestamp, actor: &str) -> LedgerResult<()>;
}

impl Single for Arc<Ledger> {
    async fn take_intents(&self, ask: TakeIntents) -> LedgerResult<Taken> {
        Ok(self.exchange([].into(), Some(ask)).await?.taken)
    }
    async fn settle(&self, settlement: Settlement) -> LedgerResult<bool> {
        Ok(self.exchange([settlement].into(), None).await?.settled == [true])
    }
    async fn resolve(&self, resolve: Resolve) -> LedgerResult<ReminderRow> {
        self.by_hand(ByHand::Resolve(resolve)).await
    }
    async fn last_run(&self, schedule: &str) -> LedgerResult<Option<RunRow>> {
        Ok(self.runs(RunsAsk::Latest(vec![schedule.to_owned()])).await?.pop())
    }
    async fn open_runs(&self) -> LedgerResult<Vec<RunRow>> {
        self.runs(RunsAsk::Open).await
    }
    async fn schedule(&self, name: &str) -> LedgerResult<Option<ScheduleStanding>> {
        Ok(self.schedules(Some(name.to_owned())).await?.pop())
    }
    async fn postpone_run(&self, run: RunId, at: Timestamp, detail: &str) -> LedgerResult<RecordedRun> {
        self.record_run(record(run, at, RunEnd::Waiting(detail.to_owned()))).await
    }
    async fn pause(&self, pause: Pause) -> LedgerResult<()> {
        self.hold(HoldChange::Pause(pause)).await
    }
    async fn resume(&self, schedule: Option<&str>, now: Timestamp, actor: &str) -> LedgerResult<()> {
        let (schedule, actor) = (schedule.map(str::to_owned), actor.to_owned());
        self.hold(HoldChange::Resume(Resume { reason: None, schedule, now, actor })).await
    }
}
