//! The judge of reasons: what the log says of a call that was not made is true of the files, the opt-outs and the other calls.

use jiff::{SignedDuration, Timestamp};
use tickler::audit::{AuditRow, Event};
use tickler::ledger::ReminderRow;
use tickler::reminder::{LeadTime, RunState, State};
use tickler::zones::Zone;

use crate::export::Booking;
use crate::judge::{Judge, Key, Times};
use crate::walk::LIMIT;

/// A run writes its rows within this time after its moment.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

impl Judge<'_> {
    /// A reason in the log is true of the file that was read.
    pub fn judge_reasons(&mut self) {
        let is_reason = |row: &&AuditRow| {
            matches!(row.event, Event::ReminderSkipped | Event::ReminderCancelled | Event::ReminderExpired)
        };
        let rows = self.walked.log.iter().filter(is_reason);
        let untrue: Vec<String> =
            rows.filter(|row| !self.is_true(row)).map(|row| format!("untrue: {:?}", row.entry)).collect();
        self.faults.extend(untrue);
    }

    /// Any row that a file ever had of the appointment: a person's zone never changes.
    fn zone_by_id(&self, id: &str) -> Option<Zone> {
        let mut rows = self.walked.export.versions().iter().filter_map(|version| version.rows.as_ref());
        rows.find_map(|rows| rows.get(id)).map(|booking| self.zone_of(booking))
    }

    fn is_true(&self, row: &AuditRow) -> bool {
        let (Some(id), Some(starts_at)) = (&row.appointment_id, row.starts_at) else { return false };
        let times = || self.times_of(row, id, starts_at);
        if row.event == Event::ReminderExpired {
            return times().is_some_and(|(times, _)| times.expires <= row.at + SECOND);
        }
        let Some(reason) = &row.reason else { return false };
        let booking = self.walked.export.at(row.at, id);
        let same = booking.filter(|it| it.starts_at == starts_at);
        let is_there = || same.is_some() || row.event == Event::ReminderCancelled;
        match reason.as_ref() {
            "missing" => booking.is_none(),
            "moved" => booking.is_some_and(|it| it.starts_at != starts_at),
            "cancelled" => booking.is_some_and(|it| it.status == "cancelled"),
            "no_phone" => booking.is_some_and(|it| it.phone.is_empty()),
            "invalid_phone" => booking.is_some_and(|it| it.phone == "12"),
            "opted_out" => self.is_out(row, booking),
            "already_started" => same.is_some() && starts_at <= row.at,
            "late_booking" => same.is_some() && self.was_missed(row, id, starts_at),
            "too_late" => is_there() && times().is_some_and(|(times, _)| times.expires <= row.at + SECOND),
            "outside_calling_hours" => {
                is_there() && times().is_some_and(|(times, opening)| opening > times.expires - SECOND)
            }
            "person_limit" => is_there() && self.is_full(row, id, starts_at),
            "merged" => is_there() && self.is_told_elsewhere(row, id),
            _ => false,
        }
    }

    /// The times of the call that the row is about, and when phones may ring after the row was written.
    fn times_of(&self, row: &AuditRow, id: &str, starts_at: Timestamp) -> Option<(Times, Timestamp)> {
        let (schedule, zone) = (row.schedule.as_deref()?, self.zone_by_id(id)?);
        let times = self.times(Key { schedule, id, starts_at, lead: row.lead? }, &zone);
        Some((times, self.opening(schedule, row.at.max(times.due), &zone)))
    }

    /// Whether the file or the list forbids the call: to the phone of the file, or that of the reminder that was cancelled.
    fn is_out(&self, row: &AuditRow, booking: Option<&Booking>) -> bool {
        let of_reminder = row.reminder_id.and_then(|id| self.reminders.get(&id)).and_then(|it| it.phone.as_ref());
        let phones = [booking.map(|it| it.phone.as_str()), of_reminder.map(tickler::personal::Personal::as_str)];
        let is_listed =
            |phone: &str| self.walked.optouts.iter().any(|it| it.of == phone && it.overlaps(row.at, row.at));
        booking.is_some_and(|it| it.stop == "yes") || phones.into_iter().flatten().any(is_listed)
    }

    /// Whether the person has as many other calls on the day of this one as a person may have.
    fn is_full(&self, row: &AuditRow, id: &str, starts_at: Timestamp) -> bool {
        let Some((zone, last4)) = self.zone_by_id(id).zip(row.phone_last4()) else { return false };
        let Some((times, _)) = self.times_of(row, id, starts_at) else { return false };
        let day = zone.date(times.due);
        let is_of_day = |other: &&ReminderRow| {
            other.phone.as_ref().is_some_and(|phone| phone.ends_with(last4)) && self.due_day(other) == Some(day)
        };
        self.walked.reminders.iter().filter(is_of_day).filter(|other| counted_at(other, row.at)).count() >= LIMIT
    }

    /// Whether another call of the schedule tells of the appointment.
    fn is_told_elsewhere(&self, row: &AuditRow, id: &str) -> bool {
        let name = format!("\"id\":\"{id}\"");
        let is_other = |other: &&ReminderRow| {
            Some(other.schedule.as_str()) == row.schedule.as_deref() && other.appointment_id != id
        };
        let mut others = self.walked.reminders.iter().filter(is_other).filter(|other| counted_at(other, row.at));
        others.any(|other| other.payload.as_ref().is_some_and(|payload| payload.contains(&name)))
    }

    /// Whether some run read a file without the appointment, or with another start of it, after its lead was due.
    fn was_missed(&self, row: &AuditRow, id: &str, starts_at: Timestamp) -> bool {
        let Some(LeadTime::Hours(hours)) = row.lead.map(|lead| lead.before) else { return false };
        let due_at = starts_at - SignedDuration::from_hours(i64::from(hours));
        let schedule = row.schedule.as_deref().unwrap_or_default();
        self.walked.runs.iter().any(|run| {
            let read_at = run.read_at.unwrap_or(run.started_at);
            let is_earlier = due_at <= run.started_at && read_at < row.at;
            let is_of_schedule = run.schedule == schedule && run.state == RunState::Done;
            let has_it = || self.walked.export.at(read_at, id).is_some_and(|booking| booking.starts_at == starts_at);
            is_of_schedule && is_earlier && !has_it()
        })
    }

    /// Whether such a reason holds for an appointment with which nothing happened: the call that it was left out for was
    /// made, or counted when it was left out.
    pub fn is_just(&self, key: Key<'_>, reason: &str) -> bool {
        let is_it = |row: &&AuditRow| {
            row.schedule.as_deref() == Some(key.schedule)
                && row.appointment_id.as_deref() == Some(key.id)
                && row.starts_at == Some(key.starts_at)
                && row.reason.as_deref() == Some(reason)
        };
        let row = self.walked.log.iter().rev().find(is_it);
        matches!(reason, "merged" | "person_limit") && row.is_some_and(|row| self.is_true(row))
    }
}

/// Whether a reminder counted as a call at that moment: it was made, or ended in another way later.
fn counted_at(reminder: &ReminderRow, at: Timestamp) -> bool {
    reminder.state == State::Delivered || reminder.updated_at >= at
}
