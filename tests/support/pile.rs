//! A ledger in memory with what the sender needs of one, so that its faults and its pace can be arranged.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tickler::audit::{AuditEntry, AuditFilter, AuditRow};
use tickler::ledger::*;
use tickler::plan::Knowledge;
use tickler::reminder::{Lead, ReminderId, RunId, State};
use uuid::Uuid;

/// Reminders in a heap, and everything that was settled.
#[derive(Default)]
pub struct Pile {
    inside: Mutex<Inside>,
    /// Intents that fail from now on, and how often they were asked for.
    pub takes: Failures,
    /// Settlements that fail from now on, and how many were made.
    pub settles: Failures,
}

#[derive(Default)]
struct Inside {
    rows: BTreeMap<ReminderId, Row>,
    settled: Vec<Settlement>,
    paused_until: Option<Timestamp>,
    refused: Option<String>,
    contacts: HashMap<String, String>,
    most_in_flight: usize,
}

struct Row {
    row: ReminderRow,
    renewed: bool,
    is_stale: bool,
}

/// How often a verb still fails, and how often it was asked.
#[derive(Debug, Default)]
pub struct Failures {
    left: AtomicU32,
    asked: AtomicU32,
}

impl Failures {
    /// The next so many fail.
    pub fn next(&self, count: u32) {
        self.left.store(count, Ordering::SeqCst);
    }

    /// How often it was asked, failures among them.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    fn count(&self) -> LedgerResult<()> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let fails = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if fails { Err(LedgerError::Storage("the disk is full".to_owned())) } else { Ok(()) }
    }
}

