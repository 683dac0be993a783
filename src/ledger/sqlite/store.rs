//! shell: the side of the ledger in SQLite that writes: what its one writing connection loads and writes.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;

use super::chain_table::{self, Chain, LogTimes, Salts};
use super::columns::time_or_null;
use super::continuity::Continuity;
use super::files::KeyBytes;
use super::statements::Statements;
use super::{canaries, erasure, held, log_index, loss, maintenance, pauses, queries, runs, schedules, write_backs};
use crate::attempt::TargetAddress;
use crate::audit::Entry;
use crate::ledger::chain::{Hash, PhoneKey, Sealing};
use crate::ledger::change::{Change, LoadedReminder};
use crate::ledger::effects::TargetState;
use crate::ledger::outcomes::CallRow;
use crate::ledger::store::{
    Applied, CallsAsk, DueAsk, DueRow, Erased, ManyReminders, OneReminder, Put, Removed, Store, StoredSchedule,
    Transaction,
};
use crate::ledger::witness::{Loss, NotedLoss, Witness};
use crate::ledger::{
    CanariesAsk, CanaryRow, Holds, LedgerResult, Machine, PostRow, Prune, ReminderAsk, ReminderRow, RunRow, RunsAsk,
    ScheduleStanding, Step, WriteBackRow, WriteBacksAsk,
};
use crate::reminder::ReminderId;
use crate::seeded::SeededMap;

/// The connection that writes, with what it keeps between transactions.
pub(super) struct SqliteStore<'c> {
    pub(super) conn: &'c Connection,
    pub(super) statements: Statements<'c>,
    pub(super) phone_key: PhoneKey,
    pub(super) sealing: Sealing,
    /// `None` for a draft that is no ledger yet.
    continuity: Option<Arc<Continuity>>,
    pub(super) chain: Cell<Chain>,
    /// The last row of the log that is in the tables of [`log_index`].
    pub(super) indexed_until: Cell<u64>,
    /// What the times of the log's rows say about clocks that were set back.
    pub(super) times: Cell<LogTimes>,
    pub(super) salts: RefCell<Salts>,
    /// What is being sent, as it was taken: nothing that settling reads of it changes meanwhile.
    pub(super) sending: RefCell<SeededMap<ReminderId, LoadedReminder>>,
    /// The audit log's end at the savepoint.
    saved_chain: Cell<Chain>,
}

impl<'c> SqliteStore<'c> {
    /// A store for a draft, which no witness watches over yet.
    pub(super) fn new(conn: &'c Connection, key: &KeyBytes) -> LedgerResult<Self> {
        let chain = Chain::load(conn)?;
        Ok(Self {
            conn,
            statements: Statements::new(conn),
            phone_key: PhoneKey::new(key),
            sealing: chain_table::sealing(conn, key)?,
            continuity: None,
            chain: Cell::new(chain),
            indexed_until: Cell::new(log_index::indexed_until(conn)?),
            times: Cell::new(LogTimes::load(conn)?),
            salts: RefCell::default(),
            sending: RefCell::default(),
            saved_chain: Cell::new(chain),
        })
    }

    /// The store of a ledger that a witness watches over.
    pub(super) fn watched(self, continuity: Arc<Continuity>) -> Self {
        Self { continuity: Some(continuity), ..self }
    }

    /// Tells the witness of the log's last row. It comes before anybody is answered, so that nothing is sent whose intent the
    /// witness doesn't cover.
    fn acknowledge(&self) {
        if let Some(continuity) = &self.continuity {
            let Chain { seq, hash, .. } = self.chain.get();
            continuity.acknowledge(Witness { seq, hash });
        }
    }

    /// Forgets what a lost transaction has changed in memory: the log's end is what the file says, and what the transaction took
    /// is not being sent.
    fn forget(&self) {
        if let Ok(chain) = Chain::load(self.conn) {
            self.chain.set(chain);
        }
        if let Ok(until) = log_index::indexed_until(self.conn) {
            self.indexed_until.set(until);
        }
        self.times.set(self.times.get().unsaved());
        self.sending.borrow_mut().clear();
    }
}

