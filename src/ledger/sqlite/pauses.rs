//! shell: what is paused: all, a schedule, its target, an account. Kept over restarts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::stored::{micros, time, time_or_null};
use super::writer::Desk;
use crate::audit::{Entry, Event};
use crate::ledger::gate::{AccountHold, PauseRow};
use crate::ledger::{Effect, Holds, LedgerResult, Machine, Pause};

/// The name under which the pause of everything is kept: no schedule has it.
const ALL: &str = "";

/// So many 403 in a row pause a schedule's target.
const FORBIDDEN_IN_A_ROW: u32 = 3;

/// Everything that keeps somebody from being called.
pub(super) fn holds(conn: &Connection, machine: Machine) -> LedgerResult<Holds> {
    let mut holds = Holds { machine, targets: targets(conn)?, accounts: accounts(conn)?, ..Holds::default() };
    let mut statement = conn.prepare_cached("SELECT schedule, since, until, reason, actor FROM pause")?;
    for pause in statement.query_map([], |row| Ok((row.get::<_, String>(0)?, pause_row(row)?)))? {
        match pause? {
            (name, pause) if name == ALL => holds.all = Some(pause),
            (name, pause) => drop(holds.schedules.insert(name, pause)),
        }
    }
    Ok(holds)
}

fn pause_row(row: &Row<'_>) -> rusqlite::Result<PauseRow> {
    Ok(PauseRow { since: time(row, 1)?, until: time_or_null(row, 2)?, reason: row.get(3)?, actor: row.get(4)? })
}

