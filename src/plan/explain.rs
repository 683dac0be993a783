//! pure: every rule's answer for one appointment: its input and result, the first that blocks, and what would let it
//! through.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::case::{Case, place_of};
use super::row_judge::Share;
use super::row_rules::ROW_RULES;
use super::rules::{self, Block, BlockedAs};
use super::whole_rules::{WHOLE_RULES, WholeCase};
use super::{Knowledge, Plan, PlannedReminder};
use crate::appointment::phone;
use crate::reminder::{CallOutcome, SkipReason, State};
use crate::schedule::Schedule;
use crate::spelling::did_you_mean;

/// What `explain` answers; its JSON has these fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The schedule's name.
    pub schedule: String,
    /// The appointment's id.
    pub appointment_id: String,
    /// What becomes of it.
    pub verdict: Verdict,
    /// A skip's reason, or `outside_window`, `already_reminded`, `run_held`; null for a call.
    pub reason: Option<String>,
    /// What became of its call, or what the person said in another lead's call; null where that isn't known.
    #[serde(default)]
    pub outcome: Option<CallOutcome>,
    /// Every rule in order.
    pub steps: Vec<RuleStep>,
    /// What becomes of further starts that the source has under the same id.
    #[serde(default)]
    pub others: Vec<OtherStart>,
}

/// Another start of the appointment that is explained, with the verdict on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherStart {
    /// The start with the schedule's offset; null when it can't be read.
    pub starts_at: Option<String>,
    /// What becomes of it.
    pub verdict: Verdict,
    /// The reason, a word as in the explanation itself.
    pub reason: Option<String>,
    /// Where it is in the source, and why it isn't called.
    pub detail: Option<String>,
}

/// What becomes of an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It would be called.
    Call,
    /// It isn't called.
    Skip,
    /// Its key has a reminder: pending, being sent, or settled.
    Reminded,
    /// The read had no such row.
    Absent,
}

/// One rule's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleStep {
    /// The rule's name.
    pub rule: String,
    /// What it said.
    pub result: StepResult,
    /// Its input, and for a block what would let it through; null when it wasn't reached.
    pub detail: Option<String>,
}

/// What a rule said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// It lets the row through.
    Pass,
    /// It is the first that doesn't.
    Block,
    /// An earlier rule blocked.
    NotReached,
}

/// The appointment to be explained and what the rules said of its rows.
pub(super) struct WatchedAppointment {
    appointment_id: String,
    seen: Vec<RowAnswers>,
}

/// The rules' answers for one row.
struct RowAnswers {
    /// The line or row, as in [`place_of`].
    number: u64,
    starts_at: Option<jiff::Timestamp>,
    steps: Vec<RuleStep>,
    block: Option<BlockedAs>,
    /// The reminder of its key is pending.
    is_pending: bool,
    outcome: Option<CallOutcome>,
}

impl WatchedAppointment {
    pub(super) fn of(appointment_id: &str) -> Self {
        Self { appointment_id: appointment_id.to_owned(), seen: Vec::new() }
    }

    /// A row of it, right after it was read.
    pub(super) fn see(&mut self, case: &Case<'_>) {
        let starts_at = case.sighting.start.as_ref().ok().map(|start| start.at);
        let is_pending = case.known.is_some_and(|known| known.state == State::Pending);
        let of_call = case.known.and_then(|known| known.outcome);
        let outcome = of_call.or(case.said.map(|(_, outcome)| outcome));
        let number = case.sighting.number;
        let mut seen = RowAnswers { number, starts_at, steps: Vec::new(), block: None, is_pending, outcome };
        for rule in ROW_RULES {
            // only for the rule about the time: a start that cannot be read is blocked there
            let cell = || (rule.name == rules::rule_of(SkipReason::InvalidTime)).then(|| case.unread_time()).flatten();
            seen.note(rule.name, || (rule.ask)(case), || (rule.passed)(case), cell);
        }
        self.seen.push(seen);
    }

    /// The same row, after the whole read.
    pub(super) fn see_whole(&mut self, case: &WholeCase<'_>) {
        let candidate = &case.call.candidate;
        if candidate.id != self.appointment_id || candidate.share == Share::Further {
            return;
        }
        let starts_at = Some(candidate.start.at);
        let passed = self.seen.iter_mut().find(|seen| seen.block.is_none() && seen.starts_at == starts_at);
        if let Some(seen) = passed {
            for rule in WHOLE_RULES {
                seen.note(rule.name, || (rule.ask)(case), || (rule.passed)(case), || None);
            }
        }
    }

