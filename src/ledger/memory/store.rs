//! shell: the writer's side of the ledger in memory: a copy of the tables for each transaction, and one for each savepoint.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::tables::Tables;
use super::{Memory, random};
use crate::attempt::TargetAddress;
use crate::audit::Entry;
use crate::ledger::chain::{Hash, PhoneKey, Sealing};
use crate::ledger::change::{Change, LoadedReminder, RowChange};
use crate::ledger::effects::TargetState;
use crate::ledger::outcomes::CallRow;
use crate::ledger::store::{
    Applied, CallsAsk, DueAsk, DueRow, Erased, ManyReminders, OneReminder, Put, Removed, Store, StoredSchedule,
    Transaction,
};
use crate::ledger::witness::{Loss, NotedLoss};
use crate::ledger::{
    CanariesAsk, CanaryRow, Holds, LedgerResult, Machine, PostRow, Prune, ReminderAsk, ReminderRow, RunRow, RunsAsk,
    ScheduleStanding, Step, WriteBackRow, WriteBacksAsk,
};
use crate::reminder::ReminderId;
use crate::seeded::SeededMap;

/// The tables that a transaction works on.
pub(super) struct MemoryStore {
    memory: Memory,
    phones: PhoneKey,
    sealing: Sealing,
    tables: RefCell<Arc<Tables>>,
    /// The tables as they were at the savepoint.
    saved: RefCell<Arc<Tables>>,
    is_open: Cell<bool>,
    writes: Cell<u64>,
}

impl MemoryStore {
    pub(super) fn new(memory: Memory) -> Self {
        let (phones, sealing, tables) = (memory.phone_key(), memory.sealing(), memory.tables());
        let saved = RefCell::new(Arc::clone(&tables));
        let tables = RefCell::new(tables);
        Self { memory, phones, sealing, tables, saved, is_open: Cell::new(false), writes: Cell::new(0) }
    }

    fn read<T>(&self, work: impl FnOnce(&Tables) -> T) -> T {
        work(&self.tables.borrow())
    }

    fn write<T>(&self, work: impl FnOnce(&mut Tables) -> T) -> T {
        work(Arc::make_mut(&mut self.tables.borrow_mut()))
    }

    fn count_writes(&self, writes: u64) {
        self.writes.set(self.writes.get() + writes);
    }
}

