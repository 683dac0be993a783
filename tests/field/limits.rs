//! Sources without end: each read ends, in time and in half a GiB of address space, with its remedy.

use std::io::{Seek as _, Write as _};
use std::process::Command;
use std::time::Instant;

use crate::server::{Server, json};
use crate::support::clinic::{Clinic, Ended, MORNING, PARTS, Parts};

fn clinic(source: &str) -> Clinic {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    clinic.schedule("day", &Parts { source, ..PARTS }.text());
    clinic
}

/// `tickler plan` in 512 MiB of address space.
fn plan(clinic: &Clinic) -> Ended {
    let plan = clinic.command(&["plan", "--format", "json", "--now", MORNING]);
    let mut bounded = Command::new("sh");
    bounded.args(["-c", "ulimit -v 524288; exec \"$0\" \"$@\""]).arg(plan.get_program()).args(plan.get_args());
    for (name, value) in plan.get_envs() {
        match value {
            Some(value) => bounded.env(name, value),
            None => bounded.env_remove(name),
        };
    }
    // glibc reserves address space for each thread's arena that it never uses
    bounded.env("MALLOC_ARENA_MAX", "2");
    if let Some(folder) = plan.get_current_dir() {
        bounded.current_dir(folder);
    }
    Ended::of(bounded.output().expect("a shell"))
}

/// Fails with these words within a minute: the limits are seconds, the machine may be busy.
#[expect(clippy::disallowed_methods, reason = "the program's own deadline is what is tested")]
fn fails(clinic: &Clinic, words: &str) {
    let begin = Instant::now();
    let ended = plan(clinic);
    assert!(ended.exit > 0 && ended.stderr.contains(words), "{ended:?}");
    assert!(begin.elapsed().as_secs() < 60, "{words}: {:?}", begin.elapsed());
}

#[test]
fn a_query_without_end_is_stopped_at_its_deadline() {
    let clinic = clinic(
        "[source.sqlite]\npath = \"../a.db\"\nquery = \"select id, phone, starts_at from endless\"\ndeadline = \"1s\"",
    );
    let database = rusqlite::Connection::open(clinic.path().join("a.db")).expect("a database");
    database
        .execute_batch(
            "create view endless as with recursive n (id) as (select 1 union all select id + 1 from n)
             select max(id) as id, '+12025550143' as phone, '2026-11-25 10:30' as starts_at from n;",
        )
        .expect("a view");
    fails(&clinic, "`deadline`");
}

#[test]
fn rows_without_end_are_stopped_by_their_number() {
    let clinic = clinic(
        "[source.sqlite]\npath = \"../a.db\"\nquery = \"select id, phone, starts_at from endless\"\nmax_rows = 1000",
    );
    let database = rusqlite::Connection::open(clinic.path().join("a.db")).expect("a database");
    database
        .execute_batch(
            "create view endless as with recursive n (id) as (select 1 union all select id + 1 from n)
             select id, '+12025550143' as phone, '2026-11-25 10:30' as starts_at from n;",
        )
        .expect("a view");
    fails(&clinic, "`max_rows`");
}

#[test]
fn pages_without_end_that_each_answer_in_time_are_stopped_at_the_deadline() {
    let server = Server::answering(|target| {
        let page: u64 = target.split("at=").nth(1).and_then(|page| page.parse().ok()).unwrap_or(0);
        json(&format!(
            r#"{{"data":[{{"id":{page},"phone":"+12025550143","starts_at":"2026-12-25T10:30:00"}}],"next":{}}}"#,
            page + 1
        ))
    });
    let more = "items = \"/data\"\npaging.cursor = { parameter = \"at\", at = \"/next\" }\ndeadline = \"1s\"";
    fails(&clinic(&format!("[source.http]\nurl = \"{}/\"\n{more}", server.origin)), "`deadline`");
}

#[test]
fn a_table_with_too_many_rows_in_the_window_fails_with_the_remedy_and_one_outside_is_read() {
    let clinic = clinic(PARTS.source);
    let path = clinic.path().join("appointments.csv");
    let mut table = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
    writeln!(table, "id,phone,starts_at").expect("written");
    for id in 0..200_100 {
        writeln!(table, "{id},+12025550143,2026-12-25 10:30").expect("written");
    }
    table.flush().expect("written");
    let read = plan(&clinic);
    assert_eq!(read.exit, 0, "rows outside the window don't count: {read:?}");
    let mut table = table.into_inner().expect("written");
    table.rewind().expect("a file");
    let mut table = std::io::BufWriter::new(table);
    writeln!(table, "id,phone,starts_at").expect("written");
    for id in 0..200_100 {
        writeln!(table, "{id},+12025550143,2026-11-25 10:30").expect("written");
    }
    table.flush().expect("written");
    fails(&clinic, "raise `max_rows`");
}

#[test]
fn a_line_without_end_is_no_row() {
    let clinic = clinic(PARTS.source);
    let mut table = std::fs::File::create(clinic.path().join("appointments.csv")).expect("a file");
    table.write_all(b"id,phone,starts_at\n1,\"").expect("written");
    // a hole: 200 MiB that take no room on the disk
    table.set_len(200 << 20).expect("a sparse file");
    fails(&clinic, "longer than 1048576 bytes");
}
