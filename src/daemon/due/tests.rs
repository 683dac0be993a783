use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a valid instant")
}

fn day(clock: &str) -> Timestamp {
    at(&format!("2026-11-24T{clock}Z"))
}

fn run(clock: &str, kind: RunKind) -> Decision {
    Decision::Run { nominal: day(clock), kind }
}

fn queued(clock: &str, kind: RunKind) -> Decision {
    Decision::Queue { nominal: day(clock), kind }
}

fn missed(clock: &str) -> Decision {
    Decision::Missed(day(clock))
}

fn skipped(clock: &str, why: Skip) -> Decision {
    Decision::Skipped { nominal: day(clock), why }
}

struct Case {
    case: &'static str,
    now: &'static str,
    ticking_since: &'static str,
    times: &'static [&'static str],
    occupancy: Occupancy,
    permission: Permission,
    skipped: Option<&'static str>,
    becomes: Vec<Decision>,
}

impl Case {
    /// An idle, permitted schedule with a cursor at 05:00 and six hours of `max_lateness`, ticking since 06:00.
    fn of(case: &'static str, now: &'static str, times: &'static [&'static str], becomes: Vec<Decision>) -> Self {
        Self {
            case,
            now,
            ticking_since: "06:00:00",
            times,
            occupancy: Occupancy::Idle,
            permission: Permission::Granted,
            skipped: None,
            becomes,
        }
    }

    fn not_ticking_until(self, ticking_since: &'static str) -> Self {
        Self { ticking_since, ..self }
    }

    fn while_it_is(self, occupancy: Occupancy) -> Self {
        Self { occupancy, ..self }
    }

    fn when(self, permission: Permission) -> Self {
        Self { permission, ..self }
    }

    fn after_a_pause_skipped(self, skipped: &'static str) -> Self {
        Self { skipped: Some(skipped), ..self }
    }

    fn holds(&self) {
        let times: Vec<Timestamp> = self.times.iter().map(|clock| day(clock)).collect();
        let input = DueInput {
            cursor: day("05:00:00"),
            now: day(self.now),
            ticking_since: day(self.ticking_since),
            max_lateness: SignedDuration::from_hours(6),
            times: &times,
            occupancy: self.occupancy,
            permission: self.permission,
            latest_skipped_by_pause: self.skipped.map(day),
        };
        assert_eq!(decide(&input), self.becomes, "{}", self.case);
    }
}

use RunKind::{CatchUp, Scheduled};

#[test]
fn times_that_come_due_while_the_service_ticks_run_on_time() {
    let cases = [
        Case::of("nothing is due", "08:59:59", &[], vec![]),
        Case::of("at the second", "09:00:00", &["09:00:00"], vec![run("09:00:00", Scheduled)]),
        Case::of("a tick late", "09:00:02", &["09:00:00"], vec![run("09:00:00", Scheduled)]),
        Case::of(
            "two in one tick: the second is queued",
            "09:00:01",
            &["09:00:00", "09:00:01"],
            vec![run("09:00:00", Scheduled), queued("09:00:01", Scheduled)],
        ),
    ];
    cases.iter().for_each(Case::holds);
}

