//! What each verb shows on a terminal of 80, 100 and 120 columns over a real day: labels of sixty letters, ids of forty,
//! umlauts, emoji, and letters of double width.
//!
//! A screen is a file of `tests/cli/screens`. After an intended change run `WRITE_SCREENS=1 ./test --test cli
//! screens`, look at each file that has changed, and commit it.

mod world;

use std::collections::BTreeSet;

use rustix::process::{Pid, Signal, kill_process};
use unicode_width::UnicodeWidthStr as _;

use crate::clinic::*;
use crate::support::command::is_root;
use crate::support::terminal::{OnTerminal, screen};
use world::{World, is_as_written};

const WIDTHS: [u16; 3] = [80, 100, 120];

/// A screen's name, and the verb.
type Shown = (&'static str, &'static [&'static str]);

/// The screens that are shown before the service is started.
const OF_THE_MORNING: &[Shown] = &[
    ("plan", &["plan", "--now", "{morning}"]),
    ("next", &["next", "-n", "2", "--now", "{morning}"]),
    ("explain", &["explain", "day-before", "appointment-2026-0123456789-012345678005", "--now", "{morning}"]),
    ("trigger-dry-run", &["trigger", "day-before", "--dry-run", "--now", "{morning}"]),
    ("simulate", &["simulate", "day-before", "--from", "{tuesday}", "--to", "{thursday}"]),
    ("check", &["check"]),
    ("check-mistakes", &["check", "mistakes"]),
    ("check-connect", &["check", "--connect"]),
    ("test", &["test"]),
    ("agents", &["agents"]),
    ("config", &["config"]),
];

/// While the service runs, after its calls.
const OF_THE_DAY: &[Shown] = &[
    ("status", &["status"]),
    ("doctor", &["doctor"]),
    ("reload", &["reload"]),
    ("audit-list", &["audit", "list", "--event", "reminder.skipped"]),
    ("audit-list-of-one", &["audit", "list", "--appointment", "appointment-2026-0123456789-012345678002"]),
    ("audit-stats", &["audit", "stats", "--event", "reminder"]),
    ("audit-stats-of-a-day", &["audit", "stats", "--period", "day", "--until", "{noon}"]),
    ("audit-show", &["audit", "show", "appointment-2026-tokyo-0123456789-012345"]),
    (
        "audit-compare",
        &["audit", "compare", "day-before", "their-calls.csv", "--since", "{tuesday}", "--until", "{noon}"],
    ),
    ("uncertain-list", &["uncertain", "list"]),
    ("outcome-list", &["outcome", "list"]),
    ("inbound-list", &["inbound", "list"]),
    ("optout-list", &["optout", "list"]),
    ("trigger-again", &["trigger", "day-before"]),
    ("plan-diff", &["plan", "day-before", "--diff", "stricter.toml", "--now", "{morning}"]),
    ("plan-diff-last", &["plan", "day-before", "--diff", "last", "--now", "{morning}"]),
    ("contacts-find", &["contacts", "find", "--phone", "+12025550101"]),
];

/// Verbs whose answer is a sentence, a text to be copied or a file, and why the others have no screen.
const WITHOUT_A_TABLE: &[&str] = &[
    "run",
    "audit verify",
    "audit checkpoint",
    "audit export",
    "audit prune",
    "uncertain resolve",
    "cancel",
    "approve",
    "reject",
    "optout add",
    "optout remove",
    "optout import",
    "outcome set",
    "outcome retry",
    "outcome acknowledge",
    "outcome try",
    "inbound urls",
    "inbound post",
    "pause",
    "resume",
    "forget",
    "page token",
    "test-call",
    "sandbox",
    "backup",
    "ledger accept-loss",
    "restore",
    "notify test",
    "schema",
    "help",
    "service print",
    "completions",
    "man",
    "init",
];

#[test]
fn every_table_is_as_it_was_looked_at() {
    if !is_root() {
        eprintln!("SKIPPED: the screens name who did things, and that is root");
        return;
    }
    let world = World::after_a_real_morning();
    let mut differences = Vec::new();
    let mut compare = |shown: &[Shown]| {
        for (name, arguments) in shown {
            for columns in WIDTHS {
                differences.extend(is_as_written(name, columns, &world.screen(arguments, columns)).err());
            }
        }
    };
    compare(OF_THE_MORNING);
    let mut service = OnTerminal::start(world.clinic.command(&["run", "--now", &world.at("15:59:58Z")]), 100);
    service.lines_until("the last call for now");
    world.have_a_day_of_decisions();
    compare(OF_THE_DAY);
    kill_process(Pid::from_child(&service.process), Signal::INT).expect("it is there");
    assert_eq!(service.end().0, 0);
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn the_demo_is_as_it_was_looked_at() {
    let shown = |columns| {
        let world = World::without_a_day();
        is_as_written("demo", columns, &world.screen(&["demo"], columns)).err()
    };
    let all = std::thread::scope(|scope| {
        let each = WIDTHS.map(|columns| scope.spawn(move || shown(columns)));
        each.map(|one| one.join().expect("a demo"))
    });
    assert_eq!(all.iter().flatten().collect::<Vec<_>>(), Vec::<&String>::new());
}

/// The verbs below one, as its help lists them.
fn verbs_below(clinic: &Clinic, verb: &[&str]) -> Vec<String> {
    let help = clinic.run(&[verb, &["--help"]].concat()).stdout;
    let listed = help.split_once("Commands:\n").map(|(_, rest)| rest.split("\n\n").next().unwrap_or_default());
    let names =
        listed.into_iter().flat_map(str::lines).filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_verb_has_a_screen_or_no_table() {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    let mut verbs: BTreeSet<String> = BTreeSet::new();
    for verb in verbs_below(&clinic, &[]) {
        match verbs_below(&clinic, &[&verb]) {
            below if below.is_empty() => drop(verbs.insert(verb)),
            below => verbs.extend(below.into_iter().map(|name| format!("{verb} {name}"))),
        }
    }
    assert!(verbs.len() > 40, "the help lists them: {verbs:?}");
    let demo: Shown = ("demo", &["demo"]);
    let screens: Vec<String> =
        OF_THE_MORNING.iter().chain(OF_THE_DAY).chain([&demo]).map(|(_, words)| words.join(" ") + " ").collect();
    for verb in &verbs {
        let has_screen = screens.iter().any(|words| words.starts_with(&format!("{verb} ")));
        assert!(has_screen != WITHOUT_A_TABLE.contains(&verb.as_str()), "`{verb}`: a screen, or no table");
    }
    for verb in WITHOUT_A_TABLE {
        assert!(verbs.contains(*verb), "`{verb}` is no verb");
    }
}

#[test]
fn every_help_fits_a_terminal_of_eighty_columns() {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    let verbs = verbs_below(&clinic, &[]);
    let helps = verbs.iter().map(|verb| vec![verb.as_str(), "--help"]).chain([vec!["help"]]);
    for help in helps.filter(|words| words != &["help", "--help"]) {
        let (exit, text) = screen(clinic.command(&help), 80);
        assert_eq!(exit, 0, "{help:?}: {text}");
        for line in text.lines() {
            assert!(line.width() <= 80, "{help:?}: {line}");
        }
    }
}
