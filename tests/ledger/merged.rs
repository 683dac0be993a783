//! Appointments that are told in another one's call, when that call is not made after all.

use tickler::ledger::*;
use tickler::plan::{MergedAppointment, PlannedReminder, SkippedRow};
use tickler::reminder::SkipReason;

use crate::calls::*;
use crate::makers;

#[tokio::test]
async fn what_was_to_be_told_in_a_call_that_is_not_made_says_so() {
    for maker in makers() {
        let ledger = maker.open();
        let person: tickler::personal::Personal = "person of both".into();
        let head = |id: &str| PlannedReminder { person: person.clone(), ..planned(id) };
        run_plan_of(&ledger, "garage", at(0), plan_of(vec![head("B1")])).await;
        // planned before the garage's call was recorded
        let told = |id: &str| MergedAppointment {
            appointment_id: id.to_owned(),
            starts_at: start(),
            lead: tickler::reminder::Lead::days(1),
        };
        let skipped = |id: &str| SkippedRow {
            cell: None,
            label: None,
            label_phone: None,
            row: 3,
            appointment_id: Some(id.to_owned()),
            starts_at: Some(start()),
            lead: Some(tickler::reminder::Lead::days(1)),
            reason: SkipReason::Merged,
            detail: "it is told in the call of another appointment".to_owned(),
            phone: Some(PHONE.into()),
            recipient_zone: None,
        };
        let heads = vec![
            PlannedReminder { merged: vec![told("A2")], ..head("A1") },
            PlannedReminder { merged: vec![told("A4")], ..planned("A3") },
        ];
        let mut plan = plan_of(heads);
        plan.skipped = vec![skipped("A2"), skipped("A4")];
        let recorded = run_plan(&ledger, at(0), plan).await;
        assert_eq!((recorded.reminders.len(), recorded.overruled.len()), (1, 1));
        let log = ledger.audit(tickler::audit::AuditFilter::default()).await.expect("the log");
        let reason_of = |id: &str| {
            let row = log.iter().find(|row| row.appointment_id.as_deref() == Some(id) && row.reason.is_some());
            row.map(|row| (row.reason.clone().expect("a reason").into_owned(), row.detail.clone().expect("a detail")))
        };
        let (reason, detail) = reason_of("A2").expect("a row");
        assert_eq!(reason, "person_limit");
        assert!(detail.contains("which is not made"), "{detail}");
        assert_eq!(reason_of("A4").map(|(reason, _)| reason).as_deref(), Some("merged"));
        let run = ledger.runs(RunsAsk::Latest(vec![SCHEDULE.to_owned()])).await.expect("runs").pop().expect("one");
        let counted: Vec<(&str, u64)> = run.skipped.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        assert_eq!(counted, [("merged", 1), ("person_limit", 2)]);
    }
}
