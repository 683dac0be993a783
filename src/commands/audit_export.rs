//! shell: `tickler audit export`: the log as JSON lines, JSON, CSV or a database.

use std::path::Path;

use super::arguments::Format;
use super::audit::filter;
use super::context::Context;
use super::dispatch;
use super::filters::Filters;
use super::output::{Rows, complain, write_out};
use crate::audit::AuditRow;
use crate::audit::export::{ExportEnd, FIELDS, csv_cells, json_line};
use crate::ledger::sqlite::ExportedDatabase;
use crate::verbs::{Access, Exit, VerbError};

/// Exports page by page, so that a log of six years needs little memory. The export is recorded before the first row is printed.
pub(super) async fn export(context: &Context, filters: &Filters) -> anyhow::Result<Exit> {
    let format = context.format.unwrap_or(Format::Jsonl);
    let filter = filter(context, filters).await?;
    let is_none_yet = context.open(Access::Reading).await.is_ok_and(|app| app.env.ledger.is_none());
    let mut end = ExportEnd::default();
    let mut written = ExportWriting::begin(format)?;
    if !is_none_yet {
        dispatch::export(context, filter, |page| {
            page.iter().for_each(|row| end.add(row));
            written.rows(page)
        })
        .await?;
    }
    written.end(&end)?;
    Ok(Exit::Done)
}

/// Exports the log into a new SQLite database.
pub(super) async fn export_database(context: &Context, filters: &Filters, file: &Path) -> anyhow::Result<Exit> {
    let filter = filter(context, filters).await?;
    let database = ExportedDatabase::create(file)?;
    let mut count = 0;
    dispatch::export(context, filter, |page| {
        count += page.len();
        Ok(database.add(page)?)
    })
    .await?;
    database.finish()?;
    complain(&format!("{count} rows of the log are in {}", file.display()));
    Ok(Exit::Done)
}

/// An export that is being written.
struct ExportWriting {
    format: Format,
    is_first: bool,
}

impl ExportWriting {
    fn begin(format: Format) -> anyhow::Result<Self> {
        match format {
            Format::Table | Format::Sqlite => {
                return Err(VerbError::Usage("an export is `--format jsonl`, `json` or `csv`".into()).into());
            }
            Format::Json => write_out(b"[")?,
            Format::Csv => write_out(Rows::of(&FIELDS).to_csv()?.as_bytes())?,
            Format::Jsonl => {}
        }
        Ok(Self { format, is_first: true })
    }

    fn rows(&mut self, page: &[AuditRow]) -> anyhow::Result<()> {
        match self.format {
            Format::Csv => write_out(exported(page).to_csv_body()?.as_bytes()),
            Format::Json | Format::Jsonl | Format::Table | Format::Sqlite => {
                let mut text = String::new();
                for row in page {
                    self.line(&mut text, &json_line(row));
                }
                write_out(text.as_bytes())
            }
        }
    }

    fn line(&mut self, text: &mut String, line: &str) {
        if self.format == Format::Json {
            text.push_str(if self.is_first { "\n" } else { ",\n" });
            text.push_str(line);
        } else {
            text.push_str(line);
            text.push('\n');
        }
        self.is_first = false;
    }

    fn end(mut self, end: &ExportEnd) -> anyhow::Result<()> {
        if self.format == Format::Csv {
            return Ok(());
        }
        let mut text = String::new();
        self.line(&mut text, &serde_json::to_string(end)?);
        if self.format == Format::Json {
            text.push_str("\n]\n");
        }
        write_out(text.as_bytes())
    }
}

/// Rows of the log for CSV.
pub(super) fn exported(rows: &[AuditRow]) -> Rows {
    let mut table = Rows::of(&FIELDS);
    rows.iter().for_each(|row| table.push(csv_cells(row).into()));
    table
}
