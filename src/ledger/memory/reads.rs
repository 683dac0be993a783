//! shell: the readers' side of the ledger in memory: each question sees what was committed when it was asked.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use jiff::Timestamp;

use super::Memory;
use super::log::AskedRows;
use crate::attempt::TargetAddress;
use crate::audit::fates::DecidedFate;
use crate::audit::{AuditFilter, AuditRow};
use crate::ledger::chain::{self, Hash};
use crate::ledger::opened::Upkeep;
use crate::ledger::questions::{Reads, in_order};
use crate::ledger::{
    CalledWith, CallsOf, CanariesAsk, CanaryRow, FatesAsk, FoundPeople, Head, Holds, KnowledgeAsk, LabelsAsk,
    LastCalledAsk, LedgerError, LedgerResult, Loss, Machine, OptOut, OutcomeCount, OutcomesAsk, PeopleAsk, PostRow,
    PostsAsk, QueueSlot, ReminderAsk, ReminderBrief, ReminderRow, ReportedCall, RunRow, RunsAsk, ScheduleStanding,
    Tally, Unanswered, UnansweredAsk, Verification, WriteBackRow, WriteBacksAsk,
};
use crate::outcome::signs::AcceptedCall;
use crate::personal::Personal;
use crate::plan::Knowledge;
use crate::reminder::ReminderId;

/// What questions need.
pub(super) struct MemoryReads {
    pub(super) memory: Memory,
}

impl MemoryReads {
    fn address_hash(&self, address: Option<&TargetAddress>) -> Option<Hash> {
        address.map(|address| self.memory.phone_key().address_hash(address))
    }
}

impl Reads for MemoryReads {
    fn schedules(&self, name: Option<String>) -> LedgerResult<Vec<ScheduleStanding>> {
        Ok(self.memory.tables().standings(name.as_deref()))
    }
    fn schedule_text(&self, text_hash: String) -> LedgerResult<Option<String>> {
        Ok(self.memory.tables().texts.get(&text_hash).cloned())
    }
    fn runs(&self, which: RunsAsk) -> LedgerResult<Vec<RunRow>> {
        Ok(self.memory.tables().runs_of(&which))
    }
    fn knowledge(&self, ask: KnowledgeAsk) -> LedgerResult<Knowledge> {
        Ok(self.memory.tables().knowledge(&ask, self.memory.phone_key()))
    }
    fn last_called_starts(&self, ask: LastCalledAsk) -> LedgerResult<HashMap<String, Timestamp>> {
        let target = self.address_hash(ask.target.as_ref());
        Ok(self.memory.tables().last_called_starts(ask, target.as_ref()))
    }
    fn rehearsed_to_come(&self, now: Timestamp) -> LedgerResult<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        for (key, _) in self.memory.tables().rehearsed_to_come(now) {
            *counts.entry(key.schedule.to_string()).or_default() += 1;
        }
        Ok(counts)
    }
    fn posts(&self, ask: PostsAsk) -> LedgerResult<Vec<PostRow>> {
        Ok(self.memory.tables().posts_of(&ask))
    }
    fn reminders(&self, ask: ReminderAsk) -> LedgerResult<Vec<ReminderRow>> {
        Ok(self.memory.tables().reminder_rows(&ask))
    }
    fn briefs(&self, ask: ReminderAsk) -> LedgerResult<Vec<ReminderBrief>> {
        Ok(self.memory.tables().briefs(&ask))
    }
    fn next_due(&self, schedules: Vec<String>) -> LedgerResult<Option<Timestamp>> {
        Ok(self.memory.tables().next_due(&schedules))
    }
    fn tally(&self) -> LedgerResult<Tally> {
        Ok(self.memory.tables().tally())
    }
    fn queue(&self, until: Timestamp) -> LedgerResult<Vec<QueueSlot>> {
        Ok(self.memory.tables().queue(until))
    }
    fn holds(&self, machine: Machine) -> LedgerResult<Holds> {
        Ok(self.memory.tables().holds(machine))
    }
    fn optouts(&self) -> LedgerResult<Vec<OptOut>> {
        let mut listed: Vec<OptOut> = self.memory.tables().optouts.values().cloned().collect();
        in_order(&mut listed);
        Ok(listed)
    }
    fn accepted_calls(&self, since: Timestamp) -> LedgerResult<Vec<AcceptedCall>> {
        Ok(self.memory.tables().accepted_calls(since))
    }
    fn unreported(&self, after: Timestamp) -> LedgerResult<u64> {
        Ok(self.memory.tables().unreported(after))
    }
    fn outcome_counts(&self, ask: OutcomesAsk) -> LedgerResult<Vec<OutcomeCount>> {
        Ok(self.memory.tables().outcome_counts(&ask))
    }
    fn called_with(&self, ask: CalledWith) -> LedgerResult<Vec<ReminderId>> {
        Ok(self.memory.tables().called_with(&ask))
    }
    fn unanswered(&self, ask: UnansweredAsk) -> LedgerResult<Vec<Unanswered>> {
        Ok(self.memory.tables().unanswered(&ask))
    }
    fn reported_calls(&self, ask: CallsOf) -> LedgerResult<Vec<ReportedCall>> {
        Ok(self.memory.tables().reported(&ask))
    }
    fn canaries(&self, ask: CanariesAsk) -> LedgerResult<Vec<CanaryRow>> {
        Ok(self.memory.tables().canaries_of(&ask, &self.memory.phone_key()))
    }
    fn write_backs(&self, ask: WriteBacksAsk) -> LedgerResult<Vec<WriteBackRow>> {
        Ok(self.memory.tables().write_backs_of(&ask))
    }
    fn audit(&self, filter: AuditFilter) -> LedgerResult<Vec<AuditRow>> {
        let tables = self.memory.tables();
        let phones = &self.memory.phone_key();
        let appointment = filter.reminder.and_then(|id| tables.appointment_of(id));
        Ok(tables.log.page(&AskedRows { filter: &filter, appointment, phones }))
    }
    fn head(&self) -> LedgerResult<Head> {
        Ok(self.memory.tables().log.head())
    }
    fn verify(&self) -> LedgerResult<Verification> {
        Ok(self.memory.tables().log.verify(self.memory.sealing()))
    }
    fn fates(&self, ask: FatesAsk) -> LedgerResult<Vec<DecidedFate>> {
        Ok(self.memory.tables().log.fates(&ask))
    }
    fn phone_mark(&self, phone: Personal) -> LedgerResult<String> {
        Ok(chain::hex(&self.memory.phone_key().hash(&phone)))
    }
    fn labels(&self, ask: LabelsAsk) -> LedgerResult<HashMap<(String, String), Personal>> {
        Ok(self.memory.tables().labels_of(&ask))
    }
    fn find_people(&self, ask: PeopleAsk) -> LedgerResult<FoundPeople> {
        Ok(self.memory.tables().find_people(&ask))
    }
}

impl Upkeep for MemoryReads {
    fn places(&self) -> usize {
        16
    }
    /// `None`: memory can't lose a part of what it holds.
    fn loss(&self) -> Option<Loss> {
        None
    }
    fn accept_loss(&self) {}
    fn backup(&self, _file: &Path) -> LedgerResult<()> {
        Err(LedgerError::Refused("a ledger in memory can't be copied into a file".into()))
    }
    /// Does nothing: there is no write-ahead log to move.
    fn checkpoint(&self) -> LedgerResult<()> {
        Ok(())
    }
}
