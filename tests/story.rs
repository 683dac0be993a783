//! The whole pipeline over a clock moved by hand: real files, a real ledger, a real sandbox behind a socket.

mod support;

use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use support::clinic::{Clinic, PARTS, Parts};
use support::opened::OpenedClinic;
use tickler::audit::AuditFilter;
use tickler::clock::{Clock as _, ManualClock, SystemClock};
use tickler::delivery::DeliveryScope;
use tickler::evaluation::{RunAsk, RunOutcome, run_once};
use tickler::http::Http;
use tickler::ledger::{ReminderAsk, ReminderRow};
use tickler::reminder::{RunKind, RunState, State};
use tickler::sandbox::{self, Options};
use tickler::verbs::audit;
use tickler::verbs::trigger::{TriggerAnswer, TriggerAsk, trigger};

const HEADER: &str = "id,phone,starts_at,status\n";

/// A clinic and its sandbox.
struct StoryClinic {
    opened: OpenedClinic,
    posts: Arc<Mutex<Vec<(Timestamp, String)>>>,
    _sandbox: sandbox::Running,
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a valid instant")
}

fn schedule(remind: &str) -> String {
    Parts {
        cron: "0 * * * *",
        zone: "UTC",
        appointment: "id = \"id\"\nphone = \"phone\"\ndefault_region = \"US\"\nstarts_at = \"starts_at\"\nstatus = \"status\"",
        remind,
        payload: "phone = \"{{ phone }}\"\nwhen = \"{{ starts_at }}\"\nbefore = \"{{ previous_starts_at }}\"",
        ..PARTS
    }
    .text()
}

impl Deref for StoryClinic {
    type Target = OpenedClinic;
    fn deref(&self) -> &OpenedClinic {
        &self.opened
    }
}

impl StoryClinic {
    async fn open(schedules: &[(&str, &str)], rows: &str, now: &str) -> Self {
        let posts = Arc::new(Mutex::new(Vec::new()));
        let clock = Arc::new(ManualClock::starting_at(at(now)));
        let sandbox = Self::sandbox(Arc::clone(&posts), Arc::clone(&clock)).await;
        let clinic = Clinic::empty(&format!("http://{}/webhook/automation/story", sandbox.address));
        clinic.write("appointments.csv", &format!("{HEADER}{rows}"));
        for (name, remind) in schedules {
            clinic.schedule(name, &schedule(remind));
        }
        Self { opened: OpenedClinic::of(clinic, clock).await, posts, _sandbox: sandbox }
    }

    async fn sandbox(posts: Arc<Mutex<Vec<(Timestamp, String)>>>, clock: Arc<ManualClock>) -> sandbox::Running {
        let http = Http::new(Arc::new(SystemClock::new())).expect("a client");
        let events = Box::new(move |event: sandbox::ReceivedRequest| {
            posts.lock().expect("no poison").push((event.at, event.phone_last4.unwrap_or_default()));
        });
        sandbox::start(Options::default(), sandbox::Surroundings { clock, http, events }).await.expect("a sandbox")
    }

    fn rows(&self, rows: &str) {
        self.write("appointments.csv", &format!("{HEADER}{rows}"));
    }

    async fn trigger(&self, name: &str) -> TriggerAnswer {
        let ask = TriggerAsk {
            schedule: name.to_owned(),
            only: None,
            rehearsed: tickler::plan::Rehearsed::CountAsMade,
            wait: Duration::ZERO,
        };
        trigger(&self.app, "story", ask).await.expect("a trigger")
    }

    /// The cron's run of this moment, then what is due.
    async fn run(&self, name: &str) -> RunOutcome {
        let loaded = self.app.schedule(name).expect("it is loaded");
        let now = tickler::evaluation::nominal_now(self.clock.as_ref());
        let ask = RunAsk {
            kind: RunKind::Scheduled,
            nominal_at: now,
            actor: "story".to_owned(),
            only: None,
            rehearsed: tickler::plan::Rehearsed::CountAsMade,
        };
        let outcome = run_once(&loaded, ask, &self.app.env).await;
        self.deliver(name).await;
        outcome
    }

