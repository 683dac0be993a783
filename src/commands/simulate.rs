//! shell: `tickler simulate`.

use jiff::civil::Date;

use super::arguments::{Globals, SimulateArguments};
use super::context::Context;
use super::output::{Rows, Shown, complain, tally};
use super::table::{Table, sentence, words};
use crate::audit::times;
use crate::verbs::simulate::{SimulatedDays, Simulation, simulate as run};
use crate::verbs::{Access, Exit, VerbError};

/// The length of a chart's longest bar in characters.
const BAR: u64 = 40;

/// Performs `tickler simulate`: prints what a schedule would do on the given days.
pub async fn simulate(globals: &Globals, ask: &SimulateArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let zone = context.zone_of(Some(&ask.named));
    let date = |text: &str| -> Result<Date, VerbError> {
        let at = times::read(text, context.clock.now(), &zone).map_err(VerbError::Usage)?;
        Ok(zone.date(at))
    };
    let days = SimulatedDays { from: date(&ask.from)?, to: date(&ask.to)? };
    // whoever may not read the ledger simulates as if nobody had been called or had opted out
    let app = match context.open(Access::Reading).await {
        Ok(app) => app,
        Err(refused) => {
            complain(&format!("warning: simulated without what the ledger knows: {refused}"));
            context.open(Access::None).await?
        }
    };
    let found = run(&app, &ask.named, days).await?;
    Shown { answer: &found, people: &|| for_people(&context, &found), rows: &|| rows(&found) }.print(context.format)?;
    Ok(Exit::Done)
}

fn for_people(context: &Context, found: &Simulation) -> String {
    let wait = match found.longest_wait_seconds {
        0 => "no call waits for the rate limit".to_owned(),
        seconds if seconds < 120 => format!("the longest wait for the rate limit is {seconds} s"),
        seconds => format!("the longest wait for the rate limit is {} min", seconds / 60),
    };
    let counted = tally(&[(found.calls, "calls"), (found.expired, "not made in time")]);
    let head = format!(
        "{} from {} to {} ({}): {} runs, {counted}; {wait}. Nothing was sent.",
        found.schedule, found.from, found.to, found.timezone, found.runs
    );
    let mut blocks = vec![context.screen.prose(&head)];
    for held in &found.held {
        let at = context.moment_of(&held.at);
        blocks.push(context.screen.prose(&format!("HELD {at} by {}: {}", held.guard, held.detail)));
    }
    let days = found.days.iter().map(|day| (day.date.strftime("%a %e %b").to_string(), day.calls)).collect();
    blocks.push(chart("day", days));
    let hours = found.hours.iter().map(|hour| (format!("{:02}:00", hour.hour), hour.calls)).collect();
    blocks.push(chart("hour", hours));
    if !found.skipped.is_empty() {
        let mut table = Table::of(&[words("not called"), sentence("appointments")]);
        for (reason, count) in &found.skipped {
            table.push(vec![reason.to_string(), count.to_string()]);
        }
        blocks.push(table.fit(context.screen));
    }
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n\n")
}

/// A chart: each line with a bar, scaled to the longest.
fn chart(name: &str, lines: Vec<(String, u64)>) -> String {
    let most = lines.iter().map(|(_, calls)| *calls).max().unwrap_or_default();
    if most == 0 {
        return String::new();
    }
    let width = lines.iter().map(|(label, _)| label.len()).max().unwrap_or_default().max(name.len());
    let lines = lines.into_iter().map(|(label, calls)| {
        // at least one character, so that a single call is visible
        let length = (calls * BAR).div_ceil(most);
        let bar = "#".repeat(usize::try_from(length).unwrap_or_default());
        format!("{label:<width$}  {bar}{}{calls}", if bar.is_empty() { "" } else { " " })
    });
    std::iter::once(format!("{:<width$}  CALLS", name.to_uppercase())).chain(lines).collect::<Vec<_>>().join("\n")
}

fn rows(found: &Simulation) -> Rows {
    let mut rows = Rows::of(&["date", "calls"]);
    for day in &found.days {
        rows.push(vec![day.date.to_string(), day.calls.to_string()]);
    }
    rows
}
