//! shell: finds a person as somebody types them at the page: by phone, its last four digits, a name, or an appointment's id.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::redact::{self, Reveal};
use super::{App, VerbError, VerbResult, phones};
use crate::audit::{AuditFilter, AuditRow};
use crate::ledger::{FoundAppointment, FoundPeople, PeopleAsk, ReminderAsk, ReminderRow};
use crate::personal::Personal;
use crate::reminder::State;
use crate::verbs::labels::Labels;

/// Who a text may mean.
#[derive(Debug, Clone)]
pub enum PersonSearch {
    /// Whoever has the phone with this mark, which is a filter of the log.
    Phone(String),
    /// Whoever these appointments are of.
    Appointments(PersonAppointments),
}

/// Appointments that were found.
#[derive(Debug, Clone)]
pub struct PersonAppointments {
    /// What the text was taken for.
    pub by: SearchedBy,
    /// The newest first.
    pub appointments: Vec<PersonAppointment>,
    /// Whether there may be more than are listed.
    pub is_cut: bool,
    /// Whatever was written before this (UTC) was not searched.
    pub since: Option<Timestamp>,
}

/// What a text was taken for, besides an appointment's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchedBy {
    /// The last four digits of a phone.
    LastFour,
    /// A part of a name.
    Name,
}

/// An appointment that was found, as it stands now.
#[derive(Debug, Clone)]
pub struct PersonAppointment {
    /// The schedule's name.
    pub schedule: String,
    /// Its id.
    pub appointment_id: String,
    /// How the schedule names it.
    pub label: Option<Personal>,
    /// The phone's last four digits.
    pub phone: Option<Personal>,
    /// Its start (UTC).
    pub starts_at: Option<Timestamp>,
    /// How its call stands.
    pub standing: PersonStanding,
}

/// How the call about an appointment stands.
#[derive(Debug, Clone)]
pub enum PersonStanding {
    /// Its latest reminder, and when that is sent at the earliest (UTC).
    Reminder {
        /// The state.
        state: State,
        /// Whether a sandbox accepted it.
        is_trial: bool,
        /// When it may be sent.
        next_at: Timestamp,
    },
    /// It has no reminder: the log's last row about it.
    Logged(Box<AuditRow>),
    /// Nothing is kept of it any more.
    Unknown,
}

/// Finds whoever a text may mean.
///
/// # Errors
/// When nobody is found, or the ledger can't be read.
pub async fn find(app: &App, text: &str) -> VerbResult<PersonSearch> {
    let text = text.trim();
    if text.is_empty() {
        return Err(VerbError::Usage("write a name, a phone number, its last four digits, or an id".to_owned()));
    }
    let unknown = match phones::known_mark(app, text).await {
        Ok(mark) => return Ok(PersonSearch::Phone(mark)),
        Err(VerbError::Usage(why)) => why,
        Err(other) => return Err(other),
    };
    let digits = last_four(text);
    let is_number = digits.is_none() && !text.chars().any(char::is_alphabetic);
    let found = appointments(app, text, digits).await?;
    match found.appointments.is_empty() {
        false => Ok(PersonSearch::Appointments(found)),
        true if is_number => Err(VerbError::Usage(unknown)),
        true => Err(VerbError::Usage(nobody(app, found.by))),
    }
}

fn nobody(app: &App, by: SearchedBy) -> String {
    let is_named = app.folder().schedules.values().any(|schedule| schedule.appointment.label.is_some());
    match (by, is_named) {
        (SearchedBy::LastFour, _) => "no phone number with these last four digits is in the log".to_owned(),
        (SearchedBy::Name, true) => "no name and no appointment's id in the log is like this".to_owned(),
        (SearchedBy::Name, false) => {
            "no appointment has this id, and names can't be searched: no schedule has an `appointment.label`".to_owned()
        }
    }
}

/// The four digits of `0143`, `***0143` or `…0143`.
fn last_four(text: &str) -> Option<Personal> {
    let digits = text.trim_start_matches(['*', '…', '.', '-', ' ']);
    let is_four = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_four.then(|| digits.into())
}

