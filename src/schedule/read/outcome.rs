//! pure: `[outcome]`: what becomes of a call.

use super::Reading;
use super::section::{Section, items, optional};
use super::write_back;
use crate::duration;
use crate::outcome::{Fact, Meaning, Places, Vocabulary};
use crate::reminder::CallOutcome;
use crate::schedule::lookup::secret_ref;
use crate::schedule::spanned::Node;
use crate::schedule::{OutcomeSpec, PollSpec, RetrySpec};
use crate::settings::SecretRef;

pub fn read(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<OutcomeSpec> {
    let match_within = section.positive_duration("match_within", reading);
    let report_within = section.positive_duration("report_within", reading);
    Some(OutcomeSpec {
        secrets: secrets(section, reading)?,
        secret_in_url: section.truth("secret_in_url")?,
        match_within: match_within?,
        report_within: report_within?,
        silent_after: section.whole("silent_after")?,
        places: places(&section.inner("at"))?,
        skip_later_leads: outcomes(section, "skip_later_leads")?,
        poll: poll(&section.inner("poll"), reading)?,
        retry: optional(section.given("retry"), |_| retry(&section.inner("retry"), reading)).ok()?,
        write_back: optional(section.given("write_back"), |_| write_back::read(&section.inner("write_back"), reading))
            .ok()?,
        vocabulary: Vocabulary {
            statuses: meanings(section.given("statuses"))?,
            values: meanings(section.given("values"))?,
        },
    })
}

fn secrets(section: &Section<'_>, reading: &Reading<'_>) -> Option<Vec<SecretRef>> {
    let Some(node) = section.given("secret") else { return Some(Vec::new()) };
    items(node).into_iter().map(|item| secret_ref(item, reading.folder)).collect()
}

pub(super) fn outcomes(section: &Section<'_>, name: &str) -> Option<Vec<CallOutcome>> {
    section.texts(name)?.iter().map(|word| word.parse().ok()).collect()
}

fn poll(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<PollSpec> {
    let agent = optional(section.given("agent"), |_| section.text_or_secret("agent", reading)).ok()?;
    let after = section.positive_duration("after", reading);
    let every = section.positive_duration("every", reading);
    Some(PollSpec { agent, after: after?, every: every? })
}

fn retry(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<RetrySpec> {
    let node = section.node("after")?;
    let mut after = Vec::new();
    for item in items(&node) {
        let wait = duration::read(item.text()?).ok()?;
        if wait.is_zero() {
            reading.invalid(item, "`after` can't be nothing", "write a longer time");
            return None;
        }
        after.push(wait);
    }
    Some(RetrySpec { on: outcomes(section, "on")?, times: section.whole("times")?, after })
}

fn places(section: &Section<'_>) -> Option<Places> {
    let named = Fact::ALL.iter().filter(|(_, key)| section.given(key).is_some());
    named.map(|(fact, key)| Some((*fact, section.texts(key)?))).collect()
}

fn meanings(node: Option<&Node>) -> Option<Vec<(String, Meaning)>> {
    let entries = node.map(Node::entries).unwrap_or_default();
    entries.iter().map(|entry| Some((entry.key.clone(), entry.node.text()?.parse().ok()?))).collect()
}
