//! What a sandbox accepted counts as reminded only while its target has the address it went to.

use tickler::attempt::TargetAddress;
use tickler::ledger::*;
use tickler::plan::{PlannedReminder, Standing};
use tickler::reminder::{ReminderId, State};

use crate::calls::*;
use crate::makers;

const SANDBOX: &str = "http://127.0.0.1:8468/webhook/automation/trial";
const REAL: &str = "https://api.thoughtly.com/webhook/automation/real";

/// Plans that one for a target with this address.
async fn plan_for(
    ledger: &std::sync::Arc<Ledger>,
    address: Option<&str>,
    now: i64,
    reminder: PlannedReminder,
) -> RecordedRun {
    let start = run_start(SCHEDULE, tickler::reminder::RunKind::Trigger, at(now));
    let run = ledger.begin_run(start).await.expect("a run begins").expect("a trigger");
    let terms = ReminderTerms { target: address.map(TargetAddress::of), ..terms() };
    let end = RunEnd::Planned(Box::new(plan_of(vec![reminder])));
    ledger.record_run(RunRecord { terms, ..record(run, at(now), end) }).await.expect("the plan is recorded")
}

async fn accepted_by_sandbox(ledger: &std::sync::Arc<Ledger>, now: i64) {
    let intent = take(ledger, at(now)).await.intents.remove(0);
    let trial = Some(TargetAddress::of(SANDBOX));
    let ended = Settlement { trial, ..settlement(&intent, at(now), SettleTo::Delivered) };
    assert!(ledger.settle(ended).await.expect("it settles"));
}

async fn in_trial(ledger: &std::sync::Arc<Ledger>) -> ReminderId {
    let id = plan_for(ledger, Some(SANDBOX), 0, planned("A1")).await.reminders[0];
    accepted_by_sandbox(ledger, 1).await;
    id
}

fn returning(appointment: &str) -> PlannedReminder {
    PlannedReminder { standing: Standing::Returning, due_at: at(600), send_at: at(600), ..planned(appointment) }
}

#[tokio::test]
async fn a_trial_returns_under_its_id_once_the_target_is_another_and_then_counts_for_good() {
    for maker in makers() {
        let ledger = maker.open();
        let id = in_trial(&ledger).await;
        assert!(row(&ledger, id).await.trial);
        let same = plan_for(&ledger, Some(SANDBOX), 300, returning("A1")).await;
        assert_eq!((same.reminders.len(), state(&ledger, id).await), (0, State::Delivered), "the address is the same");

        let other = plan_for(&ledger, Some(REAL), 600, returning("A1")).await;
        assert_eq!((other.reminders, state(&ledger, id).await), (vec![id], State::Pending));
        assert_eq!(
            events(&ledger).await.into_iter().rfind(|(event, _)| event == "reminder.planned"),
            Some(("reminder.planned".to_owned(), Some("trial_over".to_owned())))
        );
        let again = row(&ledger, id).await;
        assert_eq!((again.due_at, again.trial, again.attempts), (at(600), false, 1));

        let intent = send(&ledger, at(601), SettleTo::Delivered).await;
        assert_eq!((intent.reminder_id, intent.attempt), (id, 2));
        for address in [Some(SANDBOX), Some(REAL), Some("https://other.example"), None] {
            let settled = plan_for(&ledger, address, 700, returning("A1")).await;
            assert_eq!((settled.reminders.len(), state(&ledger, id).await), (0, State::Delivered), "{address:?}");
        }
        verified(&ledger).await;
    }
}

#[tokio::test]
async fn a_trial_returns_where_the_address_is_not_known() {
    for maker in makers() {
        let ledger = maker.open();
        let id = in_trial(&ledger).await;
        assert_eq!(plan_for(&ledger, None, 300, returning("A1")).await.reminders, [id]);
    }
}