async fn appointments(app: &App, text: &str, digits: Option<Personal>) -> VerbResult<PersonAppointments> {
    let ledger = app.ledger()?;
    let by = if digits.is_some() { SearchedBy::LastFour } else { SearchedBy::Name };
    let with_id = with_id(app, text).await?;
    let ask = digits.map_or_else(|| PeopleAsk::Named(text.into()), PeopleAsk::LastFour);
    let FoundPeople { appointments, since } = ledger.find_people(ask).await?;
    let is_cut = appointments.len() >= FoundPeople::MAX_APPOINTMENTS;
    let others = appointments.into_iter().filter(|found| !with_id.contains(found));
    let mut listed = Vec::new();
    for found in with_id.iter().cloned().chain(others).take(FoundPeople::MAX_APPOINTMENTS) {
        listed.push(standing(app, found).await?);
    }
    Ok(PersonAppointments { by, appointments: listed, is_cut, since })
}

/// How many of the log's rows about an id are searched for its schedules.
const ROWS_OF_ID: u64 = 100;

/// The appointments with this id: of one schedule for nearly all.
async fn with_id(app: &App, id: &str) -> VerbResult<BTreeSet<FoundAppointment>> {
    let filter = AuditFilter {
        appointment: Some(id.to_owned()),
        newest: true,
        limit: Some(ROWS_OF_ID),
        ..AuditFilter::default()
    };
    let rows = app.ledger()?.audit(filter).await?;
    let schedules = rows.iter().filter_map(|row| row.schedule.as_deref());
    let found = |schedule: &str| FoundAppointment { schedule: schedule.to_owned(), appointment_id: id.to_owned() };
    Ok(schedules.map(found).collect())
}

async fn standing(app: &App, found: FoundAppointment) -> VerbResult<PersonAppointment> {
    let ledger = app.ledger()?;
    let FoundAppointment { schedule, appointment_id } = found;
    let (of_schedule, of_id) = (Some(schedule.clone()), Some(appointment_id.clone()));
    let ask = ReminderAsk { schedule: of_schedule.clone(), appointment_id: of_id.clone(), ..ReminderAsk::default() };
    let latest = ledger.reminders(ask).await?.into_iter().max_by_key(|row| (row.starts_at, row.due_at));
    if let Some(row) = latest {
        return Ok(of_reminder(row));
    }
    let filter = AuditFilter {
        schedule: of_schedule,
        appointment: of_id,
        newest: true,
        limit: Some(1),
        ..AuditFilter::default()
    };
    let row = ledger.audit(filter).await?.pop();
    let labels = Labels::of_rows(app, row.as_slice()).await;
    Ok(PersonAppointment {
        label: row.as_ref().and_then(|row| labels.of_row(row)).map(Personal::from),
        phone: row.as_ref().and_then(|row| Some(format!("***{}", row.phone_last4()?).into())),
        starts_at: row.as_ref().and_then(|row| row.starts_at),
        standing: row.map_or(PersonStanding::Unknown, |row| PersonStanding::Logged(Box::new(row))),
        schedule,
        appointment_id,
    })
}

fn of_reminder(row: ReminderRow) -> PersonAppointment {
    PersonAppointment {
        label: redact::label(row.label.as_deref()),
        phone: row.phone.map(|phone| redact::phone(phone.as_str(), Reveal::LastFour).into()),
        starts_at: Some(row.starts_at),
        standing: PersonStanding::Reminder { state: row.state, is_trial: row.trial, next_at: row.next_at },
        schedule: row.schedule,
        appointment_id: row.appointment_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_taken_as_the_page_shows_them_and_nothing_else_is() {
        for (text, is_four) in [
            ("0143", true),
            ("***0143", true),
            ("…0143", true),
            ("... 0143", true),
            ("143", false),
            ("20143", false),
            ("A-0143", false),
            ("٠١٤٣", false),
            ("", false),
        ] {
            assert_eq!(last_four(text).is_some(), is_four, "{text}");
        }
    }
}
