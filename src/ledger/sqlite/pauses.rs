//! shell: what is paused: everything, a schedule, its target, an account. Kept over restarts.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{time, time_or_null};
use super::statements::Statements;
use crate::ledger::effects::TargetState;
use crate::ledger::gate::{AccountHold, PauseRow};
use crate::ledger::{Holds, LedgerResult, Machine};

/// The name under which the pause of everything is kept: no schedule has it.
pub(super) const ALL: &str = "";

/// Everything that keeps somebody from being called.
pub(super) fn holds(conn: &Connection, machine: Machine) -> LedgerResult<Holds> {
    let mut holds = Holds { machine, targets: paused_targets(conn)?, accounts: accounts(conn)?, ..Holds::default() };
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

fn paused_targets(conn: &Connection) -> LedgerResult<BTreeSet<String>> {
    let mut statement = conn.prepare_cached("SELECT schedule FROM target WHERE paused")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// How all targets have answered.
pub(super) fn targets(conn: &Connection) -> LedgerResult<BTreeMap<String, TargetState>> {
    let mut statement = conn.prepare_cached("SELECT schedule, forbidden, paused FROM target")?;
    Ok(statement.query_map([], target)?.collect::<Result<_, _>>()?)
}

/// How the target of one schedule has answered: asked for whenever an attempt is settled.
pub(super) fn target_of(statements: &Statements<'_>, schedule: &str) -> LedgerResult<BTreeMap<String, TargetState>> {
    let sql = "SELECT schedule, forbidden, paused FROM target WHERE schedule = ?1";
    Ok(statements.row(sql, [schedule], target).optional()?.into_iter().collect())
}

fn target(row: &Row<'_>) -> rusqlite::Result<(String, TargetState)> {
    Ok((row.get(0)?, TargetState { forbidden: row.get(1)?, is_paused: row.get(2)? }))
}

/// For each account, the earliest time at which its next request may start (µs UTC).
pub(super) fn rates(conn: &Connection) -> LedgerResult<BTreeMap<String, i64>> {
    let mut statement = conn.prepare_cached("SELECT name, tat FROM account WHERE tat IS NOT NULL")?;
    Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

fn accounts(conn: &Connection) -> LedgerResult<BTreeMap<String, AccountHold>> {
    let mut statement = conn.prepare_cached("SELECT name, paused_until, refused_credentials FROM account")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, AccountHold { paused_until: time_or_null(row, 1)?, refused_credentials: row.get(2)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
