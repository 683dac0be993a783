use super::*;
use crate::schedule::load;
use crate::zones::Zones;

fn at(clock: &str) -> Timestamp {
    format!("2026-11-24T{clock}Z").parse().expect("a valid instant")
}

fn schedule(cron: &str) -> Arc<Schedule> {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "cron = \"{cron}\"\ntimezone = \"UTC\"\n[source.csv]\npath = \"none.csv\"\n[appointment]\nid = \"id\"\nphone = \
         \"phone\"\nstarts_at = \"starts_at\"\n[remind]\ndays_before = 1\n[target.webhook]\nurl = \
         \"http://127.0.0.1:1/\"\n[payload]\nphone = \"{{{{ phone }}}}\"\n"
    );
    std::fs::write(folder.path().join("hourly.toml"), text).expect("written");
    let read = load::folder(folder.path(), &Zones::newest()).expect("a folder that can be read");
    Arc::clone(read.schedules.get("hourly").expect("a good schedule"))
}

/// A queue with one hourly schedule, loaded at 08:30.
fn queue() -> RunQueue {
    let mut queue = RunQueue::default();
    queue.put(Arrival { schedule: schedule("0 * * * *"), cursor: at("08:30:00"), latest_skipped_by_pause: None });
    queue
}

fn tick(clock: &str) -> Tick {
    Tick { now: at(clock), ticking_since: at("08:30:00") }
}

fn poll(queue: &mut RunQueue, clock: &str) -> ScheduleSteps {
    assert_eq!(queue.due(at(clock)), ["hourly"], "due at {clock}");
    queue.poll("hourly", tick(clock), Permission::Granted).expect("a loaded schedule")
}

fn start(clock: &str) -> DueRun {
    DueRun::new(at(clock), RunKind::Scheduled)
}

#[test]
fn a_schedule_is_polled_only_when_a_nominal_time_has_come() {
    let mut queue = queue();
    assert!(queue.due(at("08:59:59")).is_empty());
    let steps = poll(&mut queue, "09:00:00");
    assert_eq!((steps.start, steps.passed.is_none()), (Some(start("09:00:00")), true));
    assert!(queue.due(at("09:00:01")).is_empty());
}

#[test]
fn one_waits_for_the_run_that_is_going_and_the_cursor_stays_behind_both() {
    let mut queue = queue();
    let _going = poll(&mut queue, "09:00:00");
    let waiting = poll(&mut queue, "10:00:00");
    assert_eq!((waiting.start, waiting.passed.is_none()), (None, true));
    let passed = poll(&mut queue, "11:00:00").passed.expect("11:00 is left out");
    assert_eq!(passed.times, [(at("11:00:00"), RunState::Skipped, "overlap".to_owned())]);
    assert!(passed.cursor < at("09:00:00"), "a crash now would lose 09:00 and 10:00");
    let next = queue.ended("hourly", start("09:00:00"), Ended::Recorded, at("11:30:00")).expect("loaded");
    assert_eq!(next.start, Some(start("10:00:00")));
    let after = queue.ended("hourly", start("10:00:00"), Ended::Recorded, at("11:40:00")).expect("loaded");
    assert_eq!(after.start, None);
}

#[test]
fn what_the_ledger_could_not_record_is_still_to_be_done() {
    let mut queue = queue();
    let asleep = Tick { now: at("11:10:00"), ticking_since: at("11:10:00") };
    let steps = queue.poll("hourly", asleep, Permission::Granted).expect("loaded");
    assert_eq!(steps.passed.as_ref().map(|passed| passed.times.len()), Some(2));
    queue.take_back(&steps, at("11:10:00"));
    assert!(queue.due(at("11:10:09")).is_empty());
    assert_eq!(queue.due(at("11:10:10")), ["hourly"]);
    let again = queue.poll("hourly", asleep, Permission::Granted).expect("loaded");
    assert_eq!(again.passed.map(|passed| passed.times), steps.passed.map(|passed| passed.times));
    assert_eq!(again.start, steps.start);
}

#[test]
fn a_run_the_ledger_did_not_begin_is_begun_later() {
    let mut queue = queue();
    let first = poll(&mut queue, "09:00:00").start.expect("due");
    let nothing = queue.ended("hourly", first, Ended::NotBegun, at("09:00:01")).expect("loaded");
    assert_eq!(nothing.start, None);
    assert!(queue.due(at("09:00:10")).is_empty());
    assert_eq!(poll(&mut queue, "09:00:11").start, Some(first));
}

