//! The plan against an oracle that judges each appointment by itself, in another formulation: it walks from minute to minute
//! and from day to day, and knows no windows.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use proptest::prelude::*;
use tickler::plan::WatchedLead;
use tickler::schedule::{Leads, OnClosedDay};
use tickler::zones::{ClosedDays, Zone};

use crate::world::{World, ZONES};

const SCHEDULE_ZONES: [&str; 4] = ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"];

/// Around both changes of the year, and an ordinary week.
const BASES: [&str; 3] = ["2026-03-06T00:00:00Z", "2026-10-30T00:00:00Z", "2026-11-24T00:00:00Z"];

#[derive(Debug, Clone)]
struct Rules {
    zone: Zone,
    leads: Leads,
    hours: (u8, u8),
    closed: Vec<&'static str>,
    holidays: BTreeSet<Date>,
    notice: SignedDuration,
    lateness: SignedDuration,
    limit: usize,
    now: Timestamp,
    /// The last run before, and the first of all.
    previous: Option<Timestamp>,
    first: Option<Timestamp>,
}

/// A row: an id, a phone's last digit (0 has none, 1 an invalid one), minutes after the base (`None` can't be read).
type OracleRow = (Option<u8>, u8, Option<i64>);

fn rows() -> impl Strategy<Value = Vec<OracleRow>> {
    let minutes = prop_oneof![4 => (0_i64..60 * 24 * 9).prop_map(|it| Some(it / 15 * 15)), 1 => Just(None)];
    prop::collection::vec((prop_oneof![8 => (0_u8..20).prop_map(Some), 1 => Just(None)], 0_u8..8, minutes), 0..30)
}

fn leads() -> impl Strategy<Value = Leads> {
    prop_oneof![
        prop::collection::btree_set(0_u32..5, 1..3).prop_map(|it| Leads::Days(it.into_iter().collect())),
        prop::collection::btree_set(2_u32..80, 1..4).prop_map(|it| Leads::Hours(it.into_iter().collect())),
    ]
}

