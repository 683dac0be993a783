//! shell: a copy becomes the ledger again; whoever may have been called meanwhile is left to a person.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Access, App, VerbError, VerbResult};
use crate::clock::SharedClock;
use crate::evaluation::{evaluate, new_run_id, terms_of};
use crate::ledger::sqlite::{self, Restore};
use crate::ledger::{Restored, RunEnd, RunRecord, RunStart};
use crate::plan::{Counts, Gap, Occasion, Plan};
use crate::reminder::{ReminderKey, RunKind};
use crate::schedule::Schedule;
use crate::settings::Settings;
use crate::zones::Zones;

/// What became of a restoring.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestoreAnswer {
    /// The copy.
    pub file: PathBuf,
    /// Where the former ledger lies now; null where there was none.
    pub kept: Option<PathBuf>,
    /// The time of which nothing is known.
    pub gap: Gap,
    /// Reminders that are uncertain by it.
    pub uncertain: u64,
    /// Schedules whose sources couldn't be read: their reminders of the gap become uncertain as soon as a run plans them.
    pub unread: Vec<Unread>,
}

/// A schedule whose gap couldn't be planned.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unread {
    /// Its name.
    pub schedule: String,
    /// Why.
    pub detail: String,
}

/// Restores a copy under the ledger's lock; calls nobody.
///
/// # Errors
/// Busy while a service runs; when the file is no copy, or the disk has something against it.
pub async fn restore(settings: &Settings, clock: SharedClock, file: &Path, actor: &str) -> VerbResult<RestoreAnswer> {
    let (copy, path, now) = (file.to_owned(), settings.ledger.clone(), clock.now());
    let ask = Restore { copy, path, now, actor: actor.to_owned() };
    let restoring = tokio::task::spawn_blocking(move || sqlite::restore(&ask, Zones::newest())).await;
    let Restored { gap, uncertain, kept } =
        restoring.map_err(|_| VerbError::Failed("the restoring broke off".to_owned()))??;
    let mut answer = RestoreAnswer { file: file.to_owned(), kept, gap, uncertain, unread: Vec::new() };
    let app = App::open(settings.clone(), clock, Access::Working, actor).await?;
    for schedule in app.folder().schedules.values() {
        match plan_gap(&app, schedule, gap, actor).await {
            Ok(found) => answer.uncertain += found,
            Err(error) => {
                answer.unread.push(Unread { schedule: schedule.name.clone(), detail: error.to_string() });
            }
        }
    }
    Ok(answer)
}

/// Plans as uncertain whatever a run inside the gap could have planned; answers how many.
async fn plan_gap(app: &App, schedule: &Arc<Schedule>, gap: Gap, actor: &str) -> VerbResult<u64> {
    let fault = |error| VerbError::Evaluation { schedule: schedule.name.clone(), error };
    let mut plan = Plan::default();
    let (mut known, name): (_, Arc<str>) = (HashSet::new(), schedule.name.as_str().into());
    let mut fingerprint = None;
    for (nominal_at, now) in gap.moments(schedule) {
        let occasion = Occasion { nominal_at, ..Occasion::at(now) };
        let evaluation = evaluate(schedule, occasion, &app.around).await.map_err(fault)?;
        fingerprint = Some(evaluation.report.fingerprint);
        plan.forgotten.extend(evaluation.plan.forgotten.into_iter().filter(|planned| {
            let (appointment_id, starts_at, lead) = (planned.appointment_id.clone(), planned.starts_at, planned.lead);
            known.insert(ReminderKey { schedule: Arc::clone(&name), appointment_id, starts_at, lead })
        }));
    }
    let found = plan.forgotten.len() as u64;
    if found == 0 {
        return Ok(0);
    }
    plan.counts = Counts { rows: found, already_reminded: found, ..Counts::default() };
    let (ledger, now) = (app.ledger()?, app.around.clock.now());
    let start = RunStart {
        id: new_run_id(app.around.clock.as_ref()),
        schedule: schedule.name.clone(),
        nominal_at: gap.until,
        kind: RunKind::Trigger,
        started_at: now,
        text_hash: schedule.text_hash.clone(),
        text: schedule.text.clone(),
        zone_rules: app.around.zones.version().to_owned(),
        actor: actor.to_owned(),
    };
    let Some(id) = ledger.begin_run(start).await? else { return Ok(0) };
    let record = RunRecord {
        id,
        finished_at: now,
        end: RunEnd::Planned(Box::new(plan)),
        source_fingerprint: fingerprint,
        read_at: now,
        terms: terms_of(schedule),
        actor: actor.to_owned(),
    };
    ledger.record_run(record).await?;
    Ok(found)
}
