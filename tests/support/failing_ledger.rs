//! A real ledger whose writes fail when they are told to, as on a full disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use tickler::audit::{AuditEntry, AuditFilter, AuditRow};
use tickler::ledger::*;
use tickler::plan::Knowledge;
use tickler::reminder::RunId;

/// Passes everything on, except that the next so many of these verbs fail.
pub struct FailingLedger {
    inner: Arc<dyn Ledger>,
    /// Intents that fail from now on.
    pub takes: Failures,
    /// Settlements that fail from now on.
    pub settles: Failures,
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
}

impl FailingLedger {
    /// Around a real one.
    pub fn around(inner: Arc<dyn Ledger>) -> Arc<Self> {
        Arc::new(Self { inner, takes: Failures::default(), settles: Failures::default() })
    }

    fn count(&self, verb: &Failures) -> LedgerResult<()> {
        verb.asked.fetch_add(1, Ordering::SeqCst);
        let fails = verb.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if fails { Err(LedgerError::Storage("the disk is full".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl Ledger for FailingLedger {
    async fn load_schedule(&self, loaded: LoadedSchedule) -> LedgerResult<ScheduleStanding> {
        self.inner.load_schedule(loaded).await
    }

    async fn remove_schedule(&self, name: &str, now: Timestamp, actor: &str) -> LedgerResult<u64> {
        self.inner.remove_schedule(name, now, actor).await
    }

    async fn schedules(&self) -> LedgerResult<Vec<ScheduleStanding>> {
        self.inner.schedules().await
    }

    async fn begin_run(&self, start: RunStart) -> LedgerResult<Option<RunId>> {
        self.inner.begin_run(start).await
    }

    async fn record_run(&self, record: RunRecord) -> LedgerResult<RecordedRun> {
        self.inner.record_run(record).await
    }

    async fn pass_over(&self, passed: PassedOver) -> LedgerResult<()> {
        self.inner.pass_over(passed).await
    }

    async fn postpone_run(&self, run: RunId, at: Timestamp, detail: &str) -> LedgerResult<()> {
        self.inner.postpone_run(run, at, detail).await
    }

    async fn open_runs(&self) -> LedgerResult<Vec<RunRow>> {
        self.inner.open_runs().await
    }

    async fn run(&self, run: RunId) -> LedgerResult<Option<RunRow>> {
        self.inner.run(run).await
    }

    async fn last_run(&self, schedule: &str) -> LedgerResult<Option<RunRow>> {
        self.inner.last_run(schedule).await
    }

    async fn schedule_text(&self, text_hash: &str) -> LedgerResult<Option<String>> {
        self.inner.schedule_text(text_hash).await
    }

    async fn knowledge(&self, ask: KnowledgeAsk) -> LedgerResult<Knowledge> {
        self.inner.knowledge(ask).await
    }

    async fn told_starts(&self, schedule: &str, ids: &[String]) -> LedgerResult<HashMap<String, Timestamp>> {
        self.inner.told_starts(schedule, ids).await
    }

    async fn reconcile(&self, fresh: FreshRead) -> LedgerResult<RecordedRun> {
        self.inner.reconcile(fresh).await
    }

    async fn take_intents(&self, ask: TakeIntents) -> LedgerResult<Taken> {
        self.count(&self.takes)?;
        self.inner.take_intents(ask).await
    }

    async fn settle(&self, settlement: Settlement) -> LedgerResult<bool> {
        self.count(&self.settles)?;
        self.inner.settle(settlement).await
    }

    async fn recover(&self, recover: Recover) -> LedgerResult<Recovered> {
        self.inner.recover(recover).await
    }

    async fn resolve(&self, resolve: Resolve) -> LedgerResult<ReminderRow> {
        self.inner.resolve(resolve).await
    }

    async fn next_due(&self, schedules: &[String]) -> LedgerResult<Option<Timestamp>> {
        self.inner.next_due(schedules).await
    }

    async fn expire(&self, now: Timestamp) -> LedgerResult<u64> {
        self.inner.expire(now).await
    }

    async fn reminders(&self, ask: ReminderAsk) -> LedgerResult<Vec<ReminderRow>> {
        self.inner.reminders(ask).await
    }

    async fn tally(&self) -> LedgerResult<Tally> {
        self.inner.tally().await
    }

    async fn pause(&self, pause: Pause) -> LedgerResult<()> {
        self.inner.pause(pause).await
    }

    async fn resume(&self, schedule: Option<&str>, now: Timestamp, actor: &str) -> LedgerResult<()> {
        self.inner.resume(schedule, now, actor).await
    }

    async fn paused(&self) -> LedgerResult<Option<PauseRow>> {
        self.inner.paused().await
    }

    async fn accounts(&self) -> LedgerResult<Vec<AccountRow>> {
        self.inner.accounts().await
    }

    async fn append(&self, entries: Vec<AuditEntry>) -> LedgerResult<()> {
        self.inner.append(entries).await
    }

    async fn audit(&self, filter: AuditFilter) -> LedgerResult<Vec<AuditRow>> {
        self.inner.audit(filter).await
    }

    async fn head(&self) -> LedgerResult<Head> {
        self.inner.head().await
    }

    async fn verify(&self) -> LedgerResult<Verification> {
        self.inner.verify().await
    }

    async fn prune(&self, prune: Prune) -> LedgerResult<Pruned> {
        self.inner.prune(prune).await
    }

    async fn backup(&self, file: &std::path::Path) -> LedgerResult<()> {
        self.inner.backup(file).await
    }

    async fn is_alive(&self) -> bool {
        self.inner.is_alive().await
    }
}
