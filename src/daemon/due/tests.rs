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

fn wait(clock: &str, kind: RunKind) -> Decision {
    Decision::Wait { nominal: day(clock), kind }
}

fn missed(clock: &str) -> Decision {
    Decision::Missed(day(clock))
}

fn skipped(clock: &str, why: Skip) -> Decision {
    Decision::Skipped { nominal: day(clock), why }
}

struct Case {
    told: &'static str,
    now: &'static str,
    watched_since: &'static str,
    times: &'static [&'static str],
    occupancy: Occupancy,
    permission: Permission,
    owed: Option<&'static str>,
    becomes: Vec<Decision>,
}

impl Case {
    /// An idle, permitted schedule with a cursor at 05:00 and six hours of `max_lateness`, watched since 06:00.
    fn of(told: &'static str, now: &'static str, times: &'static [&'static str], becomes: Vec<Decision>) -> Self {
        Self {
            told,
            now,
            watched_since: "06:00:00",
            times,
            occupancy: Occupancy::Idle,
            permission: Permission::Granted,
            owed: None,
            becomes,
        }
    }

    fn unwatched_until(self, watched_since: &'static str) -> Self {
        Self { watched_since, ..self }
    }

    fn while_it_is(self, occupancy: Occupancy) -> Self {
        Self { occupancy, ..self }
    }

    fn when(self, permission: Permission) -> Self {
        Self { permission, ..self }
    }

    fn owing(self, owed: &'static str) -> Self {
        Self { owed: Some(owed), ..self }
    }

    fn holds(&self) {
        let times: Vec<Timestamp> = self.times.iter().map(|clock| day(clock)).collect();
        let view = View {
            cursor: day("05:00:00"),
            now: day(self.now),
            watched_since: day(self.watched_since),
            max_lateness: SignedDuration::from_hours(6),
            times: &times,
            occupancy: self.occupancy,
            permission: self.permission,
            owed: self.owed.map(day),
        };
        assert_eq!(decide(&view), self.becomes, "{}", self.told);
    }
}

use RunKind::{CatchUp, Scheduled};

#[test]
fn times_that_come_while_somebody_watches_run_on_time() {
    let cases = [
        Case::of("nothing is due", "08:59:59", &[], vec![]),
        Case::of("at the second", "09:00:00", &["09:00:00"], vec![run("09:00:00", Scheduled)]),
        Case::of("a beat late", "09:00:02", &["09:00:00"], vec![run("09:00:00", Scheduled)]),
        Case::of(
            "two in one beat: the second waits",
            "09:00:01",
            &["09:00:00", "09:00:01"],
            vec![run("09:00:00", Scheduled), wait("09:00:01", Scheduled)],
        ),
    ];
    cases.iter().for_each(Case::holds);
}

#[test]
fn what_passed_unwatched_is_made_up_for_once_or_recorded_as_missed() {
    let cases = [
        Case::of("down over one", "13:10:00", &["09:00:00"], vec![run("09:00:00", CatchUp)])
            .unwatched_until("13:10:00"),
        Case::of("exactly as old as allowed", "15:00:00", &["09:00:00"], vec![run("09:00:00", CatchUp)])
            .unwatched_until("15:00:00"),
        Case::of("a second too old", "15:00:01", &["09:00:00"], vec![missed("09:00:00")]).unwatched_until("15:00:01"),
        Case::of(
            "down over three: the latest alone",
            "13:10:00",
            &["11:00:00", "12:00:00", "13:00:00"],
            vec![missed("11:00:00"), missed("12:00:00"), run("13:00:00", CatchUp)],
        )
        .unwatched_until("13:10:00"),
        Case::of(
            "down over two, the third comes in time",
            "13:00:00",
            &["11:00:00", "12:00:00", "13:00:00"],
            vec![missed("11:00:00"), missed("12:00:00"), run("13:00:00", Scheduled)],
        )
        .unwatched_until("12:59:59"),
        Case::of(
            "a nominal time at the very start of watching",
            "09:00:00",
            &["09:00:00"],
            vec![run("09:00:00", CatchUp)],
        )
        .unwatched_until("09:00:00"),
    ];
    cases.iter().for_each(Case::holds);
}

#[test]
fn one_waits_for_a_run_that_is_going_and_more_are_left_out() {
    let waiting = Occupancy::RunningAndNext(day("08:00:00"));
    let cases = [
        Case::of("one waits", "09:00:00", &["09:00:00"], vec![wait("09:00:00", Scheduled)])
            .while_it_is(Occupancy::Running),
        Case::of("the next is left out", "09:00:00", &["09:00:00"], vec![skipped("09:00:00", Skip::Overlap)])
            .while_it_is(waiting),
        Case::of(
            "one waits, one is left out",
            "09:00:01",
            &["09:00:00", "09:00:01"],
            vec![wait("09:00:00", Scheduled), skipped("09:00:01", Skip::Overlap)],
        )
        .while_it_is(Occupancy::Running),
        Case::of("the clock went back: what waits comes again", "08:00:00", &["08:00:00"], vec![]).while_it_is(waiting),
        Case::of(
            "asleep with a run going",
            "13:10:00",
            &["12:00:00", "13:00:00"],
            vec![missed("12:00:00"), wait("13:00:00", CatchUp)],
        )
        .unwatched_until("13:10:00")
        .while_it_is(Occupancy::Running),
    ];
    cases.iter().for_each(Case::holds);
}

#[test]
fn a_pause_leaves_out_and_its_end_makes_up_for_the_latest() {
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
        Case::of("still paused: nothing is made up for", "10:00:00", &[], vec![])
            .when(Permission::Paused)
            .owing("09:00:00"),
        Case::of("resumed", "10:00:00", &[], vec![run("09:00:00", CatchUp)]).owing("09:00:00"),
        Case::of("resumed while a run is going", "10:00:00", &[], vec![wait("09:00:00", CatchUp)])
            .owing("09:00:00")
            .while_it_is(Occupancy::Running),
        Case::of("resumed too late", "15:00:01", &[], vec![]).owing("09:00:00"),
        Case::of("resumed as the next comes: that one", "10:00:00", &["10:00:00"], vec![run("10:00:00", Scheduled)])
            .owing("09:00:00"),
    ];
    cases.iter().for_each(Case::holds);
}

#[test]
fn the_cursor_goes_back_with_the_clock() {
    Case::of("an hour back", "04:00:00", &[], vec![Decision::CursorBack(day("04:00:00"))]).holds();
    Case::of("back, but not before the cursor", "05:00:00", &[], vec![]).holds();
    Case::of("back while paused", "04:00:00", &[], vec![Decision::CursorBack(day("04:00:00"))])
        .when(Permission::Paused)
        .holds();
}
