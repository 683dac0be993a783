//! shell: what may be sent now, committed before the first byte leaves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::pauses;
use super::records::{CARD, CARD_WIDTH, Card, card};
use super::stored::{micros, time, time_or_null};
use super::writer::Desk;
use crate::audit::{Entry, Event};
use crate::ledger::gate::{DueReminder, Gate, Hold, Subject, Verdict};
use crate::ledger::rate::{Admission, admit};
use crate::ledger::{Holds, Intent, Lane, LedgerResult, Machine, Step, TakeIntents, Taken};
use crate::reminder::{RunId, State, from_micros};
use crate::settings::Rate;

/// When something of these schedules may next be sent or expires.
pub(super) fn next_due(conn: &Connection, schedules: &[String]) -> LedgerResult<Option<Timestamp>> {
    let sql = "SELECT min((SELECT min(next_at) FROM reminder WHERE schedule = ?1 AND state = 'pending'), \
        (SELECT min(expires_at) FROM reminder WHERE schedule = ?1 AND state = 'pending'))";
    let mut statement = conn.prepare_cached(sql)?;
    let mut earliest = None;
    for schedule in schedules {
        let due = statement.query_row([schedule], |row| time_or_null(row, 0))?;
        earliest = earlier(earliest, due);
    }
    Ok(earliest)
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// A due reminder with what its request needs.
struct Due {
    card: Card,
    waited_for_opening: bool,
    read_at: Timestamp,
    payload: String,
    contact: Option<String>,
    /// Where it stands in the order of taking.
    place: Place,
}

/// Soonest start first; the rest makes the order whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    starts_at: i64,
    next_at: i64,
    nr: i64,
}

const FIRST: Place = Place { starts_at: i64::MIN, next_at: i64::MIN, nr: i64::MIN };

fn due(row: &Row<'_>) -> rusqlite::Result<Due> {
    let card = card(row)?;
    let place = Place { starts_at: micros(card.starts_at), next_at: row.get(CARD_WIDTH + 2)?, nr: card.nr };
    Ok(Due {
        card,
        waited_for_opening: row.get(CARD_WIDTH)?,
        read_at: time(row, CARD_WIDTH + 1)?,
        payload: row.get(CARD_WIDTH + 3)?,
        contact: row.get(CARD_WIDTH + 4)?,
        place,
    })
}

/// Before when no account's next request may start (µs UTC).
struct Rates {
    tat: BTreeMap<String, i64>,
    /// Those to be written.
    moved: BTreeSet<String>,
}

/// One taking under way.
struct Taking<'a> {
    ask: &'a TakeIntents,
    holds: Holds,
    rates: Rates,
    has_optouts: bool,
    /// Those that are looked at.
    lanes: Vec<&'a Lane>,
    stale: BTreeSet<(String, RunId)>,
    wake_at: Option<Timestamp>,
}

/// Rows looked at beyond those that may be taken, so that a few that may not cost no second query.
const SPARE: u32 = 16;

