//! The order in which records of one call arrive never decides: neither what became of the call nor whether it is repeated.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tickler::ledger::*;
use tickler::plan::PlannedReminder;
use tickler::reminder::{CallOutcome, ReminderId, State};

use crate::calls::*;
use crate::{Maker, MemoryMaker};

/// How a record says that a call ended, and what that is.
const RECORDS: [(&str, &str, Option<CallOutcome>); 11] = [
    ("IN_PROGRESS", "", None),
    ("NO_ANSWER", "", Some(CallOutcome::NoAnswer)),
    ("NO_ANSWER", "yes", Some(CallOutcome::NoAnswer)),
    ("BUSY", "", Some(CallOutcome::Busy)),
    ("FAILED", "", Some(CallOutcome::Failed)),
    ("LEFT_VOICEMAIL", "", Some(CallOutcome::Voicemail)),
    ("COMPLETED", "", Some(CallOutcome::Answered)),
    ("COMPLETED", "yes", Some(CallOutcome::Confirmed)),
    ("COMPLETED", "cancel", Some(CallOutcome::Declined)),
    ("COMPLETED", "stop", Some(CallOutcome::OptedOut)),
    ("COMPLETED", "wrong", Some(CallOutcome::WrongNumber)),
];

/// A record by its place in [`RECORDS`], dated so many seconds after the call.
type Dated = (usize, i64);

fn time(second: i64) -> Timestamp {
    at(60 + second)
}

fn record((kind, second): Dated, id: ReminderId) -> Value {
    let (status, said, outcome) = RECORDS[kind];
    let (at, call) = (time(second).to_string(), format!("call of {id}"));
    match outcome {
        // only this shape dates a call that goes on
        None => json!({"id": call, "interview": {"id": "a1"}, "status": status, "updated": at,
            "metadata": {"reminder_id": id.to_string()}}),
        Some(_) => {
            json!({"reminder_id": id.to_string(), "call_id": call, "status": status, "outcome": said, "ended_at": at})
        }
    }
}

/// The outcome by the words of the rule: the latest of the highest rank, and among those the greatest word.
fn oracle(records: &[Dated]) -> Option<CallOutcome> {
    let told = records.iter().filter_map(|(kind, second)| Some((RECORDS[*kind].2?, *second)));
    told.max_by_key(|(outcome, second)| (outcome.rank(), *second, *outcome)).map(|(outcome, _)| outcome)
}

/// Every order of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for order in orders(count - 1) {
        for place in 0..=order.len() {
            let mut longer = order.clone();
            longer.insert(place, count - 1);
            all.push(longer);
        }
    }
    all
}

/// A person of their own for every order.
fn person(number: usize) -> PlannedReminder {
    let phone = format!("+1{}55501{:02}", 202 + number / 100, number % 100);
    PlannedReminder { phone: phone.into(), ..planned(&format!("A{number}")) }
}

/// Makes this many calls that were accepted.
async fn called(ledger: &Arc<Ledger>, count: usize) -> Vec<ReminderId> {
    let ids = run_plan(ledger, at(0), plan_of((0..count).map(person).collect())).await.reminders;
    loop {
        let taken = take(ledger, at(1)).await.intents;
        if taken.is_empty() {
            return ids;
        }
        for intent in taken {
            ledger.settle(settlement(&intent, at(2), SettleTo::Delivered)).await.expect("it settles");
        }
    }
}

/// Posts the records in every order, each order to another person, and compares with the oracle.
async fn compare(records: &[Dated]) -> Result<(), TestCaseError> {
    let ledger = MemoryMaker::new().open();
    let orders = orders(records.len());
    let ids = called(&ledger, orders.len()).await;
    for (id, order) in ids.iter().zip(&orders) {
        for (arrival, place) in order.iter().enumerate() {
            let now = at(120 + i64::try_from(arrival).expect("few"));
            let posted = RecordedCall { terms: retrying(), ..recorded(record(records[*place], *id), now) };
            ledger.take_report(posted).await.expect("it is taken");
        }
    }
    let rows = ledger.reminders(ReminderAsk::default()).await.expect("reminders");
    let mut retries: BTreeMap<&str, State> = BTreeMap::new();
    rows.iter().filter(|row| row.lead.is_retry()).for_each(|row| {
        retries.insert(&row.appointment_id, row.state);
    });
    let expected = oracle(records);
    let asks_for_retry = matches!(expected, Some(CallOutcome::NoAnswer | CallOutcome::Busy));
    for (number, (id, order)) in ids.iter().zip(&orders).enumerate() {
        let row = rows.iter().find(|row| row.id == *id).expect("its row");
        prop_assert_eq!((row.state, row.outcome), (State::Delivered, expected), "{:?} of {:?}", order, records);
        let is_waiting = retries.get(format!("A{number}").as_str()) == Some(&State::Pending);
        prop_assert_eq!(is_waiting, asks_for_retry, "the retry of {:?} of {:?}", order, records);
    }
    Ok(())
}

fn in_every_order(records: &[Dated]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(compare(records))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_order_of_dated_records_ends_in_one_outcome_and_in_the_same_retry(
        mut records in proptest::collection::vec((0..RECORDS.len(), 0..4_i64), 1..=5),
        repeated in any::<prop::sample::Index>(),
    ) {
        let repeat = *repeated.get(&records);
        records.push(repeat);
        in_every_order(&records)?;
    }
}

#[test]
fn a_retry_that_a_record_between_made_pointless_waits_again_after_the_latest_one() {
    // no answer, then failed, then no answer: whoever arrives last
    in_every_order(&[(1, 1), (4, 2), (1, 3)]).expect("every order alike");
}
