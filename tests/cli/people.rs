//! What people see and type: tables that fit, short ids, times as they are spoken, the newest rows.

use std::process::{Command, Stdio};

use crate::clinic::*;

/// Long ids, long names and what isn't ASCII, as real exports have them.
const REAL_DAY: &str = "\
id,name,phone,starts_at,service,status
appointment-0123456789-0123456789-012345,Zoë Müßig,+12025550143,2026-11-25 09:30,Zahnreinigung 🦷 mit Röntgen,confirmed
appointment-0123456789-0123456789-012346,Ada Example,+12025550164,2026-11-25 10:00,Check-up,confirmed
appointment-0123456789-0123456789-012347,東京 太郎,,2026-11-25 10:30,Check-up,confirmed
appointment-0123456789-0123456789-012348,Ivo Madeup,+12025550151,2026-11-25 11:00,Check-up,perhaps
";

/// How wide a text is on a terminal, with a double width for what lies beyond the alphabets.
fn width(line: &str) -> usize {
    line.chars().map(|c| if u32::from(c) >= 0x2e80 { 2 } else { 1 }).sum()
}

fn at_width(clinic: &Clinic, columns: &str, arguments: &[&str]) -> Ended {
    Ended::of(clinic.command(arguments).env("COLUMNS", columns).output().expect("the program runs"))
}

