//! shell: refused schedule files: which version stays in force instead, over restarts too, and how that is reported.

use std::collections::BTreeMap;

use super::runs::Daemon;
use crate::audit::{Entry, Event};
use crate::ledger::{LedgerResult, Log};
use crate::schedule::load::{self, Folder};
use crate::verbs::refusal;

/// For each schedule, the problem of its refused file as it was last reported.
pub type ReportedRefusals = BTreeMap<String, String>;

impl Daemon {
    /// Recalls, for each file that has errors when the service starts, the version that the ledger kept when the file was last
    /// loaded.
    ///
    /// # Errors
    /// When the ledger can't be read.
    pub async fn recall_last_good(&self, folder: &mut Folder) -> LedgerResult<()> {
        let refused: Vec<String> = folder.refused.iter().filter(|name| folder.refuses(name)).cloned().collect();
        for name in refused {
            let Some(known) = self.ledger.schedules(Some(name.clone())).await?.pop() else { continue };
            let Some(text) = self.ledger.schedule_text(known.text_hash.clone()).await? else { continue };
            let path = self.app.settings.schedules.join(format!("{name}.toml"));
            match load::one(&path, &text, &self.app.env.zones).schedule {
                Some(former) => drop(folder.schedules.insert(name, former)),
                None => {
                    tracing::error!(schedule = name, "its last good version is not valid for this version of tickler");
                }
            }
        }
        Ok(())
    }

    /// Reports each refused file once, and again when its problem changes or it was good in between.
    pub(super) async fn report_refusals(&self, folder: &Folder, actor: &str, reported: &mut ReportedRefusals) {
        reported.retain(|name, _| folder.refused.contains(name));
        let mut entries = Vec::new();
        for name in &folder.refused {
            let sentence = refusal(folder, name);
            if reported.get(name) == Some(&sentence) {
                continue;
            }
            tracing::error!(schedule = name, "the schedule file is refused: {sentence}");
            entries.push(self.about(Event::ConfigRejected, name, actor, sentence.clone()));
            reported.insert(name.clone(), sentence);
        }
        self.append_to_audit(entries).await;
    }

    /// Reports files that were refused and now hold the loaded version again: nothing is loaded for them. Returns their
    /// names.
    pub(super) async fn report_mended(
        &self,
        folder: &Folder,
        taken: &[String],
        actor: &str,
        reported: &ReportedRefusals,
    ) -> Vec<String> {
        let is_mended = |name: &&String| {
            !folder.refused.contains(*name) && folder.schedules.contains_key(*name) && !taken.contains(name)
        };
        let mended: Vec<String> = reported.keys().filter(is_mended).cloned().collect();
        let entry = |name: &String| {
            tracing::info!(schedule = name, "the schedule file is whole again: it holds the version in force");
            self.about(Event::ConfigLoaded, name, actor, "whole again, with the version in force".to_owned())
        };
        self.append_to_audit(mended.iter().map(entry).collect()).await;
        mended
    }

    fn about(&self, event: Event, schedule: &str, actor: &str, detail: String) -> Entry<'static> {
        Entry {
            schedule: Some(schedule.to_owned().into()),
            actor: Some(actor.to_owned().into()),
            detail: Some(detail.into()),
            ..Entry::new(self.now(), event)
        }
    }

    async fn append_to_audit(&self, entries: Vec<Entry<'static>>) {
        if !entries.is_empty()
            && let Err(error) = self.ledger.append(entries).await
        {
            self.note_ledger_failure(&error.to_string());
        }
    }
}
