//! pure: how schedules name appointments that have no reminder.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::tables::{Tables, micro};
use crate::ledger::LabelsAsk;
use crate::ledger::chain::{Hash, PhoneKey};
use crate::ledger::store::NamedAppointment;
use crate::personal::Personal;

/// A label, whose it is, and when it was written.
#[derive(Debug, Clone)]
pub(super) struct KeptLabel {
    label: Personal,
    phone: Option<Hash>,
    at: Timestamp,
}

impl Tables {
    pub(super) fn put_label(&mut self, named: &NamedAppointment<'_>, phones: &PhoneKey) -> bool {
        let key = (named.schedule.to_owned(), named.appointment_id.to_owned());
        let new = KeptLabel {
            label: named.label.into(),
            phone: named.phone.map(|phone| phones.hash(phone)),
            at: micro(named.at),
        };
        let is_kept = self.labels.get(&key).is_some_and(|kept| {
            let age = kept.at.duration_until(new.at);
            kept.label == new.label && kept.phone == new.phone && age < NamedAppointment::WRITTEN_AGAIN_AFTER
        });
        if !is_kept {
            self.labels.insert(key, new);
        }
        !is_kept
    }

    /// The appointments with a label of whoever has a phone of that keyed hash.
    pub(super) fn labelled(&self, phone: &Hash) -> impl Iterator<Item = (String, String)> {
        let of_phone = |kept: &KeptLabel| kept.phone.as_ref() == Some(phone);
        self.labels.iter().filter(move |(_, kept)| of_phone(kept)).map(|(key, _)| key.clone())
    }

    /// The labels that are kept of these appointments.
    pub(super) fn labels_of(&self, ask: &LabelsAsk) -> HashMap<(String, String), Personal> {
        let label = |key: &(String, String)| Some((key.clone(), self.labels.get(key)?.label.clone()));
        ask.appointments.iter().filter_map(label).collect()
    }

    /// All of them, with the schedule's name and the appointment's id.
    pub(super) fn names(&self) -> impl Iterator<Item = (&(String, String), &str)> {
        self.labels.iter().map(|(key, kept)| (key, kept.label.as_str()))
    }

    /// Removes those that were written before an instant.
    pub(super) fn prune_labels(&mut self, before: Timestamp) {
        let before = micro(before);
        self.labels.retain(|_, kept| kept.at >= before);
    }

    /// Removes those of these appointments.
    pub(super) fn erase_labels(&mut self, appointments: &BTreeSet<(String, String)>) {
        self.labels.retain(|key, _| !appointments.contains(key));
    }
}
