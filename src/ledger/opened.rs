//! shell: the opened ledger: verbs go to its writer, questions to its store's readers.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::questions::{Questions, Reads, on_another_thread};
use super::verbs::Tx;
use super::writer::{Afterwards, Writer};
use super::{
    AcceptLoss, AcknowledgeWriteBacks, BeginCanary, ByHand, CallAgain, CanariesAsk, CanaryRow, Forget, Forgotten,
    HoldChange, LedgerError, LedgerResult, LoadedSchedule, Log, Loss, NumbersList, OptOutChange, OptOutsChanged,
    Outbox, Outcomes, PassedOver, PostTaken, Prune, Pruned, RecordedCall, RecordedRun, Recover, Recovered, RejectRun,
    ReminderRow, ReportTaken, Restored, RunRecord, RunRow, RunStart, Runs, ScheduleStanding, SettledAndTaken,
    SettledCanary, SettledWriteBack, Settlement, TakeIntents, TakePost, TestAnswered, TestAsk, TestSlot, Unreported,
    Withdraw, Withdrawal, WriteBackRow, Writing,
};
use crate::audit::Entry;
use crate::reminder::RunId;
use crate::settings::Rate;

/// What a store does as a whole, besides verbs and answers.
pub trait Upkeep: Send + Sync {
    /// How many short questions may be asked at once without being slowed down.
    fn places(&self) -> usize;
    /// Why nothing may be sent, if rows are lost.
    fn loss(&self) -> Option<Loss>;
    /// The loss was accepted, and is none any more.
    fn accept_loss(&self);
    /// A consistent copy with its key, into one new file.
    fn backup(&self, file: &Path) -> LedgerResult<()>;
    /// Moves the write-ahead log into the database file.
    fn checkpoint(&self) -> LedgerResult<()>;
}

/// An opened ledger. Its verbs are the traits [`Runs`], [`Outbox`], [`Outcomes`] and [`Log`], it answers all [`Questions`];
/// what concerns the ledger as a whole is its own.
pub struct Ledger {
    /// `None`: it was opened for reading only.
    writer: Option<Writer>,
    questions: Questions,
    upkeep: Arc<dyn Upkeep>,
}

/// Whoever has a ledger, or one of its traits, may ask it.
impl Deref for Ledger {
    type Target = Questions;

    fn deref(&self) -> &Questions {
        &self.questions
    }
}

impl Ledger {
    pub(super) fn new(writer: Option<Writer>, store: impl Reads + Upkeep + 'static) -> Arc<Self> {
        let store = Arc::new(store);
        let questions = Questions::new(Arc::clone(&store) as Arc<dyn Reads>, store.places());
        Arc::new(Self { writer, questions, upkeep: store })
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Tx<'_>) -> LedgerResult<T> + Send + 'static,
    ) -> LedgerResult<T> {
        self.writer.as_ref().ok_or(LedgerError::ReadOnly)?.perform(work, Afterwards::Nothing).await
    }

    /// For whoever only asks.
    #[must_use]
    pub fn questions(&self) -> Questions {
        self.questions.clone()
    }

