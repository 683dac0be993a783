//! shell: the opened ledger: verbs go to its writer, questions to its readers.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::verbs::Tx;
use super::writer::{Afterwards, Writer};
use super::{
    AcceptLoss, AcknowledgeWriteBacks, BeginCanary, ByHand, CallAgain, CalledWith, CallsOf, CanariesAsk, CanaryRow,
    FatesAsk, Forget, Forgotten, FoundPeople, Head, HoldChange, Holds, Inbox, KnowledgeAsk, LabelsAsk, LastCalledAsk,
    LedgerError, LedgerResult, LoadedSchedule, Log, Loss, Machine, OptOut, OptOutChange, OptOutsChanged, Outbox,
    OutcomeByHand, OutcomeCount, Outcomes, OutcomesAsk, PassedOver, Pauses, PeopleAsk, PostRow, PostTaken, PostsAsk,
    Prune, Pruned, QueueSlot, RecordedCall, RecordedRun, Recover, Recovered, RejectRun, ReminderAsk, ReminderBrief,
    ReminderRow, ReportTaken, ReportedCall, Restored, RunRecord, RunRow, RunStart, Runs, RunsAsk, ScheduleStanding,
    SettledAndTaken, SettledCanary, SettledWriteBack, Settlement, TakeIntents, TakePost, Tally, TestAnswered, TestAsk,
    TestSlot, Unanswered, UnansweredAsk, Unreported, Verification, Withdraw, Withdrawal, WriteBackRow, WriteBacksAsk,
    Writing,
};
use crate::audit::fates::DecidedFate;
use crate::audit::{AuditFilter, AuditRow, Entry};
use crate::outcome::signs::AcceptedCall;
use crate::personal::Personal;
use crate::plan::Knowledge;
use crate::reminder::{ReminderId, RunId};
use crate::settings::Rate;

/// The number of ids from which on two readers look reminders up in parallel: for fewer, starting a second thread takes longer
/// than the look-up.
const WORTH_TWO_READERS: usize = 1_000;

