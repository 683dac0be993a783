//! pure: the log: filtered, a page at a time.

use askama::Template;

use super::frame::PageFrame;
use super::links;
use super::people::FoundList;
use super::plan::PlannedCall;
use super::rows::FoldedRow;
use crate::audit::{Event, words};
use crate::personal::Personal;

/// Rows of one page.
pub const PAGE_ROWS: usize = 100;

/// The page.
#[derive(Template)]
#[template(path = "calls.html")]
pub struct CallsPage {
    /// What surrounds it.
    pub frame: PageFrame,
    /// What was asked for.
    pub asked: AskedCalls,
    /// The choices of the filter.
    pub choices: Choices,
    /// A search for a person: what was typed, and what came of it.
    pub sought: Option<SoughtPerson>,
    /// Calls that are still to be made to the phone that is asked for.
    pub to_come: Vec<PlannedCall>,
    /// One for each call, the newest first.
    pub rows: Vec<FoldedRow>,
    /// The page of newer rows.
    pub newer: Option<String>,
    /// The page of older rows.
    pub older: Option<String>,
}

impl CallsPage {
    /// The people whom a search found.
    fn found(&self) -> Option<&FoundList> {
        self.sought.as_ref()?.found.as_ref().ok()
    }

    /// Why a search found nobody.
    fn fault(&self) -> Option<&str> {
        self.sought.as_ref()?.found.as_ref().err().map(String::as_str)
    }
}

/// A search for a person by what doesn't name one phone.
#[derive(Debug, Clone)]
pub struct SoughtPerson {
    /// The text as it was typed.
    pub typed: Personal,
    /// The people whom it found, or why it found nobody.
    pub found: Result<FoundList, String>,
}

/// The fields of the filter, as they are in the address: a phone is named by its mark alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskedCalls {
    /// Rows written at or after this time.
    pub since: String,
    /// Rows written before this time.
    pub until: String,
    /// Rows about this schedule.
    pub schedule: String,
    /// Rows of this event or family of events.
    pub event: String,
    /// Rows with this reason.
    pub reason: String,
    /// Rows about this appointment.
    pub appointment: String,
    /// Rows about the phone with this mark.
    pub mark: String,
    /// Rows of this run.
    pub run: String,
}

impl AskedCalls {
    /// The fields with their names.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, &str); 8] {
        let Self { since, until, schedule, event, reason, appointment, mark, run } = self;
        [
            ("since", since),
            ("until", until),
            ("schedule", schedule),
            ("event", event),
            ("reason", reason),
            ("appointment", appointment),
            ("phone", mark),
            ("run", run),
        ]
    }

    /// Whether anything is asked for.
    #[must_use]
    pub fn is_narrowed(&self) -> bool {
        *self != Self::default()
    }

    /// The page of the log with this filter, from a row on.
    #[must_use]
    pub fn link(&self, from: Option<(&str, u64)>) -> String {
        let number = from.map(|(_, seq)| seq.to_string());
        let mut fields: Vec<(&str, Option<&str>)> =
            self.fields().into_iter().map(|(name, value)| (name, Some(value))).collect();
        if let (Some((name, _)), Some(number)) = (from, &number) {
            fields.push((name, Some(number)));
        }
        links::link("/calls", &fields)
    }
}

/// A choice of a list.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The value in the address.
    pub value: String,
    /// The words for people.
    pub text: String,
}

/// What may be chosen.
#[derive(Debug, Clone)]
pub struct Choices {
    /// The schedules.
    pub schedules: Vec<Choice>,
    /// The families of events, then the events.
    pub events: Vec<Choice>,
    /// The reasons of skips.
    pub reasons: Vec<Choice>,
}

impl Choices {
    /// The choices when these are the schedules.
    #[must_use]
    pub fn of(schedules: &[String]) -> Self {
        let mut events: Vec<Choice> = Vec::new();
        for event in Event::ALL {
            let family = event.as_str().split('.').next().unwrap_or_default();
            if !events.iter().any(|choice| choice.value == family) {
                events.push(Choice { value: family.to_owned(), text: format!("everything about {}", about(family)) });
            }
            events.push(Choice { value: event.as_str().to_owned(), text: words::event(*event).to_owned() });
        }
        let reasons = crate::reminder::SkipReason::ALL
            .iter()
            .map(|reason| Choice { value: reason.as_str().to_owned(), text: words::reason(reason.as_str()) });
        let named = |name: &String| Choice { value: name.clone(), text: name.clone() };
        Self { schedules: schedules.iter().map(named).collect(), events, reasons: reasons.collect() }
    }
}

/// What the events of a family are about.
fn about(family: &str) -> &str {
    match family {
        "run" => "runs",
        "reminder" => "planning",
        "delivery" => "calls",
        "outcome" => "outcomes",
        "operator" => "people's decisions",
        "optout" => "the opt-out list",
        "page" => "this page",
        "service" => "the service",
        "config" => "schedule files",
        "clock" => "the clock",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_is_in_the_address_and_pages_go_on_from_a_row() {
        let asked =
            AskedCalls { event: "delivery".to_owned(), appointment: "A 1&x".to_owned(), ..AskedCalls::default() };
        assert_eq!(asked.link(None), "/calls?event=delivery&appointment=A+1%26x");
        assert_eq!(asked.link(Some(("before", 7))), "/calls?event=delivery&appointment=A+1%26x&before=7");
        assert!(asked.is_narrowed() && !AskedCalls::default().is_narrowed());
    }

    #[test]
    fn every_event_can_be_chosen_and_so_can_its_family() {
        let choices = Choices::of(&[]);
        let values: Vec<&str> = choices.events.iter().map(|choice| choice.value.as_str()).collect();
        assert!(Event::ALL.iter().all(|event| values.contains(&event.as_str())), "{values:?}");
        assert!(values.contains(&"delivery") && values.contains(&"operator"), "{values:?}");
    }
}
