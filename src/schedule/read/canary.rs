//! pure: `[canary]`: a call to the operator that shows whether reports still come.

use super::Reading;
use super::section::Section;
use crate::schedule::recurrence::Recurrence;
use crate::schedule::spanned::Node;
use crate::schedule::{CanarySpec, OnSilence};

pub fn read(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<CanarySpec> {
    let within = section.positive_duration("within", reading);
    let recurrence = recurrence(section, reading);
    let row = section.given("row").map(Node::entries).unwrap_or_default();
    Some(CanarySpec {
        to: section.secret("to", reading)?,
        recurrence: recurrence?,
        row: row.iter().filter_map(|entry| Some((entry.key.clone(), entry.node.text()?.to_owned()))).collect(),
        within: within?,
        on_silence: match section.text("on_silence")?.as_str() {
            "alert" => OnSilence::Alert,
            "pause" => OnSilence::Pause,
            _ => return None,
        },
    })
}

fn recurrence(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<Recurrence> {
    let node = section.given("cron")?;
    match Recurrence::parse(node.text()?) {
        Ok(recurrence) => Some(recurrence),
        Err(problem) => {
            reading.problems.error("invalid-cron", node.span.clone(), problem.message).help(problem.help);
            None
        }
    }
}