    /// A sentence about further rows that have the id and start of an earlier one.
    fn repeated(&self, schedule: &Schedule) -> Option<String> {
        let again = self.seen.iter().filter(|seen| seen.block == Some(BlockedAs::Skip(SkipReason::DuplicateRow)));
        let places: Vec<String> = again.map(|seen| place_of(schedule, seen.number)).take(PLACES_SHOWN).collect();
        let verb = if places.len() == 1 { "has" } else { "have" };
        let repeated = format!(
            "this row counts; {} {verb} the same id and start and counts for nothing (`{DUPLICATE}`)",
            places.join(", ")
        );
        (!places.is_empty()).then_some(repeated)
    }

    /// The explanation. Of several rows the one is explained that got furthest, and what becomes of further starts is said.
    pub(super) fn explanation(self, schedule: &Schedule, knowledge: &Knowledge, plan: &Plan) -> Explanation {
        let repeated = self.repeated(schedule);
        let Self { appointment_id, mut seen } = self;
        let places = 0..seen.len();
        let furthest = places.max_by_key(|place| (seen[*place].passed(), std::cmp::Reverse(seen[*place].starts_at)));
        let Some(furthest) = furthest.map(|place| seen.remove(place)) else {
            return absent(schedule, appointment_id, knowledge, plan);
        };
        let further = seen.iter().filter(|other| other.starts_at != furthest.starts_at);
        let is_first = |other: &&RowAnswers| other.block != Some(BlockedAs::Skip(SkipReason::DuplicateRow));
        let others = further.filter(is_first).map(|other| other.in_brief(schedule, &appointment_id, plan)).collect();
        let fate = furthest.fate(&appointment_id, plan);
        let RowAnswers { mut steps, block, outcome, .. } = furthest;
        if let (Some(repeated), Some(step)) = (repeated, steps.iter_mut().find(|step| step.rule == DUPLICATE))
            && step.result == StepResult::Pass
        {
            step.detail = Some(repeated);
        }
        steps.extend(rules::names().skip(steps.len()).map(not_reached));
        let (verdict, reason) = fate;
        if reason == Some("run_held")
            && let Some(held) = &plan.held
        {
            steps.push(blocked("guard", &format!("{}. {HELD_REMEDY}", held.detail)));
        }
        if block.is_none() && reason == Some("already_reminded") {
            block_at(&mut steps, "already_reminded", &forgotten(schedule, knowledge));
        }
        let reason = reason.map(str::to_owned);
        Explanation { schedule: schedule.name.clone(), appointment_id, verdict, reason, outcome, steps, others }
    }
}

/// What lets a run go that a guard holds.
const HELD_REMEDY: &str = "A run that is held so waits for `tickler approve RUN`, which plans it all the same, or `tickler reject RUN`, \
     which ends it; `tickler status` names it";

/// Why nobody knows whether it was called, and what to do.
fn forgotten(schedule: &Schedule, knowledge: &Knowledge) -> String {
    let wall = |at| schedule.zone.wall(at).strftime("%Y-%m-%d %H:%M");
    let gaps = knowledge.gaps.iter().map(|gap| match gap.begins() {
        None => format!("everything until {}", wall(gap.until)),
        Some(from) => format!("from {} to {}", wall(from), wall(gap.until)),
    });
    format!(
        "it may have been called in a time of which the ledger has lost its rows: {}, because a copy was restored or a loss \
         accepted. The next run makes it uncertain; find out whether the person was called, then \
         `tickler uncertain resolve` with `--delivered`, `--resend` or `--drop` settles it",
        gaps.collect::<Vec<_>>().join(" and ")
    )
}

/// Makes that rule the one that blocks.
fn block_at(steps: &mut [RuleStep], rule: &str, detail: &str) {
    let mut steps = steps.iter_mut().skip_while(|step| step.rule != rule);
    if let Some(step) = steps.next() {
        *step = blocked(rule, detail);
    }
    steps.for_each(|step| *step = not_reached(&step.rule));
}

/// The read had no row with the id; some that could not be read may have been it.
fn absent(schedule: &Schedule, appointment_id: String, knowledge: &Knowledge, plan: &Plan) -> Explanation {
    let mut detail =
        "the source has no row with this id; search for it in the source, or check the `id` column".to_owned();
    if let Some(likely) = likely_id(&appointment_id, knowledge, plan) {
        detail = format!("{detail}; did you mean `{likely}`?");
    }
    let is_unread = |reason| matches!(reason, SkipReason::BadRow | SkipReason::MissingId);
    let unread: Vec<u64> = plan.skipped.iter().filter(|row| is_unread(row.reason)).map(|row| row.row).collect();
    if !unread.is_empty() {
        let places: Vec<String> = unread.iter().take(PLACES_SHOWN).map(|number| place_of(schedule, *number)).collect();
        let more = if unread.len() > PLACES_SHOWN { ", …" } else { "" };
        let rows = if unread.len() == 1 { "1 row has".to_owned() } else { format!("{} rows have", unread.len()) };
        let reasons: BTreeSet<&str> =
            plan.skipped.iter().filter(|row| is_unread(row.reason)).map(|row| row.reason.as_str()).collect();
        let reasons: Vec<String> = reasons.iter().map(|reason| format!("`{reason}`")).collect();
        detail = format!("{detail}; {rows} no readable id: {}{more} ({})", places.join(", "), reasons.join(", "));
    }
    let mut steps: Vec<RuleStep> = rules::names().map(not_reached).collect();
    if let Some(first) = steps.first_mut() {
        *first = blocked(&first.rule, &detail);
    }
    let (schedule, verdict) = (schedule.name.clone(), Verdict::Absent);
    Explanation { schedule, appointment_id, verdict, reason: None, outcome: None, steps, others: Vec::new() }
}

