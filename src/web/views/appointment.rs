//! pure: one appointment's whole story.

use askama::Template;

use super::frame::PageFrame;
use super::links;
use super::moments::{Moments, ShownMoment};
use crate::audit::{AuditRow, Event, story, words};
use crate::personal::Personal;
use crate::plan::explain::{Explanation, OtherStart, RuleStep, StepResult, Verdict};
use crate::reminder::{RunId, State};
use crate::verbs::audit::{Story, StoryReminder};
use crate::verbs::explain::SHADOW_STEP;

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
    /// Why it was called or not, by the run that judged it last or by the rules as they are now.
    pub judged: Option<ShownJudgement>,
    /// The page on which the rules as they are now judge it, where that can be asked.
    pub now_link: Option<String>,
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
            name: found.label.clone(),
            reminders,
            lines: told
                .into_iter()
                .map(|line| ShownLine {
                    at: moments.of(schedule, line.at),
                    words: moments.localised(schedule, &line.words),
                })
                .collect(),
            judged: None,
            now_link: None,
            is_revealed: false,
        }
    }

    /// With what the rules said.
    #[must_use]
    pub fn judged_by(self, judged: Option<ShownJudgement>) -> Self {
        let now_link = match &judged {
            Some(ShownJudgement { is_now: true, .. }) => None,
            _ if self.schedule.is_empty() => None,
            _ => Some(links::link(
                "/appointment",
                &[("schedule", Some(&self.schedule)), ("id", Some(&self.id)), ("judge", Some("now"))],
            )),
        };
        Self { judged, now_link, ..self }
    }
}

/// The run that wrote last of an appointment.
#[must_use]
pub fn last_run(rows: &[AuditRow]) -> Option<RunId> {
    let is_judged = |row: &&AuditRow| {
        matches!(
            row.event,
            Event::ReminderPlanned | Event::ReminderSkipped | Event::ReminderCancelled | Event::ReminderShadowed
        )
    };
    rows.iter().rev().filter(is_judged).find_map(|row| row.run_id)
}

/// What the rules said of the appointment.
#[derive(Debug, Clone)]
pub struct ShownJudgement {
    /// In a sentence.
    pub sentence: String,
    /// A word for its colour.
    pub kind: &'static str,
    /// Whether the rules as they are now said so, not an earlier run.
    pub is_now: bool,
    /// Each rule in order.
    pub steps: Vec<ShownStep>,
}

/// What one rule said.
#[derive(Debug, Clone)]
pub struct ShownStep {
    /// The rule.
    pub rule: String,
    /// In a word.
    pub result: &'static str,
    /// A word for its colour.
    pub kind: &'static str,
    /// Its input, and what would let it through.
    pub detail: String,
}

impl ShownJudgement {
    /// Why the rules can't be asked.
    #[must_use]
    pub fn impossible(why: &str) -> Self {
        let sentence = format!("The rules can't be asked now: {why}");
        Self { sentence, kind: "bad", is_now: true, steps: Vec::new() }
    }

    /// By the rules as they are now.
    #[must_use]
    pub fn now(found: &Explanation, moments: &Moments) -> Self {
        let reason = found.reason.as_deref().map(|reason| format!(": {}", words::reason(reason))).unwrap_or_default();
        let (words, kind) = match found.verdict {
            Verdict::Call if is_shadow(found) => ("It would be called, and shadow mode calls nobody", "unsure"),
            Verdict::Call => ("It would be called", "good"),
            Verdict::Skip => ("It would not be called", "unsure"),
            Verdict::Reminded => ("It has its reminder", "good"),
            Verdict::Absent => ("The source has no such row", "unsure"),
        };
        Self { sentence: format!("{words}{reason}."), kind, is_now: true, steps: steps(found, moments) }
    }

    /// By a run.
    #[must_use]
    pub fn of_run(found: &Explanation, at: &ShownMoment, moments: &Moments) -> Self {
        let reason = found.reason.as_deref().map(|reason| format!(": {}", words::reason(reason))).unwrap_or_default();
        let (words, kind) = match found.verdict {
            Verdict::Call if is_shadow(found) => ("would have called it (shadow mode)", "unsure"),
            Verdict::Call => ("planned the call", "good"),
            Verdict::Skip => ("left it out", "unsure"),
            Verdict::Reminded => ("found its reminder", "good"),
            Verdict::Absent => ("did not find it in the source", "unsure"),
        };
        Self {
            sentence: format!("The run of {at} {words}{reason}."),
            kind,
            is_now: false,
            steps: steps(found, moments),
        }
    }
}

/// Whether shadow mode keeps the call from being made.
fn is_shadow(found: &Explanation) -> bool {
    found.steps.iter().any(|step| step.rule == SHADOW_STEP)
}

fn steps(found: &Explanation, moments: &Moments) -> Vec<ShownStep> {
    let step = |step: &RuleStep| {
        let (result, kind) = match step.result {
            StepResult::Pass => ("lets it through", "good"),
            StepResult::Block => ("blocks it", "bad"),
            StepResult::NotReached => ("not reached", "plain"),
        };
        let detail = moments.localised(Some(&found.schedule), step.detail.as_deref().unwrap_or_default());
        ShownStep { rule: words::reason(&step.rule), result, kind, detail }
    };
    let other = |other: &OtherStart| {
        let start = other.starts_at.as_deref().map_or("a start that can't be read", |at| at);
        let (result, kind) = match other.verdict {
            Verdict::Call => ("would be called", "good"),
            Verdict::Skip | Verdict::Absent => ("not called", "unsure"),
            Verdict::Reminded => ("has its reminder", "good"),
        };
        let detail = format!("{start}: {}", other.detail.as_deref().unwrap_or_default());
        let detail = moments.localised(Some(&found.schedule), &detail);
        ShownStep { rule: "another start of this id".to_owned(), result, kind, detail }
    };
    found.steps.iter().map(step).chain(found.others.iter().map(other)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::load::Folder;
    use crate::verbs::ScheduleZones;
    use crate::zones::Zones;

    #[test]
    fn every_start_of_an_id_is_judged_on_the_page() {
        let zones = ScheduleZones::of_folder(&Folder::default(), &Zones::newest());
        let moments = Moments::new(zones, "2026-11-24T14:00:00Z".parse().expect("an instant"));
        let other = OtherStart {
            starts_at: Some("2026-11-25T16:00:00+00:00".to_owned()),
            verdict: Verdict::Skip,
            reason: Some("cancelled".to_owned()),
            detail: Some("line 4: status is `cancelled`".to_owned()),
        };
        let found = Explanation {
            schedule: "day-before".to_owned(),
            appointment_id: "A-1".to_owned(),
            verdict: Verdict::Call,
            reason: None,
            outcome: None,
            steps: Vec::new(),
            others: vec![other],
        };
        let shown = ShownJudgement::now(&found, &moments);
        let steps: Vec<(&str, &str)> = shown.steps.iter().map(|step| (step.result, step.detail.as_str())).collect();
        assert_eq!(steps, [("not called", "Wed 25 Nov 16:00: line 4: status is `cancelled`")]);
    }
}
