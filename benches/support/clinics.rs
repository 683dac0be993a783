//! The tables and schedules of invented clinics.

use std::fmt::Write as _;

/// The number of a row.
pub fn phone_of(row: u32) -> String {
    format!("+1{}555{:04}", 201 + row / 10_000 % 700, row % 10_000)
}

/// A table of appointments on that day, for [`SENDING`].
pub fn appointments(rows: u32, prefix: &str, day: &str) -> String {
    let mut text = String::from("id,phone,starts_at\n");
    for row in 0..rows {
        writeln!(text, "{prefix}-{row},{},{day}T{:02}:{:02}:00", phone_of(row), 9 + row % 9, row / 7 % 60)
            .expect("a string takes text");
    }
    text
}

/// A table with a row at each of these months and days, for [`visiting`].
pub fn visits(days: impl Iterator<Item = (u32, u32)>) -> String {
    let mut text = String::with_capacity(90 << 20);
    text.push_str("id,name,phone,starts_at,service,status\n");
    for (row, (month, day)) in (0_u32..).zip(days) {
        writeln!(
            text,
            "B-{row},Person Number {row},{},2026-{month:02}-{day:02}T{:02}:{:02}:00,Check-up,booked",
            phone_of(row),
            9 + row % 9,
            row / 7 % 60
        )
        .expect("a string takes text");
    }
    text
}

/// A million visits: 33,000 of them tomorrow, one in thirty, the others around the year.
pub fn million() -> String {
    visits((0..1_000_000).map(|row| match row % 30 {
        0 if row / 30 < 33_000 => (11, 25),
        _ => (1 + row % 10, 1 + row % 28),
    }))
}

/// The schedule that reads the visits of `TABLE.csv`.
pub fn visiting(table: &str) -> String {
    VISITING.replace("TABLE", table)
}

const VISITING: &str = r#"
cron     = "0 9 * * *"
timezone = "America/New_York"

[source.csv]
path = "../TABLE.csv"

[appointment]
id        = "id"
phone     = "phone"
starts_at = "starts_at"
status    = "status"

[remind]
days_before            = 1
statuses               = ["booked"]
max_per_person_per_day = 1000

[target.automation]
url = { env = "BENCH_URL" }

[payload]
contact_phone    = "{{ phone }}"
appointment_time = "{{ starts_at }}"
service_name     = "{{ service }}"

[guard]
max_calls = 100000
"#;

/// The schedule that sends as much as it may at once; `[guard]` is its last table.
pub const SENDING: &str = r#"
cron     = "0 9 * * *"
timezone = "America/New_York"

[source.csv]
path = "../appointments.csv"

[appointment]
id        = "id"
phone     = "phone"
starts_at = "starts_at"

[remind]
days_before = 1

[target.automation]
url = { env = "BENCH_URL" }

[payload]
contact_phone    = "{{ phone }}"
appointment_time = "{{ starts_at }}"
service_name     = "Check-up"

[delivery]
max_in_flight = 256

[guard]
max_calls = 100000
"#;
