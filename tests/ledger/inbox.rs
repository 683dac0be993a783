//! Requests that are posted: what each is beside those before it, and what is kept of them, in both ledgers.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use serde_json::{Value, json};
use tickler::ledger::{
    Forget, Ledger, Log, NumbersList, OptOutChange, OptOutSide, Outbox, PostRow, PostStanding, PostTaken, PostsAsk,
    Prune, ReminderAsk, Runs, TakePost, Withdraw, Withdrawal,
};
use tickler::reminder::{Priority, ReminderId, RunKind, SkipReason, State};
use tickler::schedule::{Schedule, ScheduleMode, read};
use tickler::zones::Zones;

use crate::calls::{at, events, new_id, run_start};
use crate::makers;

const REQUESTS: &str = r#"
timezone = "America/New_York"
[source.inbound]
secret = { env = "LEADS_SECRET" }
[appointment]
id = "id"
phone = "phone"
call_at = "call_at"
priority = "priority"
[remind]
now = true
allowed_countries = ["US"]
calling_hours = "always"
[target.automation]
url = { env = "URL" }
[payload]
to = "{{ phone }}"
"#;

const ANN: &str = "+12025550143";
const BEN: &str = "+12025550144";

/// The schedule of requests, in a live or a shadow mode; read once, since random sequences post many.
pub fn schedule(mode: ScheduleMode) -> Arc<Schedule> {
    static SCHEDULES: LazyLock<[Arc<Schedule>; 2]> = LazyLock::new(|| {
        ["", "mode = \"shadow\"\n"].map(|mode| {
            let text = format!("{mode}{REQUESTS}");
            let (schedule, problems) = read::schedule(Path::new("leads.toml"), &text, &Zones::newest());
            Arc::new(schedule.unwrap_or_else(|| panic!("{problems:?}")))
        })
    });
    match mode {
        ScheduleMode::Live => Arc::clone(&SCHEDULES[0]),
        ScheduleMode::Shadow => Arc::clone(&SCHEDULES[1]),
    }
}

/// A request with that id, posted at `now`.
pub fn post(id: &str, phone: &str, more: &Value, now: Timestamp) -> TakePost {
    let mut row = json!({"id": id, "phone": phone});
    let fields = row.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    let body = row.to_string();
    let mut digest = [0; 32];
    body.bytes().enumerate().for_each(|(place, byte)| digest[place % 32] ^= byte.rotate_left((place / 32) as u32));
    TakePost {
        schedule: schedule(ScheduleMode::Live),
        zones: Zones::newest(),
        do_not_call: std::collections::HashSet::new(),
        target: None,
        id: Some(id.to_owned()),
        row: row.as_object().expect("an object").clone(),
        body: body.into(),
        digest,
        phone: Some(phone.into()),
        phones: vec![phone.into()],
        person: None,
        max_per_hour: 2,
        run: run_start("leads", RunKind::Inbound, now),
        reminder_id: ReminderId(new_id()),
        actor: "inbound".to_owned(),
    }
}

async fn take(ledger: &Ledger, id: &str, phone: &str, now: Timestamp) -> PostTaken {
    ledger.take_post(post(id, phone, &json!({}), now)).await.expect("it is judged")
}

fn state_of(taken: &PostTaken) -> Option<State> {
    match taken {
        PostTaken::Accepted(call) | PostTaken::Duplicate { call, .. } => call.state,
        PostTaken::Refused { .. } | PostTaken::TooMany { .. } => None,
    }
}

async fn kept(ledger: &Ledger) -> Vec<PostRow> {
    ledger.posts(PostsAsk::default()).await.expect("the requests")
}

#[tokio::test]
async fn one_id_is_one_call_which_a_changed_request_renews_while_it_waits() {
    for maker in makers() {
        let ledger = maker.open();
        let first = take(&ledger, "L1", ANN, at(0)).await;
        assert!(matches!(&first, PostTaken::Accepted(call) if call.state == Some(State::Pending)), "{first:?}");
        assert!(matches!(take(&ledger, "L1", ANN, at(1)).await, PostTaken::Duplicate { has_other_phone: false, .. }));
        let urgent = post("L1", BEN, &json!({"priority": "urgent", "call_at": "2030-01-01T00:00:00Z"}), at(2));
        let too_far = ledger.take_post(urgent).await.expect("it is judged");
        assert!(matches!(too_far, PostTaken::Refused { reason: SkipReason::InvalidTime, .. }), "{too_far:?}");
        // refused, it took the call with it; the next one is judged anew
        let again = ledger.take_post(post("L1", BEN, &json!({"priority": "urgent"}), at(3))).await.expect("judged");
        assert_eq!(state_of(&again), Some(State::Pending), "{again:?}");
        let rows = ledger.reminders(ReminderAsk::default()).await.expect("reminders");
        let states: Vec<_> = rows.iter().map(|row| (row.starts_at, row.state)).collect();
        assert_eq!(states, [(at(0), State::Cancelled), (at(3), State::Pending)]);
        let renewed = ledger.take_post(post("L1", ANN, &json!({"priority": "high"}), at(4))).await.expect("judged");
        assert!(matches!(&renewed, PostTaken::Accepted(call) if call.state == Some(State::Pending)), "{renewed:?}");
        let rows = ledger.reminders(ReminderAsk::default()).await.expect("reminders");
        assert_eq!((rows.len(), rows[1].phone.as_deref(), rows[1].starts_at), (2, Some(ANN), at(3)));
        assert_eq!(Priority::of_word(" Urgent "), Priority::High);
        let received = events(&ledger).await.into_iter().filter(|(event, _)| event == "inbound.received");
        let words: Vec<Option<String>> = received.map(|(_, reason)| reason).collect();
        assert_eq!(words, [None, Some("refused".into()), None, Some("renewed".into())]);
    }
}

