//! `merge = "same_day"`: one call for several appointments.

use serde_json::json;
use tickler::plan::Standing;
use tickler::plan::explain::StepResult;
use tickler::reminder::State;
use tickler::schedule::{Leads, Merging};
use tickler::template::PayloadTemplate;

use crate::world::{TUESDAY_NINE, WEDNESDAY_TEN, World, column, payload_of};

const PHONE: &str = "+12025550143";
const OTHER: &str = "+12025550144";

/// Two appointments of one phone on Wednesday, the later one first in the table.
pub fn two() -> World {
    World::with(|world| {
        world.schedule.remind.merge = Merging::SameDay;
        let payload = json!({"phone": "{{ phone }}", "all": "{{ appointments }}", "first": "{{ time }}"});
        world.schedule.payload = PayloadTemplate::compile(&payload).expect("a payload");
        world.row(&["b", PHONE, "2026-11-25 15:00"]);
        world.row(&["a", PHONE, "2026-11-25 10:00"]);
        world.header.push("name");
        world.rows[0].push("Ben Sample".into());
        world.rows[1].push("Ada Example".into());
    })
}

#[test]
fn one_call_lists_the_appointments_of_a_phone_by_start_and_says_whose_they_are() {
    let world = two();
    let plan = world.plan();
    assert_eq!((world.calls(), world.skips()), (vec!["a 1d".to_owned()], vec!["b merged".to_owned()]));
    let payload = payload_of(&plan);
    let appointment = |id: &str, time: &str, name: &str| {
        json!({"id": id, "starts_at": format!("2026-11-25T{time}:00-05:00"), "date": "2026-11-25", "time": time,
            "phone": PHONE, "name": name})
    };
    let all = json!([appointment("a", "10:00", "Ada Example"), appointment("b", "15:00", "Ben Sample")]);
    assert_eq!((&payload["all"], &payload["first"]), (&all, &"10:00".into()));
    let merged: Vec<_> =
        plan.reminders[0].merged.iter().map(|told| (told.appointment_id.as_str(), told.lead)).collect();
    assert_eq!(merged, [("b", "1d".parse().expect("a lead"))]);
    assert!(plan.skipped[0].detail.contains("told in the call of the appointment `a`"), "{}", plan.skipped[0].detail);
}