impl Desk<'_> {
    pub(super) fn take_intents(&self, ask: &TakeIntents) -> LedgerResult<Taken> {
        self.end_pauses(ask.now, &ask.actor)?;
        let mut taking = Taking {
            ask,
            // the sender asks the machine before it asks the ledger
            holds: pauses::holds(self.conn, Machine::default())?,
            rates: self.rates()?,
            has_optouts: self
                .conn
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM optout)")?
                .query_row([], |row| row.get(0))?,
            lanes: Vec::new(),
            stale: BTreeSet::new(),
            wake_at: None,
        };
        self.pick_lanes(&mut taking)?;
        let mut expired = 0;
        let mut found: Vec<(Due, &Lane)> = Vec::new();
        for lane in taking.lanes.clone() {
            expired += self.expire(&lane.schedule, ask.now, &ask.actor)?;
            let most = self.most_of(&mut taking, lane)?;
            let due = self.gather(&mut taking, lane, most)?;
            found.extend(due.into_iter().map(|due| (due, lane)));
        }
        found.sort_by_key(|(due, _)| due.place);
        let mut intents = Vec::with_capacity(found.len());
        for (due, lane) in found {
            if taking.admits(lane) {
                intents.push(self.commit_to(ask, due, lane)?);
            }
        }
        self.save_rates(&taking)?;
        let wake_at = self.wake_at(&taking)?;
        Ok(Taken { intents, stale: taking.stale.into_iter().collect(), expired, wake_at })
    }

    /// Of thousands of schedules few have anything pending; one whose account's credentials were refused is looked at
    /// all the same, since other ones may have come.
    fn pick_lanes(&self, taking: &mut Taking<'_>) -> LedgerResult<()> {
        let waiting = self.schedules_with_pending()?;
        let refused = |lane: &Lane| taking.holds.accounts.get(&lane.account).is_some_and(|hold| hold.refuses(None));
        taking.lanes =
            taking.ask.lanes.iter().filter(|lane| waiting.contains(&lane.schedule) || refused(lane)).collect();
        Ok(())
    }

    /// How many of a lane may be taken at most: nothing while it is paused or its account has no slot.
    fn most_of(&self, taking: &mut Taking<'_>, lane: &Lane) -> LedgerResult<u32> {
        self.forget_refusal(taking, lane)?;
        match taking.holds.gate(&subject(lane), taking.ask.now) {
            Gate::Shut => return Ok(0),
            Gate::Until(end) => {
                taking.wake_at = earlier(taking.wake_at, Some(end).filter(|_| self.has_pending(lane).unwrap_or(true)));
                return Ok(0);
            }
            Gate::Open => {}
        }
        Ok(match lane.rate {
            Rate::Unlimited => lane.free,
            // without a slot the lanes that share it, thousands perhaps, needn't be asked who would take it
            Rate::Every { interval_us } => match admit(taking.tat(lane), interval_us, micros(taking.ask.now)) {
                Admission::Now { .. } => lane.free.min(1),
                Admission::At { tat } => {
                    taking.remember(lane, tat);
                    0
                }
            },
        })
    }

    fn rates(&self) -> LedgerResult<Rates> {
        let mut statement = self.conn.prepare_cached("SELECT name, tat FROM account WHERE tat IS NOT NULL")?;
        let tat = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok(Rates { tat, moved: BTreeSet::new() })
    }

    /// Other credentials than the refused ones may do.
    fn forget_refusal(&self, taking: &mut Taking<'_>, lane: &Lane) -> LedgerResult<()> {
        let Some(account) = taking.holds.accounts.get_mut(&lane.account) else { return Ok(()) };
        if account.refused_credentials.is_some() && !account.refuses(Some(&lane.credentials)) {
            account.refused_credentials = None;
            self.conn.execute("UPDATE account SET refused_credentials = NULL WHERE name = ?1", [&lane.account])?;
        }
        Ok(())
    }

    fn has_pending(&self, lane: &Lane) -> LedgerResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM reminder WHERE schedule = ?1 AND state = 'pending')";
        Ok(self.conn.prepare_cached(sql)?.query_row([&lane.schedule], |row| row.get(0))?)
    }

    /// Up to `most` reminders of a lane that may be sent now. Those outside their hours are put off, those on the house
    /// list cancelled, those whose source was read too long ago told.
    fn gather(&self, taking: &mut Taking<'_>, lane: &Lane, most: u32) -> LedgerResult<Vec<Due>> {
        let most_rows = most as usize;
        let mut ready = Vec::with_capacity(most_rows);
        if most == 0 || !self.is_anything_due(lane, taking.ask.now)? {
            return Ok(ready);
        }
        let mut after = FIRST;
        loop {
            let batch = self.batch(taking.ask, lane, after, most.saturating_add(SPARE))?;
            let Some(last) = batch.last() else { return Ok(ready) };
            after = last.place;
            for due in batch {
                if ready.len() == most_rows {
                    return Ok(ready);
                }
                if self.may_go(taking, &due)? {
                    ready.push(due);
                }
            }
        }
    }

    fn is_anything_due(&self, lane: &Lane, now: Timestamp) -> LedgerResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM reminder INDEXED BY pending_next WHERE schedule = ?1 \
            AND state = 'pending' AND next_at <= ?2)";
        Ok(self.conn.prepare_cached(sql)?.query_row(params![lane.schedule, micros(now)], |row| row.get(0))?)
    }

    fn batch(&self, ask: &TakeIntents, lane: &Lane, after: Place, most: u32) -> LedgerResult<Vec<Due>> {
        let columns =
            format!("SELECT {CARD}, r.waited_for_opening, r.read_at, r.next_at, c.payload, c.contact FROM reminder r");
        let rest = "WHERE r.schedule = ?1 AND r.state = 'pending' AND r.next_at <= ?2 \
            AND (r.starts_at, r.next_at, r.nr) > (?3, ?4, ?5)";
        let order = "ORDER BY r.starts_at, r.next_at, r.nr LIMIT ?6";
        let content = "JOIN content c ON c.reminder = r.nr";
        let (now, starts, next, nr) = (micros(ask.now), after.starts_at, after.next_at, after.nr);
        let rows = match &ask.only {
            None => {
                let sql = format!("{columns} INDEXED BY pending_start CROSS {content} {rest} {order}");
                let mut statement = self.conn.prepare_cached(&sql)?;
                statement.query_map(params![lane.schedule, now, starts, next, nr, most], due)?.collect()
            }
            Some(only) => {
                let sql = format!("{columns} {content} {rest} AND r.appointment_id = ?7 {order}");
                let mut statement = self.conn.prepare_cached(&sql)?;
                statement.query_map(params![lane.schedule, now, starts, next, nr, most, only], due)?.collect()
            }
        };
        let rows: rusqlite::Result<Vec<Due>> = rows;
        Ok(rows?)
    }

    fn may_go(&self, taking: &mut Taking<'_>, due: &Due) -> LedgerResult<bool> {
        let now = taking.ask.now;
        let Some(phone) = due.card.phone.as_deref() else { return Ok(false) };
        let card = &due.card;
        let judged = DueReminder {
            is_opted_out: taking.has_optouts && self.is_opted_out(phone)?,
            opening: self.hours.opening(&card.calling_hours, &card.recipient_zone, now)?,
            waited_for_opening: due.waited_for_opening,
            read_at: due.read_at,
        };
        let fresh_for = SignedDuration::try_from(taking.ask.fresh_for).unwrap_or(SignedDuration::MAX);
        match judged.judge(now, fresh_for) {
            Verdict::Go => return Ok(true),
            Verdict::PutOff(opening) => {
                let sql = "UPDATE reminder SET next_at = ?2, waited_for_opening = 1 WHERE nr = ?1";
                self.conn.prepare_cached(sql)?.execute(params![card.nr, micros(opening)])?;
            }
            Verdict::Cancel(reason) => {
                self.cancel(card.nr, now)?;
                self.log(&Entry {
                    reason: Some(reason.into()),
                    actor: Some(taking.ask.actor.as_str().into()),
                    ..card.entry(now, Event::ReminderCancelled)
                })?;
            }
            Verdict::ReadAgain => {
                taking.stale.insert((card.schedule.clone(), card.run_id));
            }
        }
        Ok(false)
    }

    fn is_opted_out(&self, phone: &str) -> LedgerResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM optout WHERE phone = ?1)";
        Ok(self.conn.prepare_cached(sql)?.query_row([phone], |row| row.get(0))?)
    }

    /// The intent itself: the attempt's row, the reminder's state, the log.
    fn commit_to(&self, ask: &TakeIntents, due: Due, lane: &Lane) -> LedgerResult<Intent> {
        let card = due.card;
        if card.account != lane.account {
            // the schedule's account changed since it was planned
            let sql = "UPDATE reminder SET account = ?2 WHERE nr = ?1";
            self.conn.prepare_cached(sql)?.execute(params![card.nr, lane.account])?;
        }
        let phone = card.phone.clone().expect("a reminder without a phone isn't taken");
        let contact_id = match lane.needs_contact {
            true => self.contact_id(&lane.account, &phone)?,
            false => None,
        };
        let step = if lane.needs_contact && contact_id.is_none() { Step::Contact } else { Step::Call };
        let attempt = card.attempt + 1;
        let now = micros(ask.now);
        let sql = "INSERT INTO attempt (reminder, number, step, intent_at) VALUES (?1, ?2, ?3, ?4)";
        self.kept.run(sql, params![card.nr, attempt, step_word(step), now])?;
        let sql = "UPDATE reminder SET state = 'sending', attempt = ?2, updated_at = ?3 WHERE nr = ?1";
        self.kept.run(sql, params![card.nr, attempt, now])?;
        self.log(&Entry {
            attempt: Some(attempt),
            reason: intent_reason(&card, step).map(Into::into),
            actor: Some(ask.actor.as_str().into()),
            ..card.entry(ask.now, Event::DeliveryIntent)
        })?;
        let intent = Intent {
            reminder_id: card.id,
            schedule: card.schedule.clone(),
            appointment_id: card.appointment_id.clone(),
            attempt,
            tries: card.tries,
            step,
            phone,
            payload: due.payload,
            contact: due.contact,
            contact_id,
            contact_renewed: card.contact_renewed,
            expires_at: card.expires_at,
            starts_at: card.starts_at,
        };
        let card = Card { state: State::Sending, attempt, account: lane.account.clone(), ..card };
        self.sending.borrow_mut().insert(card.id, card);
        Ok(intent)
    }

    fn contact_id(&self, account: &str, phone: &str) -> LedgerResult<Option<String>> {
        let sql = "SELECT contact_id FROM contact WHERE account = ?1 AND phone_hash = ?2";
        let key = params![account, self.phone_key.hash(phone)];
        Ok(self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?)
    }

    fn save_rates(&self, taking: &Taking<'_>) -> LedgerResult<()> {
        let sql = "INSERT INTO account (name, tat) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET tat = excluded.tat \
            WHERE tat IS NOT excluded.tat";
        for name in &taking.rates.moved {
            self.conn.prepare_cached(sql)?.execute(params![name, taking.rates.tat.get(name)])?;
        }
        Ok(())
    }

    /// When the lanes should be asked again by themselves: a slot, a retry, an opening, the end of a pause, an expiry.
    fn wake_at(&self, taking: &Taking<'_>) -> LedgerResult<Option<Timestamp>> {
        let mut wake_at = taking.wake_at;
        let sql = "SELECT (SELECT min(next_at) FROM reminder WHERE schedule = ?1 AND state = 'pending' AND next_at > ?2), \
            (SELECT min(expires_at) FROM reminder WHERE schedule = ?1 AND state = 'pending')";
        for lane in &taking.lanes {
            let key = params![lane.schedule, micros(taking.ask.now)];
            let (next, expiry) = self
                .conn
                .prepare_cached(sql)?
                .query_row(key, |row| Ok((time_or_null(row, 0)?, time_or_null(row, 1)?)))?;
            wake_at = earlier(earlier(wake_at, next), expiry);
            if let Some(slot) = taking.slot(lane)
                && self.is_anything_due(lane, taking.ask.now)?
            {
                wake_at = earlier(wake_at, Some(slot));
            }
        }
        Ok(wake_at)
    }
}

