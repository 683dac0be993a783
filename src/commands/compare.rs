//! shell: `tickler audit compare`.

use std::path::Path;

use super::context::Context;
use super::filters::Filters;
use super::output::{Rows, Shown, tally};
use super::table::{Table, sentence, words};
use crate::audit::times;
use crate::verbs::compare::{ComparedCall, ComparedTime, Comparison, compare as examine};
use crate::verbs::{Access, Exit, VerbError};

/// Prints who is only in the log, and who is only in another system's list.
pub async fn compare(context: &Context, schedule: &str, file: &Path, filters: &Filters) -> anyhow::Result<Exit> {
    let zone = context.zone_of(Some(schedule));
    let time = |text: &Option<String>| {
        let read = text.as_deref().map(|text| times::read(text, context.clock.now(), &zone));
        read.transpose().map_err(VerbError::Usage)
    };
    let time = ComparedTime { since: time(&filters.since)?, until: time(&filters.until)? };
    let app = context.open(Access::Reading).await?;
    let found = examine(&app, schedule, file, time).await?;
    Shown { answer: &found, people: &|| for_people(context, &found), rows: &|| rows(&found) }.print(context.format)?;
    Ok(Exit::Done)
}

fn for_people(context: &Context, found: &Comparison) -> String {
    let (since, until) = (context.moment_of(&found.since), context.moment_of(&found.until));
    let counted = tally(&[
        (found.both as u64, "in both"),
        (found.only_here.len() as u64, "only in the log"),
        (found.only_there.len() as u64, "only in the list"),
    ]);
    let zone = context.zone_of(Some(&found.schedule));
    let head = format!("{} from {since} to {until} ({}): {counted}", found.schedule, zone.name());
    let mut blocks = vec![context.screen.prose(&head)];
    blocks.extend(found.note.as_ref().map(|note| context.screen.prose(&format!("NOTE: {note}"))));
    for (name, calls) in [("only in the log", &found.only_here), ("only in the list", &found.only_there)] {
        if calls.is_empty() {
            continue;
        }
        let mut table = Table::of(&[words(name), words("phone").leaves(1), words("called at"), sentence("why")]);
        for call in calls {
            table.push(vec![
                call.appointment_id.clone().unwrap_or_else(|| "-".to_owned()),
                call.phone_last4.as_deref().map(|last| format!("***{last}")).unwrap_or_default(),
                context.moment_of(&call.called_at),
                call.why.clone(),
            ]);
        }
        blocks.push(table.fit(context.screen));
    }
    blocks.join("\n\n")
}

fn rows(found: &Comparison) -> Rows {
    let mut rows = Rows::of(&["side", "appointment_id", "phone_last4", "called_at", "why"]);
    let mut push = |side: &str, calls: &[ComparedCall]| {
        for call in calls {
            rows.push(vec![
                side.to_owned(),
                call.appointment_id.clone().unwrap_or_default(),
                call.phone_last4.clone().unwrap_or_default(),
                call.called_at.clone(),
                call.why.clone(),
            ]);
        }
    };
    push("only_here", &found.only_here);
    push("only_there", &found.only_there);
    rows
}
