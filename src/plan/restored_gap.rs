//! pure: a time of which the ledger has lost its rows because an older copy of it was restored.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::window::Saturating as _;
use super::{Knowledge, Plan, PlannedReminder, Standing};
use crate::reminder::{LeadTime, ReminderKey};
use crate::schedule::{Leads, Schedule};

/// The time from the last row in the copy's audit log to the restore (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    /// The last row that is known.
    pub from: Timestamp,
    /// The restore.
    pub until: Timestamp,
}

/// Maximum moments planned again for one gap; the others become uncertain when a run plans them.
const MAX_MOMENTS: i32 = 400;

impl Gap {
    /// When it begins; `None` where the log has no row that would say so.
    #[must_use]
    pub fn begins(&self) -> Option<Timestamp> {
        (self.from != Timestamp::UNIX_EPOCH).then_some(self.from)
    }

    /// Whether a run or a trigger inside the gap could have planned this reminder.
    #[must_use]
    pub fn may_have_planned(&self, schedule: &Schedule, planned: &PlannedReminder) -> bool {
        match planned.lead.before {
            LeadTime::Hours(_) | LeadTime::Now => planned.due_at < self.until && planned.expires_at > self.from,
            LeadTime::Days(days) => {
                let zone = &schedule.zone;
                let first = self.first_date(schedule);
                let due = zone.date(planned.starts_at).checked_sub(i64::from(days).days());
                due.is_ok_and(|due| first <= due && due <= zone.date(self.until))
            }
        }
    }

    /// The moments at which to plan again what may have been planned inside the gap: nominal time and now of each.
    #[must_use]
    pub fn moments(&self, schedule: &Schedule) -> Vec<(Timestamp, Timestamp)> {
        match &schedule.remind.leads {
            Leads::Days(_) => self.days(schedule),
            Leads::Hours(_) | Leads::Now => self.steps(schedule.remind.max_lateness),
        }
    }

    /// The first date that a run or a trigger inside the gap may have planned for. A run that came late stands for an
    /// earlier date than its own, if the schedule has a time there that was not too late yet.
    fn first_date(&self, schedule: &Schedule) -> Date {
        let zone = &schedule.zone;
        let own = zone.date(self.from);
        // not before it: the earliest time counts, too
        let earliest = self.from.saturating_sub_duration(schedule.remind.max_lateness + SignedDuration::from_secs(1));
        let late = schedule.recurrence.next(zone, earliest, 1);
        late.first().map_or(own, |nominal| nominal.civil.date().min(own))
    }

    fn days(&self, schedule: &Schedule) -> Vec<(Timestamp, Timestamp)> {
        let zone = &schedule.zone;
        let first = self.first_date(schedule);
        let last = zone.date(self.until);
        let latest = (0..MAX_MOMENTS).filter_map(|back| last.checked_sub(back.days()).ok());
        let mut moments: Vec<_> = latest
            .take_while(|date| *date >= first)
            .map(|date| {
                let end = date.tomorrow().map_or(self.until, |next| zone.day_start(next));
                let now = zone.day_start(date).clamp(self.from, self.until);
                // the latest time of that date that isn't after the moment: nothing is too late by the hour alone
                (now.min(end.saturating_sub_duration(SignedDuration::from_secs(1))), now)
            })
            .collect();
        moments.reverse();
        moments
    }

    fn steps(&self, lateness: SignedDuration) -> Vec<(Timestamp, Timestamp)> {
        let step = lateness.max(SignedDuration::from_mins(15)).max(self.until.duration_since(self.from) / MAX_MOMENTS);
        let mut at = self.from;
        let mut moments = Vec::new();
        while at < self.until {
            moments.push((at, at));
            at = at.saturating_add_duration(step);
        }
        moments.push((self.until, self.until));
        moments
    }
}

/// Takes reminders out of a plan that a run inside a gap may have sent: they aren't called, a person resolves them.
pub(super) fn set_apart(plan: &mut Plan, knowledge: &Knowledge, schedule: &Schedule) {
    if knowledge.gaps.is_empty() {
        return;
    }
    let name: Arc<str> = schedule.name.as_str().into();
    let is_forgotten = |planned: &PlannedReminder| {
        let may_have_been = |gap: &&Gap| match planned.standing {
            Standing::New => true,
            // what was written of it after the gap is all that there is to know
            Standing::Returning => {
                let known = knowledge.reminders.get(&key(&name, planned));
                known.is_none_or(|known| known.updated_at < gap.until)
            }
            Standing::Pending => false,
        };
        knowledge.gaps.iter().filter(may_have_been).any(|gap| gap.may_have_planned(schedule, planned))
    };
    let (forgotten, planned) = std::mem::take(&mut plan.reminders).into_iter().partition(is_forgotten);
    (plan.forgotten, plan.reminders) = (forgotten, planned);
    let apart = plan.forgotten.len() as u64;
    plan.counts.planned = plan.counts.planned.saturating_sub(apart);
    plan.counts.already_reminded += apart;
    plan.reminded.unknown_fate += apart;
}

fn key(schedule: &Arc<str>, planned: &PlannedReminder) -> ReminderKey {
    ReminderKey {
        schedule: Arc::clone(schedule),
        appointment_id: planned.appointment_id.clone(),
        starts_at: planned.starts_at,
        lead: planned.lead,
    }
}
