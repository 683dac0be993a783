//! pure: tables so long that their rows are judged on a second thread, and read in a hurry: nothing of them changes by it.

use tickler::appointment::mapping::Mapping;
use tickler::plan::Plan;
use tickler::reminder::State;
use tickler::row::{Header, Line, Record};

use crate::world::{WEDNESDAY_TEN, World, ZONES};

const ROWS: usize = 6_000;

/// Every kind of row in turn, each with its own phone: one in five has nothing wrong with it.
fn mixture() -> World {
    let mut world = World::new();
    world.schedule.guard.max_invalid = tickler::schedule::Percent(10_000);
    world.header.push("status");
    world.schedule.appointment.status = Some(crate::world::column("status"));
    for place in 0..ROWS {
        let (id, phone) = (format!("A{place}"), format!("+1202555{place:04}"));
        let pairs_id = format!("A{}", place - place % 10);
        let start = "2026-11-25T10:00";
        match place % 10 {
            0 | 5 => world.row(&[&id, &phone, start, "booked"]),
            1 => world.row(&[&pairs_id, &phone, start, "booked"]),
            2 => world.row(&[&id, &phone, start, "Cancelled"]),
            3 => world.row(&[&id, "not a phone", start, "booked"]),
            4 => world.row(&["", &phone, start, "booked"]),
            6 => world.row(&[&id, &phone, "2026-11-26T10:00", "booked"]),
            7 => world.row(&[&id, &phone, "2026-11-25", "booked"]),
            8 => world.row(&["BROKEN", &phone, start, "booked"]),
            _ => world.row(&[&id, "", start, "booked"]),
        };
    }
    for place in (5..ROWS).step_by(20) {
        world.known(&format!("A{place}"), WEDNESDAY_TEN, "1d", State::Delivered, "2026-11-24T14:00:00Z");
    }
    // what is pending keeps its id; one whose row is cancelled goes no more
    world.known("A10", WEDNESDAY_TEN, "1d", State::Pending, "2026-11-24T14:00:00Z");
    world.known("A12", WEDNESDAY_TEN, "1d", State::Pending, "2026-11-24T14:00:00Z");
    world
}

fn fates(plan: &Plan) -> Vec<String> {
    let called = plan.reminders.iter().map(|it| format!("{} call {}", it.appointment_id, it.phone.as_str()));
    let skipped = plan.skipped.iter().map(|it| {
        let id = it.appointment_id.as_deref().unwrap_or("-");
        format!("{} {id} {} {}", it.row, it.reason, it.phone.as_deref().unwrap_or("-"))
    });
    called.chain(skipped).collect()
}

#[test]
fn a_long_mixture_of_rows_is_judged_row_by_row_in_its_order() {
    let mut world = mixture();
    world.schedule.guard.max_calls = 100_000;
    let plan = world.plan();
    let mut expected = Vec::new();
    for place in (0..ROWS).filter(|place| place % 10 == 0 || place % 20 == 15) {
        expected.push(format!("A{place} call +1202555{place:04}"));
    }
    for place in 0..ROWS {
        let row = place + 2;
        expected.extend(match place % 10 {
            1 => Some(format!("{row} A{} duplicate_row -", place - 1)),
            // whoever asks why nobody called is found by the phone
            2 => Some(format!("{row} A{place} cancelled +1202555{place:04}")),
            3 => Some(format!("{row} A{place} invalid_phone -")),
            4 => Some(format!("{row} - missing_id -")),
            7 => Some(format!("{row} A{place} invalid_time -")),
            8 => Some(format!("{row} - bad_row -")),
            9 => Some(format!("{row} A{place} no_phone -")),
            _ => None,
        });
    }
    assert_eq!(fates(&plan), expected);
    assert_eq!(plan.counts.already_reminded, u64::try_from(ROWS / 20).expect("few"));
    let cancelled: Vec<_> = plan.cancellations.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(cancelled, ["cancelled"]);
}

#[test]
fn a_table_that_is_begun_anew_leaves_nothing_of_its_first_reading() {
    let mut world = mixture();
    world.schedule.guard.max_calls = 100_000;
    let (once, twice) = (world.plan(), world.plan_read_twice());
    assert_eq!(fates(&twice), fates(&once));
    let details = |plan: &Plan| plan.skipped.iter().map(|it| it.detail.clone()).collect::<Vec<_>>();
    assert_eq!(details(&twice), details(&once));
}

/// Every half hour of the days around both changes of the year, each date again and again.
#[test]
fn a_date_that_comes_again_is_read_as_it_was_the_first_time() {
    let mut times = Vec::new();
    for date in ["2026-03-07", "2026-03-08", "2026-03-09", "2026-10-31", "2026-11-01", "2026-11-02", "2026-07-04"] {
        times.extend((0..48).map(|half| format!("{date}T{:02}:{:02}:07.5", half / 2, half % 2 * 30)));
    }
    let columns = World::new().schedule.appointment;
    let header = std::sync::Arc::new(Header::new(["id", "phone", "starts_at"].map(str::to_owned).to_vec()));
    for zone in ["America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata"] {
        let zone = ZONES.zone(zone).expect("a zone");
        let mut learned = Mapping::new(&columns, &zone, &ZONES);
        for text in times.iter().chain(&times) {
            let line = Line::from_iter(["1", "", text]);
            let record = Record::Text { header: &header, fields: line.fields() };
            let fresh = Mapping::new(&columns, &zone, &ZONES).start(&record);
            assert_eq!(learned.start(&record), fresh, "{text} in {}", zone.name());
        }
    }
}