impl Store for SqliteStore<'_> {
    fn reminder(&self, which: &OneReminder<'_>) -> LedgerResult<Option<LoadedReminder>> {
        self.one(which)
    }
    fn reminders(&self, which: &ManyReminders<'_>) -> LedgerResult<Vec<LoadedReminder>> {
        self.many(which)
    }
    fn reminder_row(&self, id: ReminderId) -> LedgerResult<Option<ReminderRow>> {
        let ask = ReminderAsk { id: Some(id), ..ReminderAsk::default() };
        Ok(queries::reminders(self.conn, &ask)?.pop())
    }
    fn due(&self, ask: &DueAsk<'_>) -> LedgerResult<Vec<DueRow>> {
        self.due_rows(ask)
    }
    fn is_anything_due(&self, schedule: &str, now: Timestamp) -> LedgerResult<bool> {
        self.is_due(schedule, now)
    }
    fn next_time(&self, schedule: &str, now: Timestamp) -> LedgerResult<Option<Timestamp>> {
        queries::next_time(self.conn, schedule, now)
    }
    fn schedules_with_pending(&self) -> LedgerResult<BTreeSet<String>> {
        held::schedules_with_pending(self.conn)
    }
    fn calls_of(&self, ask: &CallsAsk<'_>) -> LedgerResult<SeededMap<String, u32>> {
        self.calls(ask)
    }
    fn address_hash(&self, address: &TargetAddress) -> Hash {
        self.phone_key.address_hash(address)
    }
    fn step_of(&self, held: &LoadedReminder) -> LedgerResult<Option<Step>> {
        self.step(held)
    }
    fn has_optouts(&self) -> LedgerResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM optout)";
        Ok(self.conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }
    fn is_opted_out(&self, phone: &str) -> LedgerResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM optout WHERE phone_hash = ?1)";
        Ok(self.conn.prepare_cached(sql)?.query_row([self.phone_key.hash(phone)], |row| row.get(0))?)
    }
    fn has_wrong_numbers(&self) -> LedgerResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM wrong_number)";
        Ok(self.statements.row(sql, [], |row| row.get(0))?)
    }
    fn is_wrong_number(&self, account: &str, person: &str, phone: &str) -> LedgerResult<bool> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM wrong_number WHERE account = ?1 AND person_hash = ?2 AND phone_hash = ?3)";
        let values = rusqlite::params![account, self.phone_key.hash(person), self.phone_key.hash(phone)];
        Ok(self.conn.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
    }
    fn forget_wrong_number(&self, phone: &str) -> LedgerResult<bool> {
        let sql = "DELETE FROM wrong_number WHERE phone_hash = ?1";
        Ok(self.conn.prepare_cached(sql)?.execute([self.phone_key.hash(phone)])? > 0)
    }
    fn contact(&self, account: &str, phone: &str) -> LedgerResult<Option<String>> {
        self.contact_of(account, phone)
    }
    fn call(&self, account: &str, call_id: &str) -> LedgerResult<Option<CallRow>> {
        self.call_row(account, call_id)
    }
    fn canaries(&self, which: &CanariesAsk) -> LedgerResult<Vec<CanaryRow>> {
        canaries::select(self.conn, Some(&self.phone_key), which)
    }
    fn write_backs(&self, which: &WriteBacksAsk) -> LedgerResult<Vec<WriteBackRow>> {
        write_backs::select(self.conn, which)
    }
    fn post(&self, schedule: &str, appointment_id: &str) -> LedgerResult<Option<PostRow>> {
        self.post_row(schedule, appointment_id)
    }
    fn accepted_posts(&self, schedule: &str, since: i64) -> LedgerResult<(u64, Option<i64>)> {
        self.accepted_since(schedule, since)
    }
    fn holds(&self, machine: Machine) -> LedgerResult<Holds> {
        Ok(Holds { lost: self.loss(), ..pauses::holds(self.conn, machine)? })
    }
    fn rates(&self) -> LedgerResult<BTreeMap<String, i64>> {
        pauses::rates(self.conn)
    }
    fn targets(&self, schedule: Option<&str>) -> LedgerResult<BTreeMap<String, TargetState>> {
        match schedule {
            Some(name) => pauses::target_of(&self.statements, name),
            None => pauses::targets(self.conn),
        }
    }
    fn runs(&self, which: &RunsAsk) -> LedgerResult<Vec<RunRow>> {
        runs::select(self.conn, which)
    }
    fn schedule(&self, name: &str) -> LedgerResult<Option<StoredSchedule>> {
        schedules::stored(self.conn, name)
    }
    fn standing(&self, name: &str) -> LedgerResult<Option<ScheduleStanding>> {
        Ok(schedules::standings(self.conn, Some(name))?.pop())
    }
    fn last_entry_at(&self) -> LedgerResult<Option<Timestamp>> {
        let sql = "SELECT (SELECT at FROM audit ORDER BY seq DESC LIMIT 1)";
        Ok(self.conn.query_row(sql, [], |row| time_or_null(row, 0))?)
    }
    fn loss(&self) -> Option<Loss> {
        self.continuity.as_ref().and_then(|watch| watch.loss())
    }
    fn noted_loss(&self) -> LedgerResult<Option<NotedLoss>> {
        loss::noted(self.conn)
    }
    fn last_nr(&self) -> LedgerResult<i64> {
        Ok(self.conn.query_row("SELECT coalesce(max(nr), 0) FROM reminder", [], |row| row.get(0))?)
    }
    fn check_soundness(&self) -> LedgerResult<()> {
        loss::check_pages(self.conn)
    }
    fn apply(&self, change: &Change<'_>) -> LedgerResult<Applied> {
        self.write_change(change)
    }
    fn append(&self, entry: &Entry<'_>) -> LedgerResult<()> {
        self.append_entry(entry)
    }
    fn put(&self, put: &Put<'_>) -> LedgerResult<()> {
        self.put_row(put)
    }
    fn prune(&self, prune: &Prune) -> LedgerResult<Removed> {
        maintenance::prune(self.conn, prune)
    }
    fn erase(&self, phone: &str) -> LedgerResult<Erased> {
        self.sending.borrow_mut().clear();
        erasure::erase(self.conn, phone, &self.phone_key.hash(phone))
    }
    fn touch(&self) -> LedgerResult<()> {
        // SQLite writes no page whose content stays the same
        self.statements.run("UPDATE head SET seq = seq + 1", [])?;
        Ok(self.statements.run("UPDATE head SET seq = seq - 1", []).map(drop)?)
    }
    fn keep_taken(&self, taken: LoadedReminder) {
        self.sending.borrow_mut().insert(taken.id, taken);
    }
}

