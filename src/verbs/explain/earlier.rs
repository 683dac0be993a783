//! shell: what an earlier run decided, from the audit and the schedule text it ran with.

use std::sync::Arc;

use jiff::Timestamp;

use super::{SHADOW_STEP, in_words, reminders_of};
use crate::audit::{AuditFilter, AuditRow, Event};
use crate::evaluation::with_holidays;
use crate::ledger::{ReminderRow, RunRow, RunsAsk, WhySkipped};
use crate::plan::explain::{Explanation, OtherStart, RuleStep, StepResult, Verdict};
use crate::plan::rules::{self, rule_of};
use crate::plan::{Occasion, due_windows};
use crate::reminder::{RunId, RunState, SkipReason, State};
use crate::schedule::{Leads, Schedule, load};
use crate::verbs::{App, VerbError, VerbResult, audit};

/// What that run decided for this appointment.
///
/// # Errors
/// When the ledger has no such run of this schedule, or can't be read.
pub async fn explain_run(app: &App, name: &str, appointment: &str, run: RunId) -> VerbResult<Explanation> {
    let ledger = app.ledger()?;
    let row = ledger.runs(RunsAsk::Id(run)).await?.pop().filter(|row| row.schedule == name);
    let row = row.ok_or_else(|| VerbError::Failed(format!("the ledger has no run {run} of `{name}`")))?;
    let text = ledger.schedule_text(row.text_hash.clone()).await?;
    let path = app.settings.schedules.join(format!("{name}.toml"));
    let then = text.and_then(|text| load::one(&path, &text, &app.env.zones).schedule);
    // calendar files are read as they are now; without them the dates of the schedule itself decide
    let then = then.map(|then| with_holidays(&then, row.nominal_at).unwrap_or(then));
    let filter = AuditFilter { run: Some(run), appointment: Some(appointment.to_owned()), ..AuditFilter::default() };
    let log = audit::list(app, filter).await?;
    let ever = AuditFilter {
        schedule: Some(name.to_owned()),
        appointment: Some(appointment.to_owned()),
        ..AuditFilter::default()
    };
    let history = audit::list(app, ever).await?;
    let reminders = reminders_of(app, name, appointment).await?;
    Ok(EarlierRun { run: &row, then, appointment, log: &log, history: &history, reminders: &reminders }.decide())
}

struct EarlierRun<'a> {
    run: &'a RunRow,
    then: Option<Arc<Schedule>>,
    appointment: &'a str,
    /// What that run wrote of it.
    log: &'a [AuditRow],
    /// All that was ever written of it.
    history: &'a [AuditRow],
    reminders: &'a [ReminderRow],
}

/// A decision before it is dressed in steps.
struct EarlierDecision {
    verdict: Verdict,
    reason: Option<String>,
    block: Option<(&'static str, String)>,
}

fn outside(detail: String) -> EarlierDecision {
    let reason = Some("outside_window".to_owned());
    EarlierDecision { verdict: Verdict::Skip, reason, block: Some(("window", detail)) }
}

impl EarlierRun<'_> {
    fn decide(&self) -> Explanation {
        let decision = self.by_run().unwrap_or_else(|| self.by_log());
        Explanation {
            schedule: self.run.schedule.clone(),
            appointment_id: self.appointment.to_owned(),
            verdict: decision.verdict,
            reason: decision.reason,
            outcome: None,
            steps: self.steps(decision.block).into_iter().chain(self.shadow_step()).collect(),
            others: self.others(),
        }
    }

    /// What the run decided of further starts of the same id. The one that is explained comes first, as in [`Self::by_log`].
    fn others(&self) -> Vec<OtherStart> {
        let is_called = |row: &&AuditRow| matches!(row.event, Event::ReminderPlanned | Event::ReminderShadowed);
        let called = self.log.iter().filter(is_called);
        let skipped = self.log.iter().filter(|row| row.event == Event::ReminderSkipped);
        let mut told: Vec<Option<Timestamp>> = Vec::new();
        let mut others = Vec::new();
        for row in called.chain(skipped) {
            if told.contains(&row.starts_at) {
                continue;
            }
            told.push(row.starts_at);
            let verdict = if is_called(&row) { Verdict::Call } else { Verdict::Skip };
            let (reason, detail) = (row.reason.as_deref(), row.detail.as_deref());
            others.push(OtherStart {
                starts_at: row.starts_at.map(|at| self.show(at)),
                verdict,
                reason: reason.filter(|_| verdict == Verdict::Skip).map(str::to_owned),
                detail: detail.map(str::to_owned),
            });
        }
        others.into_iter().skip(1).collect()
    }

    /// Says of a call that the run would have made that it didn't.
    fn shadow_step(&self) -> Option<RuleStep> {
        let row = self.log.iter().find(|row| row.event == Event::ReminderShadowed)?;
        let detail = row.detail.as_deref().unwrap_or_default();
        let detail = Some(format!("the run was one in shadow mode and called nobody: {detail}"));
        Some(RuleStep { rule: SHADOW_STEP.to_owned(), result: StepResult::Pass, detail })
    }

