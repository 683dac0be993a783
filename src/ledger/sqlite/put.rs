//! shell: writes everything but reminders: runs, schedules, accounts, targets, pauses, contacts.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::columns::{id_text, micros};
use super::pauses::ALL;
use super::restore::OptOutRow;
use super::store::SqliteStore;
use crate::ledger::effects::TargetState;
use crate::ledger::gate::{AccountHold, PauseRow};
use crate::ledger::store::{LearntNumber, Put, StoredSchedule};
use crate::ledger::{LedgerResult, OptOut, RunRow};
use crate::personal::Personal;
use crate::plan::FirstSight;
use crate::reminder::RunFailure;

impl SqliteStore<'_> {
    /// Adds numbers from the opt-out list of another ledger with the same key; those that are on this one's list already stay as
    /// they are. Returns how many are new.
    pub(super) fn take_over_optouts(&self, listed: &[OptOutRow]) -> LedgerResult<u64> {
        let sql = "INSERT INTO optout (phone_hash, phone_last4, since, actor, reason) VALUES (?1, ?2, ?3, ?4, ?5) \
            ON CONFLICT (phone_hash) DO NOTHING";
        let mut statement = self.conn.prepare(sql)?;
        let mut taken = 0;
        for (hash, last4, since, actor, reason) in listed {
            taken += statement.execute(params![hash, last4, since, actor, reason])? as u64;
        }
        Ok(taken)
    }

    pub(super) fn put_row(&self, put: &Put<'_>) -> LedgerResult<()> {
        match put {
            Put::Run(run) => self.put_run(run),
            Put::Schedule(schedule) => self.put_schedule(schedule),
            Put::Text(hash, text, first_seen) => {
                let sql = "INSERT INTO schedule_text (hash, text, first_seen) VALUES (?1, ?2, ?3) ON CONFLICT (hash) DO NOTHING";
                self.conn.prepare_cached(sql)?.execute(params![hash, text, micros(*first_seen)])?;
                Ok(())
            }
            Put::Account(name, hold) => self.put_account(name, hold),
            Put::Rate(name, free_at) => {
                let sql = "INSERT INTO account (name, tat) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE \
                    SET tat = excluded.tat WHERE tat IS NOT excluded.tat";
                self.conn.prepare_cached(sql)?.execute(params![name, free_at])?;
                Ok(())
            }
            Put::Target(schedule, state) => self.put_target(schedule, *state),
            Put::Pause(schedule, pause) => self.put_pause(schedule.unwrap_or(ALL), *pause),
            Put::Contact(account, phone, contact) => {
                let phone_hash = self.phone_key.hash(phone);
                match contact {
                    Some((id, since)) => {
                        let sql = "INSERT INTO contact (account, phone_hash, contact_id, known_since) \
                            VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account, phone_hash) \
                            DO UPDATE SET contact_id = excluded.contact_id, known_since = excluded.known_since";
                        self.conn.prepare_cached(sql)?.execute(params![account, phone_hash, id, micros(*since)])?;
                    }
                    None => {
                        let sql = "DELETE FROM contact WHERE account = ?1 AND phone_hash = ?2";
                        self.conn.prepare_cached(sql)?.execute(params![account, phone_hash])?;
                    }
                }
                Ok(())
            }
            Put::OptOut(phone, listed) => self.put_optout(phone, *listed),
            Put::WrongNumber(wrong) => self.put_wrong_number(wrong),
            Put::FirstSight(schedule, sight, seen_at) => self.put_first_sight(schedule, sight, *seen_at),
            Put::WatchedLeads(schedule, watched) => super::watched::put(self.conn, schedule, watched),
            Put::Merged(schedule, reminder, merged) => super::merged::put(self.conn, schedule, *reminder, merged),
            Put::Shadow(shadowed) => super::shadow::put(self.conn, shadowed),
            Put::Label(named) => {
                super::labels::put(self.conn, named, named.phone.map(|phone| self.phone_key.hash(phone)))
            }
            Put::Call(call) => self.put_call(call),
            Put::Canary(row, phone) => self.put_canary(row, phone.map(Personal::as_str)),
            Put::WriteBack(row) => self.put_write_back(row),
            Put::Post(post, phone) => self.put_post(post, phone.map(Personal::as_str)),
            Put::AcceptedPost(schedule, minute) => self.count_accepted_post(schedule, *minute),
            Put::Loss(loss) => super::loss::note(self.conn, *loss),
            Put::Gap(gap) => {
                let sql = "INSERT INTO gap (from_at, until_at) VALUES (?1, ?2)";
                self.conn.execute(sql, params![micros(gap.from), micros(gap.until)])?;
                Ok(())
            }
        }
    }

    fn put_first_sight(&self, schedule: &str, sight: &FirstSight, seen_at: Timestamp) -> LedgerResult<()> {
        let sql = "INSERT INTO first_sight (schedule, appointment_id, starts_at, seen_at, unseen_at) \
            VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (schedule, appointment_id) DO NOTHING";
        let (starts_at, unseen_at) = (sight.starts_at.map(micros), sight.unseen_at.map(micros));
        let values = params![schedule, sight.appointment_id, starts_at, micros(seen_at), unseen_at];
        self.conn.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn put_wrong_number(&self, wrong: &LearntNumber<'_>) -> LedgerResult<()> {
        let sql = "INSERT INTO wrong_number (account, person_hash, phone_hash, since) VALUES (?1, ?2, ?3, ?4) \
            ON CONFLICT DO NOTHING";
        let LearntNumber { account, person, phone, since } = wrong;
        let values = params![account, self.phone_key.hash(person), self.phone_key.hash(phone), micros(*since)];
        self.conn.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn put_run(&self, run: &RunRow) -> LedgerResult<()> {
        let sql = "INSERT INTO run (id, schedule, nominal_at, kind, started_at, finished_at, state, row_count, \
            outside_window, planned, skipped, already_reminded, skipped_by_reason, detail, text_hash, zone_rules, read_at, \
            source_fingerprint, crashes, in_window, guards, failure) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22) \
            ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, started_at = excluded.started_at, \
            finished_at = excluded.finished_at, state = excluded.state, row_count = excluded.row_count, \
            outside_window = excluded.outside_window, planned = excluded.planned, skipped = excluded.skipped, \
            already_reminded = excluded.already_reminded, skipped_by_reason = excluded.skipped_by_reason, \
            detail = excluded.detail, text_hash = excluded.text_hash, zone_rules = excluded.zone_rules, \
            read_at = excluded.read_at, crashes = excluded.crashes, in_window = excluded.in_window, guards = excluded.guards, \
            failure = excluded.failure, \
            source_fingerprint = excluded.source_fingerprint";
        let skipped = serde_json::to_string(&run.skipped).expect("words and numbers are always JSON");
        let guards = serde_json::to_string(&run.guards).expect("words are always JSON");
        let counts = run.counts;
        self.conn.prepare_cached(sql)?.execute(params![
            id_text(run.id.0),
            run.schedule,
            micros(run.nominal_at),
            run.kind.as_str(),
            micros(run.started_at),
            run.finished_at.map(micros),
            run.state.as_str(),
            counts.rows,
            counts.outside_window,
            counts.planned,
            counts.skipped,
            counts.already_reminded,
            skipped,
            run.detail,
            run.text_hash,
            run.zone_rules,
            run.read_at.map(micros),
            run.fingerprint,
            run.crashes,
            run.in_window,
            guards,
            run.failure.map(RunFailure::as_str)
        ])?;
        Ok(())
    }

    fn put_schedule(&self, schedule: &StoredSchedule) -> LedgerResult<()> {
        let sql = "INSERT INTO schedule (name, cron, timezone, enabled, text_hash, first_loaded, cursor, removed) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
            ON CONFLICT (name) DO UPDATE SET cron = excluded.cron, timezone = excluded.timezone, \
            enabled = excluded.enabled, text_hash = excluded.text_hash, first_loaded = excluded.first_loaded, \
            cursor = excluded.cursor, removed = excluded.removed";
        self.conn.prepare_cached(sql)?.execute(params![
            schedule.name,
            schedule.cron,
            schedule.timezone,
            schedule.enabled,
            schedule.text_hash,
            micros(schedule.first_loaded),
            micros(schedule.cursor),
            schedule.is_removed
        ])?;
        Ok(())
    }

    fn put_account(&self, name: &str, hold: &AccountHold) -> LedgerResult<()> {
        let sql = "INSERT INTO account (name, paused_until, refused_credentials) VALUES (?1, ?2, ?3) \
            ON CONFLICT (name) DO UPDATE SET paused_until = excluded.paused_until, \
            refused_credentials = excluded.refused_credentials";
        let values = params![name, hold.paused_until.map(micros), hold.refused_credentials];
        self.conn.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn put_target(&self, schedule: &str, state: TargetState) -> LedgerResult<()> {
        let sql = "INSERT INTO target (schedule, forbidden, paused) VALUES (?1, ?2, ?3) ON CONFLICT (schedule) \
            DO UPDATE SET forbidden = excluded.forbidden, paused = excluded.paused";
        self.conn.prepare_cached(sql)?.execute(params![schedule, state.forbidden, state.is_paused])?;
        Ok(())
    }

    fn put_pause(&self, schedule: &str, pause: Option<&PauseRow>) -> LedgerResult<()> {
        let Some(pause) = pause else {
            self.conn.prepare_cached("DELETE FROM pause WHERE schedule = ?1")?.execute([schedule])?;
            return Ok(());
        };
        let sql = "INSERT INTO pause (schedule, since, until, reason, actor) VALUES (?1, ?2, ?3, ?4, ?5) \
            ON CONFLICT (schedule) DO UPDATE SET since = excluded.since, until = excluded.until, \
            reason = excluded.reason, actor = excluded.actor";
        let values = params![schedule, micros(pause.since), pause.until.map(micros), pause.reason, pause.actor];
        self.conn.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn put_optout(&self, phone: &str, listed: Option<&OptOut>) -> LedgerResult<()> {
        let hash = self.phone_key.hash(phone);
        let Some(listed) = listed else {
            self.conn.prepare_cached("DELETE FROM optout WHERE phone_hash = ?1")?.execute([hash])?;
            return Ok(());
        };
        let sql = "INSERT INTO optout (phone_hash, phone_last4, since, actor, reason) VALUES (?1, ?2, ?3, ?4, ?5)";
        let OptOut { phone_last4, since, actor, reason } = listed;
        self.conn.prepare_cached(sql)?.execute(params![hash, phone_last4, micros(*since), actor, reason])?;
        Ok(())
    }

    pub(super) fn contact_of(&self, account: &str, phone: &str) -> LedgerResult<Option<String>> {
        let sql = "SELECT contact_id FROM contact WHERE account = ?1 AND phone_hash = ?2";
        let key = params![account, self.phone_key.hash(phone)];
        Ok(self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?)
    }
}
