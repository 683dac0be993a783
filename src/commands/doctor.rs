//! shell: `tickler doctor` and `tickler service print`.

use super::arguments::Globals;
use super::context::{Context, ZoneName};
use super::dispatch;
use super::output::{Rows, Shown, write_out};
use super::table::{Table, sentence, words};
use crate::schedule::load;
use crate::verbs::doctor::{DoctorAnswer, DoctorVerdict, examine};
use crate::verbs::{Exit, VerbError, secrets, service};
use crate::zones::Zones;

/// Checks the program's environment.
pub async fn doctor(globals: &Globals) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let folder = load::folder(&context.settings.schedules, &Zones::newest()).unwrap_or_default();
    let unset = secrets::unset(&context.settings, folder.schedules.values());
    let seen = dispatch::seen_by_service(&context, unset).await;
    let clock = std::sync::Arc::clone(&context.clock);
    let answer = examine(context.settings.clone(), clock, &context.actor(), &seen).await;
    Shown { answer: &answer, people: &|| for_people(&context, &answer), rows: &|| rows(&answer) }
        .print(context.format)?;
    Ok(answer.exit())
}

fn for_people(context: &Context, answer: &DoctorAnswer) -> String {
    let mut table = Table::of(&[words("subject"), words("verdict"), sentence("detail")]);
    let utc = Zones::newest().zone("UTC").expect("every version of the rules has UTC");
    for row in rows(answer).cells {
        table.push(row.iter().map(|cell| context.with_moments(cell, &utc, ZoneName::Shown)).collect());
    }
    table.fit(context.screen)
}

fn rows(answer: &DoctorAnswer) -> Rows {
    let mut rows = Rows::of(&["subject", "verdict", "detail"]);
    for finding in &answer.findings {
        let verdict = match finding.verdict {
            DoctorVerdict::Ok => "ok",
            DoctorVerdict::Warning => "warning",
            DoctorVerdict::Problem => "PROBLEM",
        };
        rows.push(vec![finding.subject.clone(), verdict.to_owned(), finding.detail.clone()]);
    }
    rows
}

/// Prints the systemd unit for this program.
pub fn print_unit() -> anyhow::Result<Exit> {
    let program = std::env::current_exe().map_err(|error| VerbError::Failed(format!("where am I? {error}")))?;
    write_out(service::unit(&program).as_bytes())?;
    Ok(Exit::Done)
}