    /// An earlier run in shadow mode that would have called about the start for which this one was.
    fn by_rehearsal(&self) -> Option<EarlierDecision> {
        let evaluated = self.run.read_at.unwrap_or(self.run.started_at);
        let is_before = |row: &&AuditRow| row.event == Event::ReminderShadowed && row.at <= evaluated;
        let row = self.history.iter().rfind(is_before)?;
        let detail = format!("at {} a run in shadow mode would have called it", self.show(row.at));
        if row.starts_at.is_none_or(|start| self.is_outside(start)) {
            return Some(outside(detail));
        }
        let reason = Some("already_reminded".to_owned());
        Some(EarlierDecision { verdict: Verdict::Reminded, reason, block: Some(("already_reminded", detail)) })
    }

    /// A run that decided nothing.
    fn by_run(&self) -> Option<EarlierDecision> {
        let detail = |what: &str| self.run.detail.clone().unwrap_or_else(|| what.to_owned());
        let (reason, rule, detail) = match self.run.state {
            RunState::Held => ("run_held", "run", self.held_in_words()),
            RunState::Failed => ("run_failed", "run", detail("the run failed")),
            RunState::Missed => ("run_missed", "run", detail("nobody was there at that time")),
            RunState::Skipped => match self.run.why_skipped() {
                Some(WhySkipped::Overlap) => ("run_missed", "run", detail("the run before it was still going")),
                Some(WhySkipped::Rejected) => ("run_held", "run", detail("a person ended the run")),
                Some(WhySkipped::Paused | WhySkipped::Unknown) | None => {
                    ("paused", "run", detail("the run was left out"))
                }
            },
            RunState::Running | RunState::Waiting => ("run_failed", "run", detail("the run isn't over")),
            RunState::Done => return None,
        };
        Some(EarlierDecision { verdict: Verdict::Skip, reason: Some(reason.to_owned()), block: Some((rule, detail)) })
    }

    fn held_in_words(&self) -> String {
        let why = self.run.detail.as_deref().unwrap_or("a guard held the run");
        let run = self.run.id;
        format!(
            "{why}. `tickler approve {run}` plans it all the same, `tickler reject {run}` ends it: nobody is called by it \
             until then"
        )
    }

    fn by_log(&self) -> EarlierDecision {
        // a row without an attempt says that the run planned what the ledger had forgotten; rows about a later sending have an attempt
        let is_forgotten = |row: &&AuditRow| row.event == Event::DeliveryUncertain && row.attempt.is_none();
        if let Some(row) = self.log.iter().find(is_forgotten) {
            let detail = row.detail.as_deref().unwrap_or_default().to_owned();
            let (verdict, reason) = (Verdict::Reminded, Some("already_reminded".to_owned()));
            return EarlierDecision { verdict, reason, block: Some(("already_reminded", detail)) };
        }
        if self.log.iter().any(|row| matches!(row.event, Event::ReminderPlanned | Event::ReminderShadowed)) {
            return EarlierDecision { verdict: Verdict::Call, reason: None, block: None };
        }
        let skipped = self.log.iter().find(|row| row.event == Event::ReminderSkipped);
        if let Some((row, reason)) = skipped.and_then(|row| Some((row, row.reason.as_deref()?))) {
            let rule = reason.parse::<SkipReason>().map_or("row", rule_of);
            let detail = row.detail.as_deref().unwrap_or(reason).to_owned();
            let block = Some((rule, detail));
            return EarlierDecision { verdict: Verdict::Skip, reason: Some(reason.to_owned()), block };
        }
        self.by_cancellation()
            .or_else(|| self.by_reminder())
            .or_else(|| self.by_rehearsal())
            .unwrap_or_else(|| self.by_start())
    }

    /// A reminder that waited, and that this run took back.
    fn by_cancellation(&self) -> Option<EarlierDecision> {
        let row = self.log.iter().find(|row| row.event == Event::ReminderCancelled)?;
        let detail = row.detail.as_deref().unwrap_or_default().to_owned();
        let (verdict, reason, rule) = match row.reason.as_deref() {
            Some("moved") => (Verdict::Skip, Some("outside_window"), "window"),
            Some("missing") | None => (Verdict::Absent, None, "row"),
            Some(reason) => (Verdict::Skip, Some(reason), reason.parse::<SkipReason>().map_or("row", rule_of)),
        };
        Some(EarlierDecision { verdict, reason: reason.map(str::to_owned), block: Some((rule, detail)) })
    }

