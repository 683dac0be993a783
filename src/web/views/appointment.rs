//! pure: the page about one appointment: its reminders, its story, and why it was called or not.

use askama::Template;

use super::frame::PageFrame;
use super::links;
use super::moments::{Moments, ShownMoment};
use crate::audit::words::{self, counted};
use crate::audit::{AuditRow, Event, story};
use crate::personal::Personal;
use crate::plan::explain::{Explanation, OtherStart, RuleStep, StepResult, Verdict};
use crate::reminder::{Lead, LeadTime, RunId, State};
use crate::verbs::audit::{Story, StoryReminder};
use crate::verbs::explain::SHADOW_STEP;

/// The page about one appointment.
#[derive(Template)]
#[template(path = "appointment.html")]
pub struct AppointmentPage {
    /// The heading and the menu around it.
    pub frame: PageFrame,
    /// The appointment's id.
    pub id: String,
    /// The schedule's name.
    pub schedule: String,
    /// The name that the schedule gives the appointment (`appointment.label`).
    pub name: Option<Personal>,
    /// Its start as the log has it last.
    pub starts_at: Option<ShownMoment>,
    /// The last four digits of its phone, as the log has them last.
    pub phone: Personal,
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

/// One of the appointment's reminders.
#[derive(Debug, Clone)]
pub struct ShownReminder {
    /// Its id.
    pub id: String,
    /// What call of the appointment it is, in words.
    pub occasion: String,
    /// Its state, in words.
    pub state: String,
    /// A word for the colour.
    pub kind: &'static str,
    /// The phone number, masked unless whole numbers are shown; `None` once it was removed.
    pub phone: Option<Personal>,
    /// What was sent or would be, when it is shown.
    pub payload: Option<Personal>,
    /// Whether it may be cancelled.
    pub is_pending: bool,
    /// Whether a person must find out whether somebody was called.
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
    /// The page of a story. What the rules say is added by [`Self::judged_by`].
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
            starts_at: found.rows.iter().rev().find_map(|row| row.starts_at).map(|at| moments.of(schedule, at)),
            phone: last_four(&found.rows),
            reminders,
            lines: told
                .into_iter()
                .map(|line| ShownLine {
                    at: moments.of(schedule, line.at),
                    words: by_a_person(&moments.localised(schedule, &line.words)),
                })
                .collect(),
            judged: None,
            now_link: None,
            is_revealed: false,
        }
    }

    /// The page with what the rules said.
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

/// The run that wrote the last row about the appointment.
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
    /// The sentence that says it.
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
    /// The rule's name.
    pub rule: String,
    /// What the rule did with the appointment, in a word or three.
    pub result: &'static str,
    /// A word for its colour.
    pub kind: &'static str,
    /// Its input, and what would let it through.
    pub detail: String,
}

impl ShownJudgement {
    /// The judgement where the rules can't be asked, because of `why`.
    #[must_use]
    pub fn impossible(why: &str) -> Self {
        let sentence = format!("The rules can't be asked now: {why}");
        Self { sentence, kind: "bad", is_now: true, steps: Vec::new() }
    }

    /// The judgement of the rules as they are now.
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
        let sentence = match not_this_run(found) {
            Some(why) => format!("A run at this moment would leave it out: {why}."),
            None => format!("{words}{reason}."),
        };
        Self { sentence, kind, is_now: true, steps: steps(found, moments) }
    }

    /// The judgement of the run that began at `at`.
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

/// A sentence that names the run whose window has the appointment, where the rules left it out only because that is another run:
/// then nobody has decided against the call.
fn not_this_run(found: &Explanation) -> Option<&str> {
    let is_outside = found.reason.as_deref() == Some("outside_window");
    let blocking = found.steps.iter().find(|step| step.result == StepResult::Block).filter(|_| is_outside)?;
    blocking.detail.as_deref()
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
        State::Delivered if is_by_word(reminder, rows) => "called, as a person found out",
        State::Delivered => accepted.unwrap_or(words::state(State::Delivered)),
        state => words::state(state),
    };
    ShownReminder {
        id: reminder.id.to_string(),
        occasion: occasion(reminder.lead, &moments.of(schedule, reminder.starts_at)),
        state: state.to_owned(),
        kind: kind(reminder.state),
        phone: reminder.phone.clone(),
        payload: reminder.payload.clone(),
        is_pending: reminder.state == State::Pending,
        is_uncertain: reminder.state == State::Uncertain,
        has_phone: reminder.phone.is_some(),
    }
}

