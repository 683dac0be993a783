//! A clock that steps: whatever it does, each nominal time has one row, and none is evaluated twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tickler::audit::Event;
use tickler::clock::Clock;
use tickler::daemon::runs::Daemon;
use tickler::reminder::RunState;

use crate::clinic::{Clinic, at, beat, count, log, runs, schedule_text};
use crate::support::chance::Chance;

const START: &str = "2026-11-24T12:00:00Z";

/// The clock's lowest and highest readings so far.
struct Span {
    earliest: Timestamp,
    latest: Timestamp,
}

impl Span {
    fn widen(&mut self, now: Timestamp) {
        self.earliest = self.earliest.min(now);
        self.latest = self.latest.max(now);
    }
}

/// 200 schedules, a quarter of them hourly, the others at some minute of some hours.
fn write_schedules(clinic: &Clinic) {
    for number in 0..200 {
        let minute = number * 7 % 60;
        let cron = match number % 4 {
            0 => format!("{minute} * * * *"),
            _ => format!("{minute} {},{} * * *", number % 24, (number + 11) % 24),
        };
        clinic.write_schedule(&format!("s-{number}"), &schedule_text(&cron, "UTC", "days_before = 1"));
    }
}

async fn step(clinic: &Clinic, daemon: &Arc<Daemon>, by: SignedDuration, span: &mut Span) {
    clinic.clock.set(clinic.clock.now() + by);
    beat(daemon).await;
    span.widen(clinic.clock.now());
}

async fn live_for_a_while(clinic: &Clinic, daemon: &Arc<Daemon>, chance: &mut Chance, span: &mut Span) {
    for _beat in 0..chance.below(30) + 1 {
        clinic.clock.advance(Duration::from_millis(chance.below(28_000) + 1));
        beat(daemon).await;
    }
    span.widen(clinic.clock.now());
}

#[tokio::test(flavor = "multi_thread")]
async fn however_the_clock_steps_no_nominal_time_is_evaluated_twice_or_left_unrecorded() {
    let clinic = Clinic::at(START).await;
    write_schedules(&clinic);
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    let mut chance = Chance(2026);
    let mut span = Span { earliest: at(START), latest: at(START) };
    // Ten hours forward and ten back in any order, and three days asleep somewhere between them.
    let hour = SignedDuration::from_hours(1);
    let mut steps: Vec<SignedDuration> = (0..20).map(|number| if number < 10 { hour } else { -hour }).collect();
    steps.push(SignedDuration::from_hours(72));
    while !steps.is_empty() {
        live_for_a_while(&clinic, daemon, &mut chance, &mut span).await;
        let chosen = usize::try_from(chance.below(steps.len() as u64)).expect("a small number");
        step(&clinic, daemon, steps.swap_remove(chosen), &mut span).await;
    }
    live_for_a_while(&clinic, daemon, &mut chance, &mut span).await;
    assert_eq!(count(daemon, Event::ClockJumped).await, 21);
    every_time_has_one_row(daemon, &span).await;
    nothing_is_evaluated_twice(daemon).await;
}

/// Times that lie ahead again after a step back were recorded before it, or fire when they come due.
async fn every_time_has_one_row(daemon: &Daemon, span: &Span) {
    let many = times_without_rows(daemon).await;
    let mut rows: BTreeMap<String, Vec<(Timestamp, RunState)>> = BTreeMap::new();
    for run in runs(daemon).await {
        rows.entry(run.schedule).or_default().push((run.nominal_at, run.state));
    }
    let mut states = BTreeSet::new();
    for (name, schedule) in &daemon.app.folder().schedules {
        let times = schedule.recurrence.between(&schedule.zone, span.earliest, span.latest, 10_000);
        let due: Vec<Timestamp> = times.iter().map(|nominal| nominal.at).collect();
        let mut recorded = rows.remove(name).unwrap_or_default();
        recorded.sort_by_key(|(nominal, _)| *nominal);
        states.extend(recorded.iter().map(|(_, state)| state.to_string()));
        let recorded: BTreeSet<Timestamp> = recorded.into_iter().map(|(nominal, _)| nominal).collect();
        assert!(recorded.iter().all(|nominal| due.contains(nominal)), "{name}: {recorded:?}");
        let stretches = many.get(name).map(Vec::as_slice).unwrap_or_default();
        let is_counted = |at: &Timestamp| stretches.iter().any(|(first, last)| (first..=last).contains(&at));
        let left_out: Vec<&Timestamp> = due.iter().filter(|at| !recorded.contains(*at) && !is_counted(at)).collect();
        assert!(left_out.is_empty(), "{name}: {left_out:?}");
    }
    assert_eq!(states.into_iter().collect::<Vec<_>>(), ["done", "missed"]);
}

/// The first and last times of rows that earlier missed times share, by schedule.
async fn times_without_rows(daemon: &Daemon) -> BTreeMap<String, Vec<(Timestamp, Timestamp)>> {
    let mut stretches: BTreeMap<String, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
    for row in log(daemon).await.into_iter().filter(|row| row.event == Event::RunMissed) {
        let detail = row.detail.as_deref().expect("a sentence");
        if let Some((first, last)) =
            detail.split_once(" nominal times from ").and_then(|(_, all)| all.split_once(" to "))
        {
            stretches
                .entry(row.schedule.as_deref().expect("of a schedule").to_owned())
                .or_default()
                .push((at(first), at(last)));
        }
    }
    assert!(!stretches.is_empty(), "three days of hourly runs are more than twenty times");
    stretches
}

async fn nothing_is_evaluated_twice(daemon: &Daemon) {
    let mut finished: BTreeMap<_, usize> = BTreeMap::new();
    for row in log(daemon).await.into_iter().filter(|row| row.event == Event::RunFinished) {
        *finished.entry(row.run_id).or_default() += 1;
    }
    assert!(finished.len() > 200, "{} runs", finished.len());
    assert!(finished.values().all(|times| *times == 1), "a run was evaluated twice");
}
