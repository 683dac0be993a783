//! shell: the side of the ledger in SQLite that only reads: each question sees one unchanging state.

use std::collections::{BTreeMap, HashMap};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::continuity::Continuity;
use super::readers::{IDLE_CONNECTIONS, Readers};
use super::steps::Steps;
use super::{
    backup, calls, canaries, chain_table, counting, finding, knowledge, labels, outcomes, pauses, posts, queries, runs,
    schedules, schema, shadow, write_backs,
};
use crate::audit::fates::DecidedFate;
use crate::audit::{AuditFilter, AuditRow};
use crate::ledger::chain::PhoneKey;
use crate::ledger::opened::Upkeep;
use crate::ledger::questions::Reads;
use crate::ledger::{
    CalledWith, CallsOf, CanariesAsk, CanaryRow, FatesAsk, FoundPeople, Head, Holds, KnowledgeAsk, LabelsAsk,
    LastCalledAsk, LedgerError, LedgerResult, Loss, Machine, OptOut, OutcomeCount, OutcomesAsk, PeopleAsk, PostRow,
    PostsAsk, QueueSlot, ReminderAsk, ReminderBrief, ReminderRow, ReportedCall, RunRow, RunsAsk, ScheduleStanding,
    Tally, Unanswered, UnansweredAsk, Verification, WriteBackRow, WriteBacksAsk, chain,
};
use crate::outcome::signs::AcceptedCall;
use crate::personal::Personal;
use crate::plan::Knowledge;
use crate::reminder::ReminderId;

/// The number of ids from which on two readers look reminders up in parallel: for fewer, starting a second thread takes longer
/// than the look-up.
const WORTH_TWO_READERS: usize = 1_000;

/// What questions need.
pub(super) struct SqliteReads {
    pub(super) path: PathBuf,
    pub(super) readers: Readers,
    /// What was found when it was opened for reading.
    pub(super) found: Option<Loss>,
    /// The watch over a ledger that is opened for writing.
    pub(super) continuity: Option<Arc<Continuity>>,
    pub(super) steps: Steps,
}