    /// A reminder that was there before this run.
    fn by_reminder(&self) -> Option<EarlierDecision> {
        // reminders' ids are made in the order of time, as runs' are
        let reminder = self.reminders.iter().rfind(|reminder| reminder.run_id < self.run.id)?;
        let (detail_of_reminder, reminded) = (self.reminded_detail(reminder), Verdict::Reminded);
        if self.waited(reminder) {
            return Some(EarlierDecision { verdict: reminded, reason: None, block: None });
        }
        if self.is_outside(reminder.starts_at) {
            return Some(outside(detail_of_reminder));
        }
        let reason = Some("already_reminded".to_owned());
        Some(EarlierDecision { verdict: reminded, reason, block: Some(("already_reminded", detail_of_reminder)) })
    }

    /// A start that some other run wrote down.
    fn by_start(&self) -> EarlierDecision {
        match self.history.iter().rev().find_map(|row| row.starts_at) {
            Some(start) if self.is_outside(start) => {
                outside(format!("as far as the log knows it starts {}", self.show(start)))
            }
            known => EarlierDecision {
                verdict: Verdict::Absent,
                reason: None,
                block: Some(("row", self.not_in_the_export(known))),
            },
        }
    }

    /// The sentence that nothing of that run is about the appointment, which is known to start at `start`.
    fn not_in_the_export(&self, start: Option<Timestamp>) -> String {
        let read = self.run.read_at.map(|at| format!(", read {}", self.show(at))).unwrap_or_default();
        let is_of_days = self.then.as_ref().is_some_and(|then| matches!(then.remind.leads, Leads::Days(_)));
        match start.filter(|_| is_of_days) {
            Some(start) => format!(
                "not in that day's export{read}: it had no row with this id, although the run was the one for its start, {}",
                self.show(start)
            ),
            None => format!("not in that day's export{read}, or not in the window of that run"),
        }
    }

    /// Whether a reminder waited to be sent when this run was evaluated.
    fn waited(&self, reminder: &ReminderRow) -> bool {
        let evaluated = self.run.read_at.unwrap_or(self.run.started_at);
        let mut before = self.history.iter().filter(|row| row.reminder_id == Some(reminder.id) && row.at <= evaluated);
        match before.next_back() {
            Some(row) => matches!(row.event, Event::ReminderPlanned | Event::DeliveryRefused),
            None => reminder.state == State::Pending,
        }
    }

    /// Whether a start lay outside that run's dates. How far back a window of hours reached isn't known any more.
    fn is_outside(&self, start: Timestamp) -> bool {
        let Some(schedule) = self.then.as_ref().filter(|then| matches!(then.remind.leads, Leads::Days(_))) else {
            return false;
        };
        let occasion = Occasion { nominal_at: self.run.nominal_at, ..Occasion::at(self.run.started_at) };
        !due_windows(schedule, &occasion, None).iter().any(|window| window.holds(start))
    }

    fn show(&self, at: Timestamp) -> String {
        self.then.as_ref().map_or_else(|| at.to_string(), |schedule| schedule.zone.rfc3339(at))
    }

    fn reminded_detail(&self, reminder: &ReminderRow) -> String {
        match &self.then {
            Some(schedule) => in_words(reminder, &schedule.zone),
            None => format!("reminder {} is {}, due {}", reminder.id, reminder.state, reminder.due_at),
        }
    }

    /// What the log kept of each rule; of one that let the row through it kept no more than its place.
    fn steps(&self, block: Option<(&'static str, String)>) -> Vec<RuleStep> {
        let mut is_reached = true;
        let step = |rule: &'static str| {
            let (result, detail) = match &block {
                Some((blocking, detail)) if *blocking == rule => (StepResult::Block, Some(detail.clone())),
                Some(_) | None if is_reached => (StepResult::Pass, self.input(rule)),
                Some(_) | None => (StepResult::NotReached, None),
            };
            is_reached &= result == StepResult::Pass;
            RuleStep { rule: rule.to_owned(), result, detail }
        };
        // before the rules comes what keeps a whole run from deciding anything
        std::iter::once("run").chain(rules::names()).map(step).collect()
    }

    fn input(&self, rule: &str) -> Option<String> {
        let is_planned = |row: &&AuditRow| matches!(row.event, Event::ReminderPlanned | Event::ReminderShadowed);
        let planned = self.log.iter().find(is_planned);
        match rule {
            "run" => Some(format!("{} of {}", self.run.kind, self.show(self.run.nominal_at))),
            "time" => self.log.iter().find_map(|row| row.starts_at).map(|at| format!("it starts {}", self.show(at))),
            "window" => planned.and_then(|row| row.lead).map(|lead| format!("in the window of lead {lead}")),
            "already_reminded" => self
                .reminders
                .iter()
                .rfind(|reminder| reminder.run_id < self.run.id && self.waited(reminder))
                .map(|reminder| self.reminded_detail(reminder)),
            "phone" => planned.and_then(|row| row.phone_last4()).map(|last| format!("***{last}")),
            "outside_calling_hours" => {
                self.then.as_ref().map(|schedule| format!("calling hours were {}", schedule.remind.calendar()))
            }
            _ => None,
        }
    }
}
