//! Bookings at the last minute, over the runs of a day.

use crate::clinic::*;

/// A schedule with leads of a week, a day and two hours, evaluated by triggers; what became of its three bookings.
fn calls_of(mode: &str) -> Vec<String> {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::empty(&sandbox.url);
    let remind = format!("hours_before = [168, 24, 2]\ncalling_hours = \"always\"\nmin_notice = \"10m\"\n{mode}");
    let parts = Parts { cron: "*/30 * * * *", remind: &remind, ..PARTS };
    clinic.schedule("hourly", &parts.text());
    let all = [
        // a start, and the moment from which the source has it (UTC)
        ("booked-36h", "+12025550143", "2026-11-25T22:00:00Z", "2026-11-24T10:00:00Z"),
        ("booked-20h", "+12025550164", "2026-11-25T22:00:00Z", "2026-11-25T02:00:00Z"),
        ("booked-30m", "+12025550117", "2026-11-25T22:00:00Z", "2026-11-25T21:30:00Z"),
    ];
    for hour in 8..48 {
        for minute in [0, 30] {
            let now = format!("2026-11-{}T{:02}:{minute:02}:00Z", 24 + hour / 24, hour % 24);
            let known = all.iter().filter(|(_, _, _, since)| *since <= now.as_str());
            let rows: String = known.map(|(id, phone, start, _)| format!("{id},{phone},{start}\n")).collect();
            clinic.write("appointments.csv", &format!("id,phone,starts_at\n{rows}"));
            if hour % 4 == 0 || (hour >= 45) {
                let ended = clinic.run(&["trigger", "hourly", "--now", &now]);
                assert!(ended.exit == 0, "{now}: {ended:?}");
            }
        }
    }
    let (_, log) = clinic.json(&["audit", "--event", "delivery.delivered"]);
    let word = |row: &serde_json::Value, field: &str| row[field].as_str().unwrap_or("-").to_owned();
    let rows = log.as_array().expect("rows").iter();
    let mut calls: Vec<String> = rows
        .map(|row| format!("{} {} {}", word(row, "appointment_id"), word(row, "lead"), &word(row, "at")[8..16]))
        .collect();
    calls.sort();
    calls
}

#[test]
fn booked_too_late_for_a_lead_nobody_is_called_for_it_or_once_and_at_once() {
    assert_eq!(calls_of(""), ["booked-20h 2h 25T20:00", "booked-36h 24h 25T00:00", "booked-36h 2h 25T20:00"]);
    let nearest = [
        "booked-20h 24h 25T04:00",
        "booked-20h 2h 25T20:00",
        "booked-30m 2h 25T21:30",
        "booked-36h 168h 24T12:00",
        "booked-36h 24h 25T00:00",
        "booked-36h 2h 25T20:00",
    ];
    assert_eq!(calls_of("late_booking = \"nearest\"\nmax_per_person_per_day = 2"), nearest);
}
