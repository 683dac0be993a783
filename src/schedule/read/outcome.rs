//! pure: `[outcome]`: what becomes of a call.

use super::Reading;
use super::section::{Section, items};
use crate::outcome::{Fact, Meaning, Places, Vocabulary};
use crate::schedule::OutcomeSpec;
use crate::schedule::lookup::secret_ref;
use crate::schedule::spanned::Node;
use crate::settings::SecretRef;

pub fn read(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<OutcomeSpec> {
    let match_within = section.positive_duration("match_within", reading);
    Some(OutcomeSpec {
        secrets: secrets(section, reading)?,
        secret_in_url: section.truth("secret_in_url")?,
        match_within: match_within?,
        places: places(&section.inner("at"))?,
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

fn places(section: &Section<'_>) -> Option<Places> {
    let named = Fact::ALL.iter().filter(|(_, key)| section.given(key).is_some());
    named.map(|(fact, key)| Some((*fact, section.texts(key)?))).collect()
}

fn meanings(node: Option<&Node>) -> Option<Vec<(String, Meaning)>> {
    let entries = node.map(Node::entries).unwrap_or_default();
    entries.iter().map(|entry| Some((entry.key.clone(), entry.node.text()?.parse().ok()?))).collect()
}
