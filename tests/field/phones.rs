//! Phone numbers as exports, spreadsheets and people write them.

use serde_json::Value;

use crate::support::clinic::{Clinic, MORNING, PARTS, Parts};

/// The plan of one row an hour, each with one of these phones: what becomes of each, by its id.
fn plan(region: &str, phones: &[&str]) -> Vec<Result<String, String>> {
    let clinic = clinic(region);
    let quoted = |phone: &str| format!("\"{}\"", phone.replace('"', "\"\""));
    let row = |(place, phone): (usize, &&str)| {
        format!("{place},{},2026-11-25 {:02}:{:02}\n", quoted(phone), 9 + place / 60, place % 60)
    };
    let rows: String = phones.iter().enumerate().map(row).collect();
    clinic.write("appointments.csv", &format!("id,phone,starts_at\n{rows}"));
    let (exit, answer) = clinic.json(&["plan", "--reveal", "--now", MORNING]);
    assert_eq!(exit, 0, "{answer}");
    (0..phones.len()).map(|place| fate(&answer[0], &place.to_string())).collect()
}

fn clinic(region: &str) -> Clinic {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    let appointment = format!("{}\ndefault_region = \"{region}\"", PARTS.appointment);
    let remind = "days_before = 1\nmax_per_person_per_day = 99";
    clinic.schedule("day", &Parts { appointment: &appointment, remind, ..PARTS }.text());
    clinic
}

/// The number that is called, or `reason: detail`.
fn fate(plan: &Value, id: &str) -> Result<String, String> {
    let of = |list: &'static str| {
        let rows = plan[list].as_array().expect("a list");
        rows.iter().find(|row| row["appointment_id"] == id)
    };
    match (of("reminders"), of("skipped")) {
        (Some(call), _) => Ok(call["phone"].as_str().expect("a text").to_owned()),
        (None, Some(row)) => Err(format!("{}: {}", row["reason"].as_str().unwrap_or(""), row["detail"])),
        (None, None) => panic!("row {id} is lost: {plan}"),
    }
}

#[track_caller]
fn are_called(region: &str, cases: &[(&str, &str)]) {
    let phones: Vec<&str> = cases.iter().map(|(phone, _)| *phone).collect();
    for ((phone, called), fate) in cases.iter().zip(plan(region, &phones)) {
        assert_eq!(fate.as_deref(), Ok(*called), "{phone} in {region}");
    }
}

#[track_caller]
fn are_refused(region: &str, cases: &[(&str, &[&str])]) {
    let phones: Vec<&str> = cases.iter().map(|(phone, _)| *phone).collect();
    for ((phone, words), fate) in cases.iter().zip(plan(region, &phones)) {
        let why = fate.expect_err(phone);
        assert!(why.starts_with("invalid_phone: "), "{phone}: {why}");
        for word in *words {
            assert!(why.contains(word), "{phone}: {why} lacks {word}");
        }
    }
}

#[test]
fn a_german_number_whose_plus_was_lost_is_refused_with_both_readings() {
    are_refused(
        "DE",
        &[
            ("491705550142", &["+49 170 5550142", "0491 705550142", "write it with `+` or with `0`"]),
            ("492214710123", &["+49 221 4710123", "04922 14710123"]),
            ("49 221 4710123", &["+49 221 4710123", "04922 14710123"]),
        ],
    );
    are_called("DE", &[("+491705550142", "+491705550142"), ("01705550142", "+491705550142")]);
}

#[test]
fn a_lost_plus_with_one_reading_is_read() {
    are_called("US", &[("12025550143", "+12025550143"), ("1 202 555 0143", "+12025550143")]);
    are_called("FR", &[("33612345678", "+33612345678")]);
    are_called("GB", &[("442079460958", "+442079460958")]);
}

