//! shell: loads reminders for the decisions of verbs.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{COUNTED, day, id_text, micros, time, time_or_null, uuid, uuid_or_null, word, word_or_null};
use super::lookups::Bounds;
use super::store::SqliteStore;
use crate::ledger::change::LoadedReminder;
use crate::ledger::store::{CallsAsk, DueAsk, DueRow, ManyReminders, OneReminder, RenderedRequest};
use crate::ledger::{LedgerResult, Step};
use crate::outcome::{ReportedOutcome, Teller};
use crate::reminder::{CallKind, Priority, ReminderId, RunId};
use crate::seeded::SeededMap;

/// The columns of [`held`], from `reminder r`, as a literal. A retry that is to be sent is a trial where its chain's first call
/// was one.
macro_rules! held_columns {
    () => {
        "r.nr, r.id, r.run_id, r.schedule, r.appointment_id, r.starts_at, r.lead, r.account, r.phone, r.state, \
         r.attempt, r.tries, r.unknown_fates, r.expires_at, r.person, r.calling_hours, r.recipient_zone, \
         r.contact_renewed, r.due_day, r.due_at, r.next_at, r.waited_for_opening, r.updated_at, \
         CASE WHEN r.root IS NOT NULL AND r.state IN ('pending', 'sending') \
         THEN (SELECT o.trial FROM reminder o WHERE o.id = r.root) ELSE r.trial END, r.withdrawn, r.outcome, r.outcome_at, \
         r.outcome_by_person, r.heard_at, r.root, r.priority"
    };
}

/// Reminders whose calls have intents of a time, between two numbers of the log.
pub(super) const INTENTS: &str = "SELECT t.reminder FROM audit l NOT INDEXED CROSS JOIN reminder c ON c.id = l.reminder_id \
    CROSS JOIN attempt t ON t.reminder = c.nr AND t.number = l.attempt WHERE l.seq > ?4 AND l.seq < ?5 AND l.at >= ?2 \
    AND l.at < ?3 AND l.event = 'delivery.intent' AND c.account = ?1 AND t.step = 'call'";
/// The same where that part of the log was removed: every attempt is looked at.
const INTENTS_PRUNED: &str = "SELECT t.reminder FROM attempt t WHERE t.intent_at >= ?2 AND t.intent_at < ?3 \
    AND ?4 < ?5 AND t.step = 'call'";

/// `read_at` of a reminder whose source is still to be read for it: its payload is a stand-in, which isn't sent.
pub(super) const NEVER_READ: i64 = 0;

const HELD: &str = held_columns!();
/// How many they are.
const HELD_WIDTH: usize = 31;

fn held(row: &Row<'_>) -> rusqlite::Result<LoadedReminder> {
    Ok(LoadedReminder {
        nr: row.get(0)?,
        id: ReminderId(uuid(row, 1)?),
        run_id: RunId(uuid(row, 2)?),
        schedule: row.get(3)?,
        appointment_id: row.get(4)?,
        starts_at: time(row, 5)?,
        lead: word(row, 6)?,
        account: row.get(7)?,
        phone: row.get(8)?,
        state: word(row, 9)?,
        attempt: row.get(10)?,
        tries: row.get(11)?,
        unknown_fates: row.get(12)?,
        expires_at: time(row, 13)?,
        person: row.get(14)?,
        calling_hours: row.get(15)?,
        recipient_zone: row.get(16)?,
        contact_renewed: row.get(17)?,
        due_day: day(row, 18)?,
        due_at: time(row, 19)?,
        next_at: time(row, 20)?,
        waited_for_opening: row.get(21)?,
        updated_at: time(row, 22)?,
        trial: row.get(23)?,
        withdrawn: row.get(24)?,
        outcome: standing(row, 25)?,
        heard_at: time_or_null(row, 28)?,
        root: uuid_or_null(row, 29)?.map(ReminderId),
        priority: priority(row, 30)?,
    })
}

