//! shell: `tickler trigger`.

use std::time::Duration;

use super::arguments::{Globals, TriggerArguments};
use super::context::Context;
use super::dispatch;
use super::ids::ShortIds;
use super::output::{Rows, Shown, complain, tally};
use super::table::{Table, sentence, words};
use crate::audit::words::{TRIAL, accepted_by, state as state_in_words};
use crate::plan::Rehearsed;
use crate::reminder::{RunState, State};
use crate::verbs::trigger::{TriggerAnswer, TriggerAsk};
use crate::verbs::{Access, Exit, trigger};

/// Evaluates now and delivers, in the service when one is running.
pub async fn trigger(globals: &Globals, ask: TriggerArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let rehearsed = if ask.rehearsed { Rehearsed::ArePlanned } else { Rehearsed::CountAsMade };
    if ask.dry_run {
        let context = context.at(&ask.now, Some(&ask.schedule))?;
        context.name_trial(&ask.now);
        let app = context.open(Access::Reading).await?;
        let answer = trigger::dry_run(&app, &ask.schedule, ask.only, rehearsed).await?;
        show(&context, &answer, TriggerEffect::DryRun).await?;
        tell_notes(&context, &answer);
        return Ok(Exit::Done);
    }
    let context = context.sending_at(&ask.now, Some(&ask.schedule))?;
    let wait = Duration::from_secs(u64::try_from(ask.wait.as_secs()).unwrap_or_default());
    let ask = TriggerAsk { schedule: ask.schedule, only: ask.only, rehearsed, wait };
    let (answer, exit) = dispatch::trigger(&context, ask).await?;
    tell(&context, &answer).await?;
    Ok(exit)
}

/// Prints the result of a run; remarks are printed to stderr.
pub(super) async fn tell(context: &Context, answer: &TriggerAnswer) -> anyhow::Result<()> {
    show(context, answer, TriggerEffect::Done).await?;
    tell_notes(context, answer);
    if answer.counts.pending > 0 && !answer.service {
        let pending = answer.counts.pending;
        complain(&format!("{pending} pending, and no service runs: `tickler run`, or another trigger, sends them"));
    }
    Ok(())
}

/// Prints the remarks, and why it is held or refused, to stderr.
fn tell_notes(context: &Context, answer: &TriggerAnswer) {
    for note in &answer.notes {
        complain(&format!("{}: {}", answer.schedule, context.hint(note)));
    }
    if let Some(detail) = answer.detail.as_ref().or(answer.refusal.as_ref()) {
        complain(&format!("{}: {}", answer.schedule, context.hint(detail)));
    }
}

/// Whether an answer says what was done, or only what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TriggerEffect {
    /// It was done.
    Done,
    /// Nothing was done: the answer says what a trigger would do.
    DryRun,
}

async fn show(context: &Context, answer: &TriggerAnswer, effect: TriggerEffect) -> anyhow::Result<()> {
    let ids = match context.prints_tables() {
        true => ShortIds::among_all(context, answer.reminders.iter().filter_map(|row| row.reminder_id)).await,
        false => ShortIds::default(),
    };
    let rows = || rows(answer);
    Shown { answer, people: &|| for_people(context, &ids, answer, effect), rows: &rows }.print(context.format)
}

fn for_people(context: &Context, ids: &ShortIds, answer: &TriggerAnswer, effect: TriggerEffect) -> String {
    let counts = &answer.counts;
    let accepted = accepted_by(answer.accepted_by.as_deref());
    let mut counted = vec![
        (counts.delivered - counts.trials.min(counts.delivered), accepted.as_str()),
        (counts.trials, TRIAL),
        (counts.shadowed, "would have been called (shadow mode)"),
        (counts.uncertain, "of unknown fate"),
        (counts.failed, "failed"),
        (counts.dropped, "given up"),
        (counts.expired, "expired"),
        (counts.pending, if effect == TriggerEffect::Done { "wait" } else { "would be called" }),
        (counts.skipped, "not called"),
        (counts.outside_window, "outside the window"),
    ];
    counted.extend(answer.reminded.in_words());
    let counted = tally(&counted);
    let at = context.moment_of(&answer.nominal_at);
    let zone = context.zone_of(Some(&answer.schedule));
    let state = match (effect, answer.state) {
        (TriggerEffect::Done, state) => state.to_string(),
        (TriggerEffect::DryRun, RunState::Held) => "a dry run, nothing is sent: the run would be held".to_owned(),
        (TriggerEffect::DryRun, _) => "a dry run, nothing is sent".to_owned(),
    };
    let head = context.screen.prose(&format!("{} at {at} ({}): {state} ({counted})", answer.schedule, zone.name()));
    if answer.reminders.is_empty() {
        return head;
    }
    let columns = [
        words("appointment"),
        sentence("name").below(3),
        words("state"),
        words("attempts").leaves(1),
        words("http").leaves(2),
        words("reminder"),
    ];
    let mut table = Table::of(&columns);
    for reminder in &answer.reminders {
        table.push(vec![
            reminder.appointment_id.clone(),
            reminder.label.clone().unwrap_or_default().into_string(),
            match reminder.state {
                State::Pending if effect == TriggerEffect::DryRun => "would be called".to_owned(),
                State::Delivered if reminder.trial => TRIAL.to_owned(),
                State::Delivered => accepted.clone(),
                state => state_in_words(state).to_owned(),
            },
            reminder.attempts.to_string(),
            reminder.http_status.map(|status| status.to_string()).unwrap_or_default(),
            reminder.reminder_id.map(|id| ids.of(id)).unwrap_or_default(),
        ]);
    }
    format!("{head}\n\n{}", table.fit(context.screen))
}

fn rows(answer: &TriggerAnswer) -> Rows {
    let mut rows = Rows::of(&["reminder_id", "appointment_id", "state", "attempts", "http_status"]);
    for reminder in &answer.reminders {
        rows.push(vec![
            reminder.reminder_id.map(|id| id.to_string()).unwrap_or_default(),
            reminder.appointment_id.clone(),
            reminder.state.to_string(),
            reminder.attempts.to_string(),
            reminder.http_status.map(|status| status.to_string()).unwrap_or_default(),
        ]);
    }
    rows
}