#[tokio::test]
async fn a_trial_after_a_request_of_unknown_fate_does_not_return() {
    for maker in makers() {
        let ledger = maker.open();
        let id = plan_for(&ledger, Some(SANDBOX), 0, planned("A1")).await.reminders[0];
        send(&ledger, at(1), SettleTo::Again { next_at: at(2), counts: true, resend: true }).await;
        accepted_by_sandbox(&ledger, 3).await;
        assert_eq!(plan_for(&ledger, Some(REAL), 300, returning("A1")).await.reminders, []);
        assert_eq!(state(&ledger, id).await, State::Delivered, "a request of before may have phoned somebody");
    }
}

#[tokio::test]
async fn a_fresh_read_brings_no_trial_back() {
    for maker in makers() {
        let ledger = maker.open();
        let id = in_trial(&ledger).await;
        let start = run_start(SCHEDULE, tickler::reminder::RunKind::Trigger, at(300));
        let run = ledger.begin_run(start).await.expect("a run begins").expect("a trigger");
        let terms = ReminderTerms { target: Some(TargetAddress::of(REAL)), ..terms() };
        let end = RunEnd::ReadAgain(Box::new(plan_of(vec![returning("A1")])));
        ledger.record_run(RunRecord { terms, ..record(run, at(300), end) }).await.expect("it is recorded");
        assert_eq!(state(&ledger, id).await, State::Delivered);
    }
}

#[tokio::test]
async fn a_person_limit_counts_trials_of_the_same_address_alone() {
    let of_same_person = |appointment: &str| PlannedReminder { person: "Ada".into(), ..planned(appointment) };
    for (address, is_planned) in [(SANDBOX, false), (REAL, true)] {
        for maker in makers() {
            let ledger = maker.open();
            plan_for(&ledger, Some(SANDBOX), 0, of_same_person("A1")).await;
            accepted_by_sandbox(&ledger, 1).await;
            let second = plan_for(&ledger, Some(address), 300, of_same_person("A2")).await;
            assert_eq!(second.reminders.len() == 1, is_planned, "{address}");
        }
    }
}

#[tokio::test]
async fn nobody_was_told_of_a_start_in_a_trial_of_another_address() {
    for maker in makers() {
        let ledger = maker.open();
        in_trial(&ledger).await;
        for (address, is_reported) in [(Some(SANDBOX), true), (Some(REAL), false), (None, false)] {
            let (schedule, appointments) = (SCHEDULE.to_owned(), vec!["A1".to_owned()]);
            let ask = LastCalledAsk { schedule, appointments, target: address.map(TargetAddress::of) };
            let starts = ledger.last_called_starts(ask).await.expect("starts");
            assert_eq!(starts.get("A1") == Some(&start()), is_reported, "{address:?}");
        }
    }
}

#[tokio::test]
async fn a_call_that_a_sandbox_took_and_nobody_answered_is_repeated() {
    use tickler::reminder::CallOutcome;
    for maker in makers() {
        let ledger = maker.open();
        let id = in_trial(&ledger).await;
        let mut terms = (*retrying()).clone();
        terms.get_mut(SCHEDULE).expect("its terms").target = Some(TargetAddress::of(SANDBOX));
        let body = serde_json::json!({"reminder_id": id.to_string(), "call_id": "k1", "status": "NO_ANSWER"});
        let record = RecordedCall { terms: std::sync::Arc::new(terms), ..recorded(body, at(60)) };
        let taken = ledger.take_report(record).await.expect("it is taken");
        assert_eq!((taken.reminder, taken.outcome), (Ok(id), Some(CallOutcome::NoAnswer)));
        let rows = ledger.reminders(ReminderAsk::default()).await.expect("they are read");
        let retries: Vec<_> = rows.iter().filter(|row| row.lead.is_retry()).collect();
        assert_eq!(retries.iter().map(|row| (row.state, row.trial)).collect::<Vec<_>>(), [(State::Pending, false)]);
    }
}