impl Pile {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("a whole pile")
    }

    /// A new pending reminder, due now.
    pub fn plan(&self, schedule: &str, number: u128, now: Timestamp) -> ReminderId {
        let id = ReminderId(Uuid::from_u128(number));
        let row = ReminderRow {
            id,
            schedule: schedule.to_owned(),
            run_id: RunId(Uuid::from_u128(1)),
            appointment_id: format!("a{number}"),
            starts_at: now + SignedDuration::from_hours(24),
            lead: Lead::Days(1),
            phone: Some(format!("+120255501{:02}", number % 100)),
            state: State::Pending,
            due_at: now,
            next_at: now,
            expires_at: now + SignedDuration::from_hours(6),
            attempts: 0,
            tries: 0,
            http_status: None,
            remote_id: None,
            payload: Some(format!(r#"{{"reminder_id":"{id}","contact_phone":"+120255501{:02}"}}"#, number % 100)),
            updated_at: now,
        };
        self.inside().rows.insert(id, Row { row, renewed: false, is_stale: false });
        id
    }

    /// It needs a fresh read before it goes.
    pub fn make_stale(&self, id: ReminderId) {
        self.inside().rows.get_mut(&id).expect("a row").is_stale = true;
    }

    /// A reminder as it stands.
    pub fn row(&self, id: ReminderId) -> ReminderRow {
        self.inside().rows[&id].row.clone()
    }

    /// Reminders in that state.
    pub fn count(&self, state: State) -> usize {
        self.inside().rows.values().filter(|row| row.row.state == state).count()
    }

    /// Everything settled, in order.
    pub fn settled(&self) -> Vec<Settlement> {
        self.inside().settled.clone()
    }

    /// The most that were being sent at once.
    pub fn most_in_flight(&self) -> usize {
        self.inside().most_in_flight
    }
}

impl Inside {
    fn take(&mut self, ask: &TakeIntents, lane: &Lane, taken: &mut Taken) {
        let mut free = lane.free;
        let is_refused = self.refused.as_ref().is_some_and(|refused| *refused == lane.credentials);
        if is_refused {
            return;
        }
        let is_paused = self.paused_until.is_some_and(|until| until > ask.now);
        let contacts = &self.contacts;
        for row in self.rows.values_mut() {
            let r = &mut row.row;
            let is_meant =
                r.schedule == lane.schedule && ask.only.as_ref().is_none_or(|only| *only == r.appointment_id);
            if r.state == State::Pending && r.schedule == lane.schedule && !is_meant {
                // its turn comes, but not by this asking
                let turn = ask.now + SignedDuration::from_millis(600);
                taken.wake_at = taken.wake_at.into_iter().chain([turn]).min();
            }
            if !is_meant || r.state != State::Pending {
                continue;
            }
            let not_before = self.paused_until.filter(|_| is_paused).map_or(r.next_at, |until| until.max(r.next_at));
            if not_before > ask.now {
                taken.wake_at = taken.wake_at.into_iter().chain([not_before]).min();
            } else if row.is_stale {
                taken.stale.push((r.schedule.clone(), r.run_id));
                taken.wake_at = Some(ask.now);
            } else if free > 0 {
                free -= 1;
                r.state = State::Sending;
                r.attempts += 1;
                taken.intents.push(intent(r, contacts, lane, row.renewed));
            }
        }
    }

    fn apply(&mut self, settlement: &Settlement) -> bool {
        let Some(row) = self.rows.get_mut(&settlement.reminder_id) else { return false };
        let r = &mut row.row;
        if r.state != State::Sending || r.attempts != settlement.attempt {
            return false;
        }
        let phone = r.phone.clone().expect("a phone");
        r.http_status = settlement.http_status;
        r.state = match &settlement.to {
            SettleTo::Delivered => State::Delivered,
            SettleTo::Failed => State::Failed,
            SettleTo::Uncertain => State::Uncertain,
            SettleTo::Dropped => State::Dropped,
            SettleTo::Again { next_at, counts, .. } => {
                r.next_at = *next_at;
                r.tries += u32::from(*counts);
                State::Pending
            }
            SettleTo::ContactReady { contact_id } => {
                self.contacts.insert(phone, contact_id.clone());
                State::Pending
            }
            SettleTo::ContactForgotten => {
                self.contacts.remove(&phone);
                row.renewed = true;
                State::Pending
            }
        };
        match &settlement.effect {
            Effect::PauseAccountUntil(until) => self.paused_until = Some(*until),
            Effect::PauseAccount { credentials } => self.refused = Some(credentials.clone()),
            Effect::None | Effect::Forbidden | Effect::Accepted => {}
        }
        self.settled.push(settlement.clone());
        true
    }
}

fn intent(row: &ReminderRow, contacts: &HashMap<String, String>, lane: &Lane, renewed: bool) -> Intent {
    let phone = row.phone.clone().expect("a phone");
    let contact_id = contacts.get(&phone).filter(|_| lane.needs_contact).cloned();
    Intent {
        reminder_id: row.id,
        schedule: row.schedule.clone(),
        appointment_id: row.appointment_id.clone(),
        attempt: row.attempts,
        tries: row.tries,
        step: if lane.needs_contact && contact_id.is_none() { Step::Contact } else { Step::Call },
        phone,
        payload: row.payload.clone().expect("a payload"),
        contact: None,
        contact_id,
        contact_renewed: renewed,
        expires_at: row.expires_at,
        starts_at: row.starts_at,
    }
}

#[async_trait]
impl Ledger for Pile {
    async fn take_intents(&self, ask: TakeIntents) -> LedgerResult<Taken> {
        self.takes.count()?;
        let mut inside = self.inside();
        let mut taken = Taken::default();
        for lane in &ask.lanes {
            inside.take(&ask, lane, &mut taken);
        }
        let in_flight = inside.rows.values().filter(|row| row.row.state == State::Sending).count();
        inside.most_in_flight = inside.most_in_flight.max(in_flight);
        Ok(taken)
    }

    async fn settle(&self, settlement: Settlement) -> LedgerResult<bool> {
        self.settles.count()?;
        Ok(self.inside().apply(&settlement))
    }

    async fn next_due(&self, schedules: &[String]) -> LedgerResult<Option<Timestamp>> {
        let inside = self.inside();
        let pending = inside.rows.values().filter(|row| row.row.state == State::Pending);
        Ok(pending.filter(|row| schedules.contains(&row.row.schedule)).map(|row| row.row.next_at).min())
    }

    async fn reminders(&self, ask: ReminderAsk) -> LedgerResult<Vec<ReminderRow>> {
        let inside = self.inside();
        let rows = inside.rows.values().map(|row| &row.row).filter(|row| ask.states.contains(&row.state));
        let rows = rows.filter(|row| ask.appointment_id.as_ref().is_none_or(|id| *id == row.appointment_id));
        Ok(rows.cloned().collect())
    }

    async fn schedules(&self) -> LedgerResult<Vec<ScheduleStanding>> {
        Ok(Vec::new())
    }

    async fn paused(&self) -> LedgerResult<Option<PauseRow>> {
        Ok(None)
    }

    async fn accounts(&self) -> LedgerResult<Vec<AccountRow>> {
        let inside = self.inside();
        let is_refused = inside.refused.is_some();
        Ok(vec![AccountRow { name: "test".to_owned(), paused_until: inside.paused_until, is_refused }])
    }

    async fn is_alive(&self) -> bool {
        true
    }

    async fn load_schedule(&self, _: LoadedSchedule) -> LedgerResult<ScheduleStanding> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn remove_schedule(&self, _: &str, _: Timestamp, _: &str) -> LedgerResult<u64> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn begin_run(&self, _: RunStart) -> LedgerResult<Option<RunId>> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn record_run(&self, _: RunRecord) -> LedgerResult<RecordedRun> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn pass_over(&self, _: PassedOver) -> LedgerResult<()> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn postpone_run(&self, _: RunId, _: Timestamp, _: &str) -> LedgerResult<()> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn open_runs(&self) -> LedgerResult<Vec<RunRow>> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn run(&self, _: RunId) -> LedgerResult<Option<RunRow>> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn last_run(&self, _: &str) -> LedgerResult<Option<RunRow>> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn schedule_text(&self, _: &str) -> LedgerResult<Option<String>> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn knowledge(&self, _: KnowledgeAsk) -> LedgerResult<Knowledge> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn told_starts(&self, _: &str, _: &[String]) -> LedgerResult<HashMap<String, Timestamp>> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn reconcile(&self, _: FreshRead) -> LedgerResult<RecordedRun> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn recover(&self, _: Recover) -> LedgerResult<Recovered> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn resolve(&self, _: Resolve) -> LedgerResult<ReminderRow> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn expire(&self, _: Timestamp) -> LedgerResult<u64> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn tally(&self) -> LedgerResult<Tally> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn pause(&self, _: Pause) -> LedgerResult<()> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn resume(&self, _: Option<&str>, _: Timestamp, _: &str) -> LedgerResult<()> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn append(&self, _: Vec<AuditEntry>) -> LedgerResult<()> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn audit(&self, _: AuditFilter) -> LedgerResult<Vec<AuditRow>> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn head(&self) -> LedgerResult<Head> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn verify(&self) -> LedgerResult<Verification> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn prune(&self, _: Prune) -> LedgerResult<Pruned> {
        unimplemented!("the sender doesn't ask for it")
    }
    async fn backup(&self, _: &std::path::Path) -> LedgerResult<()> {
        unimplemented!("the sender doesn't ask for it")
    }
}

/// A pile that can be handed to a sender.
pub fn pile() -> Arc<Pile> {
    Arc::new(Pile::default())
}