#[test]
fn without_merge_each_call_lists_its_own_appointment_and_the_limit_holds() {
    let mut world = two();
    world.schedule.remind.merge = Merging::Never;
    assert_eq!(world.skips(), ["b person_limit"]);
    assert_eq!(payload_of(&world.plan())["all"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_family_with_one_phone_and_a_person_with_two_share_a_call_and_strangers_do_not() {
    let family = |persons: [&str; 2], phones: [&str; 2]| {
        let mut world = two();
        world.schedule.appointment.person = Some(column("person"));
        world.header.push("person");
        for (row, (person, phone)) in world.rows.iter_mut().zip(persons.into_iter().zip(phones)) {
            row.push(person.to_owned());
            row[1] = phone.to_owned();
        }
        world.calls()
    };
    assert_eq!(family(["Ben", "Ada"], [PHONE, PHONE]), ["a 1d"], "one phone");
    assert_eq!(family(["Ada", "Ada"], [PHONE, OTHER]), ["a 1d"], "one person");
    assert_eq!(family(["Ben", "Ada"], [PHONE, OTHER]), ["a 1d", "b 1d"]);
}

#[test]
fn calls_in_different_zones_stay_apart_since_each_waits_for_its_own_hours() {
    let zones = |first: &str, second: &str| {
        let mut world = two();
        world.schedule.remind.max_per_person_per_day = 2;
        world.schedule.appointment.recipient_timezone = Some(column("zone"));
        world.header.push("zone");
        world.rows[0].push(first.to_owned());
        world.rows[1].push(second.to_owned());
        world.calls()
    };
    assert_eq!(zones("America/New_York", "America/New_York"), ["a 1d"]);
    assert_eq!(zones("America/New_York", "America/Chicago"), ["a 1d", "b 1d"]);
}

#[test]
fn calls_that_are_due_on_different_days_stay_apart() {
    let mut world = two();
    world.schedule.remind.leads = Leads::Hours(vec![24]);
    world.schedule.remind.calling_hours = "always".parse().expect("hours");
    world.schedule.remind.max_lateness = jiff::SignedDuration::from_hours(20);
    world.knowledge.previous_evaluation = None;
    world.rows[0][2] = "2026-11-24 23:00".into();
    world.rows[1][2] = "2026-11-25 08:00".into();
    world.schedule.remind.min_notice = jiff::SignedDuration::from_mins(1);
    assert_eq!(world.calls(), ["b 24h", "a 24h"]);
}

#[test]
fn whoever_waits_keeps_the_call_and_its_id_and_an_earlier_appointment_joins_it() {
    let mut world = two();
    let waits = world.known("b", "2026-11-25T20:00:00Z", "1d", State::Pending, TUESDAY_NINE);
    let plan = world.plan();
    assert_eq!(world.calls(), ["b 1d"]);
    assert_eq!((plan.reminders[0].id, plan.reminders[0].standing), (waits, Standing::Pending));
    assert_eq!((world.skips(), plan.cancellations.len()), (vec!["a merged".to_owned()], 0));
    assert_eq!(payload_of(&plan)["all"][0]["id"], "a", "by start all the same");
}

#[test]
fn a_reminder_that_waits_by_itself_is_cancelled_when_another_call_tells_of_it() {
    let mut world = two();
    world.schedule.remind.max_per_person_per_day = 2;
    world.known("a", WEDNESDAY_TEN, "1d", State::Pending, TUESDAY_NINE);
    let other = world.known("b", "2026-11-25T20:00:00Z", "1d", State::Pending, TUESDAY_NINE);
    let plan = world.plan();
    let cancelled: Vec<_> = plan.cancellations.iter().map(|it| (it.id, it.reason.as_str())).collect();
    assert_eq!((world.calls(), cancelled), (vec!["a 1d".to_owned()], vec![(other, "merged")]));
}

#[test]
fn nobody_is_told_in_a_call_that_is_not_made() {
    let mut world = two();
    // another schedule's call has the person's place of that day
    world.known("x", WEDNESDAY_TEN, "1d", State::Delivered, TUESDAY_NINE);
    assert_eq!(world.skips(), ["b person_limit", "a person_limit"]);
    // and a row whose payload can't be filled is told in no other call either
    let mut world = two();
    let payload = json!({"name": "{{ name | int }}", "all": "{{ appointments | length }}"});
    world.schedule.payload = PayloadTemplate::compile(&payload).expect("a payload");
    world.rows[1][3] = "7".into();
    assert_eq!(
        (world.skips(), payload_of(&world.plan())["all"].clone()),
        (vec!["b payload_error".to_owned()], json!(1))
    );
}

#[test]
fn an_appointment_that_was_told_in_another_call_is_reminded_and_one_whose_call_is_gone_takes_it_over() {
    let mut world = two();
    world.known("b", "2026-11-25T20:00:00Z", "1d", State::Delivered, TUESDAY_NINE);
    world.knowledge.people.clear();
    world.knowledge.reminders.values_mut().for_each(|known| known.told_with = Some("z".into()));
    assert_eq!((world.calls(), world.plan().counts.already_reminded), (vec!["a 1d".to_owned()], 1));
    let explanation = world.explain("b");
    let step = explanation.steps.iter().find(|step| step.result == StepResult::Block).expect("a block");
    assert!(step.detail.as_deref().expect("a sentence").contains("told in the call of `z`"), "{step:?}");

    let mut world = two();
    world.rows.remove(1);
    let head = world.known("a", WEDNESDAY_TEN, "1d", State::Pending, TUESDAY_NINE);
    let key = tickler::reminder::ReminderKey {
        schedule: "day-before".into(),
        appointment_id: "b".into(),
        starts_at: crate::world::at("2026-11-25T20:00:00Z"),
        lead: "1d".parse().expect("a lead"),
    };
    world.knowledge.told_by_pending.insert(key, head);
    let plan = world.plan();
    assert_eq!((plan.reminders[0].takes_over, plan.cancellations[0].id), (Some(head), head));
}

#[test]
fn explain_names_the_call_that_tells_of_an_appointment() {
    let world = two();
    let told = world.explain("b");
    assert_eq!(told.reason.as_deref(), Some("merged"));
    let block = told.steps.iter().find(|step| step.result == StepResult::Block).expect("a block");
    assert!(
        block.rule == "merged" && block.detail.as_deref().is_some_and(|detail| detail.contains("`a`")),
        "{block:?}"
    );
    let head = world.explain("a");
    let step = head.steps.iter().find(|step| step.rule == "merged").expect("a step");
    assert!(step.detail.as_deref().is_some_and(|detail| detail.contains("also tells of `b`")), "{step:?}");
}