/// The outcome that holds, in three columns.
fn standing(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<ReportedOutcome>> {
    let (Some(outcome), Some(at)) = (word_or_null(row, first)?, time_or_null(row, first + 1)?) else { return Ok(None) };
    let teller = if row.get(first + 2)? { Teller::Person } else { Teller::Record };
    Ok(Some(ReportedOutcome { outcome, teller, at }))
}

fn due_row(row: &Row<'_>) -> rusqlite::Result<DueRow> {
    let is_rendered = row.get::<_, i64>(HELD_WIDTH)? != NEVER_READ;
    let rendered = || -> rusqlite::Result<RenderedRequest> {
        Ok(RenderedRequest {
            read_at: time(row, HELD_WIDTH)?,
            payload: row.get(HELD_WIDTH + 1)?,
            contact: row.get(HELD_WIDTH + 2)?,
        })
    };
    Ok(DueRow { held: held(row)?, rendered: is_rendered.then(rendered).transpose()? })
}

impl SqliteStore<'_> {
    pub(super) fn one(&self, which: &OneReminder<'_>) -> LedgerResult<Option<LoadedReminder>> {
        let found = match which {
            OneReminder::Id(id) => {
                let sql = format!("SELECT {HELD} FROM reminder r WHERE r.id = ?1");
                self.conn.prepare_cached(&sql)?.query_row([id_text(id.0)], held)
            }
            OneReminder::Key(schedule, planned) => {
                let sql = concat!(
                    "SELECT ",
                    held_columns!(),
                    " FROM reminder r WHERE r.schedule = ?1 AND r.appointment_id = ?2 AND r.starts_at = ?3 AND r.lead = ?4"
                );
                let lead = planned.lead.to_string();
                self.statements.row(
                    sql,
                    params![schedule, planned.appointment_id, micros(planned.starts_at), lead],
                    held,
                )
            }
            OneReminder::Sending(id, attempt) => {
                if let Some(taken) = self.sending.borrow_mut().remove(id)
                    && taken.attempt == *attempt
                {
                    return Ok(Some(taken));
                }
                let sql =
                    format!("SELECT {HELD} FROM reminder r WHERE r.id = ?1 AND r.state = 'sending' AND r.attempt = ?2");
                self.conn.prepare_cached(&sql)?.query_row(params![id_text(id.0), attempt], held)
            }
        };
        Ok(found.optional()?)
    }

    pub(super) fn many(&self, which: &ManyReminders<'_>) -> LedgerResult<Vec<LoadedReminder>> {
        let rows: rusqlite::Result<Vec<LoadedReminder>> = match which {
            ManyReminders::In(states) => {
                // words of a closed set need no quoting; a partial index serves each state by itself
                let each: Vec<String> =
                    states.iter().map(|state| format!("SELECT nr FROM reminder WHERE state = '{state}'")).collect();
                let all = each.join(" UNION ALL ");
                let sql = format!("SELECT {HELD} FROM reminder r WHERE r.nr IN ({all}) ORDER BY r.nr");
                self.conn.prepare_cached(&sql)?.query_map([], held)?.collect()
            }
            ManyReminders::PendingTo(phone) => {
                let sql =
                    format!("SELECT {HELD} FROM reminder r WHERE r.state = 'pending' AND r.phone = ?1 ORDER BY r.nr");
                self.conn.prepare_cached(&sql)?.query_map([phone.as_str()], held)?.collect()
            }
            ManyReminders::OfPhone(phone) => {
                let sql = format!("SELECT {HELD} FROM reminder r WHERE r.phone = ?1 ORDER BY r.nr");
                self.conn.prepare_cached(&sql)?.query_map([phone.as_str()], held)?.collect()
            }
            ManyReminders::OfStart(schedule, appointment_id, starts_at) => {
                self.of_start(schedule, appointment_id, *starts_at)
            }
            ManyReminders::Silent(schedule, after) => self.silent(schedule, *after),
            ManyReminders::PendingOf(schedule) => {
                let sql = format!(
                    "SELECT {HELD} FROM reminder r WHERE r.schedule = ?1 AND r.state = 'pending' ORDER BY r.nr"
                );
                self.conn.prepare_cached(&sql)?.query_map([schedule], held)?.collect()
            }
            ManyReminders::WithRemoteId(remote_id) => {
                let sql = format!(
                    "SELECT {HELD} FROM reminder r WHERE r.nr IN (SELECT reminder FROM attempt WHERE remote_id = ?1) \
                     ORDER BY r.nr"
                );
                self.conn.prepare_cached(&sql)?.query_map([remote_id], held)?.collect()
            }
            ManyReminders::CalledBetween { account, from, until } => {
                return self.called_between(account, *from, *until);
            }
            ManyReminders::Overdue(schedule, now) => {
                let sql = format!(
                    "SELECT {HELD} FROM reminder r INDEXED BY pending_expiry WHERE r.schedule = ?1 \
                     AND r.state = 'pending' AND r.expires_at <= ?2 ORDER BY r.nr"
                );
                self.conn.prepare_cached(&sql)?.query_map(params![schedule, micros(*now)], held)?.collect()
            }
        };
        Ok(rows?)
    }

    /// The reminders called in a time, found as [`accepted`](super::calls::accepted) finds them.
    fn called_between(&self, account: &str, from: Timestamp, until: Timestamp) -> LedgerResult<Vec<LoadedReminder>> {
        let bounds = Bounds::of_time(self.conn, from, Some(until))?;
        let intents = if bounds.are_whole(self.conn)? { INTENTS } else { INTENTS_PRUNED };
        let sql = format!("SELECT {HELD} FROM reminder r WHERE r.account = ?1 AND r.nr IN ({intents}) ORDER BY r.nr");
        let values = params![account, micros(from), micros(until), bounds.after, bounds.before];
        Ok(self.conn.prepare_cached(&sql)?.query_map(values, held)?.collect::<Result<_, _>>()?)
    }

    fn of_start(&self, schedule: &str, appointment_id: &str, at: Timestamp) -> rusqlite::Result<Vec<LoadedReminder>> {
        let sql = format!(
            "SELECT {HELD} FROM reminder r WHERE r.schedule = ?1 AND r.appointment_id = ?2 AND r.starts_at = ?3 ORDER BY r.nr"
        );
        self.conn.prepare_cached(&sql)?.query_map(params![schedule, appointment_id, micros(at)], held)?.collect()
    }

    fn silent(&self, schedule: &str, after: Timestamp) -> rusqlite::Result<Vec<LoadedReminder>> {
        let sql = format!(
            "SELECT {HELD} FROM reminder r WHERE r.schedule = ?1 AND r.starts_at > ?2 AND r.state = 'delivered' \
             AND r.heard_at IS NULL AND (r.outcome IS NULL OR r.outcome = 'unreported') ORDER BY r.nr"
        );
        self.conn.prepare_cached(&sql)?.query_map(params![schedule, micros(after)], held)?.collect()
    }

    pub(super) fn due_rows(&self, ask: &DueAsk<'_>) -> LedgerResult<Vec<DueRow>> {
        const REST: &str = "WHERE r.schedule = ?1 AND r.state = 'pending' AND r.next_at <= ?2 \
            AND (r.priority, r.starts_at, r.next_at, r.nr) > (?7, ?3, ?4, ?5)";
        const ORDER: &str = "ORDER BY r.priority, r.starts_at, r.next_at, r.nr LIMIT ?6";
        const CONTENT: &str = "JOIN content c ON c.reminder = r.nr";
        let columns = format!("SELECT {HELD}, r.read_at, c.payload, c.contact FROM reminder r");
        let (rank, starts, next, nr) = ask.after.map_or((i64::MIN, i64::MIN, i64::MIN, i64::MIN), |place| {
            (priority_number(place.priority), micros(place.starts_at), micros(place.next_at), place.nr)
        });
        let (schedule, now, limit) = (ask.schedule, micros(ask.now), ask.limit);
        let rows: rusqlite::Result<Vec<DueRow>> = match ask.only {
            None => {
                let sql = format!("{columns} INDEXED BY pending_start CROSS {CONTENT} {REST} {ORDER}");
                let mut statement = self.conn.prepare_cached(&sql)?;
                statement.query_map(params![schedule, now, starts, next, nr, limit, rank], due_row)?.collect()
            }
            Some(only) => {
                let sql = format!("{columns} {CONTENT} {REST} AND r.appointment_id = ?8 {ORDER}");
                let mut statement = self.conn.prepare_cached(&sql)?;
                statement.query_map(params![schedule, now, starts, next, nr, limit, rank, only], due_row)?.collect()
            }
        };
        Ok(rows?)
    }

    pub(super) fn is_due(&self, schedule: &str, now: Timestamp) -> LedgerResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM reminder INDEXED BY pending_next WHERE schedule = ?1 \
            AND state = 'pending' AND next_at <= ?2)";
        Ok(self.conn.prepare_cached(sql)?.query_row(params![schedule, micros(now)], |row| row.get(0))?)
    }

    pub(super) fn calls(&self, ask: &CallsAsk<'_>) -> LedgerResult<SeededMap<String, u32>> {
        // a chain counts once: its retry only where no call of the chain before it is of that day
        let counted = &*COUNTED;
        let sql = format!(
            "SELECT person, sum(root IS NULL OR NOT EXISTS (SELECT 1 FROM reminder o WHERE o.account = ?1 AND o.due_day = ?2 \
             AND o.person = r.person AND coalesce(o.root, o.id) = r.root AND o.nr < r.nr AND o.state IN ({counted}) \
             AND (o.trial IS NULL OR o.trial = ?4))) FROM reminder r WHERE account = ?1 AND due_day = ?2 \
             AND person IN (SELECT value FROM json_each(?3)) AND state IN ({counted}) AND (trial IS NULL OR trial = ?4) \
             AND (substr(lead, 1, 3) = 'now') = ?5 \
             GROUP BY person"
        );
        let persons = serde_json::to_string(ask.persons).expect("texts are always JSON");
        let mut statement = self.conn.prepare_cached(&sql)?;
        let values = params![ask.account, ask.day.to_string(), persons, ask.target, ask.kind == CallKind::Request];
        let rows = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(super) fn step(&self, of: &LoadedReminder) -> LedgerResult<Option<Step>> {
        let sql = "SELECT step FROM attempt WHERE reminder = ?1 AND number = ?2";
        let mut statement = self.conn.prepare_cached(sql)?;
        let found: Option<String> = statement.query_row(params![of.nr, of.attempt], |row| row.get(0)).optional()?;
        Ok(found.map(|word| if word == step_word(Step::Contact) { Step::Contact } else { Step::Call }))
    }
}

fn priority(row: &Row<'_>, column: usize) -> rusqlite::Result<Priority> {
    Ok(if row.get::<_, i64>(column)? == priority_number(Priority::High) { Priority::High } else { Priority::Normal })
}

/// A priority as the table has it.
pub(super) const fn priority_number(priority: Priority) -> i64 {
    match priority {
        Priority::High => 0,
        Priority::Normal => 1,
    }
}

/// Schedules that have something pending.
pub(super) fn schedules_with_pending(conn: &Connection) -> LedgerResult<BTreeSet<String>> {
    // from name to name along the index of pending ones: their number doesn't matter
    let sql = "WITH RECURSIVE names (name) AS (SELECT min(schedule) FROM reminder WHERE state = 'pending' \
        UNION ALL SELECT (SELECT min(schedule) FROM reminder WHERE state = 'pending' AND schedule > name) FROM names \
        WHERE name NOT NULL) SELECT name FROM names WHERE name NOT NULL";
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// A step as the table has it.
pub(super) fn step_word(step: Step) -> &'static str {
    match step {
        Step::Contact => "contact",
        Step::Call => "call",
    }
}