#[test]
fn a_waiting_run_goes_on_under_its_id_and_ends_when_the_next_begins() {
    let run = RunId(uuid::Uuid::from_u128(7));
    let mut queue = queue();
    let first = poll(&mut queue, "09:00:00").start.expect("due");
    let ended = Ended::Waiting { run, again_at: at("09:05:00") };
    queue.ended("hourly", first, ended, at("09:00:07")).expect("loaded");
    assert!(queue.due(at("09:04:59")).is_empty());
    let again = poll(&mut queue, "09:05:00").start.expect("read again");
    assert_eq!(again, DueRun { turn: Turn::Again, ..first });
    queue.ended("hourly", again, Ended::Waiting { run, again_at: at("10:10:00") }, at("09:05:07")).expect("loaded");
    let steps = poll(&mut queue, "10:00:00");
    assert_eq!(steps.give_up.map(|waiting| waiting.run), Some(run));
    assert_eq!(steps.start, Some(start("10:00:00")));
}

#[test]
fn a_step_back_takes_the_cursor_along_once() {
    let mut queue = queue();
    let first = poll(&mut queue, "09:00:00").start.expect("due");
    queue.ended("hourly", first, Ended::Recorded, at("09:00:01")).expect("loaded");
    let passed = poll(&mut queue, "08:10:00").passed.expect("the cursor");
    assert_eq!((passed.cursor, passed.times.len()), (at("08:10:00"), 0));
    assert!(queue.due(at("08:10:01")).is_empty());
    assert_eq!(poll(&mut queue, "09:00:00").start, Some(first), "the ledger knows that it was evaluated");
}

#[test]
fn an_edit_keeps_the_cursor_and_a_new_cron_starts_at_its_loading() {
    let mut queue = queue();
    let _going = poll(&mut queue, "09:00:00");
    queue.put(Arrival { schedule: schedule("0 * * * *"), cursor: at("08:30:00"), latest_skipped_by_pause: None });
    assert!(queue.due(at("09:30:00")).is_empty(), "the ledger's cursor may lag behind");
    queue.put(Arrival { schedule: schedule("30 * * * *"), cursor: at("09:40:00"), latest_skipped_by_pause: None });
    assert!(queue.due(at("10:29:59")).is_empty());
    assert_eq!(queue.due(at("10:30:00")), ["hourly"]);
}

#[test]
fn of_hours_of_seconds_the_newest_twenty_get_rows_and_the_rest_is_one_number() {
    let mut queue = RunQueue::default();
    queue.put(Arrival { schedule: schedule("* * * * * *"), cursor: at("08:30:00"), latest_skipped_by_pause: None });
    let asleep = Tick { now: at("12:30:00"), ticking_since: at("12:30:00") };
    let first = queue.poll("hourly", asleep, Permission::Granted).expect("loaded");
    assert_eq!((first.start, first.passed.is_none()), (None, true), "only counted so far");
    assert_eq!(queue.due(at("12:30:00")), ["hourly"], "the rest is for the next tick");
    let rest = queue.poll("hourly", asleep, Permission::Granted).expect("loaded");
    assert_eq!(rest.start, Some(DueRun::new(at("12:30:00"), RunKind::CatchUp)));
    let passed = rest.passed.clone().expect("the rest");
    let newest: Vec<Timestamp> = passed.times.iter().map(|(at, ..)| *at).collect();
    assert_eq!((newest.len(), newest[0], newest[19]), (20, at("12:29:40"), at("12:29:59")));
    let count = 4 * 3_600 - 20 - 1;
    let (first, last) = (at("08:30:01"), at("12:29:39"));
    assert_eq!(passed.folded, [FoldedTimes { first, last, count, state: RunState::Missed, why: "down" }]);
    queue.take_back(&rest, at("12:30:00"));
    let again = queue.poll("hourly", asleep, Permission::Granted).expect("loaded").passed.expect("the rest");
    assert_eq!(again.folded, passed.folded, "what the ledger could not record is counted again");
}

#[test]
fn a_run_that_ended_while_the_ledger_refused_is_not_made_to_run_again() {
    let mut queue = queue();
    let going = poll(&mut queue, "09:00:00").start.expect("due");
    let _next = poll(&mut queue, "10:00:00");
    let overlap = poll(&mut queue, "11:00:00");
    queue.ended("hourly", going, Ended::Recorded, at("11:00:00")).expect("loaded");
    queue.take_back(&overlap, at("11:00:00"));
    let next = start("10:00:00");
    queue.ended("hourly", next, Ended::Recorded, at("11:00:01")).expect("loaded");
    assert_eq!(poll(&mut queue, "11:00:10").start, Some(start("11:00:00")));
}

#[test]
fn a_suspended_schedule_is_not_polled_until_the_suspension_ends() {
    let mut queue = queue();
    queue.suspend(["hourly".to_owned()]);
    assert!(queue.due(at("09:00:00")).is_empty());
    assert!(queue.poll("hourly", tick("09:00:00"), Permission::Granted).is_none());
    queue.end_suspension();
    assert_eq!(poll(&mut queue, "09:00:01").start, Some(start("09:00:00")));
}