/// The rule about repeated rows, and its reason.
const DUPLICATE: &str = SkipReason::DuplicateRow.as_str();

/// The id that is most like a mistyped one, of the rows in the window and of the reminders about it.
fn likely_id(written: &str, knowledge: &Knowledge, plan: &Plan) -> Option<String> {
    let called = plan.reminders.iter().chain(&plan.forgotten).map(|planned| planned.appointment_id.as_str());
    let skipped = plan.skipped.iter().filter_map(|skipped| skipped.appointment_id.as_deref());
    let reminded = knowledge.reminders.keys().map(|key| key.appointment_id.as_str());
    let ids: BTreeSet<&str> = called.chain(skipped).chain(reminded).collect();
    did_you_mean(written, ids).map(str::to_owned)
}

/// Places of unreadable rows that are named one by one.
const PLACES_SHOWN: usize = 10;

impl RowAnswers {
    fn passed(&self) -> usize {
        self.steps.iter().filter(|step| step.result == StepResult::Pass).count()
    }

    /// What becomes of the row, and the reason.
    fn fate(&self, appointment_id: &str, plan: &Plan) -> (Verdict, Option<&'static str>) {
        let is_it = |planned: &PlannedReminder| {
            planned.appointment_id == appointment_id && Some(planned.starts_at) == self.starts_at
        };
        match (self.block, &plan.held) {
            (Some(BlockedAs::Skip(reason)), _) => (Verdict::Skip, Some(reason.as_str())),
            (Some(BlockedAs::OutsideWindow), _) => (Verdict::Skip, Some("outside_window")),
            (Some(BlockedAs::AlreadyReminded), _) => (Verdict::Reminded, Some("already_reminded")),
            (None, _) if self.is_pending => (Verdict::Reminded, None),
            (None, _) if plan.forgotten.iter().any(is_it) => (Verdict::Reminded, Some("already_reminded")),
            (None, Some(_)) => (Verdict::Skip, Some("run_held")),
            (None, None) => (Verdict::Call, None),
        }
    }

    /// What becomes of a row beside the one that is explained.
    fn in_brief(&self, schedule: &Schedule, appointment_id: &str, plan: &Plan) -> OtherStart {
        let (verdict, reason) = self.fate(appointment_id, plan);
        let place = place_of(schedule, self.number);
        let why = self.steps.iter().find(|step| step.result == StepResult::Block).and_then(|step| step.detail.as_ref());
        OtherStart {
            starts_at: self.starts_at.map(|at| schedule.zone.rfc3339(at)),
            verdict,
            reason: reason.map(str::to_owned),
            detail: Some(why.map_or_else(|| place.clone(), |why| format!("{place}: {why}"))),
        }
    }

    /// Asks a rule and notes its answer, unless an earlier rule blocked.
    fn note(
        &mut self,
        rule: &str,
        ask: impl Fn() -> Result<(), Block>,
        passed: impl Fn() -> String,
        cell: impl Fn() -> Option<String>,
    ) {
        if self.block.is_some() {
            return;
        }
        self.steps.push(match ask() {
            Ok(()) => RuleStep { rule: rule.to_owned(), result: StepResult::Pass, detail: Some(passed()) },
            Err(block) => {
                self.block = Some(block.why);
                let is_phone = block.why == BlockedAs::Skip(SkipReason::InvalidPhone);
                let mut detail = if is_phone { phone::masked(&block.detail) } else { block.detail.into() };
                if let Some(cell) = cell() {
                    detail = format!("{detail}; the cell holds `{cell}`").into();
                }
                match block.remedy.unwrap_or_else(|| rules::remedy(block.why)) {
                    "" => blocked(rule, &detail),
                    remedy => blocked(rule, &format!("{detail}. {remedy}")),
                }
            }
        });
    }
}

fn blocked(rule: &str, detail: &str) -> RuleStep {
    RuleStep { rule: rule.to_owned(), result: StepResult::Block, detail: Some(detail.to_owned()) }
}

fn not_reached(rule: &str) -> RuleStep {
    RuleStep { rule: rule.to_owned(), result: StepResult::NotReached, detail: None }
}
