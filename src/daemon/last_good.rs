//! shell: files with errors: what stays in force instead, over restarts too, and who is told.

use std::collections::BTreeMap;

use super::runs::Daemon;
use crate::audit::{Entry, Event};
use crate::ledger::{LedgerResult, Log, Runs};
use crate::schedule::load::{self, Folder};
use crate::verbs::refusal;

/// Refused files that were reported already: by name, the sentence.
pub type ReportedRefusals = BTreeMap<String, String>;

impl Daemon {
    /// A restart is no reason to call nobody: a file that is found with errors at the start runs from the version that
    /// the ledger kept when it was loaded last.
    ///
    /// # Errors
    /// When the ledger can't be read.
    pub async fn recall_last_good(&self, folder: &mut Folder) -> LedgerResult<()> {
        let refused: Vec<String> = folder.refused.iter().filter(|name| folder.refuses(name)).cloned().collect();
        for name in refused {
            let Some(known) = self.ledger.schedules(Some(&name)).await?.pop() else { continue };
            let Some(text) = self.ledger.schedule_text(&known.text_hash).await? else { continue };
            let path = self.app.settings.schedules.join(format!("{name}.toml"));
            match load::one(&path, &text, &self.app.around.zones).schedule {
                Some(former) => drop(folder.schedules.insert(name, former)),
                None => tracing::error!(schedule = name, "its last good version is none for this version of tickler"),
            }
        }
        Ok(())
    }

    /// Told once for each new sentence, and again after the file was whole meanwhile.
    pub(super) async fn tell_refusals(&self, folder: &Folder, actor: &str, told: &mut ReportedRefusals) {
        told.retain(|name, _| folder.refused.contains(name));
        let mut entries = Vec::new();
        for name in &folder.refused {
            let sentence = refusal(folder, name);
            if told.get(name) == Some(&sentence) {
                continue;
            }
            tracing::error!(schedule = name, "the schedule file is refused: {sentence}");
            entries.push(self.about(Event::ConfigRejected, name, actor, sentence.clone()));
            told.insert(name.clone(), sentence);
        }
        self.write_down(entries).await;
    }

    /// Files that were refused and now hold what has been in force all the while: nothing is loaded, and yet there is
    /// something to tell. Answers their names.
    pub(super) async fn tell_mended(
        &self,
        folder: &Folder,
        taken: &[String],
        actor: &str,
        told: &ReportedRefusals,
    ) -> Vec<String> {
        let is_mended = |name: &&String| {
            !folder.refused.contains(*name) && folder.schedules.contains_key(*name) && !taken.contains(name)
        };
        let mended: Vec<String> = told.keys().filter(is_mended).cloned().collect();
        let entry = |name: &String| {
            tracing::info!(schedule = name, "the schedule file is whole again: it holds the version in force");
            self.about(Event::ConfigLoaded, name, actor, "whole again, with the version in force".to_owned())
        };
        self.write_down(mended.iter().map(entry).collect()).await;
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

    async fn write_down(&self, entries: Vec<Entry<'static>>) {
        if !entries.is_empty()
            && let Err(error) = self.ledger.append(entries).await
        {
            self.ledger_ails(&error.to_string());
        }
    }
}