fn targets(conn: &Connection) -> LedgerResult<BTreeSet<String>> {
    let mut statement = conn.prepare_cached("SELECT schedule FROM target WHERE paused")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn accounts(conn: &Connection) -> LedgerResult<BTreeMap<String, AccountHold>> {
    let mut statement = conn.prepare_cached("SELECT name, paused_until, refused_credentials FROM account")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, AccountHold { paused_until: time_or_null(row, 1)?, refused_credentials: row.get(2)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn named(schedule: &str) -> Option<String> {
    (schedule != ALL).then(|| schedule.to_owned())
}

impl Desk<'_> {
    pub(super) fn pause(&self, pause: &Pause) -> LedgerResult<()> {
        let schedule = pause.schedule.as_deref().unwrap_or(ALL);
        let sql = "INSERT INTO pause (schedule, since, until, reason, actor) VALUES (?1, ?2, ?3, ?4, ?5) \
            ON CONFLICT (schedule) DO UPDATE SET since = excluded.since, until = excluded.until, \
            reason = excluded.reason, actor = excluded.actor";
        let values = params![schedule, micros(pause.now), pause.until.map(micros), pause.reason, pause.actor];
        self.conn.prepare_cached(sql)?.execute(values)?;
        let until = pause.until.map(|until| format!(" (until {until})")).unwrap_or_default();
        self.log(&Entry {
            schedule: named(schedule).map(Into::into),
            actor: Some(pause.actor.as_str().into()),
            detail: Some(format!("{}{until}", pause.reason).into()),
            ..Entry::new(pause.now, Event::OperatorPaused)
        })
    }

    pub(super) fn resume(&self, schedule: Option<&str>, now: Timestamp, actor: &str) -> LedgerResult<()> {
        self.conn.execute("DELETE FROM pause WHERE schedule = ?1", [schedule.unwrap_or(ALL)])?;
        match schedule {
            Some(schedule) => {
                self.conn.execute("UPDATE target SET forbidden = 0, paused = 0 WHERE schedule = ?1", [schedule])?;
            }
            None => {
                self.conn.execute("UPDATE target SET forbidden = 0, paused = 0", [])?;
                self.conn.execute("UPDATE account SET paused_until = NULL, refused_credentials = NULL", [])?;
            }
        }
        self.log(&Entry {
            schedule: schedule.map(Into::into),
            actor: Some(actor.into()),
            ..Entry::new(now, Event::OperatorResumed)
        })
    }

    /// Pauses whose time is over end, and the log says so.
    pub(super) fn end_pauses(&self, now: Timestamp, actor: &str) -> LedgerResult<()> {
        let mut statement = self.conn.prepare_cached("DELETE FROM pause WHERE until <= ?1 RETURNING schedule")?;
        let ended: Vec<String> = statement.query_map([micros(now)], |row| row.get(0))?.collect::<Result<_, _>>()?;
        ended.into_iter().try_for_each(|schedule| {
            self.log(&Entry {
                schedule: named(&schedule).map(Into::into),
                reason: Some("until".into()),
                actor: Some(actor.into()),
                ..Entry::new(now, Event::OperatorResumed)
            })
        })
    }

    /// What an answer means for the account or the target.
    pub(super) fn take_effect(&self, effect: &Effect, of: &Affected<'_>) -> LedgerResult<()> {
        match effect {
            Effect::None => Ok(()),
            Effect::PauseAccountUntil(until) => {
                let sql = "INSERT INTO account (name, paused_until) VALUES (?1, ?2) ON CONFLICT (name) \
                    DO UPDATE SET paused_until = max(coalesce(paused_until, 0), excluded.paused_until)";
                self.conn.prepare_cached(sql)?.execute(params![of.account, micros(*until)])?;
                Ok(())
            }
            Effect::PauseAccount { credentials } => self.refuse_credentials(credentials, of),
            Effect::Forbidden => self.count_forbidden(of),
            Effect::Accepted => {
                let sql = "UPDATE target SET forbidden = 0 WHERE schedule = ?1 AND forbidden > 0";
                self.kept.run(sql, [of.schedule])?;
                Ok(())
            }
        }
    }

    fn refuse_credentials(&self, credentials: &str, of: &Affected<'_>) -> LedgerResult<()> {
        let sql = "INSERT INTO account (name, refused_credentials) VALUES (?1, ?2) ON CONFLICT (name) \
            DO UPDATE SET refused_credentials = excluded.refused_credentials \
            WHERE refused_credentials IS NOT excluded.refused_credentials";
        let changed = self.conn.prepare_cached(sql)?.execute(params![of.account, credentials])?;
        if changed == 0 {
            return Ok(());
        }
        let detail =
            format!("account `{}`: its credentials were refused; nothing is sent until they change", of.account);
        self.log(&of.paused("account_refused", detail))
    }

    fn count_forbidden(&self, of: &Affected<'_>) -> LedgerResult<()> {
        let sql = "INSERT INTO target (schedule, forbidden, paused) VALUES (?1, 1, 0) ON CONFLICT (schedule) \
            DO UPDATE SET forbidden = forbidden + 1 RETURNING forbidden, paused";
        let (count, paused): (u32, bool) =
            self.conn.prepare_cached(sql)?.query_row([of.schedule], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if count < FORBIDDEN_IN_A_ROW || paused {
            return Ok(());
        }
        self.conn.execute("UPDATE target SET paused = 1 WHERE schedule = ?1", [of.schedule])?;
        let detail =
            "three answers of 403 in a row: calling may be disabled for this agent; nothing is sent until resumed";
        self.log(&of.paused("target_forbidden", detail.to_owned()))
    }
}

/// Whom an answer concerns beside its reminder.
pub(super) struct Affected<'a> {
    pub(super) schedule: &'a str,
    pub(super) account: &'a str,
    pub(super) at: Timestamp,
    pub(super) actor: &'a str,
}

impl Affected<'_> {
    fn paused(&self, reason: &'static str, detail: String) -> Entry<'_> {
        Entry {
            schedule: Some(self.schedule.into()),
            reason: Some(reason.into()),
            detail: Some(detail.into()),
            actor: Some(self.actor.into()),
            ..Entry::new(self.at, Event::OperatorPaused)
        }
    }
}
