//! shell: `tickler plan --diff`.

use super::context::{Context, ZoneName};
use super::output::{Rows, Shown, tally};
use super::table::{Table, sentence, words};
use crate::verbs::plan_diff::{ChangedCall, ComparedWith, PlanDifference, plan_diff as compare};
use crate::verbs::{Access, Exit, VerbError};

/// Prints who gains and who loses a call.
pub async fn plan_diff(context: &Context, named: &[String], with: &str) -> anyhow::Result<Exit> {
    let [name] = named else {
        return Err(VerbError::Usage("--diff needs the name of one schedule".to_owned()).into());
    };
    let with = match with {
        "last" => ComparedWith::LastRun,
        file => ComparedWith::File(file.into()),
    };
    let app = context.open(Access::Reading).await?;
    let found = compare(&app, name, &with).await?;
    Shown { answer: &found, people: &|| for_people(context, &found), rows: &|| rows(&found) }.print(context.format)?;
    Ok(Exit::Done)
}

fn for_people(context: &Context, found: &PlanDifference) -> String {
    let again = found.gains.iter().filter(|call| call.again).count() as u64;
    let is_same = found.gains.is_empty() && found.loses.is_empty();
    let counted = match (found.same, is_same) {
        (0, true) => "nobody gains or loses a call".to_owned(),
        (same, true) => format!("{same} called by both, nobody gains or loses a call"),
        (same, false) => tally(&[
            (same as u64, "called by both"),
            (found.gains.len() as u64, "gain a call"),
            (again, "of these are called again"),
            (found.loses.len() as u64, "lose a call"),
        ]),
    };
    let at = context.moment_of(&found.at);
    let zone = context.zone_of(Some(&found.schedule));
    let against = context.with_moments(&found.against, &zone, ZoneName::Omitted);
    let head = format!("{} at {at} ({}) against {}: {counted}", found.schedule, zone.name(), against);
    let mut blocks = vec![context.screen.prose(&head)];
    for (name, calls) in [("gains", &found.gains), ("loses", &found.loses)] {
        if calls.is_empty() {
            continue;
        }
        let mut table = Table::of(&[words(name), words("starts at"), sentence("why")]);
        for call in calls {
            table.push(vec![call.appointment_id.clone(), context.moment_of(&call.starts_at), in_words(name, call)]);
        }
        blocks.push(table.fit(context.screen));
    }
    blocks.join("\n\n")
}

fn in_words(side: &str, call: &ChangedCall) -> String {
    let why = match (&call.why, side) {
        (Some(why), "gains") => format!("it was {why}"),
        (Some(why), _) => format!("it is {why} now"),
        (None, _) => String::new(),
    };
    match call.again {
        true => format!("CALLED AGAIN: somebody was called about it already. {why}").trim_end().to_owned(),
        false => why,
    }
}

fn rows(found: &PlanDifference) -> Rows {
    let mut rows = Rows::of(&["side", "appointment_id", "starts_at", "why", "again"]);
    for (side, calls) in [("gains", &found.gains), ("loses", &found.loses)] {
        for call in calls {
            let why = call.why.clone().unwrap_or_default();
            let (id, starts_at) = (call.appointment_id.clone(), call.starts_at.clone());
            rows.push(vec![side.to_owned(), id, starts_at, why, call.again.to_string()]);
        }
    }
    rows
}