impl Taking<'_> {
    /// Takes a slot of the account's rate, if there is one.
    fn admits(&mut self, lane: &Lane) -> bool {
        let Rate::Every { interval_us } = lane.rate else { return true };
        let (is_admitted, tat) = match admit(self.tat(lane), interval_us, micros(self.ask.now)) {
            Admission::Now { tat } => (true, tat),
            Admission::At { tat } => (false, tat),
        };
        self.remember(lane, tat);
        is_admitted
    }

    fn tat(&self, lane: &Lane) -> Option<i64> {
        self.rates.tat.get(&lane.account).copied()
    }

    fn remember(&mut self, lane: &Lane, tat: i64) {
        self.rates.tat.insert(lane.account.clone(), tat);
        self.rates.moved.insert(lane.account.clone());
    }

    /// The account's next slot, when it lies ahead and the account isn't held up otherwise.
    fn slot(&self, lane: &Lane) -> Option<Timestamp> {
        let Rate::Every { .. } = lane.rate else { return None };
        let is_held = self.holds.on(&subject(lane), self.ask.now).iter().any(Hold::is_of_account);
        self.tat(lane).filter(|tat| !is_held && *tat > micros(self.ask.now)).and_then(|tat| from_micros(tat).ok())
    }
}

/// A lane as the gate wants it: what is switched off has none.
fn subject(lane: &Lane) -> Subject<'_> {
    Subject { schedule: &lane.schedule, account: &lane.account, credentials: Some(&lane.credentials), is_enabled: true }
}

/// The word by which an intent is announced as something else than a first request.
fn intent_reason(card: &Card, step: Step) -> Option<&'static str> {
    match step {
        Step::Contact => Some("contact"),
        Step::Call if card.unknown_fates > 0 => Some("resend"),
        Step::Call => None,
    }
}

/// A step as the table has it.
pub(super) fn step_word(step: Step) -> &'static str {
    match step {
        Step::Contact => "contact",
        Step::Call => "call",
    }
}