impl Rules {
    fn is_open_day(&self, date: Date) -> bool {
        let name = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][date.weekday().to_monday_zero_offset() as usize];
        !self.closed.contains(&name) && !self.holidays.contains(&date)
    }

    fn may_ring(&self, at: Timestamp) -> bool {
        let wall = self.zone.wall(at);
        let from = Time::constant(self.hours.0.cast_signed(), 0, 0, 0);
        let until = Time::constant(self.hours.1.cast_signed(), 0, 0, 0);
        self.is_open_day(wall.date()) && from <= wall.time() && wall.time() < until
    }

    /// The first minute from there on at which phones may ring.
    fn opening(&self, from: Timestamp) -> Timestamp {
        let mut at = from;
        while !self.may_ring(at) {
            at += SignedDuration::from_mins(1);
        }
        at
    }

    /// The day on whose run somebody with this appointment is called.
    fn day_of_run(&self, start: Timestamp, days: u32) -> Date {
        let mut day = self.zone.date(start) - i64::from(days).days();
        while !self.is_open_day(day) {
            day = day.yesterday().expect("a day before");
        }
        day
    }

    /// When a lead is due, if this run is the one that finds it.
    fn due(&self, start: Timestamp, lead: &(u32, bool)) -> Option<Timestamp> {
        let (count, is_days) = *lead;
        if is_days {
            let today = self.zone.date(self.now);
            return (self.is_open_day(today) && self.day_of_run(start, count) == today).then_some(self.now);
        }
        let due = start - SignedDuration::from_hours(i64::from(count));
        let oldest = self.now - self.lateness;
        let oldest = self.previous.map_or(oldest, |previous| previous.min(oldest));
        (oldest <= due && due <= self.now).then_some(due)
    }

    /// `outside`, a reason, or `call LEAD at INSTANT`; the limit of persons comes afterwards.
    fn judge(&self, (id, phone, start): (Option<u8>, u8, Option<Timestamp>), is_duplicate: bool) -> String {
        if id.is_none() {
            return "missing_id".into();
        }
        let Some(start) = start else { return "invalid_time".into() };
        let Some((lead, due)) = self.nearest(start) else { return "outside".into() };
        if is_duplicate {
            return "duplicate_row".into();
        }
        match phone {
            0 => return "no_phone".into(),
            1 => return "invalid_phone".into(),
            _ => {}
        }
        if start <= self.now {
            return "already_started".into();
        }
        let allowed = self.opening(due);
        let latest = (allowed + self.lateness).min(start - self.notice);
        if self.now > latest {
            return "too_late".into();
        }
        if lead.ends_with('h') && self.was_looked_for(due) {
            return "late_booking".into();
        }
        let send = if allowed < self.now { self.opening(self.now) } else { allowed };
        if send > latest {
            return "outside_calling_hours".into();
        }
        format!("call {lead} at {send} due {due}")
    }

    /// Whether an earlier run looked for whoever was due then: the first of them back to `max_lateness`, each further one
    /// from the one before it on.
    fn was_looked_for(&self, due: Timestamp) -> bool {
        let (Some(first), Some(last)) = (self.first, self.previous) else { return false };
        let back = first - self.lateness;
        first <= last && [(back, first), (first, last)].iter().any(|(from, until)| *from <= due && due <= *until)
    }

    fn nearest(&self, start: Timestamp) -> Option<(String, Timestamp)> {
        let (counts, is_days) = match &self.leads {
            Leads::Days(days) => (days, true),
            Leads::Hours(hours) => (hours, false),
            Leads::Now => unreachable!("appointments have no such lead"),
        };
        let mut counts = counts.clone();
        counts.sort_unstable();
        let unit = if is_days { "d" } else { "h" };
        counts.iter().find_map(|count| Some((format!("{count}{unit}"), self.due(start, &(*count, is_days))?)))
    }

    /// What becomes of each row.
    fn fates(&self, rows: &[(Option<u8>, u8, Option<Timestamp>)]) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut fates: Vec<String> = Vec::new();
        for row in rows {
            let fate = match row.2 {
                Some(start) if row.0.is_some() || self.nearest(start).is_some() => {
                    let is_in = self.nearest(start).is_some();
                    let is_duplicate = row.0.is_some() && is_in && !seen.insert((row.0, start));
                    self.judge(*row, is_duplicate)
                }
                _ => self.judge(*row, false),
            };
            fates.push(fate);
        }
        // the soonest start first, each person so often on the day on which it is due
        let mut called: Vec<usize> = (0..rows.len()).filter(|place| fates[*place].starts_with("call")).collect();
        called.sort_by_key(|place| (rows[*place].2, *place));
        let mut counts: HashMap<(u8, Date), usize> = HashMap::new();
        for place in called {
            let due: Timestamp = fates[place].rsplit(' ').next().and_then(|it| it.parse().ok()).expect("an instant");
            let count = counts.entry((rows[place].1, self.zone.date(due))).or_default();
            if *count >= self.limit {
                fates[place] = "person_limit".into();
            } else {
                *count += 1;
            }
        }
        fates
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn every_row_has_the_fate_that_an_oracle_gives_it_by_itself_and_all_of_them_add_up(
        rows in rows(), leads in leads(), zone in 0_usize..4, base in 0_usize..3, hours in (0_u8..12, 13_u8..24),
        closed in prop::collection::btree_set(0_usize..7, 0..4), holiday in 0_i64..9, minutes in 0_i64..60 * 24 * 4,
        previous in prop::option::of(1_i64..600), first in prop::option::of(-60_i64..600), notice in 0_i64..180,
        lateness in 10_i64..900, limit in 1_u32..3,
    ) {
        let zone = ZONES.zone(SCHEDULE_ZONES[zone]).expect("a zone");
        let base: Timestamp = BASES[base].parse().expect("an instant");
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let now = base + SignedDuration::from_mins(minutes);
        let holidays = BTreeSet::from([zone.date(base) + holiday.days()]);
        let rules = Rules {
            closed: match &leads {
                Leads::Days(_) => closed.iter().map(|day| names[*day]).collect(),
                Leads::Hours(_) | Leads::Now => Vec::new(),
            },
            holidays: if matches!(leads, Leads::Days(_)) { holidays } else { BTreeSet::new() },
            zone,
            leads,
            hours,
            notice: SignedDuration::from_mins(notice),
            lateness: SignedDuration::from_mins(lateness),
            limit: limit as usize,
            now,
            previous: previous.map(|minutes| now - SignedDuration::from_mins(minutes)),
            first: previous.zip(first).map(|(last, first)| now - SignedDuration::from_mins(last + first)),
        };
        let timed: Vec<(Option<u8>, u8, Option<Timestamp>)> = rows
            .iter()
            .map(|(id, phone, start)| (*id, *phone, start.map(|minutes| base + SignedDuration::from_mins(minutes))))
            .collect();

        let mut world = World::new();
        world.schedule.zone = rules.zone.clone();
        world.schedule.guard.max_invalid = tickler::schedule::Percent(10_000);
        let remind = &mut world.schedule.remind;
        remind.leads = rules.leads.clone();
        remind.calling_hours = format!("{:02}:00-{:02}:00", hours.0, hours.1).parse().expect("hours");
        remind.closed = ClosedDays::of(rules.closed.clone(), rules.holidays.clone()).expect("weekdays");
        remind.on_closed_day = OnClosedDay::Previous;
        (remind.min_notice, remind.max_lateness, remind.max_per_person_per_day) = (rules.notice, rules.lateness, limit);
        world.occasion = tickler::plan::Occasion::at(now);
        (world.knowledge.previous_evaluation, world.knowledge.seen_until) = (rules.previous, rules.previous);
        let watched = rules.first.map_or_else(Vec::new, |first| WatchedLead::all_since(&world.schedule, first));
        let due_from = rules.first.map(|first| first - rules.lateness);
        world.knowledge.watched_leads = watched.into_iter().map(|it| WatchedLead { due_from, ..it }).collect();
        for (id, phone, start) in &timed {
            let id = id.map(|id| format!("a{id}")).unwrap_or_default();
            let phone = match phone {
                0 => String::new(),
                1 => "911".to_owned(),
                digit => format!("+1202555014{digit}"),
            };
            let start = start.map_or_else(|| "soon".to_owned(), |start| start.to_string());
            world.row(&[&id, &phone, &start]);
        }

        let plan = world.plan(); // asserts that planned, skipped, outside and reminded add up to the rows
        let mut found = vec!["outside".to_owned(); timed.len()];
        for row in &plan.skipped {
            found[usize::try_from(row.row).expect("few") - 2] = row.reason.to_string();
        }
        let mut expected = rules.fates(&timed);
        for call in &plan.reminders {
            let is_it = |place: &usize| {
                timed[*place].2 == Some(call.starts_at)
                    && timed[*place].0.map(|id| format!("a{id}")).as_deref() == Some(&call.appointment_id)
            };
            let place = (0..timed.len()).find(is_it).expect("its row");
            found[place] = format!("call {} at {} due {}", call.lead, call.send_at, call.due_at);
        }
        // a row without an id counts wherever it starts: nobody knows whose it is
        for (place, (id, _, start)) in timed.iter().enumerate() {
            if id.is_none() && start.is_some() {
                expected[place] = "missing_id".into();
            }
        }
        prop_assert_eq!(found, expected);
    }
}