/// The reads of a store; each sees one consistent snapshot and does not wait for the writer.
pub trait Reads: Send + Sync {
    /// How many short questions may be asked at once without being slowed down.
    fn places(&self) -> usize;
    /// Schedules that are loaded, by name; all, or one.
    fn schedules(&self, name: Option<&str>) -> LedgerResult<Vec<ScheduleStanding>>;
    /// The text of a schedule's version.
    fn schedule_text(&self, text_hash: &str) -> LedgerResult<Option<String>>;
    /// Runs.
    fn runs(&self, which: &RunsAsk) -> LedgerResult<Vec<RunRow>>;
    /// What a plan needs to know.
    fn knowledge(&self, ask: &KnowledgeAsk) -> LedgerResult<Knowledge>;
    /// The opt-out list.
    fn optouts(&self) -> LedgerResult<Vec<OptOut>>;
    /// For each appointment the latest start of which somebody was told, or may have been.
    fn last_called_starts(&self, ask: LastCalledAsk) -> LedgerResult<HashMap<String, Timestamp>>;
    /// How many rehearsed calls are still to come, by schedule.
    fn rehearsed_to_come(&self, now: Timestamp) -> LedgerResult<BTreeMap<String, u64>>;
    /// Reminders.
    fn reminders(&self, ask: &ReminderAsk) -> LedgerResult<Vec<ReminderRow>>;
    /// The same in brief.
    fn briefs(&self, ask: &ReminderAsk) -> LedgerResult<Vec<ReminderBrief>>;
    /// When something of these schedules may next be sent or expires.
    fn next_due(&self, schedules: &[String]) -> LedgerResult<Option<Timestamp>>;
    /// The accepted calls of intents at or after an instant (UTC), in their order.
    fn accepted_calls(&self, since: Timestamp) -> LedgerResult<Vec<AcceptedCall>>;
    /// How many unreported calls are about appointments that start after an instant (UTC).
    fn unreported(&self, after: Timestamp) -> LedgerResult<u64>;
    /// How many calls have which outcome, by quarters of an hour.
    fn outcome_counts(&self, ask: &OutcomesAsk) -> LedgerResult<Vec<OutcomeCount>>;
    /// The reminders of the latest calls with an outcome, the newest first.
    fn called_with(&self, ask: &CalledWith) -> LedgerResult<Vec<ReminderId>>;
    /// Persons of whose calls two or more were reported, each as not answered.
    fn unanswered(&self, ask: &UnansweredAsk) -> LedgerResult<Vec<Unanswered>>;
    /// The calls of reminders that records report.
    fn reported_calls(&self, ask: &CallsOf) -> LedgerResult<Vec<ReportedCall>>;
    /// Canaries.
    fn canaries(&self, ask: &CanariesAsk) -> LedgerResult<Vec<CanaryRow>>;
    /// Write-backs of outcomes.
    fn write_backs(&self, ask: &WriteBacksAsk) -> LedgerResult<Vec<WriteBackRow>>;
    /// Requests that were posted, in the order of their receipts.
    fn posts(&self, ask: &PostsAsk) -> LedgerResult<Vec<PostRow>>;
    /// Counts.
    fn tally(&self) -> LedgerResult<Tally>;
    /// Everything that keeps somebody from being called.
    fn holds(&self, machine: Machine) -> LedgerResult<Holds>;
    /// One page of the audit log.
    fn audit(&self, filter: &AuditFilter) -> LedgerResult<Vec<AuditRow>>;
    /// The audit log's end.
    fn head(&self) -> LedgerResult<Head>;
    /// How the calls of a time stand.
    fn fates(&self, ask: &FatesAsk) -> LedgerResult<Vec<DecidedFate>>;
    /// The keyed hash of a phone, hex.
    fn phone_mark(&self, phone: &str) -> LedgerResult<String>;
    /// The labels of appointments, as far as there are any.
    fn labels(&self, ask: &LabelsAsk) -> LedgerResult<HashMap<(String, String), Personal>>;
    /// The newest appointments of whoever somebody looks for.
    fn find_people(&self, ask: &PeopleAsk) -> LedgerResult<FoundPeople>;
    /// The pending reminders that are due before this instant, counted for every five minutes.
    fn queue(&self, until: Timestamp) -> LedgerResult<Vec<QueueSlot>>;
    /// Why nothing may be sent, if rows are lost.
    fn loss(&self) -> Option<Loss>;
    /// The loss was accepted, and is none any more.
    fn accept_loss(&self);
    /// Walks the audit log's whole chain.
    fn verify(&self) -> LedgerResult<Verification>;
    /// A consistent copy with its key, into one new file.
    fn backup(&self, file: &Path) -> LedgerResult<()>;
    /// Moves the write-ahead log into the database file.
    fn checkpoint(&self) -> LedgerResult<()>;
}

/// The opt-out list as it is answered: the oldest first.
pub(super) fn in_order(listed: &mut [OptOut]) {
    listed.sort_by(|one, other| (one.since, &one.phone_last4).cmp(&(other.since, &other.phone_last4)));
}

/// An opened ledger. Its verbs are the traits [`Runs`], [`Outbox`], [`Pauses`] and [`Log`]; what concerns the store as a
/// whole is its own.
pub struct Ledger {
    /// `None`: it was opened for reading only.
    writer: Option<Writer>,
    reads: Arc<dyn Reads>,
    /// Places for short questions, so that a burst of them opens no more connections than are kept.
    places: Semaphore,
}

impl Ledger {
    pub(super) fn new(writer: Option<Writer>, reads: Arc<dyn Reads>) -> Arc<Self> {
        let places = Semaphore::new(reads.places());
        Arc::new(Self { writer, reads, places })
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Tx<'_>) -> LedgerResult<T> + Send + 'static,
    ) -> LedgerResult<T> {
        self.writer.as_ref().ok_or(LedgerError::ReadOnly)?.perform(work, Afterwards::Nothing).await
    }

    /// Removes what the ledger holds of one person, and every copy of it in its files. The log's chain stays whole.
    ///
    /// # Errors
    /// When a call to this phone is being sent, or the store can't be written.
    pub async fn forget(&self, forget: Forget) -> LedgerResult<Forgotten> {
        let writer = self.writer.as_ref().ok_or(LedgerError::ReadOnly)?;
        writer.perform(move |tx| tx.forget(&forget), Afterwards::Overwrite).await
    }

