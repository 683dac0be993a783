//! Sources that would take a machine's memory: each is refused with its reason while the program may have 64 MiB more than a
//! small plan needs.

use std::io::{Read as _, Write as _};
use std::process::Command;

use rusqlite::Connection;

use crate::server::{Server, answer, json};
use crate::support::clinic::{Clinic, Ended, PARTS, Parts};

/// What a plan of one row needs.
const SMALL: u64 = 32 << 20;
const GROWTH: u64 = 64 << 20;

/// A source that takes more than it may: its name, its keys, what is written before it is read, and words of the refusal.
struct Hostile {
    what: &'static str,
    source: String,
    columns: &'static str,
    words: &'static str,
}

/// Plans in a process whose heap and stacks may not be larger than that.
fn plan_within(clinic: &Clinic, bytes: u64) -> Ended {
    let plan = clinic.command(&["plan", "hostile", "--now", "2026-11-24T14:00:00Z", "--format", "json"]);
    let mut bounded = Command::new("prlimit");
    bounded.arg(format!("--data={bytes}")).arg(plan.get_program()).args(plan.get_args());
    bounded.current_dir(plan.get_current_dir().expect("the clinic's folder"));
    for (name, value) in plan.get_envs() {
        match value {
            Some(value) => bounded.env(name, value),
            None => bounded.env_remove(name),
        };
    }
    Ended::of(bounded.output().expect("prlimit starts"))
}

fn schedule(clinic: &Clinic, source: &str, appointment: &str) {
    clinic.schedule("hostile", &Parts { source, appointment, ..PARTS }.text());
}

/// An archive whose last part unpacks to that many mebibytes of zeros.
fn unpacking(names: &[&str], mebibytes: usize) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let zeros = vec![b'0'; 1 << 20];
    for name in names {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a part");
    }
    for _ in 0..mebibytes {
        zip.write_all(&zeros).expect("its text");
    }
    zip.finish().expect("an archive").into_inner()
}

/// 256 MiB as gzip (RFC 1952): what an archive holds of them, with that format's head and end.
fn gzip_bomb() -> Vec<u8> {
    let archive = unpacking(&["zeros"], 256);
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).expect("an archive");
    let mut part = archive.by_index_raw(0).expect("its part");
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    part.read_to_end(&mut gzip).expect("the packed bytes");
    gzip.extend(part.crc32().to_le_bytes());
    gzip.extend((256_u32 << 20).to_le_bytes());
    gzip
}

fn serve(target: &str) -> Vec<u8> {
    match target {
        "/bomb" => answer(200, "content-type: application/json\r\ncontent-encoding: gzip\r\n", gzip_bomb()),
        "/deep" => json(&"[".repeat(10_000_000)),
        "/list" => {
            let row = |id: u32| {
                format!("{{\"id\":{id},\"who\":{id},\"phone\":\"+12025550143\",\"starts_at\":\"2026-11-25T10:00\"}}")
            };
            json(&format!("[{}]", (0..100_000).map(row).collect::<Vec<_>>().join(",")))
        }
        _ => json("{\"phone\":\"+12025550143\"}"),
    }
}

fn hostile(origin: &str) -> Vec<Hostile> {
    let http = |path: &str, more: &str| format!("[source.http]\nurl = \"{origin}{path}\"\n{more}");
    let (columns, of_events) = (PARTS.appointment, "id = \"uid\"\nphone = \"description\"\nstarts_at = \"starts_at\"");
    let path = |kind: &str, file: &str| format!("[source.{kind}]\npath = \"../{file}\"");
    let sqlite = |query: &str| format!("[source.sqlite]\npath = \"../visits.db\"\nquery = \"{query}\"");
    vec![
        Hostile {
            what: "an answer of 256 MiB in a few hundred KiB",
            source: http("/bomb", ""),
            columns,
            words: "max_bytes",
        },
        Hostile { what: "ten million open brackets", source: http("/deep", ""), columns, words: "line 1, column 128" },
        Hostile {
            what: "a join to 100,000 addresses",
            source: http("/list", "[join.who]\nurl = \"/who/{{ who }}\""),
            columns,
            words: "5000",
        },
        Hostile {
            what: "a workbook that unpacks to 300 MiB",
            source: path("xlsx", "bomb.xlsx"),
            columns,
            words: "larger than 256 MiB",
        },
        Hostile {
            what: "an event of every second for a century",
            source: path("ical", "seconds.ics"),
            columns: of_events,
            words: "more than 100000 occurrences",
        },
        Hostile { what: "a row of 8 MiB", source: path("csv", "row.csv"), columns, words: "longer than" },
        Hostile {
            what: "a value of 200 MiB",
            source: sqlite(
                "select id, phone, starts_at, replace(hex(zeroblob(100000000)), '00', 'ab') as note from visits",
            ),
            columns,
            words: "longer than 1048576 bytes",
        },
    ]
}

#[test]
fn what_would_take_a_machines_memory_is_refused_within_64_mib() {
    let server = Server::answering(serve);
    let clinic = Clinic::new();
    let visits = Connection::open(clinic.path().join("visits.db")).expect("a database");
    visits
        .execute_batch("create table visits (id, phone, starts_at); insert into visits values (1, '+12025550143', '2026-11-25T10:30')")
        .expect("a table");
    drop(visits);
    clinic.write_bytes("bomb.xlsx", &unpacking(&["[Content_Types].xml", "xl/worksheets/sheet1.xml"], 300));
    clinic.write(
        "seconds.ics",
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDESCRIPTION:+12025550143\r\nDTSTART:19700101T000000Z\r\n\
         RRULE:FREQ=SECONDLY;UNTIL=20700101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    );
    clinic.write("row.csv", &format!("id,phone,starts_at\n1,\"{}\",2026-11-25T10:30\n", "0\n".repeat(4 << 20)));

    schedule(&clinic, "[source.sqlite]\npath = \"../visits.db\"\nquery = \"select * from visits\"", PARTS.appointment);
    let small = plan_within(&clinic, SMALL);
    assert_eq!(small.exit, 0, "a small plan fits: {small:?}");

    let mut wrong = Vec::new();
    for Hostile { what, source, columns, words } in hostile(&server.origin) {
        schedule(&clinic, &source, columns);
        let ended = plan_within(&clinic, SMALL + GROWTH);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        if !said.contains(words) || said.contains("allocation") {
            wrong.push(format!("{what}: exit {}, {}", ended.exit, said.chars().take(1200).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