#[tokio::test]
async fn the_hour_has_room_for_so_many_new_requests_and_one_id_asks_for_one_number() {
    for maker in makers() {
        let ledger = maker.open();
        let change = OptOutChange {
            list: NumbersList::OptedOut,
            phones: vec![BEN.into()],
            to: OptOutSide::On,
            reason: None,
            now: at(0),
            actor: "ada".to_owned(),
        };
        ledger.opt_out(change).await.expect("it is written");
        let refused = take(&ledger, "L0", BEN, at(0)).await;
        assert!(matches!(refused, PostTaken::Refused { reason: SkipReason::OptedOut, .. }), "{refused:?}");
        assert_eq!(state_of(&take(&ledger, "L1", ANN, at(1)).await), Some(State::Pending));
        let limited = take(&ledger, "L2", ANN, at(2)).await;
        assert!(matches!(limited, PostTaken::Refused { reason: SkipReason::PersonLimit, .. }), "{limited:?}");
        assert_eq!(state_of(&take(&ledger, "L3", "+12025550145", at(3)).await), Some(State::Pending));
        let full = take(&ledger, "L4", "+12025550146", at(4)).await;
        assert!(matches!(full, PostTaken::TooMany { retry_after: 3_500..=3_660 }), "{full:?}");
        assert!(
            matches!(take(&ledger, "L1", ANN, at(5)).await, PostTaken::Duplicate { has_other_phone: false, .. }),
            "a known one"
        );
        assert_eq!(state_of(&take(&ledger, "L4", "+12025550146", at(3_720)).await), Some(State::Pending));
        let standings: Vec<_> = kept(&ledger).await.into_iter().map(|row| (row.appointment_id, row.standing)).collect();
        let expected = [
            ("L0", PostStanding::Refused),
            ("L1", PostStanding::Accepted),
            ("L2", PostStanding::Refused),
            ("L3", PostStanding::Accepted),
            ("L4", PostStanding::Accepted),
        ];
        assert_eq!(standings, expected.map(|(id, standing)| (id.to_owned(), standing)));
    }
}

#[tokio::test]
async fn a_withdrawn_request_comes_back_by_no_repeat() {
    for maker in makers() {
        let ledger = maker.open();
        let withdraw = |id: &str, second| {
            let withdraw =
                Withdraw { schedule: "leads".into(), id: id.to_owned(), now: at(second), actor: "inbound".into() };
            ledger.withdraw(withdraw)
        };
        assert_eq!(withdraw("L1", 0).await, Ok(Withdrawal::Unknown));
        take(&ledger, "L1", ANN, at(1)).await;
        let done = withdraw("L1", 2).await.expect("it is done");
        assert!(matches!(&done, Withdrawal::Done(call) if call.state == Some(State::Cancelled)), "{done:?}");
        let repeat = take(&ledger, "L1", ANN, at(3)).await;
        assert!(
            matches!(&repeat, PostTaken::Duplicate { call, .. } if call.state == Some(State::Cancelled)),
            "{repeat:?}"
        );
        let other = ledger.take_post(post("L1", ANN, &json!({"name": "Ann"}), at(4))).await.expect("it is judged");
        assert_eq!(state_of(&other), Some(State::Pending), "another request");
        assert!(events(&ledger).await.contains(&("reminder.cancelled".into(), Some("withdrawn".into()))));
    }
}

#[tokio::test]
async fn what_was_posted_is_kept_as_long_as_payloads_and_goes_with_its_person() {
    for maker in makers() {
        let ledger = maker.open();
        take(&ledger, "L1", ANN, at(0)).await;
        take(&ledger, "L2", BEN, at(0)).await;
        let bodies = async || kept(&ledger).await.into_iter().map(|row| row.body.is_some()).collect::<Vec<_>>();
        let prune = Prune { payloads_before: at(10), audit_before: at(0), now: at(20) };
        ledger.prune(prune).await.expect("it is pruned");
        assert_eq!(bodies().await, [true, true], "their calls are still to be made");
        ledger.forget(Forget { phone: ANN.into(), now: at(30), actor: "ada".into() }).await.expect("it is erased");
        assert_eq!(bodies().await, [false, true]);
        let withdraw = Withdraw { schedule: "leads".into(), id: "L2".into(), now: at(40), actor: "inbound".into() };
        ledger.withdraw(withdraw).await.expect("it is withdrawn");
        let prune = Prune { payloads_before: at(50), audit_before: at(0), now: at(60) };
        ledger.prune(prune).await.expect("it is pruned");
        assert_eq!(bodies().await, [false, false]);
        assert!(
            matches!(take(&ledger, "L2", BEN, at(70)).await, PostTaken::Duplicate { has_other_phone: false, .. }),
            "its id is known for ever"
        );
    }
}