fn last_four(rows: &[AuditRow]) -> Personal {
    let last = rows.iter().rev().find_map(|row| row.phone_last4());
    last.map(|last| format!("***{last}").into()).unwrap_or_default()
}

/// Whether only a person says that the call arrived.
fn is_by_word(reminder: &StoryReminder, rows: &[AuditRow]) -> bool {
    let mut own = rows.iter().rev().filter(|row| row.reminder_id == Some(reminder.id));
    let last = own.find(|row| matches!(row.event, Event::DeliveryDelivered | Event::OperatorResolved));
    last.is_some_and(|row| row.event == Event::OperatorResolved)
}

/// `1 day before Wed 25 Nov 16:40`.
fn occasion(lead: Lead, starts_at: &ShownMoment) -> String {
    let call = match lead.before {
        LeadTime::Days(days) => format!("{} before {starts_at}", counted(days.into(), "day", "days")),
        LeadTime::Hours(hours) => format!("{} before {starts_at}", counted(hours.into(), "hour", "hours")),
        LeadTime::Now => format!("as requested, for {starts_at}"),
    };
    if lead.is_retry() { format!("{call}, retry {}", lead.retry) } else { call }
}

/// The line without `, by service`: where nobody else is named, the service did it. That the fate is unknown is said only once.
fn by_a_person(line: &str) -> String {
    line.strip_suffix(", by service").unwrap_or(line).replacen(": fate unknown, ", ": ", 1)
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

    #[test]
    fn a_reminder_is_named_by_how_long_before_the_appointment_it_is_due() {
        let at = ShownMoment { exact: String::new(), text: "Wed 25 Nov 16:40".to_owned() };
        for (lead, words) in [
            (Lead::days(1), "1 day before Wed 25 Nov 16:40"),
            (Lead::days(7), "7 days before Wed 25 Nov 16:40"),
            (Lead::hours(24), "24 hours before Wed 25 Nov 16:40"),
            (Lead::days(1).at_retry(2), "1 day before Wed 25 Nov 16:40, retry 2"),
            (Lead::NOW, "as requested, for Wed 25 Nov 16:40"),
        ] {
            assert_eq!(occasion(lead, &at), words);
        }
    }

    #[test]
    fn what_another_run_is_for_is_not_called_a_decision() {
        let found = |reason: &str| Explanation {
            schedule: "clinic".to_owned(),
            appointment_id: "A-1".to_owned(),
            verdict: Verdict::Skip,
            reason: Some(reason.to_owned()),
            outcome: None,
            steps: vec![RuleStep {
                rule: "window".to_owned(),
                result: StepResult::Block,
                detail: Some("the run of Wed is the one for it".to_owned()),
            }],
            others: Vec::new(),
        };
        let zones = ScheduleZones::of_folder(&Folder::default(), &Zones::newest());
        let moments = Moments::new(zones, jiff::Timestamp::UNIX_EPOCH);
        let sentence = |reason| ShownJudgement::now(&found(reason), &moments).sentence;
        let later = "A run at this moment would leave it out: the run of Wed is the one for it.";
        assert_eq!(sentence("outside_window"), later);
        assert_eq!(sentence("no_phone"), "It would not be called: no phone.");
    }

    #[test]
    fn only_what_a_person_did_is_said_with_a_name() {
        assert_eq!(by_a_person("about to be sent (attempt 1), by service"), "about to be sent (attempt 1)");
        let unknown = "fate unknown (attempt 1): reset: fate unknown, a call may have been placed, by service";
        assert_eq!(by_a_person(unknown), "fate unknown (attempt 1): reset: a call may have been placed");
        assert_eq!(
            by_a_person("settled by a person: she said so, by page:ann"),
            "settled by a person: she said so, by page:ann"
        );
    }
}