/// `23125106` may be Dortmund's 0231 25106 of which a spreadsheet has eaten the 0, and a number of Berlin without its 030.
#[test]
fn a_landline_without_its_leading_0_is_called_with_a_note_of_how_it_was_read() {
    let phones = ["23125106", "231 25106", "0231 25106", "+4923125106", "1705550142", "3023125106"];
    let clinic = clinic("DE");
    let rows = phones.iter().enumerate().map(|(id, phone)| format!("{id},{phone},2026-11-25 1{id}:00\n"));
    clinic.write("appointments.csv", &format!("id,phone,starts_at\n{}", rows.collect::<String>()));
    let notes = |arguments: &[&str]| {
        let (_, answer) = clinic.json(&[&["plan", "--now", MORNING], arguments].concat());
        let calls = answer[0]["reminders"].as_array().expect("a list").clone();
        assert_eq!(calls.len(), phones.len(), "{answer}");
        calls.iter().map(|call| call["note"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let whole = notes(&["--reveal"]);
    let read_as = |number: &str| format!("it has no leading 0, and was read as {number}");
    assert_eq!(whole, [&read_as("0231 25106"), &read_as("0231 25106"), "", "", "", &read_as("030 23125106")]);
    let hidden = notes(&[]);
    assert!(
        hidden[0].starts_with("it has no leading 0, and was read as 0") && !hidden[0].contains("23125"),
        "{hidden:?}"
    );
    let table = clinic.run(&["plan", "--now", MORNING]).stdout;
    assert!(table.contains("no leading 0") && !table.contains("23125"), "{table}");
    clinic.run(&["trigger", "day", "--now", MORNING, "--wait", "0s"]);
    let log = clinic.run(&["audit", "list", "--format", "json"]).stdout;
    let digits: String = log.chars().filter(char::is_ascii_digit).collect();
    assert!(log.contains("no leading 0") && !digits.contains("23125106"), "no whole number is stored: {log}");
}

#[test]
fn spreadsheet_numbers_are_refused_with_and_without_a_plus() {
    are_refused(
        "US",
        &[
            ("12025550143.0", &["decimal"]),
            ("+12025550143.0", &["decimal"]),
            ("+12025550143,00", &["decimal"]),
            ("2025550143.5", &["decimal"]),
            ("1.20256E+10", &["rounded"]),
            ("+1,20256E+10", &["rounded"]),
        ],
    );
}

#[test]
fn two_numbers_in_one_cell_are_refused_and_unusual_separators_are_read() {
    are_refused(
        "US",
        &[
            ("202-555-0143 / 202-555-0144", &["more than one number"]),
            ("202-555-0143\n202-555-0144", &["more than one number"]),
            ("(202) 555-0143 (202) 555-0144", &["more than one number"]),
            ("202-555-0143 or 202-555-0144", &["more than one number"]),
        ],
    );
    are_called("DE", &[("030/23125100", "+493023125100"), ("(0221) 471-0123", "+492214710123")]);
}

#[test]
fn a_zero_that_belongs_to_the_number_stays() {
    are_called(
        "US",
        &[
            ("+39 (0)6 55501234", "+390655501234"),
            ("+39 (0)2 5550 1234", "+390255501234"),
            ("+225 (0)7 07 00 00 00", "+2250707000000"),
            ("+44 (0)20 7946 0958", "+442079460958"),
        ],
    );
}

#[test]
fn guards_are_taken_off_and_blanks_of_all_kinds_are_blanks() {
    are_called(
        "US",
        &[
            ("'+12025550143", "+12025550143"),
            ("=\"+12025550143\"", "+12025550143"),
            ("\u{1}+12025550143", "+12025550143"),
            ("202\u{a0}555\u{202f}0143\u{3000}", "+12025550143"),
        ],
    );
}

#[test]
fn short_codes_are_refused_in_every_form() {
    are_refused("DE", &[("+49116117", &["short"]), ("116117", &["short"]), ("+491161171234", &["never called"])]);
    are_called("SH", &[("22158", "+29022158")]);
}

/// A person whose line in such a list can't be read may have asked not to be called.
#[test]
fn a_do_not_call_list_with_a_line_of_two_readings_or_of_a_spreadsheet_fails_the_run() {
    let clinic = clinic("DE");
    let listed = "days_before = 1\ndo_not_call = \"../never.txt\"";
    let appointment = format!("{}\ndefault_region = \"DE\"", PARTS.appointment);
    clinic.schedule("day", &Parts { appointment: &appointment, remind: listed, ..PARTS }.text());
    clinic.write("appointments.csv", "id,phone,starts_at\n1,+491705550142,2026-11-25 10:30\n");
    for line in ["491705550142", "+491705550142.0", "4.9170555E+11", "0221 4710123 / 0221 4710124"] {
        clinic.write("never.txt", &format!("# numbers\n+491705550143\n{line}\n"));
        let ended = clinic.run(&["plan", "--now", MORNING]);
        assert_ne!(ended.exit, 0, "{line}: {ended:?}");
        assert!(ended.stderr.contains("line 3"), "{line}: {ended:?}");
        assert!(!ended.stderr.contains("5550142"), "no whole number is printed: {ended:?}");
    }
    clinic.write("never.txt", "'+491705550142\n");
    let (exit, answer) = clinic.json(&["plan", "--now", MORNING]);
    assert_eq!((exit, answer[0]["skipped"][0]["reason"].as_str()), (0, Some("opted_out")), "{answer}");
}

#[test]
fn where_numbers_are_stored_or_printed_the_readings_are_cut() {
    let clinic = clinic("DE");
    clinic.write("appointments.csv", "id,phone,starts_at\n1,491705550142,2026-11-25 10:30\n");
    let plan = clinic.run(&["plan", "--now", MORNING, "--format", "json"]);
    let explain = clinic.run(&["explain", "day", "1", "--now", MORNING]);
    let trigger = clinic.run(&["trigger", "day", "--now", MORNING]);
    let audit = clinic.run(&["audit", "list", "--format", "json"]);
    for ended in [&plan, &explain, &trigger, &audit] {
        let digits: String = ended.stdout.chars().filter(char::is_ascii_digit).collect();
        assert!(!digits.contains("1705550142") && !digits.contains("491705550142"), "{ended:?}");
    }
    assert!(plan.stdout.contains("+49170***0142") && plan.stdout.contains("04917***0142"), "{plan:?}");
    assert!(explain.stdout.contains("***0142"), "{explain:?}");
}

#[test]
fn a_row_without_a_usable_number_says_what_the_source_has_and_no_whole_number() {
    let clinic = clinic("US");
    let appointment = format!("{}\ndefault_region = \"US\"", PARTS.appointment);
    let more = "[guard]\nmax_invalid = \"100%\"";
    clinic.schedule("day", &Parts { appointment: &appointment, more, ..PARTS }.text());
    let written = [
        ("12", "(the source has 12)"),
        ("call home", "(the source has no digit there)"),
        ("202-555-01430000", "(the source has ***0000, 14 digits)"),
        ("+1 202 555 0143 / +1 202 555 0144", "(the source has ***0144, 22 digits)"),
        ("٢٠٢٥٥٥٠١٤", "(the source has ***5014, 9 digits)"),
    ];
    let row = |(id, (phone, _)): (usize, &(&str, &str))| format!("{id},{phone},2026-11-25 10:30\n");
    let rows: String = written.iter().enumerate().map(row).collect();
    clinic.write("appointments.csv", &format!("id,phone,starts_at\n{rows}"));
    let (_, answer) = clinic.json(&["plan", "--now", MORNING]);
    for (id, (phone, said)) in written.iter().enumerate() {
        let why = fate(&answer[0], &id.to_string()).expect_err("it is not called");
        assert!(why.starts_with("invalid_phone: ") && why.contains(said), "{phone}: {why}");
    }
    clinic.run(&["trigger", "day", "--now", MORNING]);
    let logged = clinic.run(&["audit", "list", "--event", "reminder.skipped", "--format", "json"]);
    assert!(logged.stdout.contains("***0000, 14 digits"), "{logged:?}");
    assert!(!logged.stdout.contains("2025550143") && !logged.stdout.contains("202 555"), "{logged:?}");
}

#[test]
fn the_plan_as_csv_reads_back_to_the_same_people() {
    let clinic = clinic("DE");
    // among them numbers whose digits alone would be others in Germany, and other countries' in every form of their own
    let phones = [
        "+491705550142",
        "+49491705550142",
        "+492214710123",
        "+390655501234",
        "+62215550100",
        "+12025550143",
        "+442079460958",
        "+33612345678",
        "+2250707000000",
        "+5511987654321",
    ];
    let rows = |(id, phone): (usize, &&str)| format!("{},{phone},2026-11-25 16:{:02}\n", id + 1, id);
    let rows: String = phones.iter().enumerate().map(rows).collect();
    let everybody = Parts {
        appointment: "id = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"\ndefault_region = \"DE\"",
        remind: "days_before = 1\nmax_per_person_per_day = 99\ncalling_hours = \"always\"",
        ..PARTS
    };
    clinic.schedule("day", &everybody.text());
    clinic.write("appointments.csv", &format!("id,phone,starts_at\n{rows}"));
    let exported = clinic.run(&["plan", "--reveal", "--format", "csv", "--now", MORNING]);
    assert_eq!(exported.exit, 0, "{exported:?}");
    let ids = "id = \"appointment_id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"\ndefault_region = \"DE\"";
    clinic.schedule("day", &Parts { appointment: ids, ..everybody }.text());
    clinic.write("appointments.csv", &exported.stdout);
    let (exit, answer) = clinic.json(&["plan", "--reveal", "--now", MORNING]);
    assert_eq!(exit, 0, "{answer}");
    for (id, phone) in phones.iter().enumerate() {
        assert_eq!(fate(&answer[0], &(id + 1).to_string()).as_deref(), Ok(*phone), "{phone}");
    }
}