    /// A schedule was loaded (at start, by reload): its text version is kept; a new schedule, or one whose cron, zone
    /// or `enabled` changed, gets its cursor at `now`. Returns its cursor and standing.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn load_schedule(&self, loaded: LoadedSchedule) -> LedgerResult<ScheduleStanding> {
        self.write(move |tx| tx.load_schedule(&loaded)).await
    }

    /// A schedule's file is gone: its pending reminders are cancelled, it is no longer listed. Returns how many reminders.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn remove_schedule(&self, name: &str, now: Timestamp, actor: &str) -> LedgerResult<u64> {
        let (name, actor) = (name.to_owned(), actor.to_owned());
        self.write(move |tx| tx.remove_schedule(&name, now, &actor)).await
    }

    /// Settles what a crash left, when the service starts: every `sending` becomes uncertain, then what may be resent returns to
    /// pending.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn recover(&self, recover: Recover) -> LedgerResult<Recovered> {
        self.write(move |tx| tx.recover(&recover)).await
    }

    /// Counts, when the service starts, that the last process died while this run was being evaluated; the third time it fails.
    /// Returns it as it is then.
    ///
    /// # Errors
    /// When there is no such run, or the store can't be written.
    pub async fn interrupt_run(&self, id: RunId, now: Timestamp, actor: &str) -> LedgerResult<RunRow> {
        let actor = actor.to_owned();
        self.write(move |tx| tx.interrupt_run(id, now, &actor)).await
    }

    /// Removes what the ledger holds of one person, and every copy of it in its files. The log's chain stays whole.
    ///
    /// # Errors
    /// When a call to this phone is being sent, or the store can't be written.
    pub async fn forget(&self, forget: Forget) -> LedgerResult<Forgotten> {
        let writer = self.writer.as_ref().ok_or(LedgerError::ReadOnly)?;
        writer.perform(move |tx| tx.forget(&forget), Afterwards::Overwrite).await
    }

    /// Why nothing may be sent from this ledger, if rows of it are lost.
    #[must_use]
    pub fn loss(&self) -> Option<Loss> {
        self.upkeep.loss()
    }

    /// A person accepts that rows are lost: whoever may have been called since the last row is of unknown fate.
    ///
    /// # Errors
    /// When nothing is lost, or what is lost can't be accepted.
    pub async fn accept_loss(&self, accepted: AcceptLoss) -> LedgerResult<Restored> {
        let restored = self.write(move |tx| tx.accept_loss(&accepted)).await?;
        self.upkeep.accept_loss();
        // the next commit is witnessed
        self.write(|_| Ok(())).await?;
        Ok(restored)
    }

    /// Writes a consistent copy with its key into one new file.
    ///
    /// # Errors
    /// When the file is there already, or either can't be used.
    pub async fn backup(&self, file: &Path) -> LedgerResult<()> {
        let (upkeep, file) = (Arc::clone(&self.upkeep), file.to_owned());
        on_another_thread(move || upkeep.backup(&file)).await
    }

    /// Checkpoints the write-ahead log into the database file on shutdown, so that copying that one file is enough.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] if a reader still holds an older snapshot.
    pub async fn checkpoint(&self) -> LedgerResult<()> {
        let upkeep = Arc::clone(&self.upkeep);
        on_another_thread(move || upkeep.checkpoint()).await
    }

    /// What the latest commits came to.
    #[must_use]
    pub fn writing(&self) -> Writing {
        self.writer.as_ref().map(Writer::writing).unwrap_or_default()
    }

    /// Makes a commit that leaves everything as it is: whether the ledger can be written.
    ///
    /// # Errors
    /// When it can't.
    pub async fn probe(&self) -> LedgerResult<()> {
        self.write(|tx| tx.store.touch()).await
    }

    /// Whether the group-commit writer answers: what the watchdog asks.
    pub async fn is_alive(&self) -> bool {
        match &self.writer {
            Some(writer) => writer.answers().await,
            None => true,
        }
    }

    /// Returns when this process can write no more, whatever is tried: the writer's thread has ended. A new process can.
    pub async fn ended(&self) {
        match &self.writer {
            Some(writer) => writer.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Makes every commit fail, as a full disk would, or lets them succeed again.
    #[cfg(test)]
    pub async fn refuse_commits(&self, refusal: bool) {
        self.writer.as_ref().expect("it is written").refuse_commits(refusal);
    }

    /// Ends the writer's thread as a bug would.
    #[cfg(test)]
    pub async fn break_off(&self) {
        self.writer.as_ref().expect("it is written").break_off().await;
    }
}

#[async_trait]
impl Runs for Ledger {
    async fn begin_run(&self, start: RunStart) -> LedgerResult<Option<RunId>> {
        self.write(move |tx| tx.begin_run(&start)).await
    }
    async fn record_run(&self, record: RunRecord) -> LedgerResult<RecordedRun> {
        self.write(move |tx| tx.record_run(&record)).await
    }
    async fn reject_run(&self, reject: RejectRun) -> LedgerResult<RunRow> {
        self.write(move |tx| tx.reject_run(&reject)).await
    }
    async fn pass_over(&self, passed: PassedOver) -> LedgerResult<()> {
        self.write(move |tx| tx.pass_over(&passed)).await
    }
    async fn take_post(&self, post: TakePost) -> LedgerResult<PostTaken> {
        self.write(move |tx| tx.take_post(&post)).await
    }
    async fn withdraw(&self, withdraw: Withdraw) -> LedgerResult<Withdrawal> {
        self.write(move |tx| tx.withdraw(&withdraw)).await
    }
}

#[async_trait]
impl Outbox for Ledger {
    async fn exchange(&self, ended: Arc<[Settlement]>, ask: Option<TakeIntents>) -> LedgerResult<SettledAndTaken> {
        self.write(move |tx| tx.exchange(&ended, ask.as_ref())).await
    }
    async fn admit_test(&self, ask: TestAsk) -> LedgerResult<TestSlot> {
        self.write(move |tx| tx.admit_test(&ask)).await
    }
    async fn take_test_answer(&self, answered: TestAnswered) -> LedgerResult<()> {
        self.write(move |tx| tx.take_test_answer(&answered)).await
    }
    async fn take_slot(&self, account: &str, rate: Rate, now: Timestamp) -> LedgerResult<Option<Timestamp>> {
        let account = account.to_owned();
        self.write(move |tx| tx.take_slot(&account, rate, now)).await
    }
    async fn expire(&self, now: Timestamp) -> LedgerResult<u64> {
        self.write(move |tx| tx.expire_all(now)).await
    }
    async fn by_hand(&self, decision: ByHand) -> LedgerResult<ReminderRow> {
        self.write(move |tx| match &decision {
            ByHand::Resolve(resolve) => tx.resolve(resolve),
            ByHand::Cancel(cancel) => tx.cancel(cancel),
            ByHand::Outcome(word) => tx.set_outcome(word),
        })
        .await
    }
    async fn hold(&self, change: HoldChange) -> LedgerResult<()> {
        self.write(move |tx| match &change {
            HoldChange::Pause(pause) => tx.pause(pause),
            HoldChange::Resume(resume) => tx.resume(resume),
        })
        .await
    }
    async fn opt_out(&self, change: OptOutChange) -> LedgerResult<OptOutsChanged> {
        self.write(move |tx| match change.list {
            NumbersList::OptedOut => tx.opt_out(&change),
            NumbersList::WrongNumbers => tx.forget_wrong_numbers(&change),
        })
        .await
    }
}

#[async_trait]
impl Outcomes for Ledger {
    async fn take_report(&self, record: RecordedCall) -> LedgerResult<ReportTaken> {
        self.write(move |tx| tx.take_report(&record)).await
    }
    async fn pass_unreported(&self, unreported: Unreported) -> LedgerResult<u64> {
        self.write(move |tx| tx.pass_unreported(&unreported)).await
    }
    async fn call_again(&self, again: CallAgain) -> LedgerResult<Vec<ReminderRow>> {
        self.write(move |tx| tx.call_again(&again)).await
    }
    async fn begin_canary(&self, begin: BeginCanary) -> LedgerResult<()> {
        self.write(move |tx| tx.begin_canary(&begin)).await
    }
    async fn settle_canary(&self, ended: SettledCanary) -> LedgerResult<()> {
        self.write(move |tx| tx.settle_canary(&ended)).await
    }
    async fn pass_canaries(&self, now: Timestamp, actor: &str) -> LedgerResult<Vec<CanaryRow>> {
        // most of the time none is awaited, and nothing is written
        if self.canaries(CanariesAsk::Waiting).await?.is_empty() {
            return Ok(Vec::new());
        }
        let actor = actor.to_owned();
        self.write(move |tx| tx.pass_canaries(now, &actor)).await
    }
    async fn settle_write_back(&self, ended: SettledWriteBack) -> LedgerResult<bool> {
        self.write(move |tx| tx.settle_write_back(&ended)).await
    }
    async fn acknowledge_write_backs(&self, ask: AcknowledgeWriteBacks) -> LedgerResult<Vec<WriteBackRow>> {
        self.write(move |tx| tx.acknowledge_write_backs(&ask)).await
    }
}

#[async_trait]
impl Log for Ledger {
    async fn append(&self, entries: Vec<Entry<'static>>) -> LedgerResult<()> {
        self.write(move |tx| entries.iter().try_for_each(|entry| tx.store.append(entry))).await
    }
    async fn prune(&self, prune: Prune) -> LedgerResult<Pruned> {
        self.write(move |tx| tx.prune(&prune)).await
    }
}
