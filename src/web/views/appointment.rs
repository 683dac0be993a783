//! pure: one appointment's whole story.

use askama::Template;

use super::frame::PageFrame;
use super::moments::{Moments, ShownMoment};
use crate::audit::{AuditRow, Event, story, words};
use crate::personal::Personal;
use crate::reminder::State;
use crate::verbs::audit::{Story, StoryReminder};

/// The page.
#[derive(Template)]
#[template(path = "appointment.html")]
pub struct AppointmentPage {
    /// What surrounds it.
    pub frame: PageFrame,
    /// The appointment's id.
    pub id: String,
    /// The schedule's name.
    pub schedule: String,
    /// How the schedule names it.
    pub name: Option<String>,
    /// Its reminders.
    pub reminders: Vec<ShownReminder>,
    /// What happened, in order.
    pub lines: Vec<ShownLine>,
    /// Whether whole numbers are shown.
    pub is_revealed: bool,
}

/// One of its reminders.
#[derive(Debug, Clone)]
pub struct ShownReminder {
    /// Its id.
    pub id: String,
    /// The start that it is about.
    pub starts_at: ShownMoment,
    /// How long before.
    pub lead: String,
    /// Its state, in words.
    pub state: String,
    /// A word for the colour.
    pub kind: &'static str,
    /// The phone, as much as is shown.
    pub phone: Option<Personal>,
    /// What was sent or would be, when it is shown.
    pub payload: Option<String>,
    /// Whether it may be cancelled.
    pub is_pending: bool,
    /// Whether a person must find out its fate.
    pub is_uncertain: bool,
    /// Whether its number is still kept, so that it can be put on the opt-out list.
    pub has_phone: bool,
}

/// One line of the story.
#[derive(Debug, Clone)]
pub struct ShownLine {
    /// The row's time, in the page's zone.
    pub at: ShownMoment,
    /// What happened.
    pub words: String,
}

impl AppointmentPage {
    /// Of a story.
    #[must_use]
    pub fn of(frame: PageFrame, id: &str, found: &Story, moments: &Moments) -> Self {
        let schedule = found.rows.iter().find_map(|row| row.schedule.as_deref());
        let told = story::tell(&found.rows);
        let reminders =
            found.reminders.iter().map(|reminder| shown(reminder, &found.rows, schedule, moments)).collect();
        Self {
            frame,
            id: found.reminders.first().map_or(id, |reminder| reminder.appointment_id.as_str()).to_owned(),
            schedule: schedule.unwrap_or_default().to_owned(),
            name: found.reminders.iter().rev().find_map(|reminder| reminder.label.clone()),
            reminders,
            lines: told
                .into_iter()
                .map(|line| ShownLine { at: moments.of(schedule, line.at), words: line.words })
                .collect(),
            is_revealed: false,
        }
    }
}

fn shown(reminder: &StoryReminder, rows: &[AuditRow], schedule: Option<&str>, moments: &Moments) -> ShownReminder {
    let is_acceptance = |row: &&AuditRow| row.event == Event::DeliveryDelivered && row.reminder_id == Some(reminder.id);
    let accepted = rows.iter().rev().find(is_acceptance).and_then(words::acceptance);
    let state = match reminder.state {
        State::Delivered => accepted.unwrap_or(words::state(State::Delivered)),
        state => words::state(state),
    };
    ShownReminder {
        id: reminder.id.to_string(),
        starts_at: moments.of(schedule, reminder.starts_at),
        lead: reminder.lead.to_string(),
        state: state.to_owned(),
        kind: kind(reminder.state),
        phone: reminder.phone.clone(),
        payload: reminder.payload.as_ref().map(|payload| payload.as_str().to_owned()),
        is_pending: reminder.state == State::Pending,
        is_uncertain: reminder.state == State::Uncertain,
        has_phone: reminder.phone.is_some(),
    }
}

/// A word for the colour of a state.
#[must_use]
pub const fn kind(state: State) -> &'static str {
    match state {
        State::Delivered => "good",
        State::Uncertain => "unsure",
        State::Failed | State::Expired | State::Dropped => "bad",
        State::Pending | State::Sending | State::Cancelled => "plain",
    }
}
