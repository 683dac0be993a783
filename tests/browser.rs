//! The page in a real browser: `tests/browser/day.py` drives headless Chromium through a whole day.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `./test` puts what drives the browser.
#[expect(clippy::disallowed_methods, reason = "only cargo's own variable says where the target folder is")]
fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("browser/bin/python")
}

#[test]
fn a_whole_day_at_the_page_in_both_themes_at_three_widths() {
    let python = python();
    assert!(python.exists(), "{} isn't there: `./test` installs it, and Chromium", python.display());
    let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/day.py");
    let ended =
        Command::new(python).arg(day).env("TICKLER", env!("CARGO_BIN_EXE_tickler")).output().expect("it starts");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ended.status.success(), "{}\n{}", said(&ended.stdout), said(&ended.stderr));
}
