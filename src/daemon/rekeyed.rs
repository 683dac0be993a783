//! shell: warns of a reload that gives reminders other keys: whoever was called about an appointment may be called again.

use std::collections::BTreeSet;

use super::runs::Daemon;
use crate::ledger::{KnowledgeAsk, LedgerResult};
use crate::plan::KnownReminder;
use crate::reminder::{Lead, State};
use crate::schedule::load::Folder;
use crate::schedule::{Leads, Schedule};

impl Daemon {
    /// A sentence about each schedule of the new folder whose reminders have other keys than those that were called.
    pub(super) async fn rekeyed(&self, before: &Folder, after: &Folder, removed: &[String]) -> Vec<String> {
        let mut notes = Vec::new();
        for (former, schedule, what) in rekeyed(before, after, removed) {
            match self.called_ahead(former).await {
                Ok(0) => {}
                Ok(count) => {
                    let name = &schedule.name;
                    let note = format!(
                        "{name}: {what}, so that its reminders have other keys: {count} that were called (or would have been, in \
                         shadow mode) about appointments ahead may be called again; `tickler plan {name}` shows who is due"
                    );
                    tracing::warn!(schedule = %name, "{note}");
                    notes.push(note);
                }
                Err(error) => self.note_ledger_failure(&error.to_string()),
            }
        }
        notes
    }

    /// How many were called, or may have been, or would have been in shadow mode, about appointments that lie ahead.
    async fn called_ahead(&self, schedule: &Schedule) -> LedgerResult<usize> {
        let target = self.app.env.target_address(schedule);
        let ask = KnowledgeAsk::about_all_ahead(schedule, target, self.now());
        let known = self.ledger.knowledge(ask).await?;
        Ok(known.reminders.values().filter(|known| was_called(known)).count())
    }
}

fn was_called(known: &KnownReminder) -> bool {
    let is_call = match known.state {
        State::Sending | State::Delivered | State::Uncertain => true,
        State::Pending | State::Failed | State::Expired | State::Cancelled | State::Dropped => false,
    };
    is_call && !known.is_trial
}

/// The former and the present version of each schedule whose keys changed, and what changed them.
fn rekeyed<'f>(before: &'f Folder, after: &'f Folder, removed: &[String]) -> Vec<(&'f Schedule, &'f Schedule, String)> {
    let mut found = Vec::new();
    for (name, schedule) in &after.schedules {
        match before.schedules.get(name) {
            Some(former) => {
                let changed = changed_part(former, schedule).map(|part| format!("its {part} changed"));
                found.extend(changed.map(|what| (&**former, &**schedule, what)));
            }
            None => {
                let gone = removed.iter().filter_map(|name| before.schedules.get(name));
                let same = gone.into_iter().find(|former| former.text_hash == schedule.text_hash);
                found.extend(same.map(|former| {
                    (&**former, &**schedule, format!("its file was named `{}.toml` before", former.name))
                }));
            }
        }
    }
    found
}

/// The part of a reminder's key that another version of the file changes. A lead that is only added or only left out
/// changes no key.
fn changed_part(former: &Schedule, schedule: &Schedule) -> Option<&'static str> {
    let (were, are) = (leads(former), leads(schedule));
    if former.appointment.id != schedule.appointment.id {
        Some("`id`")
    } else if !were.is_subset(&are) && !are.is_subset(&were) {
        Some("lead")
    } else if former.zone.name() != schedule.zone.name() {
        Some("zone")
    } else {
        None
    }
}

fn leads(schedule: &Schedule) -> BTreeSet<Lead> {
    match &schedule.remind.leads {
        Leads::Days(days) => days.iter().map(|days| Lead::days(*days)).collect(),
        Leads::Hours(hours) => hours.iter().map(|hours| Lead::hours(*hours)).collect(),
        Leads::Now => BTreeSet::from([Lead::NOW]),
    }
}