    async fn deliver(&self, name: &str) {
        let sender = self.app.sender.clone().expect("it may send");
        sender.set_schedules(&self.app.folder().schedules);
        let scope = DeliveryScope { schedule: name.to_owned(), only: None };
        sender.deliver(&scope, Duration::ZERO).await.expect("the ledger holds");
    }

    async fn reminders(&self) -> Vec<ReminderRow> {
        let ledger = self.app.ledger().expect("a ledger");
        ledger.reminders(ReminderAsk::default()).await.expect("it can be read")
    }

    async fn reasons(&self, event: &str) -> Vec<String> {
        let filter = AuditFilter { event: Some(event.to_owned()), ..AuditFilter::default() };
        let rows = audit::list(&self.app, filter).await.expect("it can be read");
        rows.into_iter().filter_map(|row| row.entry.reason.map(Into::into)).collect()
    }

    fn posts(&self) -> Vec<String> {
        self.posts.lock().expect("no poison").iter().map(|(_, last4)| last4.clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_four_evaluations_twice_at_once_make_one_post_per_appointment_and_lead() {
    let rows = "a,+12025550143,2026-11-25T12:00Z,ok\nb,+12025550164,2026-11-25T16:30Z,ok\n";
    let remind = "hours_before = [24, 2]\ncalling_hours = \"always\"\nmax_per_person_per_day = 9";
    let clinic = StoryClinic::open(&[("hourly", remind)], rows, "2026-11-24T13:00:00Z").await;
    for hour in 0..28 {
        if hour % 2 == 0 {
            tokio::join!(clinic.trigger("hourly"), clinic.trigger("hourly"));
        } else {
            let (one, other) = tokio::join!(clinic.run("hourly"), clinic.run("hourly"));
            let done = [one.state(), other.state()].iter().filter(|state| **state == RunState::Done).count();
            assert_eq!(done, 1, "a nominal time is recorded once: {:?} {:?}", one.why(), other.why());
        }
        clinic.clock.advance(Duration::from_secs(3600));
    }
    let mut posts = clinic.posts();
    posts.sort();
    assert_eq!(posts, ["0143", "0143", "0164", "0164"]);
    assert!(clinic.reminders().await.iter().all(|reminder| reminder.state == State::Delivered));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_appointment_is_told_once_more_with_its_former_start_and_a_corrected_phone_is_not() {
    let clinic = StoryClinic::open(
        &[("day", "days_before = 1")],
        "a,+12025550143,2026-11-24 10:00,ok\n",
        "2026-11-23T09:00:00Z",
    )
    .await;
    assert_eq!(clinic.trigger("day").await.counts.delivered, 1);
    clinic.rows("a,+12025550164,2026-11-24 10:00,ok\n");
    clinic.clock.advance(Duration::from_secs(60));
    assert_eq!(clinic.trigger("day").await.counts.already_reminded, 1, "another phone is no other call");
    clinic.rows("a,+12025550164,2026-11-25 15:00,ok\n");
    clinic.clock.set(at("2026-11-24T09:00:00Z"));
    assert_eq!(clinic.trigger("day").await.counts.delivered, 1);
    assert_eq!(clinic.posts(), ["0143", "0164"]);
    let reminders = clinic.reminders().await;
    let payload = reminders[1].payload.clone().expect("it is kept");
    assert!(payload.contains("\"before\":\"2026-11-24T10:00:00+00:00\""), "{}", payload.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_rows_of_one_phone_in_five_spellings_are_one_call_and_thirty_nine_reasons() {
    let spellings = ["+12025550143", "(202) 555-0143", "202-555-0143", "2025550143", "+1 202.555.0143"];
    let rows: String =
        (0..40).map(|row| format!("a{row},{},2026-11-25 {:02}:00,ok\n", spellings[row % 5], 8 + row / 4)).collect();
    let clinic = StoryClinic::open(&[("day", "days_before = 1")], &rows, "2026-11-24T09:00:00Z").await;
    let answer = clinic.trigger("day").await;
    assert_eq!((answer.counts.delivered, answer.counts.skipped), (1, 39));
    assert_eq!(clinic.posts().len(), 1);
    assert_eq!(clinic.reasons("reminder.skipped").await, vec!["person_limit"; 39]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_opening_is_read_again_before_it_goes_out() {
    let rows = "a,+12025550143,2026-11-26 15:00,ok\nb,+12025550164,2026-11-26 16:00,ok\n";
    let remind = "days_before = 2\nmax_lateness = \"12h\"";
    let clinic = StoryClinic::open(&[("late", remind)], rows, "2026-11-24T22:00:00Z").await;
    assert_eq!(clinic.trigger("late").await.counts.pending, 2);
    clinic.clock.set(at("2026-11-25T00:30:00Z"));
    let other_date = clinic.trigger("late").await;
    assert_eq!(other_date.counts.pending, 2, "a run of another date cancels nothing");
    clinic.rows("a,+12025550188,2026-11-26 15:00,ok\nb,+12025550164,2026-11-26 16:00,cancelled\n");
    clinic.clock.set(at("2026-11-25T08:00:00Z"));
    clinic.deliver("late").await;
    assert_eq!(clinic.posts(), ["0188"], "the call goes to the corrected number");
    let states: Vec<State> = clinic.reminders().await.iter().map(|reminder| reminder.state).collect();
    assert_eq!(states, [State::Delivered, State::Cancelled]);
    assert_eq!(clinic.reasons("reminder.cancelled").await, ["cancelled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_and_moved_back_or_missing_from_one_read_is_one_call() {
    let (ten, three) = ("a,+12025550143,2026-11-25 10:00,ok\n", "a,+12025550143,2026-11-25 15:00,ok\n");
    let remind = "days_before = 1\nmax_lateness = \"12h\"";
    let clinic = StoryClinic::open(&[("late", remind)], ten, "2026-11-24T22:00:00Z").await;
    for rows in [ten, three, ten, "", ten] {
        clinic.rows(rows);
        clinic.trigger("late").await;
        clinic.clock.advance(Duration::from_secs(60));
    }
    clinic.clock.set(at("2026-11-25T08:00:00Z"));
    clinic.deliver("late").await;
    assert_eq!(clinic.posts(), ["0143"]);
    let reminders = clinic.reminders().await;
    let delivered: Vec<_> = reminders.iter().filter(|reminder| reminder.state == State::Delivered).collect();
    assert_eq!(delivered.len(), 1);
    assert_eq!(delivered[0].starts_at, at("2026-11-25T10:00:00Z"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_schedules_at_the_same_minute_call_one_person_once_a_hundred_times_over() {
    let first = at("2026-01-02T10:00:00Z");
    let day = jiff::SignedDuration::from_hours(24);
    let rows: String = (0..100).map(|n| format!("a{n},+12025550143,{},ok\n", first + day * n)).collect();
    let remind = "days_before = 1";
    let clinic = StoryClinic::open(&[("one", remind), ("two", remind)], &rows, "2026-01-01T09:00:00Z").await;
    for n in 0..100 {
        clinic.clock.set(at("2026-01-01T09:00:00Z") + day * n);
        let (one, two) = tokio::join!(clinic.run("one"), clinic.run("two"));
        assert_eq!((one.state(), two.state()), (RunState::Done, RunState::Done));
    }
    assert_eq!(clinic.posts().len(), 100);
    assert_eq!(clinic.reasons("reminder.skipped").await, vec!["person_limit"; 100]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_books_36_hours_20_hours_or_30_minutes_before_is_called_for_the_leads_that_are_left() {
    let remind = "hours_before = [168, 24, 2]\ncalling_hours = \"always\"\nmax_per_person_per_day = 9";
    let clinic = StoryClinic::open(&[("hourly", remind)], "", "2026-11-23T22:00:00Z").await;
    let bookings = [
        ("2026-11-24T00:00:00Z", "a,+12025550143,2026-11-25T12:00Z,ok\n"),
        ("2026-11-24T16:00:00Z", "b,+12025550164,2026-11-25T12:00Z,ok\n"),
        ("2026-11-25T11:30:00Z", "c,+12025550188,2026-11-25T12:00Z,ok\n"),
    ];
    for half_hour in 0..80 {
        let now = clinic.clock.now();
        let rows = bookings.iter().filter(|(booked_at, _)| at(booked_at) <= now).map(|(_, row)| *row);
        clinic.rows(&rows.collect::<String>());
        if half_hour % 2 == 0 {
            clinic.run("hourly").await;
        }
        clinic.clock.advance(Duration::from_secs(1800));
    }
    let mut leads: Vec<String> =
        clinic.reminders().await.iter().map(|it| format!("{} {}", it.appointment_id, it.lead)).collect();
    leads.sort();
    assert_eq!(leads, ["a 24h", "a 2h", "b 2h"]);
    let mut posts = clinic.posts();
    posts.sort();
    assert_eq!(posts, ["0143", "0143", "0164"]);
    let reasons = clinic.reasons("reminder.skipped").await;
    assert!(
        reasons.iter().any(|it| it == "late_booking") && reasons.iter().any(|it| it == "already_started"),
        "{reasons:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_three_days_down_those_of_two_hundred_that_begin_later_are_called_by_start_and_the_others_never() {
    let first = at("2026-11-24T10:00:00Z");
    let start = |n: i32| first + jiff::SignedDuration::from_mins(25) * n;
    // a shuffled table: 73 and 200 have no common divisor
    let shuffled = (0..200).map(|n| n * 73 % 200);
    let rows: String = shuffled.map(|n| format!("a{n},+120255510{:02},{},ok\n", n % 100, start(n))).collect();
    let remind =
        "days_before = [1, 2, 3, 4]\nmax_lateness = \"96h\"\nmax_per_person_per_day = 9\n[delivery]\nmax_in_flight = 1";
    let clinic = StoryClinic::open(&[("late", remind)], &rows, "2026-11-23T21:30:00Z").await;
    assert_eq!(clinic.run("late").await.state(), RunState::Done);
    assert_eq!((clinic.reminders().await.len(), clinic.posts().len()), (200, 0), "they wait for the opening");
    clinic.clock.set(at("2026-11-26T20:00:00Z"));
    clinic.deliver("late").await;
    clinic.deliver("late").await;
    let an_hour_later = at("2026-11-26T21:00:00Z");
    let mut expected: Vec<i32> = (0..200).filter(|n| start(*n) >= an_hour_later).collect();
    expected.sort_by_key(|n| start(*n));
    let last4 = |n: &i32| format!("10{:02}", n % 100);
    assert_eq!(clinic.posts(), expected.iter().map(last4).collect::<Vec<_>>(), "soonest first, each once");
    for reminder in clinic.reminders().await {
        let is_late = reminder.starts_at < an_hour_later;
        assert_eq!(reminder.state, if is_late { State::Expired } else { State::Delivered }, "{}", reminder.starts_at);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_mondays_hours_stays_over_the_weekend_unless_its_row_is_cancelled() {
    let rows =
        "a,+12025550143,2026-11-30 15:00,ok\nb,+12025550164,2026-11-30 16:00,ok\nc,+12025550151,2026-11-30 17:00,ok\n";
    let remind = "days_before = 3\nmax_lateness = \"96h\"\nclosed_days = [\"sat\", \"sun\"]";
    let clinic = StoryClinic::open(&[("weekend", remind)], rows, "2026-11-27T21:30:00Z").await;
    let states = async || -> Vec<State> { clinic.reminders().await.iter().map(|it| it.state).collect() };
    clinic.run("weekend").await;
    assert_eq!(states().await, [State::Pending; 3]);
    clinic.clock.set(at("2026-11-28T21:30:00Z"));
    clinic.run("weekend").await;
    assert_eq!(states().await, [State::Pending; 3], "Saturday's run covers no date");
    clinic.rows("a,+12025550188,2026-11-30 15:00,ok\nb,+12025550164,2026-11-30 16:00,cancelled\nc,+12025550151,2026-11-30 17:00,ok\n");
    clinic.clock.set(at("2026-11-29T21:30:00Z"));
    clinic.run("weekend").await;
    assert_eq!(states().await, [State::Pending, State::Cancelled, State::Pending]);
    assert_eq!(clinic.posts(), [""; 0], "nobody is called on a Sunday");
    clinic.clock.set(at("2026-11-30T08:00:00Z"));
    clinic.deliver("weekend").await;
    let mut posts = clinic.posts();
    posts.sort();
    assert_eq!(posts, ["0151", "0188"], "the corrected number, and the one that stayed");
    assert_eq!(clinic.reasons("reminder.cancelled").await, ["cancelled"]);
}
