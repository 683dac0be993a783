//! How schedules name appointments that have no reminder: kept with the run, as long as payloads, and erased with the person.

use std::collections::BTreeSet;

use tickler::ledger::*;
use tickler::plan::{Plan, PlannedReminder, SkippedRow};
use tickler::reminder::{Lead, SkipReason};

use crate::calls::*;
use crate::makers;

const DAY: i64 = 86_400;

fn skipped(appointment: Option<&str>, phone: Option<&str>, label: Option<&str>) -> SkippedRow {
    SkippedRow {
        cell: None,
        row: 2,
        appointment_id: appointment.map(str::to_owned),
        starts_at: Some(start()),
        lead: Some(Lead::days(1)),
        reason: if phone.is_some() { SkipReason::Cancelled } else { SkipReason::NoPhone },
        detail: "it is left out".to_owned(),
        phone: phone.map(Into::into),
        recipient_zone: None,
        label: label.map(Into::into),
        label_phone: None,
    }
}

fn leaving_out(rows: Vec<SkippedRow>) -> Plan {
    Plan { skipped: rows, ..Plan::default() }
}

/// The labels of these appointments of the suite's schedule.
async fn labels(ledger: &Ledger, appointments: &[&str]) -> Vec<String> {
    let key = |id: &&str| (SCHEDULE.to_owned(), (*id).to_owned());
    let wanted: BTreeSet<_> = appointments.iter().map(key).collect();
    let found = ledger.labels(LabelsAsk { appointments: wanted.clone() }).await.expect("labels are read");
    wanted.iter().filter_map(|key| Some(found.get(key)?.as_str().to_owned())).collect()
}

#[tokio::test]
async fn whoever_is_left_out_keeps_a_label_and_a_new_run_brings_the_newest() {
    for maker in makers() {
        let ledger = maker.open();
        let rows = vec![
            skipped(Some("A4"), None, Some("Dan Nobody")),
            skipped(Some("A5"), Some(PHONE), Some("Ada Example")),
            skipped(Some("A6"), None, None),
            skipped(None, None, Some("without an id")),
        ];
        run_plan(&ledger, at(0), leaving_out(rows)).await;
        assert_eq!(labels(&ledger, &["A4", "A5", "A6", "A7"]).await, ["Dan Nobody", "Ada Example"]);
        run_plan(&ledger, at(60), leaving_out(vec![skipped(Some("A4"), None, Some("Dan Somebody"))])).await;
        assert_eq!(labels(&ledger, &["A4"]).await, ["Dan Somebody"]);
        let other = (SCHEDULE.to_owned() + "2", "A4".to_owned());
        let found = ledger.labels(LabelsAsk { appointments: [other].into() }).await.expect("labels are read");
        assert!(found.is_empty(), "another schedule's appointment of that id is another one");
        verified(&ledger).await;
    }
}

#[tokio::test]
async fn whoever_has_had_the_calls_of_the_day_keeps_a_label() {
    for maker in makers() {
        let ledger = maker.open();
        run_plan(&ledger, at(0), plan_of(vec![planned("A1")])).await;
        let same =
            PlannedReminder { person: "person of A1".into(), label: Some("Ada Example".into()), ..planned("A2") };
        run_plan(&ledger, at(60), plan_of(vec![same])).await;
        assert_eq!(count_of(&ledger, "reminder.skipped").await, 1, "the person limit");
        assert_eq!(labels(&ledger, &["A2"]).await, ["Ada Example"]);
    }
}

#[tokio::test]
async fn labels_go_with_the_payloads_and_no_later_than_the_log() {
    for (payloads, audit, left) in [(7, 7, 1), (7, 365, 1), (365, 7, 1), (30, 365, 2)] {
        for maker in makers() {
            let ledger = maker.open();
            run_plan(&ledger, at(0), leaving_out(vec![skipped(Some("A4"), None, Some("Dan Nobody"))])).await;
            let later = at(10 * DAY);
            run_plan(&ledger, later, leaving_out(vec![skipped(Some("A5"), None, Some("Eve Nobody"))])).await;
            let now = at(11 * DAY);
            let before = |days: i64| now - jiff::SignedDuration::from_hours(24 * days);
            let prune = Prune { payloads_before: before(payloads), audit_before: before(audit), now };
            ledger.prune(prune).await.expect("it is pruned");
            assert_eq!(labels(&ledger, &["A4", "A5"]).await.len(), left, "{payloads} and {audit} days");
            verified(&ledger).await;
        }
    }
}

