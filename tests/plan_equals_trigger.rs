//! A plan is what a trigger of the same moment then does: random tables, schedules and clocks, real files, a real ledger
//! and a real receiver behind a socket; round after round over the same ledger, while the source changes.

#[path = "support/mod.rs"]
mod support;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::Config;
use tickler::clock::ManualClock;
use tickler::reminder::{RunState, State};
use tickler::verbs::Reveal;
use tickler::verbs::plan::{ShownPlan, When, plan};
use tickler::verbs::trigger::{TriggerAnswer, TriggerAsk, trigger};

use support::clinic::Clinic;
use support::opened::OpenedClinic;
use support::{Conduct, Receiver, answer};

/// A Tuesday in the middle of nothing: no clock changes near it.
const BASE: &str = "2026-11-24T12:00:00Z";

/// One line of the table: id, phone, start, status, zone, person, service.
type Line = [String; 7];

/// What happens before one evaluation.
#[derive(Debug, Clone)]
struct Round {
    minutes_later: i64,
    edits: Vec<(prop::sample::Index, Edit)>,
}

/// One change of the source.
#[derive(Debug, Clone)]
enum Edit {
    Replace(Line),
    MoveTo(String),
    Phone(String),
    Cancel,
    Remove,
}

/// A schedule's terms.
#[derive(Debug, Clone)]
struct Terms {
    zone: &'static str,
    leads: String,
    more: String,
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(words).prop_map(str::to_owned)
}

fn phone() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "\\+1202555014[0-9]",
        2 => "\\(202\\) 555-01[67][0-9]",
        1 => one_of(&["911", "", "call me", "2025550143.0", "+15551234567"]),
    ]
}

fn start() -> impl Strategy<Value = String> {
    let near = (-1_200_i64..4_400).prop_map(|minutes| {
        let at: Timestamp = BASE.parse().expect("an instant");
        let at = at + SignedDuration::from_mins(minutes / 10 * 10);
        at.strftime("%Y-%m-%d %H:%M").to_string()
    });
    prop_oneof![9 => near, 1 => one_of(&["soon", "", "2026-11-25T15:00:00Z", "2026-11-25T15:00:00+05:30"])]
}

fn line() -> impl Strategy<Value = Line> {
    (
        prop_oneof![8 => "[a-h]", 1 => Just(String::new())],
        phone(),
        start(),
        one_of(&["confirmed", "confirmed", "confirmed", " Confirmed", "cancelled", "Foo", ""]),
        one_of(&["", "", "", "America/Los_Angeles", "Asia/Tokyo", "Nowhere/Land"]),
        one_of(&["", "", "", "ada", "ben"]),
        one_of(&["Cut", "Cut", "Zoë, \"Müßig\"", "Walk-in"]),
    )
        .prop_map(|(id, phone, start, status, zone, who, service)| [id, phone, start, status, zone, who, service])
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        line().prop_map(Edit::Replace),
        start().prop_map(Edit::MoveTo),
        phone().prop_map(Edit::Phone),
        Just(Edit::Cancel),
        Just(Edit::Remove),
    ]
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), edit()), 0..4);
    let round = (0_i64..1_500, edits).prop_map(|(minutes_later, edits)| Round { minutes_later, edits });
    prop::collection::vec(round, 1..4)
}

fn terms() -> impl Strategy<Value = Terms> {
    let leads = one_of(&[
        "days_before = 1",
        "days_before = [0, 1, 2]",
        "hours_before = 24",
        "hours_before = [2, 24, 48]",
        "days_before = [1, 7]\nmax_lateness = \"12h\"",
    ]);
    let hours = one_of(&["", "calling_hours = \"always\"\n", "calling_hours = \"10:00-12:00\"\n"]);
    let filter = one_of(&["", "only_if = 'service != \"Walk-in\"'\n"]);
    let zone = prop::sample::select(&["UTC", "America/New_York", "Asia/Kolkata"][..]);
    let people = one_of(&["", "max_per_person_per_day = 2\n"]);
    (zone, leads, hours, filter, people).prop_map(|(zone, leads, hours, filter, people)| Terms {
        zone,
        leads,
        more: hours + &filter + &people,
    })
}

impl Terms {
    fn schedule(&self) -> String {
        let Self { zone, leads, more } = self;
        format!(
            "cron = \"*/15 * * * *\"\ntimezone = \"{zone}\"\n[source.csv]\npath = \"../table.csv\"\n[appointment]\n\
             id = \"id\"\nphone = \"phone\"\ndefault_region = \"US\"\nstarts_at = \"start\"\nstatus = \"status\"\n\
             recipient_timezone = \"zone\"\nperson = \"who\"\n[remind]\nstatuses = [\"confirmed\"]\n{leads}\n{more}\
             [guard]\nmax_invalid = \"100%\"\n[target.automation]\nurl = {{ env = \"THOUGHTLY_AUTOMATION_URL\" }}\n[payload]\nid = \"{{{{ appointment_id }}}}\"\n\
             phone = \"{{{{ phone }}}}\"\nwhen = [\"{{{{ starts_at }}}}\", \"{{{{ weekday }}}}\"]\n\
             lead = \"{{{{ lead }}}}\"\nservice = \"For {{{{ service }}}}\"\nbefore = \"{{{{ previous_starts_at }}}}\"\n"
        )
    }
}