    /// A question that is answered soon; it waits for its place among the others.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Reads) -> LedgerResult<T> + Send + 'static,
    ) -> LedgerResult<T> {
        let _place = self.places.acquire().await.expect("the places are never closed");
        self.read_long(work).await
    }

    /// A question that may take long: it takes no other's place.
    async fn read_long<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Reads) -> LedgerResult<T> + Send + 'static,
    ) -> LedgerResult<T> {
        let reads = Arc::clone(&self.reads);
        let reading = tokio::task::spawn_blocking(move || work(reads.as_ref()));
        reading.await.map_err(|_| LedgerError::Storage("a read of the ledger was interrupted".into()))?
    }

    /// Why nothing may be sent from this ledger, if rows of it are lost.
    #[must_use]
    pub fn loss(&self) -> Option<Loss> {
        self.reads.loss()
    }

    /// A person accepts that rows are lost: whoever may have been called since the last row is of unknown fate.
    ///
    /// # Errors
    /// When nothing is lost, or what is lost can't be accepted.
    pub async fn accept_loss(&self, accepted: AcceptLoss) -> LedgerResult<Restored> {
        let restored = self.write(move |tx| tx.accept_loss(&accepted)).await?;
        self.reads.accept_loss();
        // the next commit is witnessed
        self.write(|_| Ok(())).await?;
        Ok(restored)
    }

    /// Walks the audit log's whole chain.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn verify(&self) -> LedgerResult<Verification> {
        self.read_long(|reads| reads.verify()).await
    }

    /// Writes a consistent copy with its key into one new file.
    ///
    /// # Errors
    /// When the file is there already, or either can't be used.
    pub async fn backup(&self, file: &Path) -> LedgerResult<()> {
        let file = file.to_owned();
        self.read_long(move |reads| reads.backup(&file)).await
    }

    /// Checkpoints the write-ahead log into the database file on shutdown, so that copying that one file is enough.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] if a reader still holds an older snapshot.
    pub async fn checkpoint(&self) -> LedgerResult<()> {
        self.read_long(|reads| reads.checkpoint()).await
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
    async fn load_schedule(&self, loaded: LoadedSchedule) -> LedgerResult<ScheduleStanding> {
        self.write(move |tx| tx.load_schedule(&loaded)).await
    }
    async fn remove_schedule(&self, name: &str, now: Timestamp, actor: &str) -> LedgerResult<u64> {
        let (name, actor) = (name.to_owned(), actor.to_owned());
        self.write(move |tx| tx.remove_schedule(&name, now, &actor)).await
    }
    async fn schedules(&self, name: Option<&str>) -> LedgerResult<Vec<ScheduleStanding>> {
        let name = name.map(str::to_owned);
        self.read(move |reads| reads.schedules(name.as_deref())).await
    }
    async fn schedule_text(&self, text_hash: &str) -> LedgerResult<Option<String>> {
        let hash = text_hash.to_owned();
        self.read(move |reads| reads.schedule_text(&hash)).await
    }
    async fn begin_run(&self, start: RunStart) -> LedgerResult<Option<RunId>> {
        self.write(move |tx| tx.begin_run(&start)).await
    }
    async fn record_run(&self, record: RunRecord) -> LedgerResult<RecordedRun> {
        self.write(move |tx| tx.record_run(&record)).await
    }
    async fn interrupt_run(&self, id: RunId, now: Timestamp, actor: &str) -> LedgerResult<RunRow> {
        let actor = actor.to_owned();
        self.write(move |tx| tx.interrupt_run(id, now, &actor)).await
    }
    async fn reject_run(&self, reject: RejectRun) -> LedgerResult<RunRow> {
        self.write(move |tx| tx.reject_run(&reject)).await
    }
    async fn pass_over(&self, passed: PassedOver) -> LedgerResult<()> {
        self.write(move |tx| tx.pass_over(&passed)).await
    }
    async fn runs(&self, which: RunsAsk) -> LedgerResult<Vec<RunRow>> {
        self.read(move |reads| reads.runs(&which)).await
    }
    async fn knowledge(&self, ask: KnowledgeAsk) -> LedgerResult<Knowledge> {
        self.read(move |reads| reads.knowledge(&ask)).await
    }
    async fn last_called_starts(&self, ask: LastCalledAsk) -> LedgerResult<HashMap<String, Timestamp>> {
        self.read(move |reads| reads.last_called_starts(ask)).await
    }
    async fn rehearsed_to_come(&self, now: Timestamp) -> LedgerResult<BTreeMap<String, u64>> {
        self.read(move |reads| reads.rehearsed_to_come(now)).await
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
    async fn recover(&self, recover: Recover) -> LedgerResult<Recovered> {
        self.write(move |tx| tx.recover(&recover)).await
    }
    async fn by_hand(&self, decision: ByHand) -> LedgerResult<ReminderRow> {
        self.write(move |tx| match &decision {
            ByHand::Resolve(resolve) => tx.resolve(resolve),
            ByHand::Cancel(cancel) => tx.cancel(cancel),
        })
        .await
    }
    async fn expire(&self, now: Timestamp) -> LedgerResult<u64> {
        self.write(move |tx| tx.expire_all(now)).await
    }
    async fn reminders(&self, ask: ReminderAsk) -> LedgerResult<Vec<ReminderRow>> {
        self.read_long(move |reads| reads.reminders(&ask)).await
    }
    async fn briefs(&self, mut ask: ReminderAsk) -> LedgerResult<Vec<ReminderBrief>> {
        let read = |ask| self.read(move |reads| reads.briefs(&ask));
        if ask.ids.len() < WORTH_TWO_READERS || ask.limit.is_some() {
            return read(ask).await;
        }
        let second = ReminderAsk { ids: ask.ids.split_off(ask.ids.len() / 2), ..ask.clone() };
        let (mut first, second) = tokio::try_join!(read(ask), read(second))?;
        first.extend(second);
        Ok(first)
    }
    async fn next_due(&self, schedules: &[String]) -> LedgerResult<Option<Timestamp>> {
        let schedules = schedules.to_vec();
        self.read(move |reads| reads.next_due(&schedules)).await
    }
    async fn tally(&self) -> LedgerResult<Tally> {
        self.read(|reads| reads.tally()).await
    }
    async fn queue(&self, until: Timestamp) -> LedgerResult<Vec<QueueSlot>> {
        self.read(move |reads| reads.queue(until)).await
    }
}

#[async_trait]
impl Pauses for Ledger {
    async fn hold(&self, change: HoldChange) -> LedgerResult<()> {
        self.write(move |tx| match &change {
            HoldChange::Pause(pause) => tx.pause(pause),
            HoldChange::Resume(resume) => tx.resume(resume),
        })
        .await
    }
    async fn opt_out(&self, change: OptOutChange) -> LedgerResult<OptOutsChanged> {
        self.write(move |tx| tx.opt_out(&change)).await
    }
    async fn forget_wrong_numbers(&self, change: OptOutChange) -> LedgerResult<OptOutsChanged> {
        self.write(move |tx| tx.forget_wrong_numbers(&change)).await
    }
    async fn optouts(&self) -> LedgerResult<Vec<OptOut>> {
        self.read(|reads| reads.optouts()).await
    }
    async fn holds(&self, machine: Machine) -> LedgerResult<Holds> {
        self.read(move |reads| reads.holds(machine.clone())).await
    }
    async fn take_slot(&self, account: &str, rate: Rate, now: Timestamp) -> LedgerResult<Option<Timestamp>> {
        let account = account.to_owned();
        self.write(move |tx| tx.take_slot(&account, rate, now)).await
    }
}

#[async_trait]
impl Outcomes for Ledger {
    async fn take_report(&self, record: RecordedCall) -> LedgerResult<ReportTaken> {
        self.write(move |tx| tx.take_report(&record)).await
    }
    async fn set_outcome(&self, word: OutcomeByHand) -> LedgerResult<ReminderRow> {
        self.write(move |tx| tx.set_outcome(&word)).await
    }
    async fn call_again(&self, again: CallAgain) -> LedgerResult<Vec<ReminderRow>> {
        self.write(move |tx| tx.call_again(&again)).await
    }
    async fn pass_unreported(&self, unreported: Unreported) -> LedgerResult<u64> {
        self.write(move |tx| tx.pass_unreported(&unreported)).await
    }
    async fn accepted_calls(&self, since: Timestamp) -> LedgerResult<Vec<AcceptedCall>> {
        self.read(move |reads| reads.accepted_calls(since)).await
    }
    async fn unreported(&self, after: Timestamp) -> LedgerResult<u64> {
        self.read(move |reads| reads.unreported(after)).await
    }
    async fn outcome_counts(&self, ask: OutcomesAsk) -> LedgerResult<Vec<OutcomeCount>> {
        self.read_long(move |reads| reads.outcome_counts(&ask)).await
    }
    async fn called_with(&self, ask: CalledWith) -> LedgerResult<Vec<ReminderId>> {
        self.read_long(move |reads| reads.called_with(&ask)).await
    }
    async fn unanswered(&self, ask: UnansweredAsk) -> LedgerResult<Vec<Unanswered>> {
        self.read_long(move |reads| reads.unanswered(&ask)).await
    }
    async fn reported_calls(&self, ask: CallsOf) -> LedgerResult<Vec<ReportedCall>> {
        self.read(move |reads| reads.reported_calls(&ask)).await
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
    async fn canaries(&self, ask: CanariesAsk) -> LedgerResult<Vec<CanaryRow>> {
        self.read(move |reads| reads.canaries(&ask)).await
    }
    async fn write_backs(&self, ask: WriteBacksAsk) -> LedgerResult<Vec<WriteBackRow>> {
        self.read(move |reads| reads.write_backs(&ask)).await
    }
    async fn settle_write_back(&self, ended: SettledWriteBack) -> LedgerResult<bool> {
        self.write(move |tx| tx.settle_write_back(&ended)).await
    }
    async fn acknowledge_write_backs(&self, ask: AcknowledgeWriteBacks) -> LedgerResult<Vec<WriteBackRow>> {
        self.write(move |tx| tx.acknowledge_write_backs(&ask)).await
    }
}

#[async_trait]
impl Inbox for Ledger {
    async fn take_post(&self, post: TakePost) -> LedgerResult<PostTaken> {
        self.write(move |tx| tx.take_post(&post)).await
    }
    async fn withdraw(&self, withdraw: Withdraw) -> LedgerResult<Withdrawal> {
        self.write(move |tx| tx.withdraw(&withdraw)).await
    }
    async fn posts(&self, ask: PostsAsk) -> LedgerResult<Vec<PostRow>> {
        self.read(move |reads| reads.posts(&ask)).await
    }
}

#[async_trait]
impl Log for Ledger {
    async fn append(&self, entries: Vec<Entry<'static>>) -> LedgerResult<()> {
        self.write(move |tx| entries.iter().try_for_each(|entry| tx.store.append(entry))).await
    }
    async fn audit(&self, filter: AuditFilter) -> LedgerResult<Vec<AuditRow>> {
        self.read_long(move |reads| reads.audit(&filter)).await
    }
    async fn head(&self) -> LedgerResult<Head> {
        self.read(|reads| reads.head()).await
    }
    async fn fates(&self, ask: FatesAsk) -> LedgerResult<Vec<DecidedFate>> {
        self.read_long(move |reads| reads.fates(&ask)).await
    }
    async fn phone_mark(&self, phone: &str) -> LedgerResult<String> {
        let phone = phone.to_owned();
        self.read(move |reads| reads.phone_mark(&phone)).await
    }
    async fn labels(&self, ask: LabelsAsk) -> LedgerResult<HashMap<(String, String), Personal>> {
        self.read(move |reads| reads.labels(&ask)).await
    }
    async fn find_people(&self, ask: PeopleAsk) -> LedgerResult<FoundPeople> {
        self.read_long(move |reads| reads.find_people(&ask)).await
    }
    async fn prune(&self, prune: Prune) -> LedgerResult<Pruned> {
        self.write(move |tx| tx.prune(&prune)).await
    }
}
