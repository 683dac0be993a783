//! shell: every question to the ledger, in one table: who asks uses [`Questions`], a store answers as [`Reads`].
//!
//! A new question is a line of the table and an answer in each store (`sqlite/reads.rs`, `memory/reads.rs`).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::{
    CalledWith, CallsOf, CanariesAsk, CanaryRow, FatesAsk, FoundPeople, Head, Holds, KnowledgeAsk, LabelsAsk,
    LastCalledAsk, LedgerError, LedgerResult, Machine, OptOut, OutcomeCount, OutcomesAsk, PeopleAsk, PostRow, PostsAsk,
    QueueSlot, ReminderAsk, ReminderBrief, ReminderRow, ReportedCall, RunRow, RunsAsk, ScheduleStanding, Tally,
    Unanswered, UnansweredAsk, Verification, WriteBackRow, WriteBacksAsk,
};
use crate::audit::fates::DecidedFate;
use crate::audit::{AuditFilter, AuditRow};
use crate::outcome::signs::AcceptedCall;
use crate::personal::Personal;
use crate::plan::Knowledge;
use crate::reminder::ReminderId;

/// Asks the ledger, and can't change it. Clones ask the same ledger.
#[derive(Clone)]
pub struct Questions {
    reads: Arc<dyn Reads>,
    /// Places for short questions, so that a burst of them opens no more connections than are kept.
    places: Arc<Semaphore>,
}