impl Transaction for SqliteStore<'_> {
    fn begin(&self) -> LedgerResult<()> {
        Ok(self.statements.run("BEGIN IMMEDIATE", []).map(drop)?)
    }

    fn commit(&self) -> LedgerResult<()> {
        let step = || self.continuity.as_ref().map_or(Ok(()), |watch| watch.before_commit());
        let committed = self
            .index_log()
            .and_then(|()| self.save_head())
            .and_then(|()| step())
            .and_then(|()| Ok(self.statements.run("COMMIT", [])?));
        match committed {
            Ok(_) => {
                self.acknowledge();
                Ok(())
            }
            Err(error) => {
                self.rollback();
                Err(error)
            }
        }
    }

    fn rollback(&self) {
        // SQLite may have rolled back by itself already
        let _gone = self.conn.execute_batch("ROLLBACK");
        self.forget();
    }

    fn savepoint(&self) -> LedgerResult<()> {
        self.saved_chain.set(self.chain.get());
        Ok(self.statements.run("SAVEPOINT job", []).map(drop)?)
    }

    fn release(&self) -> LedgerResult<()> {
        Ok(self.statements.run("RELEASE job", []).map(drop)?)
    }

    fn undo(&self) -> LedgerResult<()> {
        self.chain.set(self.saved_chain.get());
        self.sending.borrow_mut().clear();
        self.statements.run("ROLLBACK TO job", [])?;
        self.release()
    }

    fn is_open(&self) -> bool {
        !self.conn.is_autocommit()
    }

    fn writes(&self) -> u64 {
        self.conn.total_changes()
    }

    fn overwrite(&self) -> LedgerResult<()> {
        erasure::overwrite(self.conn)
    }
}
