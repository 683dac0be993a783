//! pure: whom a search for a person found.

use super::appointment::kind;
use super::links;
use super::moments::{Moments, ShownMoment};
use super::rows::LogRow;
use crate::audit::words;
use crate::personal::Personal;
use crate::reminder::State;
use crate::verbs::labels::Labels;
use crate::verbs::people::{PersonAppointment, PersonAppointments, PersonStanding, SearchedBy};

/// The people whom a search found.
#[derive(Debug, Clone)]
pub struct FoundList {
    /// The newest first.
    pub people: Vec<FoundPerson>,
    /// What the search covers.
    pub note: String,
}

/// An appointment of somebody whom it found.
#[derive(Debug, Clone)]
pub struct FoundPerson {
    /// Its id.
    pub appointment: String,
    /// Its page.
    pub link: String,
    /// How the schedule names it.
    pub name: Personal,
    /// Its start.
    pub starts_at: Option<ShownMoment>,
    /// The last four digits.
    pub phone: Personal,
    /// How its call stands, in words.
    pub standing: String,
    /// A word for the colour.
    pub kind: &'static str,
    /// When the call is made at the earliest, of one that is still to be made.
    pub next_at: Option<ShownMoment>,
    /// The schedule's name.
    pub schedule: String,
}

impl FoundList {
    /// The list of what was found.
    #[must_use]
    pub fn of(found: PersonAppointments, moments: &Moments) -> Self {
        let note = note(&found, moments);
        let people = found.appointments.into_iter().map(|one| FoundPerson::of(one, moments)).collect();
        Self { people, note }
    }
}

fn note(found: &PersonAppointments, moments: &Moments) -> String {
    let mut sentences = match found.by {
        SearchedBy::LastFour => vec!["Different people may have the same last four digits.".to_owned()],
        SearchedBy::Name => vec!["A name is found for as long as what was sent is kept.".to_owned()],
    };
    if found.is_cut {
        sentences.push(format!("The newest {} are shown.", found.appointments.len()));
    }
    if let Some(since) = found.since {
        let since = moments.of(None, since);
        sentences.push(format!("Searched back to {since}; what is older is found by the whole number or by the id."));
    }
    sentences.join(" ")
}

impl FoundPerson {
    fn of(one: PersonAppointment, moments: &Moments) -> Self {
        let schedule = Some(one.schedule.as_str());
        let (standing, kind, next_at) = match one.standing {
            PersonStanding::Reminder { state, is_trial, next_at } => {
                let words = if is_trial { words::TRIAL } else { words::state(state) };
                let next_at = (state == State::Pending).then(|| moments.of(schedule, next_at));
                let words = if next_at.is_some() { "call is to be made" } else { words };
                (words.to_owned(), kind(state), next_at)
            }
            PersonStanding::Logged(row) => {
                let row = LogRow::of(&row, &Labels::default(), moments);
                let why = if row.reason.is_empty() { String::new() } else { format!(": {}", row.reason) };
                (format!("{}{why}", row.what), row.kind, None)
            }
            PersonStanding::Unknown => ("nothing more is kept".to_owned(), "plain", None),
        };
        Self {
            link: links::appointment(schedule, &one.appointment_id),
            name: one.label.unwrap_or_default(),
            starts_at: one.starts_at.map(|at| moments.of(schedule, at)),
            phone: one.phone.unwrap_or_default(),
            standing,
            kind,
            next_at,
            appointment: one.appointment_id,
            schedule: one.schedule,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::load::Folder;
    use crate::verbs::ScheduleZones;
    use crate::zones::Zones;

    #[test]
    fn a_call_that_is_still_to_be_made_is_shown_with_its_time_and_a_search_that_is_cut_says_so() {
        let zones = ScheduleZones::of_folder(&Folder::default(), &Zones::newest());
        let moments = Moments::new(zones, "2026-11-24T14:00:00Z".parse().expect("an instant"));
        let next_at = "2026-11-24T15:00:00Z".parse().expect("an instant");
        let one = |state| PersonAppointment {
            schedule: "clinic".to_owned(),
            appointment_id: "A-1".to_owned(),
            label: None,
            phone: None,
            starts_at: None,
            standing: PersonStanding::Reminder { state, is_trial: false, next_at },
        };
        let since = Some("2026-11-01T00:00:00Z".parse().expect("an instant"));
        let appointments = vec![one(State::Pending), one(State::Failed)];
        let found = PersonAppointments { by: SearchedBy::LastFour, appointments, is_cut: true, since };
        let shown = FoundList::of(found, &moments);
        let standings: Vec<(&str, Option<&str>)> = shown
            .people
            .iter()
            .map(|one| (one.standing.as_str(), one.next_at.as_ref().map(|at| at.text.as_str())))
            .collect();
        assert_eq!(standings, [("call is to be made", Some("Tue 24 Nov 15:00")), ("failed", None)]);
        assert_eq!(
            shown.note,
            "Different people may have the same last four digits. The newest 2 are shown. Searched back to Sun 1 Nov 00:00; \
             what is older is found by the whole number or by the id."
        );
    }
}
