//! pure: appointments of whoever somebody looks for by the last digits of a phone or by a name, in memory.

use std::collections::BTreeMap;

use super::tables::Tables;
use crate::ledger::{FoundAppointment, FoundPeople, PeopleAsk};

impl Tables {
    /// Everything is searched: a ledger in memory is small.
    pub(super) fn find_people(&self, ask: &PeopleAsk) -> FoundPeople {
        let mut appointments = match ask {
            PeopleAsk::LastFour(digits) => self.log.appointments_of_digits(digits.as_str()),
            PeopleAsk::Named(name) => self.named(&name.as_str().to_lowercase()),
        };
        appointments.truncate(FoundPeople::MAX_APPOINTMENTS);
        FoundPeople { appointments, since: None }
    }

    fn named(&self, text: &str) -> Vec<FoundAppointment> {
        let mut found = Vec::new();
        let mut add = |schedule: &str, appointment_id: &str| {
            let (schedule, appointment_id) = (schedule.to_owned(), appointment_id.to_owned());
            let appointment = FoundAppointment { schedule, appointment_id };
            if !found.contains(&appointment) {
                found.push(appointment);
            }
        };
        let has = |name: &str| name.to_lowercase().contains(text);
        for kept in self.reminders.values().rev() {
            let name = kept.content.as_ref().and_then(|content| content.label.as_ref());
            if name.is_some_and(|name| has(name.as_str())) {
                add(&kept.held.schedule, &kept.held.appointment_id);
            }
        }
        self.names().filter(|(_, name)| has(name)).for_each(|((schedule, id), _)| add(schedule, id));
        found
    }
}

impl super::log::AuditLog {
    fn appointments_of_digits(&self, digits: &str) -> Vec<FoundAppointment> {
        let mut newest: BTreeMap<FoundAppointment, usize> = BTreeMap::new();
        for (place, row) in self.sealed().enumerate().filter(|(_, row)| row.entry.phone_last4() == Some(digits)) {
            if let (Some(schedule), Some(id)) = (row.entry.schedule.as_deref(), row.entry.appointment_id.as_deref()) {
                let (schedule, appointment_id) = (schedule.to_owned(), id.to_owned());
                newest.insert(FoundAppointment { schedule, appointment_id }, place);
            }
        }
        let mut found: Vec<_> = newest.into_iter().collect();
        found.sort_by_key(|(_, place)| std::cmp::Reverse(*place));
        found.into_iter().map(|(appointment, _)| appointment).collect()
    }
}