#[test]
fn no_table_is_wider_than_the_screen_and_no_id_and_no_time_is_broken() {
    let sandbox = Sandbox::start(&["--fail", "400:1"]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.write("appointments.csv", REAL_DAY);
    clinic.run(&["trigger", "day-before", "--now", MORNING]);
    let verbs: [&[&str]; 7] = [
        &["plan", "--now", MORNING],
        &["audit", "list"],
        &["audit", "show", "appointment-0123456789-0123456789-012345"],
        &["status"],
        &["next", "--now", MORNING],
        &["explain", "day-before", "appointment-0123456789-0123456789-012347", "--now", MORNING],
        &["trigger", "day-before", "--now", MORNING],
    ];
    for columns in [80, 100, 120] {
        for arguments in verbs {
            let shown = at_width(&clinic, &columns.to_string(), arguments).stdout;
            let too_wide = shown.lines().filter(|line| width(line) > columns).collect::<Vec<_>>();
            assert_eq!(too_wide, Vec::<&str>::new(), "{columns} {arguments:?}:\n{shown}");
        }
        let shown = at_width(&clinic, &columns.to_string(), &["plan", "--now", MORNING]).stdout;
        let id = "appointment-0123456789-0123456789-012347";
        assert!(shown.contains(id) && shown.contains("Wed 25 Nov 10:30"), "{columns}:\n{shown}");
    }
    let wide = clinic.run(&["audit", "list", "--wide"]).stdout;
    let head = wide.lines().next().expect("a heading");
    for column in ["SEQ", "AT", "EVENT", "SCHEDULE", "APPOINTMENT", "PHONE", "REASON", "HTTP", "BY", "DETAIL"] {
        assert!(head.contains(column), "{column} is left out: {head}");
    }
}

#[test]
fn a_plan_shows_one_payload_and_spreads_all_of_them_in_its_csv() {
    let clinic = Clinic::new();
    let shown = clinic.run(&["plan", "--now", MORNING]).stdout;
    assert!(shown.contains("Tue 24 Nov 09:00") && !shown.contains("2026-11-24T"), "{shown}");
    let sample = "What is sent for A-1:\n{\n  \"contact_phone\": \"***0143\",";
    assert!(shown.contains(sample) && !shown.contains("***0164\","), "{shown}");
    let csv = clinic.run(&["plan", "--now", MORNING, "--format", "csv", "--reveal"]).stdout;
    let mut lines = csv.lines();
    let head = lines.next().expect("a heading");
    assert!(
        head.ends_with("payload.contact_phone,payload.national,payload.appointment_time,payload.service_name"),
        "{head}"
    );
    let first = lines.next().expect("a call");
    assert!(first.contains(",'+12025550143,"), "{first}");
    assert!(first.ends_with("'+12025550143,(202) 555-0143,2026-11-25T09:30:00-05:00,Check-up"), "{first}");
}

#[test]
fn the_clock_takes_the_times_that_people_write() {
    let clinic = Clinic::new();
    for now in ["2026-11-24 09:00", "2026-11-24T09:00", MORNING] {
        let (exit, plan) = clinic.json(&["plan", "day-before", "--now", now]);
        assert_eq!((exit, &plan[0]["nominal_at"]), (0, &"2026-11-24T09:00:00-05:00".into()), "{now}");
    }
    let (_, plan) = clinic.json(&["plan", "--now", "tomorrow 09:00"]);
    assert!(plan[0]["nominal_at"].as_str().is_some_and(|at| at.contains("T09:00:00-0")), "{plan}");
    let refused = clinic.run(&["plan", "--now", "soon"]);
    assert!(refused.exit == 2 && refused.stderr.contains("`soon` is not a valid time"), "{refused:?}");
    assert!(refused.stderr.contains("write `2026-11-24 09:00`, `09:00`, `tomorrow 09:00`"), "{refused:?}");
}

#[test]
fn a_dry_run_speaks_of_what_would_be_done() {
    let clinic = Clinic::new();
    let ended = clinic.run(&["trigger", "day-before", "--dry-run", "--now", MORNING]);
    assert!(ended.words().contains("a dry run, nothing is sent (2 would be called,"), "{ended:?}");
    assert!(!ended.stdout.contains("done") && !ended.stdout.contains("pending"), "{ended:?}");
    clinic.schedule("day-before", &format!("{DAY_BEFORE}\n[guard]\nmax_calls = 1\n"));
    let held = clinic.run(&["trigger", "day-before", "--dry-run", "--now", MORNING]);
    assert!(held.words().contains("a dry run, nothing is sent: the run would be held"), "{held:?}");
    assert!(held.exit == 0 && held.stderr.contains("2 calls are more than `max_calls` = 1"), "{held:?}");
}

#[test]
fn the_cell_of_a_start_that_cannot_be_read_is_shown_to_whoever_plans_and_is_in_no_log() {
    let clinic = Clinic::new();
    let cells = [("A-1", "24/11/2026 9h"), ("A-2", "call +1 202-555-0143"), ("A-3", "=NOW()")];
    let rows: String =
        cells.iter().map(|(id, cell)| format!("{id},Ada,+12025550143,{cell},Cleaning,confirmed\n")).collect();
    clinic.write("appointments.csv", &format!("id,name,phone,starts_at,service,status\n{rows}"));
    let (_, plan) = clinic.json(&["plan", "day-before", "--now", MORNING]);
    let shown: Vec<_> =
        plan[0]["skipped"].as_array().expect("rows").iter().map(|row| row["cell"].as_str().expect("a cell")).collect();
    assert_eq!(shown, ["24/11/2026 9h", "call ***0143", "=NOW()"], "{plan}");
    let table = clinic.run(&["plan", "day-before", "--now", MORNING, "--wide"]).stdout;
    let explained = |id| clinic.run(&["explain", "day-before", id, "--now", MORNING, "--wide"]).stdout;
    assert!(table.contains("the cell holds `24/11/2026 9h`"), "{table}");
    assert!(explained("A-1").contains("the cell holds `24/11/2026 9h`"), "{}", explained("A-1"));
    assert!(explained("A-2").contains("the cell holds `call ***0143`"), "{}", explained("A-2"));
    let ended = clinic.run(&["trigger", "day-before", "--now", MORNING]);
    let log = clinic.run(&["audit", "export", "--format", "jsonl"]).stdout;
    assert!(log.contains("invalid_time") && !log.contains("9h") && !ended.stderr.contains("9h"), "{log} {ended:?}");
}

#[test]
fn a_trigger_of_an_appointment_that_is_not_there_fails() {
    let clinic = Clinic::new();
    for more in [&["--dry-run"][..], &[]] {
        let absent = clinic.run(&[&["trigger", "day-before", "--only", "A-9", "--now", MORNING], more].concat());
        assert_eq!(absent.exit, 1, "{absent:?}");
        assert!(absent.stderr.contains("no appointment `A-9`"), "{absent:?}");
        let later = clinic.run(&[&["trigger", "day-before", "--only", "A-5", "--now", MORNING], more].concat());
        assert_eq!(later.exit, 0, "a row outside the window is there: {later:?}");
    }
}

/// Two reminders of unknown fate.
fn uncertain_clinic(sandbox: &Sandbox) -> Clinic {
    let clinic = Clinic::with_target(&sandbox.url);
    let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!((exit, &answer["counts"]["uncertain"]), (3, &2.into()), "{answer}");
    clinic
}

fn ids(clinic: &Clinic) -> Vec<String> {
    let (_, list) = clinic.json(&["uncertain", "list"]);
    let rows = list.as_array().expect("a list").iter();
    rows.map(|row| row["reminder_id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn a_beginning_of_an_id_will_do_and_several_are_settled_at_once() {
    let sandbox = Sandbox::start(&["--reset-after", "0"]);
    let clinic = uncertain_clinic(&sandbox);
    let both = ids(&clinic);
    let table = clinic.run(&["uncertain", "list"]).stdout;
    let short: Vec<&str> = table.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    for (short, whole) in short.iter().zip(&both) {
        assert!(whole.starts_with(short) && (8..36).contains(&short.len()), "{short} {whole}");
        let story = clinic.run(&["audit", "show", short]);
        assert!(story.exit == 0 && story.stdout.contains("fate unknown"), "{story:?}");
    }
    let ambiguous = clinic.run(&["uncertain", "resolve", &both[0][..8], "--drop", "--reason", "x"]);
    assert!(ambiguous.exit == 2 && ambiguous.stderr.contains(&both[1]), "{ambiguous:?}");
    let unknown = clinic.run(&["uncertain", "resolve", "0123abcd", "--drop", "--reason", "x"]);
    assert!(unknown.exit == 1 && unknown.stderr.contains("0123abcd"), "{unknown:?}");
    let half = clinic.run(&["uncertain", "resolve", short[0], "0123abcd", "--drop", "--reason", "x"]);
    assert_eq!((half.exit, ids(&clinic).len()), (1, 2), "nothing is settled unless all are found: {half:?}");
    let (exit, one) = clinic.json(&["uncertain", "resolve", short[0], "--delivered", "--reason", "heard"]);
    assert_eq!((exit, &one["state"]), (0, &"delivered".into()), "one is answered as itself: {one}");
    let (exit, other) =
        clinic.json(&["uncertain", "resolve", "A-2", "--schedule", "day-before", "--drop", "--reason", "late"]);
    assert_eq!((exit, &other["reminder_id"]), (0, &both[1].as_str().into()), "{other}");
}

#[test]
fn all_of_a_schedule_are_settled_at_once() {
    let sandbox = Sandbox::start(&["--reset-after", "0"]);
    let clinic = uncertain_clinic(&sandbox);
    let (exit, all) = clinic.json(&["uncertain", "resolve", "--all-of", "day-before", "--drop", "--reason", "late"]);
    assert_eq!((exit, all.as_array().map(Vec::len)), (0, Some(2)), "{all}");
    assert_eq!(ids(&clinic), Vec::<String>::new());
    let none = clinic.run(&["uncertain", "resolve", "--all-of", "day-befor", "--drop", "--reason", "late"]);
    assert!(none.exit == 2 && none.stderr.contains("`day-before`"), "{none:?}");
}

#[test]
fn a_cancelled_reminder_is_not_planned_again() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.write(
        "schedules/day-before.toml",
        &DAY_BEFORE.replace("days_before = 1", "days_before = 1\ncalling_hours = \"12:00-19:00\""),
    );
    let (_, waiting) = clinic.json(&["trigger", "day-before", "--wait", "0s", "--now", MORNING]);
    assert_eq!(waiting["counts"]["pending"], 2, "{waiting}");
    let (exit, cancelled) = clinic.json(&["cancel", "A-1", "--schedule", "day-before", "--reason", "she rang"]);
    assert_eq!((exit, &cancelled["state"]), (0, &"cancelled".into()), "{cancelled}");
    let (_, again) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T17:30:00Z"]);
    let counts = &again["counts"];
    assert_eq!((&counts["delivered"], &counts["already_reminded"]), (&1.into(), &1.into()), "{again}");
    assert_eq!(sandbox.received().len(), 1);
    let (_, log) = clinic.json(&["audit", "list", "--event", "operator.cancelled"]);
    assert_eq!((&log[0]["appointment_id"], &log[0]["detail"]), (&"A-1".into(), &"she rang".into()), "{log}");
    let twice = clinic.run(&["cancel", "A-1", "--schedule", "day-before", "--reason", "again"]);
    assert!(twice.exit == 1 && twice.stderr.contains("only a pending one"), "{twice:?}");
    assert_eq!(clinic.run(&["audit", "verify"]).exit, 0);
}

#[test]
fn a_limit_gives_the_newest_rows_oldest_first() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.run(&["trigger", "day-before", "--now", MORNING]);
    let seqs = |arguments: &[&str]| -> Vec<u64> {
        let (_, rows) = clinic.json(arguments);
        rows.as_array().expect("rows").iter().filter_map(|row| row["seq"].as_u64()).collect()
    };
    let all = seqs(&["audit", "list"]);
    assert_eq!(seqs(&["audit", "list", "--limit", "2"]), all[all.len() - 2..]);
    let skipped = seqs(&["audit", "list", "--event", "reminder.skipped"]);
    assert_eq!(seqs(&["audit", "list", "--event", "reminder.skipped", "--limit", "1"]), skipped[1..]);
    let unknown = clinic.run(&["audit", "list", "--event", "nothing"]);
    assert!(unknown.exit == 2 && unknown.stderr.contains("operator.cancelled"), "{unknown:?}");
}

#[test]
fn a_run_is_named_by_the_beginning_of_its_id() {
    let clinic = Clinic::new();
    let (_, answer) = clinic.json(&["trigger", "day-before", "--wait", "0s", "--now", MORNING]);
    let run = answer["run_id"].as_str().expect("an id");
    let (exit, then) = clinic.json(&["explain", "day-before", "A-1", "--run", &run[..13]]);
    assert_eq!((exit, &then["verdict"]), (0, &"call".into()), "{then}");
    let (_, rows) = clinic.json(&["audit", "list", "--run", &run[..8], "--event", "run.started"]);
    assert_eq!(rows[0]["run_id"], run, "{rows}");
    let unknown = clinic.run(&["audit", "list", "--run", "0123abcd"]);
    assert!(unknown.exit == 1 && unknown.stderr.contains("0123abcd"), "{unknown:?}");
}

/// How the program ends when nobody reads what it prints.
fn unread(mut command: Command) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

#[test]
fn a_closed_stdout_changes_no_exit_code() {
    let sandbox = Sandbox::start(&["--fail", "400:2"]);
    let clinic = Clinic::with_target(&sandbox.url);
    assert_eq!(unread(clinic.command(&["trigger", "day-before", "--now", MORNING])).0, Some(3));
    clinic.write("schedules/broken.toml", "crom = \"0 9 * * *\"\n");
    for format in ["table", "json", "jsonl", "csv"] {
        for (arguments, exit) in [(&["check"][..], 78), (&["plan", "--now", MORNING], 78), (&["status"], 0)] {
            let ended = unread(clinic.command(&[arguments, &["--format", format]].concat()));
            assert_eq!(ended.0, Some(exit), "{arguments:?} {format}: {}", ended.1);
            assert!(!ended.1.contains("ipe"), "{}", ended.1);
        }
    }
}

#[test]
fn a_service_without_a_folder_of_schedules_leaves_no_files() {
    let clinic = Clinic::new();
    std::fs::remove_dir_all(clinic.path().join("schedules")).expect("it was there");
    let files = || std::fs::read_dir(clinic.path()).expect("the folder").flatten().count();
    let before = files();
    let ended = clinic.run(&["run"]);
    assert_eq!((ended.exit, files()), (78, before), "{ended:?}");
}

#[test]
fn a_label_names_appointments_in_lists_and_nowhere_else() {
    let sandbox = Sandbox::start(&["--reset-after", "0"]);
    let clinic = Clinic::with_target(&sandbox.url);
    let labelled = DAY_BEFORE.replace("status = \"status\"", "status = \"status\"\nlabel = \"{{ name }} {{ phone }}\"");
    clinic.schedule("day-before", &labelled);
    assert_eq!(clinic.run(&["check"]).exit, 0);
    let (_, plans) = clinic.json(&["plan", "--now", MORNING]);
    assert_eq!(plans[0]["reminders"][0]["label"], "Ada Example ***0143", "{plans}");
    let plan = clinic.run(&["plan", "--now", MORNING]).stdout;
    assert!(plan.contains("NAME") && plan.contains("Ben Sample") && !plan.contains("2025550143"), "{plan}");
    let triggered = clinic.run(&["trigger", "day-before", "--now", MORNING]);
    assert!(triggered.stdout.contains("Ada Example"), "{triggered:?}");
    let wide = |arguments: &[&str]| clinic.run(&[arguments, &["--wide"]].concat()).stdout;
    for verb in [&["uncertain", "list"][..], &["audit", "list"], &["audit", "show", "A-1"]] {
        let shown = wide(verb);
        assert!(shown.contains("Ada Example ***0143"), "{verb:?}: {shown}");
    }
    let exported = clinic.run(&["audit", "export"]).stdout;
    assert!(!exported.contains("Ada Example"), "the log has no names: {exported}");
    assert!(!triggered.stderr.contains("Ada"), "{triggered:?}");
}

#[test]
fn a_label_of_names_that_no_row_has_is_an_error_of_check_and_holds_nobody_up() {
    let clinic = Clinic::new();
    let mapped = "status = \"status\"";
    clinic.schedule("day-before", &DAY_BEFORE.replace(mapped, &format!("{mapped}\nlabel = \"{{{{ nmae }}}}\"")));
    let checked = clinic.run(&["check"]);
    assert!(checked.exit != 0, "{checked:?}");
    assert!(format!("{checked:?}").contains("did you mean `name`?"), "{checked:?}");
    let (_, plans) = clinic.json(&["plan", "--now", MORNING]);
    assert_eq!((&plans[0]["counts"]["planned"], plans[0]["reminders"][0].get("label")), (&2.into(), None), "{plans}");
}
