//! shell: whoever may have been called in a time that the ledger has forgotten is planned as uncertain, after a restore and
//! after an accepted loss alike.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{App, VerbError, VerbResult};
use crate::evaluation::{evaluate, new_run_id, terms_of};
use crate::ledger::{RunEnd, RunRecord, RunStart, Runs};
use crate::plan::{Counts, Gap, Occasion, Plan};
use crate::reminder::{ReminderKey, RunKind};
use crate::schedule::Schedule;

/// What is further back can no longer be planned by any run, and each day costs a read of every source.
const WORTH_PLANNING: SignedDuration = SignedDuration::from_hours(40 * 24);

/// A schedule whose gap couldn't be planned.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UnplannedGap {
    /// The schedule's name.
    pub schedule: String,
    /// The reason, as a sentence.
    pub detail: String,
}

/// What planning a gap came to.
#[derive(Debug, Clone, Default)]
pub(super) struct PlannedGap {
    /// Reminders that are uncertain by it.
    pub(super) uncertain: u64,
    /// Schedules whose sources couldn't be read.
    pub(super) unread: Vec<UnplannedGap>,
}

/// Plans the gap of every loaded schedule.
pub(super) async fn plan(app: &App, gap: Gap, actor: &str) -> PlannedGap {
    let earliest = gap.until.checked_sub(WORTH_PLANNING).unwrap_or(Timestamp::MIN);
    let gap = Gap { from: gap.from.max(earliest), ..gap };
    let mut planned = PlannedGap::default();
    for schedule in app.folder().schedules.values() {
        match plan_one(app, schedule, gap, actor).await {
            Ok(found) => planned.uncertain += found,
            Err(error) => {
                planned.unread.push(UnplannedGap { schedule: schedule.name.clone(), detail: error.to_string() });
            }
        }
    }
    planned
}

/// Plans as uncertain everything that a run inside the gap could have planned; returns the count.
async fn plan_one(app: &App, schedule: &Arc<Schedule>, gap: Gap, actor: &str) -> VerbResult<u64> {
    let fault = |error| VerbError::Evaluation { schedule: schedule.name.clone(), error };
    let mut plan = Plan::default();
    let (mut known, name): (_, Arc<str>) = (HashSet::new(), schedule.name.as_str().into());
    let mut fingerprint = None;
    for (nominal_at, now) in gap.moments(schedule) {
        let occasion = Occasion { nominal_at, ..Occasion::at(now) };
        let evaluation = evaluate(schedule, occasion, &app.env).await.map_err(fault)?;
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
    let (ledger, now) = (app.ledger()?, app.env.clock.now());
    let start = RunStart {
        id: new_run_id(app.env.clock.as_ref()),
        schedule: schedule.name.clone(),
        nominal_at: gap.until,
        kind: RunKind::Trigger,
        started_at: now,
        text_hash: schedule.text_hash.clone(),
        text: schedule.text.clone(),
        zone_rules: app.env.zones.version().to_owned(),
        actor: actor.to_owned(),
    };
    let Some(id) = ledger.begin_run(start).await? else { return Ok(0) };
    let record = RunRecord {
        id,
        finished_at: now,
        end: RunEnd::Planned(Box::new(plan)),
        source_fingerprint: fingerprint,
        read_at: now,
        terms: terms_of(schedule, app.env.target_address(schedule)),
        actor: actor.to_owned(),
    };
    ledger.record_run(record).await?;
    Ok(found)
}
