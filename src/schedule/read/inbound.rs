//! pure: `[source.inbound]`, and what it demands of the rest of the file and forbids there.

use super::Reading;
use super::section::{Section, items};
use crate::schedule::lookup::secret_ref;
use crate::schedule::spanned::Node;
use crate::schedule::{InboundSpec, SourceSpec};
use crate::settings::SecretRef;
use crate::zones::Zones;

pub fn read(section: &Section<'_>, _: &Zones, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    Some(SourceSpec::Inbound(InboundSpec {
        secrets: secrets(section.given("secret")?, reading)?,
        secret_in_url: section.truth("secret_in_url")?,
        max_per_hour: section.whole("max_per_hour")?,
    }))
}

fn secrets(node: &Node, reading: &Reading<'_>) -> Option<Vec<SecretRef>> {
    items(node).into_iter().map(|item| secret_ref(item, reading.folder)).collect()
}

/// Keys that have no meaning for requests, with the remedy.
const NOT_FOR_REQUESTS: [(&[&str], &str); 6] = [
    (&["cron"], "remove it: every request is a run of its own"),
    (&["appointment", "starts_at"], "remove it: a request counts from its receipt; `call_at` names a later time"),
    (&["appointment", "recurrence"], "remove it: a request is one call"),
    (&["remind", "days_before"], "write `now = true`: a request is called as soon as it is received"),
    (&["remind", "hours_before"], "write `now = true`: a request is called as soon as it is received"),
    (&["remind", "merge"], "remove it: each request has its own call"),
];

/// Keys that only requests have.
const FOR_REQUESTS_ALONE: [(&[&str], &str); 3] = [
    (&["remind", "now"], "write `days_before` or `hours_before`"),
    (
        &["appointment", "call_at"],
        "remove it: `days_before` or `hours_before` says when an appointment is called about",
    ),
    (
        &["appointment", "expires"],
        "remove it: `min_notice` and `max_lateness` say until when an appointment is called about",
    ),
];

/// Reports what a schedule of requests must not have or lacks, and what only such a schedule may have.
pub fn rules(root: &Node, reading: &mut Reading<'_>) {
    let (keys, why) = match reading.is_inbound {
        true => (&NOT_FOR_REQUESTS[..], "has no meaning with `[source.inbound]`"),
        false => (&FOR_REQUESTS_ALONE[..], "needs `[source.inbound]`"),
    };
    for (path, help) in keys {
        if let Some(span) = key_span(root, path) {
            let name = path.last().copied().unwrap_or_default();
            reading.problems.error("invalid-value", span, format!("`{name}` {why}")).help(*help);
        }
    }
    if reading.is_inbound {
        demand(root, "now", "add `now = true`: a request is called as soon as it is received", reading);
        let fraud = "add `allowed_countries = [\"US\"]`: whoever learns the secret could have expensive numbers called";
        demand(root, "allowed_countries", fraud, reading);
    }
}

/// A key of `[remind]` that a schedule of requests must have. Another lead in its place was reported already.
fn demand(root: &Node, name: &str, help: &str, reading: &mut Reading<'_>) {
    let Some(remind) = root.get("remind") else { return };
    let has_other_lead = ["days_before", "hours_before"].iter().any(|lead| remind.get(lead).is_some());
    if remind.get(name).is_none() && !(name == "now" && has_other_lead) {
        let header = root.entry("remind").map_or(0..0, |entry| entry.key_span.clone());
        let message = format!("`{name}` is missing in [remind], which `[source.inbound]` needs");
        reading.problems.error("missing-key", header, message).help(help);
    }
}

fn key_span(root: &Node, path: &[&str]) -> Option<std::ops::Range<usize>> {
    let (name, tables) = path.split_last()?;
    let table = if tables.is_empty() { root } else { root.at(tables)? };
    table.entry(name).map(|entry| entry.key_span.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::keys::SCHEDULE;

    #[test]
    fn every_key_of_the_two_lists_is_a_key_of_the_table() {
        for (path, _) in NOT_FOR_REQUESTS.iter().chain(&FOR_REQUESTS_ALONE) {
            let table = path.split_last().map(|(_, tables)| tables).unwrap_or_default();
            let keys = match table.first().and_then(|name| SCHEDULE.key(name)).map(|key| &key.shape) {
                Some(crate::schedule::keys::Shape::Table(inner)) => inner,
                Some(_) | None => &SCHEDULE,
            };
            assert!(path.last().is_some_and(|name| keys.key(name).is_some()), "{path:?}");
        }
    }
}