/// A clinic and what receives its calls.
struct CheckedClinic {
    opened: OpenedClinic,
    receiver: Receiver,
}

impl Deref for CheckedClinic {
    type Target = OpenedClinic;
    fn deref(&self) -> &OpenedClinic {
        &self.opened
    }
}

impl CheckedClinic {
    async fn open(terms: &Terms) -> Self {
        let receiver = Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], r#"{"error":null}"#))]);
        let clinic = Clinic::empty(&receiver.url("/webhook/automation/x"));
        clinic.schedule("s", &terms.schedule());
        let clock = Arc::new(ManualClock::starting_at(BASE.parse().expect("an instant")));
        Self { opened: OpenedClinic::of(clinic, clock).await, receiver }
    }

    fn write(&self, lines: &[Line]) {
        let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
        let lines: Vec<String> =
            lines.iter().map(|line| line.iter().map(quoted).collect::<Vec<_>>().join(",")).collect();
        let table = format!("id,phone,start,status,zone,who,service\n{}\n", lines.join("\n"));
        std::fs::write(self.file("table.csv"), table).expect("written");
    }

    /// Plans, triggers, and answers both with the bodies that came in.
    async fn evaluate(&self) -> (ShownPlan, TriggerAnswer, Vec<String>) {
        let schedule = self.app.schedule("s").expect("it is loaded");
        let before = self.receiver.received().len();
        let planned = plan(&self.app, &schedule, When::Now, Reveal::Whole).await.expect("a plan");
        assert_eq!(self.receiver.received().len(), before, "a plan sends nothing");
        let ask = TriggerAsk {
            schedule: "s".to_owned(),
            only: None,
            rehearsed: tickler::plan::Rehearsed::CountAsMade,
            wait: Duration::ZERO,
        };
        let triggered = trigger(&self.app, "property", ask).await.expect("a trigger");
        let bodies = self.receiver.received().into_iter().skip(before);
        let bodies = bodies.map(|request| String::from_utf8(request.body).expect("UTF-8"));
        (planned, triggered, bodies.collect())
    }
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items
}

fn change(lines: &mut Vec<Line>, edits: &[(prop::sample::Index, Edit)]) {
    for (index, edit) in edits {
        if lines.is_empty() {
            return;
        }
        let at = index.index(lines.len());
        match edit {
            Edit::Replace(line) => lines[at] = line.clone(),
            Edit::MoveTo(start) => lines[at][2].clone_from(start),
            Edit::Phone(phone) => lines[at][1].clone_from(phone),
            Edit::Cancel => "cancelled".clone_into(&mut lines[at][3]),
            Edit::Remove => drop(lines.remove(at)),
        }
    }
}

/// Everything a plan says against everything the trigger did.
fn compare(planned: &ShownPlan, triggered: &TriggerAnswer, bodies: Vec<String>, now: Timestamp) {
    let (plan, did) = (planned.counts, triggered.counts);
    assert_eq!(triggered.state, RunState::Done, "{:?}", triggered.detail);
    assert_eq!(
        (plan.rows, plan.outside_window, plan.planned, plan.skipped, plan.already_reminded),
        (did.rows, did.outside_window, did.planned, did.skipped, did.already_reminded)
    );
    assert_eq!(plan.rows, plan.outside_window + plan.planned + plan.skipped + plan.already_reminded);
    let is_due = |due_at: &str| due_at.parse::<Timestamp>().expect("an instant") <= now;
    let due = planned.reminders.iter().filter(|call| is_due(&call.due_at));
    let expected = due.map(|call| serde_json::to_string(&call.payload).expect("JSON"));
    assert_eq!(sorted(bodies), sorted(expected), "the bytes of the plan are the bytes that were sent");
    let fates = planned.reminders.iter().map(|call| {
        let state = if is_due(&call.due_at) { State::Delivered } else { State::Pending };
        (call.appointment_id.clone(), state.to_string())
    });
    let mut did: Vec<_> =
        triggered.reminders.iter().map(|it| (it.appointment_id.clone(), it.state.to_string())).collect();
    for fate in fates {
        let place = did.iter().position(|it| *it == fate);
        did.swap_remove(place.unwrap_or_else(|| panic!("{fate:?} is planned, and not among {did:?}")));
    }
    // what waited and can't go out in time any more is no call of the plan; the trigger still tells of it
    let waited = [State::Expired, State::Pending].map(|state| state.to_string());
    assert!(did.iter().all(|(_, state)| waited.contains(state)), "{did:?} were not planned");
}

proptest! {
    #![proptest_config(Config { cases: 32, failure_persistence: None, ..Config::default() })]
    #[test]
    fn a_plan_is_what_a_trigger_then_does(
        terms in terms(), lines in prop::collection::vec(line(), 0..24), rounds in rounds(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let (clinic, mut lines) = (CheckedClinic::open(&terms).await, lines);
            for round in &rounds {
                change(&mut lines, &round.edits);
                clinic.write(&lines);
                clinic.clock.advance(Duration::from_secs(round.minutes_later.unsigned_abs() * 60));
                let now = tickler::evaluation::nominal_now(clinic.clock.as_ref());
                let (planned, triggered, bodies) = clinic.evaluate().await;
                compare(&planned, &triggered, bodies, now);
            }
        });
    }
}
