//! Checking a file of a mebibyte that is full of mistakes, against the least that can be done with the same file.
//!
//! `cargo bench --bench checking` writes such files, of several kinds of mistakes, and runs two programs over each in turn:
//! `tickler check`, and one that reads the file and has the toml crate parse it. It prints medians (limit 1 s) and their
//! ratio.

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::{THIS_BUILD, median, ratio, time_of};

const ROUNDS: usize = 5;
const MEBIBYTE: usize = 1 << 20;
const LIMIT: Duration = Duration::from_secs(1);

/// What is wrong with the file, how it begins, and what is repeated in it: `#` becomes a number.
const KINDS: [(&str, &str, &str); 6] = [
    ("unknown keys", "", "unknown_key_# = 1\n"),
    ("unknown tables", "", "[table.no_#]\nkey = \"value\"\n"),
    ("payload of unknown filters", "[payload]\n", "k# = \"{{ phone | nosuch }}\"\n"),
    ("payload of unclosed tags", "[payload]\n", "k# = \"{{ phone\"\n"),
    ("the same key again and again", "", "cron = \"never #\"\n"),
    ("no TOML at all", "", "[[[ # ]\n"),
];

fn main() {
    if let Some(file) = std::env::args().skip_while(|word| word != "--bare").nth(1) {
        let text = std::fs::read_to_string(file).expect("the file is read");
        let _table_or_error = text.parse::<toml::Table>();
        return;
    }
    println!("a file of 1 MiB, rounds {ROUNDS}, medians of whole processes (limit {LIMIT:?})");
    for (kind, head, line) in KINDS {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("schedules/full.toml");
        std::fs::create_dir(folder.path().join("schedules")).expect("a folder");
        std::fs::write(&file, mistakes(head, line)).expect("a schedule");
        let (checks, loops) =
            (0..ROUNDS).map(|_| (time_of(&mut check(folder.path())), time_of(&mut bare(&file)))).unzip();
        let (check, bare) = (median(checks), median(loops));
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "{kind:<30} check {:>6.0} ms   bare {:>6.0} ms   ratio {:>6.1}{}",
            millis(check),
            millis(bare),
            ratio(check, bare),
            if check > LIMIT { "   ABOVE THE LIMIT" } else { "" }
        );
    }
}

/// As much of it as one file may hold.
fn mistakes(head: &str, line: &str) -> String {
    let mut text = head.to_owned();
    for number in 0_usize.. {
        let next = line.replace('#', &number.to_string());
        if text.len() + next.len() > MEBIBYTE {
            break;
        }
        text.push_str(&next);
    }
    text
}

/// It ends with 78: the file is refused.
fn check(folder: &Path) -> Command {
    let mut check = Command::new("sh");
    check.args(["-c", "\"$0\" check >/dev/null 2>&1; [ $? = 78 ]", THIS_BUILD]).current_dir(folder);
    check
}

fn bare(file: &Path) -> Command {
    let mut bare = Command::new(std::env::current_exe().expect("this program"));
    bare.arg("--bare").arg(file);
    bare
}