#[test]
fn of_the_times_before_the_first_tick_the_latest_is_caught_up_or_all_are_missed() {
    let cases = [
        Case::of("down over one", "13:10:00", &["09:00:00"], vec![run("09:00:00", CatchUp)])
            .not_ticking_until("13:10:00"),
        Case::of("exactly as old as allowed", "15:00:00", &["09:00:00"], vec![run("09:00:00", CatchUp)])
            .not_ticking_until("15:00:00"),
        Case::of("a second too old", "15:00:01", &["09:00:00"], vec![missed("09:00:00")]).not_ticking_until("15:00:01"),
        Case::of(
            "down over three: the latest alone",
            "13:10:00",
            &["11:00:00", "12:00:00", "13:00:00"],
            vec![missed("11:00:00"), missed("12:00:00"), run("13:00:00", CatchUp)],
        )
        .not_ticking_until("13:10:00"),
        Case::of(
            "down over two, the third comes in time",
            "13:00:00",
            &["11:00:00", "12:00:00", "13:00:00"],
            vec![missed("11:00:00"), missed("12:00:00"), run("13:00:00", Scheduled)],
        )
        .not_ticking_until("12:59:59"),
        Case::of(
            "down over two, the next two come in time",
            "13:00:01",
            &["11:00:00", "12:00:00", "13:00:00", "13:00:01"],
            vec![missed("11:00:00"), missed("12:00:00"), run("13:00:00", Scheduled), queued("13:00:01", Scheduled)],
        )
        .not_ticking_until("12:59:59"),
        Case::of(
            "a nominal time at the instant of the first tick",
            "09:00:00",
            &["09:00:00"],
            vec![run("09:00:00", CatchUp)],
        )
        .not_ticking_until("09:00:00"),
    ];
    cases.iter().for_each(Case::holds);
}

#[test]
fn one_run_is_queued_behind_the_one_under_way_and_more_are_skipped() {
    let waiting = Occupancy::RunningAndQueued(day("08:00:00"));
    let cases = [
        Case::of("one is queued", "09:00:00", &["09:00:00"], vec![queued("09:00:00", Scheduled)])
            .while_it_is(Occupancy::Running),
        Case::of("the next is skipped", "09:00:00", &["09:00:00"], vec![skipped("09:00:00", Skip::Overlap)])
            .while_it_is(waiting),
        Case::of(
            "one is queued, one is skipped",
            "09:00:01",
            &["09:00:00", "09:00:01"],
            vec![queued("09:00:00", Scheduled), skipped("09:00:01", Skip::Overlap)],
        )
        .while_it_is(Occupancy::Running),
        Case::of("the clock went back: the queued time comes again", "08:00:00", &["08:00:00"], vec![])
            .while_it_is(waiting),
        Case::of(
            "asleep while a run is under way",
            "13:10:00",
            &["12:00:00", "13:00:00"],
            vec![missed("12:00:00"), queued("13:00:00", CatchUp)],
        )
        .not_ticking_until("13:10:00")
        .while_it_is(Occupancy::Running),
    ];
    cases.iter().for_each(Case::holds);
}

#[test]
fn a_pause_skips_and_its_end_catches_up_the_latest() {
    let cases = [
        Case::of(
            "paused",
            "09:00:00",
            &["08:00:00", "09:00:00"],
            vec![skipped("08:00:00", Skip::Paused), skipped("09:00:00", Skip::Paused)],
        )
        .when(Permission::Paused),
        Case::of("disabled", "09:00:00", &["09:00:00"], vec![skipped("09:00:00", Skip::Paused)])
            .when(Permission::Disabled),
        Case::of("still paused: no catch-up run", "10:00:00", &[], vec![])
            .when(Permission::Paused)
            .after_a_pause_skipped("09:00:00"),
        Case::of("resumed", "10:00:00", &[], vec![run("09:00:00", CatchUp)]).after_a_pause_skipped("09:00:00"),
        Case::of("resumed while a run is under way", "10:00:00", &[], vec![queued("09:00:00", CatchUp)])
            .after_a_pause_skipped("09:00:00")
            .while_it_is(Occupancy::Running),
        Case::of("resumed too late", "15:00:01", &[], vec![]).after_a_pause_skipped("09:00:00"),
        Case::of("resumed as the next comes: that one", "10:00:00", &["10:00:00"], vec![run("10:00:00", Scheduled)])
            .after_a_pause_skipped("09:00:00"),
    ];
    cases.iter().for_each(Case::holds);
}

#[test]
fn the_cursor_is_set_back_with_the_clock() {
    Case::of("an hour back", "04:00:00", &[], vec![Decision::ResetCursor(day("04:00:00"))]).holds();
    Case::of("back, but not before the cursor", "05:00:00", &[], vec![]).holds();
    Case::of("back while paused", "04:00:00", &[], vec![Decision::ResetCursor(day("04:00:00"))])
        .when(Permission::Paused)
        .holds();
}
