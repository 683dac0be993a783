//! shell: `tickler status`.

use super::arguments::Globals;
use super::context::{Context, ZoneName};
use super::dispatch;
use super::output::{Rows, Shown};
use super::table::{Table, words};
use crate::audit::escape;
use crate::audit::words::counted;
use crate::schedule::ScheduleMode;
use crate::verbs::status::{Health, ScheduleStatus, StatusAnswer};
use crate::verbs::{Access, Exit, Request, status};

/// Prints the status of the running service, or of this machine's files when no service is running.
pub async fn status(globals: &Globals) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let answer: StatusAnswer = match dispatch::ask(&context, &Request::Status).await? {
        Some(answer) => dispatch::body(answer)?.0,
        None => status::status(&context.open(Access::Reading).await?).await?,
    };
    let rows = || rows(&answer);
    Shown { answer: &answer, people: &|| for_people(&context, &answer), rows: &rows }.print(context.format)?;
    Ok(Exit::Done)
}

fn for_people(context: &Context, answer: &StatusAnswer) -> String {
    let stop = match (&answer.stop_file, answer.paused) {
        (Some(path), _) => format!("   NOBODY IS CALLED: {} IS THERE", escape(path)),
        (None, true) => "   EVERYTHING IS PAUSED".to_owned(),
        (None, false) => String::new(),
    };
    let health = match (answer.state, answer.service) {
        (Health::Degraded, _) if answer.stop_file.is_some() => "stopped: nobody is called while the STOP file is there",
        (Health::Ok, _) => "ok",
        (Health::Degraded, _) => "degraded: something needs a person",
        (Health::Down, true) => "down: the ledger can't be written, nobody is called",
        (Health::Down, false) => "down: no service is running, so nobody is called by itself",
    };
    let sending = if answer.sending > 0 { format!("{} being sent   ", answer.sending) } else { String::new() };
    let mut lines = vec![
        context.screen.prose(&format!("tickler {} is {health}", answer.version)),
        context.screen.prose(&format!(
            "clock {} UTC   zone rules {}   audit row {}",
            context.moment_of(&answer.now),
            answer.zone_rules,
            answer.audit.seq
        )),
        context.screen.prose(&format!(
            "{} pending   {sending}{} of unknown fate   {}   {}{stop}",
            answer.pending,
            answer.uncertain,
            counted(answer.held_runs, "held run", "held runs"),
            counted(answer.waiting_runs, "waiting run", "waiting runs"),
        )),
    ];
    lines.extend(outcomes(answer));
    if answer.schedules.is_empty() {
        lines.push("no schedules yet: put a file into the schedules' folder".into());
    } else {
        lines.push(String::new());
        // problems are printed below
        lines.push(schedules(context, answer));
        let timed =
            answer.schedules.iter().filter(|schedule| schedule.next_run.is_some() || schedule.last_run.is_some());
        lines.push(context.zones_named(timed.map(|schedule| schedule.name.as_str())));
    }
    if !answer.problems.is_empty() {
        let zones = context.zones();
        lines.push(String::new());
        lines.extend(
            answer
                .problems
                .iter()
                .map(|problem| {
                    // a problem of a schedule begins with its name
                    let zone = zones.of(problem.split(':').next());
                    context.with_moments(&context.hint(problem), zone, ZoneName::Shown)
                })
                .map(|problem| context.screen.prose(&format!("! {}", escape(&problem)))),
        );
    }
    lines.join("\n")
}

/// What is to come of calls, where anything is.
fn outcomes(answer: &StatusAnswer) -> Option<String> {
    let (outcomes, inbound) = (&answer.outcomes, &answer.inbound);
    let listens = inbound
        .listen
        .as_ref()
        .map(|at| format!("records are taken at {at}: {} accepted, {} refused", inbound.accepted, inbound.refused));
    let known = outcomes.awaited + outcomes.unreported > 0;
    let counts = known.then(|| format!("{} outcomes awaited, {} unreported", outcomes.awaited, outcomes.unreported));
    let parts: Vec<String> = counts.into_iter().chain(listens).collect();
    (!parts.is_empty()).then(|| parts.join("   "))
}

fn schedules(context: &Context, answer: &StatusAnswer) -> String {
    let mut table = Table::of(&[
        words("name"),
        words("state"),
        words("next run"),
        words("last run"),
        words("planned").leaves(3),
        words("skipped").leaves(2),
        words("mostly").below(1),
    ]);
    for schedule in &answer.schedules {
        let count = |count: Option<u64>| count.map(|count| count.to_string()).unwrap_or_default();
        table.push(vec![
            schedule.name.clone(),
            match schedule.mode {
                Some(ScheduleMode::Shadow) => format!("{}, shadow", word(schedule)),
                Some(ScheduleMode::Live) | None => word(schedule),
            },
            context.moment_of(schedule.next_run.as_deref().unwrap_or_default()),
            context.moment_of(schedule.last_run.as_deref().unwrap_or_default()),
            match schedule.mode {
                Some(ScheduleMode::Shadow) => {
                    schedule.last_planned.map(|count| format!("{count} (no call)")).unwrap_or_default()
                }
                Some(ScheduleMode::Live) | None => count(schedule.last_planned),
            },
            count(schedule.last_skipped),
            schedule.last_reason.clone().unwrap_or_default(),
        ]);
    }
    table.fit(context.screen)
}

fn word(schedule: &ScheduleStatus) -> String {
    let state = serde_json::to_value(schedule.state).expect("a word is plain JSON");
    state.as_str().unwrap_or_default().to_owned()
}

fn rows(answer: &StatusAnswer) -> Rows {
    const HEADERS: [&str; 12] = [
        "name",
        "state",
        "next_run",
        "last_run",
        "last_state",
        "problem",
        "last_planned",
        "last_skipped",
        "last_reason",
        "waits",
        "paused_until",
        "pause_reason",
    ];
    let mut rows = Rows::of(&HEADERS);
    for schedule in &answer.schedules {
        rows.push(vec![
            schedule.name.clone(),
            word(schedule),
            schedule.next_run.clone().unwrap_or_default(),
            schedule.last_run.clone().unwrap_or_default(),
            schedule.last_state.map(|state| state.to_string()).unwrap_or_default(),
            schedule.problem.clone().unwrap_or_default(),
            schedule.last_planned.map(|count| count.to_string()).unwrap_or_default(),
            schedule.last_skipped.map(|count| count.to_string()).unwrap_or_default(),
            schedule.last_reason.clone().unwrap_or_default(),
            schedule.waits.clone().unwrap_or_default(),
            schedule.paused_until.clone().unwrap_or_default(),
            schedule.pause_reason.clone().unwrap_or_default(),
        ]);
    }
    rows
}
