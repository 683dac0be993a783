//! shell: records calls as `unreported` when no report of them came in time, and finds schedules of whose calls nothing is heard
//! at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::runs::{ACTOR, Daemon};
use crate::ledger::{Outcomes, Unreported};
use crate::notify::{AlertKind, Conditions};
use crate::schedule::Schedule;
use crate::verbs::outcome::signs;

/// How often calls are looked through.
const CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// How far back the first round looks: calls whose time was over by then are counted as unreported, since the service may have
/// been down.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(48);

/// Runs until it is dropped.
pub async fn keep(daemon: Arc<Daemon>) {
    // by schedule, until when its calls were looked through
    let mut done: BTreeMap<String, Timestamp> = BTreeMap::new();
    loop {
        let folder = daemon.app.folder();
        for schedule in folder.schedules.values() {
            daemon.pass_unreported(schedule, &mut done).await;
        }
        daemon.note_silences().await;
        daemon.app.env.clock.sleep(CHECK_INTERVAL).await;
    }
}

impl Daemon {
    async fn pass_unreported(&self, schedule: &Schedule, done: &mut BTreeMap<String, Timestamp>) {
        let Some(spec) = &schedule.outcome else { return };
        let now = self.now();
        let Ok(until) = now.checked_sub(spec.report_within) else { return };
        let first = until.checked_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
        let from = done.get(&schedule.name).copied().unwrap_or(first).min(until);
        let (name, account) = (schedule.name.clone(), schedule.target.account().to_owned());
        let (write_back, actor) = (schedule.writes_back().to_vec(), ACTOR.to_owned());
        let ask = Unreported { schedule: name.clone(), account, from, until, write_back, now, actor };
        match self.ledger.pass_unreported(ask).await {
            Ok(unreported) => {
                done.insert(name, until);
                if unreported > 0 {
                    tracing::warn!(schedule = schedule.name, unreported, "no report of calls came in time");
                }
            }
            Err(error) => self.note_ledger_failure(&error.to_string()),
        }
    }

    async fn note_silences(&self) {
        // a ledger that can't be read has an alert of its own
        let Ok(signs) = signs::of(&self.app, &self.ledger, self.now()).await else { return };
        let silent = |(name, signs): (String, signs::ScheduleSigns)| {
            Some(((AlertKind::OutcomeSilent, name), signs.silence_in_words()?))
        };
        *self.silences() = signs.into_iter().filter_map(silent).collect::<Conditions>();
    }
}
