//! pure: removes what the tables hold of one person, and what is older than retention keeps.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::log::AuditLog;
use super::tables::{KeptReminder, Tables, micro};
use crate::ledger::chain::Hash;
use crate::ledger::store::Erased;
use crate::ledger::walk::Sealed;
use crate::personal::Personal;
use crate::reminder::{ReminderId, State};

impl Tables {
    /// Removes payloads with their phones; returns how many.
    pub(super) fn prune_payloads(&mut self, before: Timestamp) -> u64 {
        let before = micro(before);
        self.shadows.retain(|_, shadow| shadow.known.updated_at >= before);
        self.first_sights.retain(|_, sight| sight.starts_at.is_none_or(|starts_at| starts_at >= before));
        self.calls.retain(|_, call| call.last_at >= before);
        self.prune_write_backs(before);
        self.prune_posts(before);
        self.canaries.retain(|_, kept| kept.row.sent_at >= before);
        let is_old = |kept: &KeptReminder| {
            kept.content.is_some()
                && kept.held.updated_at < before
                && !matches!(kept.held.state, State::Pending | State::Sending)
        };
        let mut count = 0;
        for kept in self.reminders.values_mut().filter(|kept| is_old(kept)) {
            let kept = Arc::make_mut(kept);
            kept.content = None;
            (kept.held.phone, kept.held.person) = (None, Personal::default());
            count += 1;
        }
        count
    }

    /// Removes what the ledger in SQLite removes, too.
    pub(super) fn erase(&mut self, phone: &str, hash: &Hash) -> Erased {
        let known = self.log.reminders_of(hash);
        let mut erased = Erased::default();
        let (mut ids, mut appointments) = (BTreeSet::new(), BTreeSet::new());
        for kept in self.reminders.values_mut() {
            if kept.held.phone.as_deref() != Some(phone) && !known.contains(&kept.held.id) {
                continue;
            }
            let kept = Arc::make_mut(kept);
            kept.content = None;
            (kept.held.phone, kept.held.person) = (None, String::new().into());
            kept.attempts.values_mut().for_each(|attempt| attempt.remote_id = None);
            ids.insert(kept.held.id);
            appointments.insert((kept.held.schedule.clone(), kept.held.appointment_id.clone()));
            erased.reminders += 1;
        }
        self.erase_posts(hash, &appointments);
        appointments.extend(self.labelled(hash));
        appointments.extend(self.log.appointments_of(hash));
        self.calls.retain(|_, call| call.reminder.is_none_or(|id| !ids.contains(&id)));
        self.write_backs.retain(|_, row| !ids.contains(&row.reminder_id));
        self.canaries.retain(|_, kept| kept.phone != Some(*hash));
        let shadows = self.shadows.values_mut().map(|kept| &mut kept.known);
        shadows
            .filter(|known_shadow| known_shadow.person.as_str() == phone || known.contains(&known_shadow.id))
            .for_each(|known_shadow| known_shadow.person = String::new().into());
        let of_person = |key: &(String, Hash)| key.1 == *hash;
        let contacts = self.contacts.iter().filter(|(key, _)| of_person(key));
        erased.contacts = contacts.map(|((account, _), id)| (account.clone(), id.clone())).collect();
        self.contacts.retain(|key, _| !of_person(key));
        if let Some(listed) = self.optouts.get_mut(hash) {
            listed.phone_last4.clear();
            listed.reason = None;
        }
        let (rows, of_rows) = self.log.erase(hash, &ids, &appointments);
        erased.rows = rows;
        self.erase_labels(&appointments.union(&of_rows).cloned().collect());
        erased
    }
}

impl AuditLog {
    /// The reminders of the rows about a phone.
    fn reminders_of(&self, hash: &Hash) -> BTreeSet<ReminderId> {
        let of_phone = self.sealed().filter(|row| row.phone_hash.as_deref() == Some(hash.as_slice()));
        of_phone.filter_map(|row| row.entry.reminder_id).collect()
    }

    /// The appointments of the rows about a phone.
    fn appointments_of(&self, hash: &Hash) -> BTreeSet<(String, String)> {
        let of_phone = self.sealed().filter(|row| row.phone_hash.as_deref() == Some(hash.as_slice()));
        let key = |row: &Sealed<'_>| {
            let (schedule, id) = row.entry.schedule.as_deref().zip(row.entry.appointment_id.as_deref())?;
            Some((schedule.to_owned(), id.to_owned()))
        };
        of_phone.filter_map(key).collect()
    }

    /// Removes the personal fields of the rows about a person; returns which rows those were, and about which appointments.
    fn erase(
        &mut self,
        hash: &Hash,
        ids: &BTreeSet<ReminderId>,
        appointments: &BTreeSet<(String, String)>,
    ) -> (Vec<u64>, BTreeSet<(String, String)>) {
        let (mut rows, mut of_rows) = (Vec::new(), BTreeSet::new());
        for (seq, row) in self.numbered_mut() {
            let entry = &row.entry;
            let key = entry.schedule.as_deref().zip(entry.appointment_id.as_deref());
            let is_of_appointment = row.phone_hash.is_none()
                && key.is_some_and(|(schedule, id)| appointments.contains(&(schedule.to_owned(), id.to_owned())));
            let is_of_person = row.phone_hash.as_deref() == Some(hash.as_slice())
                || entry.reminder_id.is_some_and(|id| ids.contains(&id))
                || is_of_appointment;
            if !is_of_person || row.salt.is_none() {
                continue;
            }
            of_rows.extend(key.map(|(schedule, id)| (schedule.to_owned(), id.to_owned())));
            let row = Arc::make_mut(row);
            (row.salt, row.phone_hash) = (None, None);
            let entry = &mut row.entry;
            (entry.appointment_id, entry.phone, entry.starts_at, entry.detail) = (None, None, None, None);
            rows.push(seq);
        }
        (rows, of_rows)
    }
}
