//! The answers to questions about calls, persons and the log's end, for the comparison of both stores in `equal`; and that no
//! question of the ledger's table is left out of it.

use std::sync::Arc;

use jiff::Timestamp;
use tickler::audit::AuditFilter;
use tickler::ledger::*;
use tickler::reminder::{CallOutcome, ReminderId};

use crate::calls::*;

/// What is said of these reminders' calls, of one person, and of the log's end.
pub async fn answers(ledger: &Arc<Ledger>, reminders: &[ReminderId], now: Timestamp) -> Vec<String> {
    let mut lines = outcomes(ledger, reminders).await;
    for until in [now, at(86_400)] {
        lines.push(format!("{:?}", ledger.queue(until).await));
    }
    lines.push(format!("{:?}", ledger.rehearsed_to_come(now).await));
    for ask in [CanariesAsk::Waiting, CanariesAsk::Latest] {
        lines.push(format!("{:?}", ledger.canaries(ask).await));
    }
    for ask in [PeopleAsk::LastFour(PHONE[PHONE.len() - 4..].into()), PeopleAsk::Named("ada example".into())] {
        lines.push(format!("{:?}", ledger.find_people(ask).await));
    }
    // each ledger has a key of its own, so that marks and hashes differ, and what they find does not
    let mark = ledger.phone_mark(PHONE.into()).await.expect("a mark");
    let rows = ledger.audit(AuditFilter { phone_mark: Some(mark), ..AuditFilter::default() }).await.expect("the log");
    lines.push(format!("{:?}", rows.iter().map(|row| row.seq).collect::<Vec<_>>()));
    lines.push(format!("{:?}", ledger.head().await.map(|head| head.seq)));
    lines
}

async fn outcomes(ledger: &Arc<Ledger>, reminders: &[ReminderId]) -> Vec<String> {
    let mut lines = Vec::new();
    for (since, schedule) in [(at(0), None), (at(300), Some(SCHEDULE.to_owned()))] {
        lines.push(format!("{:?}", ledger.accepted_calls(since).await));
        let ask = OutcomesAsk { since, schedule: schedule.clone() };
        lines.push(format!("{:?}", ledger.outcome_counts(ask).await));
        for outcome in CallOutcome::ALL {
            let ask = CalledWith { since, schedule: schedule.clone(), outcome: *outcome, limit: 1_000 };
            lines.push(format!("{outcome:?} {:?}", ledger.called_with(ask).await));
        }
        let ask = UnansweredAsk { since, schedule, limit: 1_000 };
        lines.push(format!("{:?}", ledger.unanswered(ask).await));
    }
    for after in [start(), Timestamp::UNIX_EPOCH] {
        lines.push(format!("{:?}", ledger.unreported(after).await));
    }
    lines.push(format!("{:?}", ledger.reported_calls(CallsOf { reminders: reminders.to_vec() }).await));
    lines
}

#[test]
fn both_stores_are_asked_every_question() {
    let asked = [include_str!("equal.rs"), include_str!("questions.rs")].concat();
    let named = |line: &'static str| {
        let line = line.trim();
        line.strip_prefix("short fn ").or(line.strip_prefix("long fn "))?.split('(').next()
    };
    let questions: Vec<&str> = include_str!("../../src/ledger/questions.rs").lines().filter_map(named).collect();
    assert!(questions.len() >= 29, "the table is read");
    let forgotten: Vec<&&str> = questions.iter().filter(|name| !asked.contains(&format!("ledger.{name}("))).collect();
    assert!(forgotten.is_empty(), "not compared between the stores: {forgotten:?}");
}
