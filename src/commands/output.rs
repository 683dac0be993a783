//! shell: printing: data on stdout, everything else on stderr; tables for people, JSON and CSV for programs.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

use super::arguments::Format;
use crate::audit::{self, cell, escape};

/// The last column is readable down to this width.
const NARROWEST: usize = 16;

/// Between two columns.
const PADDING: usize = 2;

/// Rows for people or for CSV.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// The columns' names.
    pub headers: Vec<&'static str>,
    /// The cells, as many as headers.
    pub cells: Vec<Vec<String>>,
}

impl Rows {
    /// No rows yet.
    #[must_use]
    pub fn of(headers: &[&'static str]) -> Self {
        Self { headers: headers.to_vec(), cells: Vec::new() }
    }

    /// One row more.
    pub fn push(&mut self, cells: Vec<String>) {
        self.cells.push(cells);
    }

    /// As a table for people; control characters are shown, not obeyed.
    #[must_use]
    pub fn to_table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(self.headers.iter().map(|name| name.to_uppercase()));
        for row in &self.cells {
            table.add_row(row.iter().map(|cell| Cell::new(escape(cell))));
        }
        if io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            let width = table.width().map_or(usize::MAX, usize::from);
            // where there is room, only the last column, which has the sentences, is wrapped
            if self.width_without_last() + NARROWEST <= width {
                for column in table.column_iter_mut().take(self.headers.len().saturating_sub(1)) {
                    column.set_constraint(ColumnConstraint::ContentWidth);
                }
            }
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }

    /// Without the first of the columns `least`, as many as have to go so that the rest fits the terminal.
    #[must_use]
    pub fn narrowed(mut self, least: &[&str]) -> Self {
        let Some(width) = Table::new().width().map(usize::from) else { return self };
        for name in least {
            if self.width_without_last() + NARROWEST <= width {
                break;
            }
            if let Some(place) = self.headers.iter().position(|header| header == name) {
                self.headers.remove(place);
                self.cells.iter_mut().for_each(|row| drop(row.remove(place)));
            }
        }
        self
    }

    fn width_without_last(&self) -> usize {
        let columns = self.headers.len().saturating_sub(1);
        let widest = |column: usize| {
            let cells = self.cells.iter().filter_map(|row| Some(row.get(column)?.chars().count()));
            cells.chain([self.headers[column].len()]).max().unwrap_or(0) + PADDING
        };
        (0..columns).map(widest).sum()
    }

    /// As CSV with headers.
    ///
    /// # Errors
    /// When a row has not as many cells as there are headers.
    pub fn to_csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.headers)?;
        Ok(String::from_utf8(writer.into_inner()?)? + &self.to_csv_body()?)
    }

    /// As CSV without headers.
    ///
    /// # Errors
    /// As [`Rows::to_csv`].
    pub fn to_csv_body(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in &self.cells {
            writer.write_record(row.iter().map(|text| escape(&cell(text))))?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }
}

/// What a verb answers, in every form it may be printed.
pub struct Shown<'a, T> {
    /// For `json`.
    pub answer: &'a T,
    /// For `table`.
    pub people: &'a dyn Fn() -> String,
    /// For `csv`.
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
        }
    }
}

/// JSON on its way out, in which nothing is left for a terminal to obey. serde_json writes whole characters.
struct Tamed<W> {
    out: W,
    /// Written so far and not yet looked at.
    waiting: Vec<u8>,
}

/// So much is looked at and written at once.
const PIECE: usize = 1 << 16;

impl<W: Write> Write for Tamed<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.write_all(piece)?;
        Ok(piece.len())
    }

    fn write_all(&mut self, piece: &[u8]) -> io::Result<()> {
        if piece.len() >= PIECE {
            self.flush()?;
            return tame(&mut self.out, piece);
        }
        self.waiting.extend_from_slice(piece);
        if self.waiting.len() >= PIECE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        tame(&mut self.out, &self.waiting)?;
        self.waiting.clear();
        self.out.flush()
    }
}

fn tame(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    if text.iter().all(|byte| *byte < 0x7f) {
        return out.write_all(text);
    }
    let text = std::str::from_utf8(text).map_err(io::Error::other)?;
    out.write_all(audit::json(text).as_bytes())
}

/// Writes piece by piece: a large answer is never held as one text.
fn write_json(answer: &impl Serialize) -> anyhow::Result<()> {
    let mut stdout = tamed_stdout();
    serde_json::to_writer_pretty(&mut stdout, answer).map_err(io::Error::from)?;
    stdout.write_all(b"\n")?;
    Ok(stdout.flush()?)
}

/// Standard output for JSON that is written piece by piece, whole characters each; to be flushed at the end.
pub fn tamed_stdout() -> impl Write {
    Tamed { out: io::stdout().lock(), waiting: Vec::with_capacity(2 * PIECE) }
}

/// Writes a text and a line's end to stdout.
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
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

/// Tells people something that is no data.
pub fn complain(text: &str) {
    // nobody is left to be told when stderr is gone
    let _unwritten = writeln!(io::stderr().lock(), "{}", escape_lines(text));
}

/// Whether whoever read our stdout went away: no failure of ours.
#[must_use]
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// Counts for people: `3 planned, 1 skipped`; what is zero isn't told.
#[must_use]
pub fn tally(counts: &[(u64, &str)]) -> String {
    let told: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
}