impl Store for MemoryStore {
    fn reminder(&self, which: &OneReminder<'_>) -> LedgerResult<Option<LoadedReminder>> {
        Ok(self.read(|tables| tables.one(which)))
    }
    fn reminders(&self, which: &ManyReminders<'_>) -> LedgerResult<Vec<LoadedReminder>> {
        Ok(self.read(|tables| tables.many(which)))
    }
    fn reminder_row(&self, id: ReminderId) -> LedgerResult<Option<ReminderRow>> {
        let ask = ReminderAsk { id: Some(id), ..ReminderAsk::default() };
        Ok(self.read(|tables| tables.reminder_rows(&ask)).pop())
    }
    fn due(&self, ask: &DueAsk<'_>) -> LedgerResult<Vec<DueRow>> {
        Ok(self.read(|tables| tables.due(ask)))
    }
    fn is_anything_due(&self, schedule: &str, now: Timestamp) -> LedgerResult<bool> {
        Ok(self.read(|tables| tables.is_anything_due(schedule, now)))
    }
    fn next_time(&self, schedule: &str, now: Timestamp) -> LedgerResult<Option<Timestamp>> {
        Ok(self.read(|tables| tables.next_time(schedule, now)))
    }
    fn schedules_with_pending(&self) -> LedgerResult<BTreeSet<String>> {
        Ok(self.read(Tables::schedules_with_pending))
    }
    fn calls_of(&self, ask: &CallsAsk<'_>) -> LedgerResult<SeededMap<String, u32>> {
        Ok(self.read(|tables| tables.calls_of(ask)))
    }
    fn address_hash(&self, address: &TargetAddress) -> Hash {
        self.phones.address_hash(address)
    }
    fn step_of(&self, held: &LoadedReminder) -> LedgerResult<Option<Step>> {
        Ok(self.read(|tables| tables.step_of(held)))
    }
    fn has_optouts(&self) -> LedgerResult<bool> {
        Ok(self.read(|tables| !tables.optouts.is_empty()))
    }
    fn is_opted_out(&self, phone: &str) -> LedgerResult<bool> {
        let hash = self.phones.hash(phone);
        Ok(self.read(|tables| tables.optouts.contains_key(&hash)))
    }
    fn has_wrong_numbers(&self) -> LedgerResult<bool> {
        Ok(self.read(|tables| !tables.wrong_numbers.is_empty()))
    }
    fn is_wrong_number(&self, account: &str, person: &str, phone: &str) -> LedgerResult<bool> {
        let key = (account.to_owned(), self.phones.hash(person), self.phones.hash(phone));
        Ok(self.read(|tables| tables.wrong_numbers.contains(&key)))
    }
    fn forget_wrong_number(&self, phone: &str) -> LedgerResult<bool> {
        let hash = self.phones.hash(phone);
        let known = self.read(|tables| tables.wrong_numbers.iter().any(|(_, _, phone)| *phone == hash));
        if known {
            self.write(|tables| tables.wrong_numbers.retain(|(_, _, phone)| *phone != hash));
            self.count_writes(1);
        }
        Ok(known)
    }
    fn contact(&self, account: &str, phone: &str) -> LedgerResult<Option<String>> {
        let key = (account.to_owned(), self.phones.hash(phone));
        Ok(self.read(|tables| tables.contacts.get(&key).cloned()))
    }
    fn call(&self, account: &str, call_id: &str) -> LedgerResult<Option<CallRow>> {
        Ok(self.read(|tables| tables.call(account, call_id)))
    }
    fn canaries(&self, which: &CanariesAsk) -> LedgerResult<Vec<CanaryRow>> {
        Ok(self.read(|tables| tables.canaries_of(which, &self.phones)))
    }
    fn write_backs(&self, which: &WriteBacksAsk) -> LedgerResult<Vec<WriteBackRow>> {
        Ok(self.read(|tables| tables.write_backs_of(which)))
    }
    fn post(&self, schedule: &str, appointment_id: &str) -> LedgerResult<Option<PostRow>> {
        Ok(self.read(|tables| tables.post(schedule, appointment_id)))
    }
    fn accepted_posts(&self, schedule: &str, since: i64) -> LedgerResult<(u64, Option<i64>)> {
        Ok(self.read(|tables| tables.accepted_posts(schedule, since)))
    }
    fn holds(&self, machine: Machine) -> LedgerResult<Holds> {
        Ok(self.read(|tables| tables.holds(machine)))
    }
    fn rates(&self) -> LedgerResult<BTreeMap<String, i64>> {
        Ok(self.read(Tables::rates))
    }
    fn targets(&self, schedule: Option<&str>) -> LedgerResult<BTreeMap<String, TargetState>> {
        Ok(self.read(|tables| tables.targets_of(schedule)))
    }
    fn runs(&self, which: &RunsAsk) -> LedgerResult<Vec<RunRow>> {
        Ok(self.read(|tables| tables.runs_of(which)))
    }
    fn schedule(&self, name: &str) -> LedgerResult<Option<StoredSchedule>> {
        Ok(self.read(|tables| tables.schedules.get(name).cloned()))
    }
    fn standing(&self, name: &str) -> LedgerResult<Option<ScheduleStanding>> {
        Ok(self.read(|tables| tables.standings(Some(name))).pop())
    }
    fn last_entry_at(&self) -> LedgerResult<Option<Timestamp>> {
        Ok(self.read(|tables| tables.log.last_entry_at()))
    }
    /// `None`: memory can't lose a part of what it holds.
    fn loss(&self) -> Option<Loss> {
        None
    }
    fn noted_loss(&self) -> LedgerResult<Option<NotedLoss>> {
        Ok(self.read(|tables| tables.loss))
    }
    fn last_nr(&self) -> LedgerResult<i64> {
        Ok(self.read(Tables::last_nr))
    }
    fn check_soundness(&self) -> LedgerResult<()> {
        Ok(())
    }
    fn apply(&self, change: &Change<'_>) -> LedgerResult<Applied> {
        let nr = self.write(|tables| match &change.row {
            RowChange::Insert(row) => tables.insert(row),
            RowChange::Update(expected, set) => Ok(tables.set(*expected, set, change.at).then_some(expected.nr)),
        })?;
        let Some(nr) = nr else { return Ok(Applied::Miss) };
        self.count_writes(1);
        if let Some(attempt) = &change.attempt {
            self.write(|tables| tables.write_attempt(nr, attempt, change.at))?;
        }
        change.entries.iter().try_for_each(|entry| self.append(entry))?;
        Ok(Applied::Hit)
    }
    fn append(&self, entry: &Entry<'_>) -> LedgerResult<()> {
        let salt = random()?;
        self.write(|tables| tables.log.append(entry, salt, &self.phones, &self.sealing));
        self.count_writes(1);
        Ok(())
    }
    fn put(&self, put: &Put<'_>) -> LedgerResult<()> {
        let is_change = self.write(|tables| tables.put(put, &self.phones))?;
        self.count_writes(u64::from(is_change));
        Ok(())
    }
    fn prune(&self, prune: &Prune) -> LedgerResult<Removed> {
        let payloads = self.write(|tables| tables.prune_payloads(prune.payloads_before));
        self.write(|tables| tables.prune_labels(prune.payloads_before.max(prune.audit_before)));
        let (audit_rows, mark) = self.write(|tables| tables.log.prune(prune.audit_before));
        self.count_writes(payloads + audit_rows);
        Ok(Removed { payloads, audit_rows, mark })
    }
    fn erase(&self, phone: &str) -> LedgerResult<Erased> {
        let hash = self.phones.hash(phone);
        let erased = self.write(|tables| tables.erase(phone, &hash));
        self.count_writes(erased.rows.len() as u64 + erased.reminders);
        Ok(erased)
    }
    fn touch(&self) -> LedgerResult<()> {
        self.count_writes(1);
        Ok(())
    }
    /// Does nothing: a reminder is read as quickly as it would be remembered.
    fn keep_taken(&self, _taken: LoadedReminder) {}
}

impl Transaction for MemoryStore {
    /// Does nothing: memory keeps no copies.
    fn overwrite(&self) -> LedgerResult<()> {
        Ok(())
    }
    fn begin(&self) -> LedgerResult<()> {
        self.tables.replace(self.memory.tables());
        self.is_open.set(true);
        Ok(())
    }

    fn commit(&self) -> LedgerResult<()> {
        self.memory.commit(Arc::clone(&self.tables.borrow()));
        self.is_open.set(false);
        Ok(())
    }

    fn rollback(&self) {
        self.tables.replace(self.memory.tables());
        self.is_open.set(false);
    }

    fn savepoint(&self) -> LedgerResult<()> {
        self.saved.replace(Arc::clone(&self.tables.borrow()));
        Ok(())
    }

    fn release(&self) -> LedgerResult<()> {
        Ok(())
    }

    fn undo(&self) -> LedgerResult<()> {
        self.tables.replace(Arc::clone(&self.saved.borrow()));
        Ok(())
    }

    fn is_open(&self) -> bool {
        self.is_open.get()
    }

    fn writes(&self) -> u64 {
        self.writes.get()
    }
}
