//! shell: `tickler cancel`.

use super::arguments::{CancelArguments, Globals};
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown};
use crate::audit::{escape, words};
use crate::verbs::cancel::{CancelAsk, CancelledReminder};
use crate::verbs::{Exit, Request};

/// Cancels one pending reminder.
pub async fn cancel(globals: &Globals, ask: CancelArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let CancelArguments { id, schedule, reason } = ask;
    let request = Request::Cancel(CancelAsk { id, schedule, reason });
    let (answer, exit): (CancelledReminder, Exit) = dispatch::change(&context, request).await?;
    let people = || {
        let (schedule, appointment) = (&answer.schedule, escape(&answer.appointment_id));
        format!("the reminder of {appointment} of {schedule} is {}: no run plans it again", words::state(answer.state))
    };
    let rows = || {
        let mut rows = Rows::of(&["reminder_id", "schedule", "appointment_id", "state"]);
        let id = answer.reminder_id.to_string();
        rows.push(vec![id, answer.schedule.clone(), answer.appointment_id.clone(), answer.state.to_string()]);
        rows
    };
    Shown { answer: &answer, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}