/// Makes of each line a method of [`Reads`], which a store answers on the thread that asks, and one of [`Questions`] with the
/// same name, arguments and answer, which waits for it elsewhere. The first word is the method of [`Questions`] by which it
/// does: `short` or `long`.
macro_rules! questions {
    ($($(#[$doc:meta])+ $length:ident fn $question:ident($($ask:ident: $of:ty)?) -> $answer:ty;)+) => {
        /// The answers of a store. Each is of one consistent state, and none waits for the writer.
        pub trait Reads: Send + Sync {
            $($(#[$doc])+ fn $question(&self $(, $ask: $of)?) -> LedgerResult<$answer>;)+
        }

        impl Questions {
            $($(#[$doc])+
            ///
            /// # Errors
            /// When the store can't be read.
            pub async fn $question(&self $(, $ask: $of)?) -> LedgerResult<$answer> {
                self.$length(move |reads| reads.$question($($ask)?)).await
            })+
        }
    };
}

questions! {
    /// What is known of every schedule ever loaded and not removed, or of that one; by name.
    short fn schedules(name: Option<String>) -> Vec<ScheduleStanding>;
    /// The text of a schedule's version.
    short fn schedule_text(text_hash: String) -> Option<String>;
    /// Runs.
    short fn runs(which: RunsAsk) -> Vec<RunRow>;
    /// What a plan needs to know.
    short fn knowledge(ask: KnowledgeAsk) -> Knowledge;
    /// For each appointment, the latest start with a reminder that is `delivered` (unless a sandbox at another address accepted
    /// it), `sending` or `uncertain`.
    short fn last_called_starts(ask: LastCalledAsk) -> HashMap<String, Timestamp>;
    /// For each schedule, the number of calls that a run in shadow mode wrote down for a time to come and that have no reminder
    /// yet: once the schedule is live, nobody else makes them.
    short fn rehearsed_to_come(now: Timestamp) -> BTreeMap<String, u64>;
    /// Requests that were posted, in the order of their receipts.
    short fn posts(ask: PostsAsk) -> Vec<PostRow>;

    /// Reminders by schedule, state or appointment, oldest first.
    long fn reminders(ask: ReminderAsk) -> Vec<ReminderRow>;
    /// The same with only what says how they are: for thousands of them.
    short fn briefs(ask: ReminderAsk) -> Vec<ReminderBrief>;
    /// When something may next be sent or expires, over those schedules.
    short fn next_due(schedules: Vec<String>) -> Option<Timestamp>;
    /// The counts for `status`: pending, uncertain, held.
    short fn tally() -> Tally;
    /// How many pending reminders are due before `until` (UTC), by schedule and five minutes.
    short fn queue(until: Timestamp) -> Vec<QueueSlot>;
    /// Everything that keeps somebody from being called, completed by this machine's part.
    short fn holds(machine: Machine) -> Holds;
    /// The opt-out list, the oldest first.
    short fn optouts() -> Vec<OptOut>;

    /// The accepted calls whose intents were committed at or after this (UTC), in their order.
    short fn accepted_calls(since: Timestamp) -> Vec<AcceptedCall>;
    /// How many unreported calls are about appointments that start after this (UTC).
    short fn unreported(after: Timestamp) -> u64;
    /// How many calls have which outcome, by the quarter of an hour in which they were made.
    long fn outcome_counts(ask: OutcomesAsk) -> Vec<OutcomeCount>;
    /// The reminders of the latest calls with an outcome, the newest first.
    long fn called_with(ask: CalledWith) -> Vec<ReminderId>;
    /// Persons of whose calls two or more were reported, each as not answered: the most called first. Calls of which nothing
    /// was reported don't count.
    long fn unanswered(ask: UnansweredAsk) -> Vec<Unanswered>;
    /// The calls of these reminders that records report.
    short fn reported_calls(ask: CallsOf) -> Vec<ReportedCall>;
    /// Canaries.
    short fn canaries(ask: CanariesAsk) -> Vec<CanaryRow>;
    /// Write-backs of outcomes.
    short fn write_backs(ask: WriteBacksAsk) -> Vec<WriteBackRow>;

    /// One page of the log, oldest first; at most 10,000 rows a page.
    long fn audit(filter: AuditFilter) -> Vec<AuditRow>;
    /// The number and hash of the log's last row (0 and the empty chain's hash when there is none).
    short fn head() -> Head;
    /// Walks the log's whole chain.
    long fn verify() -> Verification;
    /// How the calls stand about which something was written in that time, each once, in the order of the deciding rows.
    long fn fates(ask: FatesAsk) -> Vec<DecidedFate>;
    /// The keyed hash by which rows about a phone (E.164) are found, hex: it names the phone to this ledger alone.
    short fn phone_mark(phone: Personal) -> String;
    /// How schedules name appointments that have no reminder, as far as that is kept; by schedule and appointment's id.
    short fn labels(ask: LabelsAsk) -> HashMap<(String, String), Personal>;
    /// The newest appointments of whoever somebody looks for.
    long fn find_people(ask: PeopleAsk) -> FoundPeople;
}

impl Questions {
    /// `places`: how many short questions may be asked at once without being slowed down.
    pub(super) fn new(reads: Arc<dyn Reads>, places: usize) -> Self {
        Self { reads, places: Arc::new(Semaphore::new(places)) }
    }

    /// A question that is answered soon; it waits for its place among the others.
    async fn short<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Reads) -> LedgerResult<T> + Send + 'static,
    ) -> LedgerResult<T> {
        let _place = self.places.acquire().await.expect("the places are never closed");
        self.long(question).await
    }

    /// A question that may take long: it takes no other's place.
    async fn long<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Reads) -> LedgerResult<T> + Send + 'static,
    ) -> LedgerResult<T> {
        let reads = Arc::clone(&self.reads);
        on_another_thread(move || question(reads.as_ref())).await
    }
}

/// Waits for work that would hold up the other tasks of this thread.
pub(super) async fn on_another_thread<T: Send + 'static>(
    work: impl FnOnce() -> LedgerResult<T> + Send + 'static,
) -> LedgerResult<T> {
    let working = tokio::task::spawn_blocking(work);
    working.await.map_err(|_| LedgerError::Storage("a read of the ledger was interrupted".into()))?
}

/// The opt-out list as it is answered: the oldest first.
pub(super) fn in_order(listed: &mut [OptOut]) {
    listed.sort_by(|one, other| (one.since, &one.phone_last4).cmp(&(other.since, &other.phone_last4)));
}
