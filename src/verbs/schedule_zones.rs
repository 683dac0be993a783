//! pure: in which zone the times of a schedule are shown.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::VerbResult;
use crate::schedule::load::Folder;
use crate::zones::{Zone, Zones};

/// The schedules' zones.
#[derive(Debug, Clone)]
pub struct ScheduleZones {
    named: BTreeMap<String, Zone>,
    /// The zone that all schedules share, else UTC.
    otherwise: Zone,
}

impl ScheduleZones {
    /// The zones of a folder's schedules.
    #[must_use]
    pub fn of_folder(folder: &Folder, zones: &Zones) -> Self {
        let mut all = folder.schedules.values().map(|schedule| &schedule.zone);
        let shared = all.next().filter(|first| all.all(|zone| zone == *first)).cloned();
        let utc = || zones.zone("UTC").expect("every version of the rules has UTC");
        let named = folder.schedules.iter().map(|(name, schedule)| (name.clone(), schedule.zone.clone())).collect();
        Self { named, otherwise: shared.unwrap_or_else(utc) }
    }

    /// The moment that a text means in each zone of these schedules (of all unless one is named), with one of its zones.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn moments<'z>(
        &'z self,
        schedule: Option<&str>,
        read: impl Fn(&Zone) -> VerbResult<Timestamp>,
    ) -> VerbResult<BTreeMap<Timestamp, &'z str>> {
        let named = self.named.iter().filter(|(name, _)| schedule.is_none_or(|wanted| wanted == *name));
        let mut zones: Vec<&Zone> = named.map(|(_, zone)| zone).collect();
        if zones.is_empty() {
            zones.push(&self.otherwise);
        }
        zones.into_iter().map(|zone| Ok((read(zone)?, zone.name()))).collect()
    }

    /// The zone of a schedule. Where none is named, or one that isn't there any more, it is the one that all share, else UTC.
    #[must_use]
    pub fn of(&self, schedule: Option<&str>) -> &Zone {
        schedule.and_then(|name| self.named.get(name)).unwrap_or(&self.otherwise)
    }
}
