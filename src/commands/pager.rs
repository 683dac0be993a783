//! shell: a text that is longer than the screen, page by page.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};

use rustix::termios::tcgetwinsize;

use super::output::print;

/// Shows the text in this program, such as `less`, when somebody sits in front of it and it is longer than the screen;
/// else, or when the program can't be started, prints it.
///
/// # Errors
/// When stdout can't be written.
pub fn show(text: &str, program: Option<&str>) -> anyhow::Result<()> {
    match program.filter(|_| is_longer_than_the_screen(text)) {
        Some(program) if is_shown_by(program, text) => Ok(()),
        Some(_) | None => print(text),
    }
}

fn is_longer_than_the_screen(text: &str) -> bool {
    let rows = tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_row));
    io::stdin().is_terminal() && io::stdout().is_terminal() && rows > 0 && text.lines().count() >= rows
}

/// Whether the program could be started. Whoever leaves it before the end has seen enough.
fn is_shown_by(program: &str, text: &str) -> bool {
    let mut words = program.split_whitespace();
    let Some(name) = words.next() else { return false };
    let Ok(mut pager) = Command::new(name).args(words).stdin(Stdio::piped()).spawn() else { return false };
    if let Some(mut input) = pager.stdin.take() {
        let _left_early = input.write_all(text.as_bytes()).and_then(|()| input.write_all(b"\n"));
    }
    let _ended = pager.wait();
    true
}
