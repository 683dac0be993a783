//! shell: `tickler test-call`.

use super::arguments::{Globals, TestCallArguments};
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown};
use crate::audit::words;
use crate::reminder::State;
use crate::verbs::test_call::TestCallAnswer;
use crate::verbs::{Exit, Request};

/// Sends one payload to one's own phone.
pub async fn test_call(globals: &Globals, ask: TestCallArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?.sending_at(&ask.now, Some(&ask.schedule))?;
    let wait_seconds = ask.wait.map(|wait| wait.unsigned_abs().as_secs());
    let request = Request::TestCall { schedule: ask.schedule, to: ask.to, wait_seconds };
    let (answer, exit): (TestCallAnswer, Exit) = dispatch::change(&context, request).await?;
    Shown { answer: &answer, people: &|| for_people(&answer), rows: &|| rows(&answer) }.print(context.format)?;
    Ok(exit)
}

fn for_people(answer: &TestCallAnswer) -> String {
    let status = answer.http_status.map(|status| format!(" ({status})")).unwrap_or_default();
    let heard = match answer.heard {
        Some(true) => "; a record of the call came",
        Some(false) => "; no record of the call came in time",
        None => "",
    };
    let reason = answer.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!(
        "the test call of {} is {}{status}{reason}{heard}\n{}",
        answer.schedule,
        match answer.state {
            State::Delivered if answer.trial => words::TRIAL.to_owned(),
            State::Delivered => words::accepted_by(answer.accepted_by.as_deref()),
            state => words::state(state).to_owned(),
        },
        answer.payload.as_str()
    )
}

fn rows(answer: &TestCallAnswer) -> Rows {
    let mut rows = Rows::of(&["schedule", "reminder_id", "state", "http_status", "reason", "payload"]);
    rows.push(vec![
        answer.schedule.clone(),
        answer.reminder_id.to_string(),
        answer.state.to_string(),
        answer.http_status.map(|status| status.to_string()).unwrap_or_default(),
        answer.reason.clone().unwrap_or_default(),
        answer.payload.as_str().to_owned(),
    ]);
    rows
}
