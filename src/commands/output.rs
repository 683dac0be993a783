//! shell: printing: data on stdout, everything else on stderr; tables for people, JSON and CSV for programs.

use std::io::{self, Read as _, Write};
use std::path::Path;

use rustix::termios::tcgetwinsize;
use serde::Serialize;
use serde_json::Value;

use super::arguments::Format;
use crate::audit::{self, cell, escape};
use crate::disk::{self, Links};
use crate::lines::wrap_hanging;
use crate::row::unseen;
use crate::verbs::{VerbError, VerbResult};

/// The indent of a message's later lines.
const INDENT: usize = 2;

/// Rows for CSV.
#[derive(Clone, Default)]
pub struct Rows {
    /// The columns' names.
    pub headers: Vec<String>,
    /// The cells, as many as headers.
    pub cells: Vec<Vec<String>>,
}

impl Rows {
    /// A table without rows.
    #[must_use]
    pub fn of(headers: &[&str]) -> Self {
        Self { headers: headers.iter().map(|name| (*name).to_owned()).collect(), cells: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, cells: Vec<String>) {
        self.cells.push(cells);
    }

    /// The rows as CSV with headers.
    ///
    /// # Errors
    /// When a row doesn't have as many cells as there are headers.
    pub fn to_csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.headers.iter().map(|name| escape(&cell(name))))?;
        Ok(String::from_utf8(writer.into_inner()?)? + &self.to_csv_body()?)
    }

    /// The rows as CSV without headers.
    ///
    /// # Errors
    /// Those of [`Rows::to_csv`].
    pub fn to_csv_body(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in &self.cells {
            writer.write_record(row.iter().map(|text| escape(&cell(text))))?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }
}

/// An answer in every form in which it may be printed.
pub struct Shown<'a, T> {
    /// What `--format json` prints.
    pub answer: &'a T,
    /// What `--format table` prints.
    pub people: &'a dyn Fn() -> String,
    /// What `--format csv` prints.
    pub rows: &'a dyn Fn() -> Rows,
}

impl<T: Serialize> Shown<'_, T> {
    /// Prints it.
    ///
    /// # Errors
    /// When stdout can't be written.
    pub fn print(&self, format: Option<Format>) -> anyhow::Result<()> {
        match format.unwrap_or(Format::Table) {
            Format::Table => print(&(self.people)()),
            Format::Json => write_json(self.answer),
            Format::Jsonl => match serde_json::to_value(self.answer)? {
                Value::Array(list) => list.iter().try_for_each(|line| print(&audit::json(&line.to_string()))),
                single => print(&audit::json(&single.to_string())),
            },
            Format::Csv => write_out((self.rows)().to_csv()?.as_bytes()),
            Format::Sqlite => {
                Err(VerbError::Usage("`--format sqlite` is for `audit export` with `--output FILE`".to_owned()).into())
            }
        }
    }
}

/// A writer that escapes control characters in JSON, so that a terminal can't be controlled by data. serde_json writes whole
/// characters.
struct EscapedJson<W> {
    out: W,
    /// Output that is not checked yet.
    waiting: Vec<u8>,
}

/// The size of the pieces in which output is checked and written.
const PIECE_SIZE: usize = 1 << 16;

impl<W: Write> Write for EscapedJson<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.write_all(piece)?;
        Ok(piece.len())
    }

    // serde_json writes a few bytes at a time
    #[inline]
    fn write_all(&mut self, piece: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(piece);
        if self.waiting.len() < PIECE_SIZE { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        tame(&mut self.out, &self.waiting)?;
        self.waiting.clear();
        self.out.flush()
    }
}

fn tame(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    const DELETE: u8 = 0x7f;
    if text.is_ascii() && memchr::memchr(DELETE, text).is_none() {
        return out.write_all(text);
    }
    let text = std::str::from_utf8(text).map_err(io::Error::other)?;
    out.write_all(audit::json(text).as_bytes())
}

/// Writes an answer as indented JSON, piece by piece, so that a large one is never kept as one text.
///
/// # Errors
/// When stdout can't be written.
pub fn write_json(answer: &impl Serialize) -> anyhow::Result<()> {
    let mut stdout = tamed_stdout();
    written(serde_json::to_writer_pretty(&mut stdout, answer).map_err(io::Error::from).and_then(|()| {
        stdout.write_all(b"\n")?;
        stdout.flush()
    }))
}

/// A closed pipe is not a failure: the verb has done its work.
///
/// # Errors
/// Every other one.
fn written(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// A writer of JSON to stdout. Each write has to end with a whole character; flush it at the end.
fn tamed_stdout() -> impl Write {
    EscapedJson { out: io::stdout().lock(), waiting: Vec::with_capacity(2 * PIECE_SIZE) }
}

/// Prints a text and a line end to stdout.
///
/// # Errors
/// When stdout can't be written.
pub fn print(text: &str) -> anyhow::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut line = text.trim_end_matches('\n').to_owned();
    line.push('\n');
    write_out(line.as_bytes())
}

/// Writes bytes to stdout.
///
/// # Errors
/// When stdout can't be written.
pub fn write_out(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// A line that comes by itself: on a terminal wrapped between its words.
pub fn fitted(line: &str) -> String {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 => wrap_hanging(line, usize::from(size.ws_col), INDENT),
        Ok(_) | Err(_) => line.to_owned(), // no terminal
    }
}

/// Prints a message to stderr.
pub fn complain(text: &str) {
    let text = escape_lines(text);
    let text = match tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 => wrapped(&text, usize::from(size.ws_col)),
        Ok(_) | Err(_) => text, // no terminal
    };
    // a closed stderr is ignored
    let _unwritten = writeln!(io::stderr().lock(), "{text}");
}

/// Wraps each line between words.
fn wrapped(text: &str, width: usize) -> String {
    text.lines().map(|line| wrap_hanging(line, width, INDENT)).collect::<Vec<_>>().join("\n")
}

fn escape_lines(text: &str) -> String {
    text.split('\n').map(unseen::shown).collect::<Vec<_>>().join("\n")
}

/// Counts as text: `3 planned, 1 skipped`; zeros are left out.
#[must_use]
pub fn tally(counts: &[(u64, &str)]) -> String {
    let words: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// The text of a file that has no more bytes than that maximum; `-` is standard input.
///
/// # Errors
/// When it can't be read, or is longer.
pub fn file_or_stdin(file: &Path, max: u64) -> VerbResult<String> {
    let fail = |why: String| VerbError::Failed(format!("{}: {why}", file.display()));
    if file != Path::new("-") {
        return disk::read_text(file, Links::Followed, max).map_err(|error| fail(error.to_string()));
    }
    let mut text = String::new();
    std::io::stdin().take(max).read_to_string(&mut text).map_err(|error| fail(error.to_string()))?;
    Ok(text)
}