#[tokio::test]
async fn a_label_that_every_run_repeats_is_kept_as_long_as_it_is_repeated() {
    for maker in makers() {
        let ledger = maker.open();
        for day in 0..20 {
            run_plan(&ledger, at(day * DAY), leaving_out(vec![skipped(Some("A4"), None, Some("Dan Nobody"))])).await;
        }
        let before = at(18 * DAY);
        let prune = Prune { payloads_before: before, audit_before: at(0), now: at(20 * DAY) };
        ledger.prune(prune).await.expect("it is pruned");
        assert_eq!(labels(&ledger, &["A4"]).await, ["Dan Nobody"]);
    }
}

#[tokio::test]
async fn whoever_is_erased_loses_the_labels_of_whatever_left_them_out() {
    for maker in makers() {
        let ledger = maker.open();
        // left out with the number, and later without; by a rule that asks for no number; called once, and left out by another
        // run; another person
        let unasked = SkippedRow { label_phone: Some(PHONE.into()), ..skipped(Some("A3"), None, Some("Ada Example")) };
        let rows = vec![
            unasked,
            skipped(Some("A4"), Some(PHONE), Some("Ada Example")),
            skipped(Some("A5"), Some("+12025550144"), Some("Ben Sample")),
        ];
        run_plan(&ledger, at(0), leaving_out(rows)).await;
        run_plan(&ledger, at(30), leaving_out(vec![skipped(Some("A4"), None, Some("Ada Example"))])).await;
        run_plan(&ledger, at(60), plan_of(vec![planned("A1")])).await;
        run_plan(&ledger, at(90), leaving_out(vec![skipped(Some("A1"), None, Some("Ada Example"))])).await;
        assert_eq!(labels(&ledger, &["A1", "A3", "A4", "A5"]).await.len(), 4);
        let forget = Forget { phone: PHONE.into(), now: at(120), actor: "maria".to_owned() };
        ledger.forget(forget).await.expect("it is erased");
        assert_eq!(labels(&ledger, &["A1", "A3", "A4", "A5"]).await, ["Ben Sample"]);
        let rows = ledger.audit(tickler::audit::AuditFilter::default()).await.expect("the log is read");
        let left: BTreeSet<&str> = rows.iter().filter_map(|row| row.appointment_id.as_deref()).collect();
        assert_eq!(left, BTreeSet::from(["A5"]), "the log knows nothing of the person's appointments");
        verified(&ledger).await;
    }
}

#[tokio::test]
async fn people_are_found_by_a_part_of_their_name_and_by_the_last_four_digits() {
    for maker in makers() {
        let ledger = maker.open();
        let named = PlannedReminder { label: Some("Ada Éxample".into()), ..planned("A1") };
        let other = PlannedReminder { phone: "+12025550164".into(), ..planned("A2") };
        run_plan(&ledger, at(0), plan_of(vec![named, other])).await;
        run_plan(&ledger, at(60), leaving_out(vec![skipped(Some("A4"), None, Some("Dan Nobody"))])).await;
        run_plan(&ledger, at(60), leaving_out(vec![skipped(Some("A5"), Some(PHONE), None)])).await;
        let found = async |ask| {
            let found = ledger.find_people(ask).await.expect("it is searched");
            assert_eq!(found.since, None, "everything was searched");
            found.appointments.into_iter().map(|found| found.appointment_id).collect::<Vec<_>>()
        };
        for (text, appointments) in
            [("ada", &["A1"][..]), ("éXAMPLE", &["A1"]), ("nobody", &["A4"]), ("a", &["A1", "A4"]), ("eve", &[])]
        {
            assert_eq!(found(PeopleAsk::Named(text.into())).await, appointments, "{text}");
        }
        for (digits, appointments) in [("0143", &["A5", "A1"][..]), ("0164", &["A2"]), ("0199", &[]), ("%", &[])] {
            assert_eq!(found(PeopleAsk::LastFour(digits.into())).await, appointments, "{digits}");
        }
    }
}