impl Reads for SqliteReads {
    fn schedules(&self, name: Option<String>) -> LedgerResult<Vec<ScheduleStanding>> {
        self.readers.read(|reader| schedules::standings(&reader.conn, name.as_deref()))
    }
    fn schedule_text(&self, text_hash: String) -> LedgerResult<Option<String>> {
        self.readers.read(|reader| schedules::text(&reader.conn, &text_hash))
    }
    fn runs(&self, which: RunsAsk) -> LedgerResult<Vec<RunRow>> {
        self.readers.read(|reader| runs::select(&reader.conn, &which))
    }
    fn knowledge(&self, ask: KnowledgeAsk) -> LedgerResult<Knowledge> {
        self.readers.read(|reader| knowledge::load(reader, &ask))
    }
    fn last_called_starts(&self, ask: LastCalledAsk) -> LedgerResult<HashMap<String, Timestamp>> {
        self.readers.read(|reader| knowledge::last_called_starts(reader, ask))
    }
    fn rehearsed_to_come(&self, now: Timestamp) -> LedgerResult<BTreeMap<String, u64>> {
        self.readers.read(|reader| shadow::count_to_come(&reader.conn, now))
    }
    fn posts(&self, ask: PostsAsk) -> LedgerResult<Vec<PostRow>> {
        self.readers.read(|reader| posts::select(&reader.conn, &ask))
    }
    fn reminders(&self, ask: ReminderAsk) -> LedgerResult<Vec<ReminderRow>> {
        self.readers.read(|reader| queries::reminders(&reader.conn, &ask))
    }
    /// Two readers look up many ids, each a half of them.
    fn briefs(&self, mut ask: ReminderAsk) -> LedgerResult<Vec<ReminderBrief>> {
        let read = |ask: &ReminderAsk| self.readers.read(|reader| queries::briefs(&reader.conn, ask));
        if ask.ids.len() < WORTH_TWO_READERS || ask.limit.is_some() {
            return read(&ask);
        }
        let behind = ask.ids.split_off(ask.ids.len() / 2);
        let second = ReminderAsk { ids: behind, ..ask.clone() };
        let (first, second) = std::thread::scope(|threads| {
            let second = threads.spawn(|| read(&second));
            (read(&ask), second.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let mut found = first?;
        found.extend(second?);
        Ok(found)
    }
    fn next_due(&self, schedules: Vec<String>) -> LedgerResult<Option<Timestamp>> {
        self.readers.read(|reader| queries::next_due(&reader.conn, &schedules))
    }
    fn tally(&self) -> LedgerResult<Tally> {
        self.readers.read(|reader| queries::tally(&reader.conn))
    }
    fn queue(&self, until: Timestamp) -> LedgerResult<Vec<QueueSlot>> {
        self.readers.read(|reader| counting::queue(&reader.conn, until))
    }
    fn holds(&self, machine: Machine) -> LedgerResult<Holds> {
        let (lost, of_machine) = (self.loss(), machine.clone());
        match self.readers.read(|reader| pauses::holds(&reader.conn, machine)) {
            Ok(holds) => Ok(Holds { lost, ..holds }),
            // a file that is gone can't be read either, and the loss says why
            Err(_) if lost.is_some() => Ok(Holds { lost, machine: of_machine, ..Holds::default() }),
            Err(error) => Err(error),
        }
    }
    fn optouts(&self) -> LedgerResult<Vec<OptOut>> {
        self.readers.read(|reader| knowledge::optouts(&reader.conn))
    }
    fn accepted_calls(&self, since: Timestamp) -> LedgerResult<Vec<AcceptedCall>> {
        self.readers.read(|reader| calls::accepted(&reader.conn, since))
    }
    fn unreported(&self, after: Timestamp) -> LedgerResult<u64> {
        self.readers.read(|reader| calls::unreported(&reader.conn, after))
    }
    fn outcome_counts(&self, ask: OutcomesAsk) -> LedgerResult<Vec<OutcomeCount>> {
        self.readers.read(|reader| outcomes::counts(&reader.conn, &ask))
    }
    fn called_with(&self, ask: CalledWith) -> LedgerResult<Vec<ReminderId>> {
        self.readers.read(|reader| outcomes::latest(&reader.conn, &ask))
    }
    fn unanswered(&self, ask: UnansweredAsk) -> LedgerResult<Vec<Unanswered>> {
        self.readers.read(|reader| outcomes::unanswered(&reader.conn, &ask))
    }
    fn reported_calls(&self, ask: CallsOf) -> LedgerResult<Vec<ReportedCall>> {
        self.readers.read(|reader| calls::reported(&reader.conn, &ask))
    }
    fn canaries(&self, ask: CanariesAsk) -> LedgerResult<Vec<CanaryRow>> {
        self.readers
            .read(|reader| canaries::select(&reader.conn, reader.key.as_ref().map(PhoneKey::new).as_ref(), &ask))
    }
    fn write_backs(&self, ask: WriteBacksAsk) -> LedgerResult<Vec<WriteBackRow>> {
        self.readers.read(|reader| write_backs::select(&reader.conn, &ask))
    }
    fn audit(&self, filter: AuditFilter) -> LedgerResult<Vec<AuditRow>> {
        self.readers.read(|reader| queries::audit(reader, &filter))
    }
    fn head(&self) -> LedgerResult<Head> {
        self.readers.read(|reader| chain_table::head(&reader.conn))
    }
    fn verify(&self) -> LedgerResult<Verification> {
        let found = self.readers.read(|reader| chain_table::verify(&reader.conn, reader.key.as_ref()))?;
        let lost = self.loss().filter(|_| found.broken.is_none());
        Ok(match lost {
            Some(loss) => Verification { broken: Some((found.head.seq + 1, loss.to_string())), ..found },
            None => found,
        })
    }
    fn fates(&self, ask: FatesAsk) -> LedgerResult<Vec<DecidedFate>> {
        self.readers.read(|reader| counting::fates(&reader.conn, &ask))
    }
    fn phone_mark(&self, phone: Personal) -> LedgerResult<String> {
        self.readers.read(|reader| Ok(chain::hex(&chain::phone_hash(queries::key(reader)?, &phone))))
    }
    fn labels(&self, ask: LabelsAsk) -> LedgerResult<HashMap<(String, String), Personal>> {
        self.readers.read(|reader| labels::read(&reader.conn, &ask.appointments))
    }
    fn find_people(&self, ask: PeopleAsk) -> LedgerResult<FoundPeople> {
        self.readers.read(|reader| finding::people(&reader.conn, &ask))
    }
}

impl Upkeep for SqliteReads {
    fn places(&self) -> usize {
        IDLE_CONNECTIONS
    }
    fn loss(&self) -> Option<Loss> {
        self.continuity.as_ref().map_or_else(|| self.found.clone(), |watch| watch.loss())
    }
    fn accept_loss(&self) {
        if let Some(watch) = &self.continuity {
            watch.accept();
        }
    }
    fn backup(&self, file: &Path) -> LedgerResult<()> {
        self.readers.read(|reader| backup::copy(reader, &self.path, file, &self.steps))
    }
    fn checkpoint(&self) -> LedgerResult<()> {
        if let Some(loss @ Loss::Exchanged(_)) = self.loss() {
            return Err(LedgerError::Refused(loss.sentence()));
        }
        schema::checkpoint(&self.path)
    }
}
