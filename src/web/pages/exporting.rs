//! shell: the export of what is filtered, recorded before its first row and streamed page by page.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;

use super::calls::{asked_calls, filter};
use super::failure;
use crate::audit::export::{ExportEnd, FIELDS, csv_cells, json_line};
use crate::audit::{AuditFilter, AuditRow};
use crate::ledger::Questions;
use crate::verbs::audit::{ExportBegun, begin_export, bounded_page};
use crate::verbs::{VerbError, VerbResult};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};

/// The form of an export.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ExportForm {
    Csv,
    Jsonl,
}

/// Records an export and streams it.
pub async fn export(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<SubmittedForm>,
) -> Response {
    match begin(&site, &visitor, &fields).await {
        Ok(response) => response,
        Err(error) => failure(&error, "/calls"),
    }
}

async fn begin(site: &Site, visitor: &Visitor, fields: &SubmittedForm) -> VerbResult<Response> {
    let moments = site.moments();
    let filter = filter(site, &asked_calls(fields), &moments).await?;
    let (form, kind, name) = match fields.get("format") {
        Some("jsonl") => (ExportForm::Jsonl, "application/x-ndjson", "attachment; filename=\"tickler-audit.jsonl\""),
        Some(_) | None => (ExportForm::Csv, "text/csv; charset=utf-8", "attachment; filename=\"tickler-audit.csv\""),
    };
    let ExportBegun { filter, first } = begin_export(&site.app, &visitor.name, filter).await?;
    let pages = ExportPages {
        ledger: site.app.ledger()?.questions(),
        filter,
        waiting: VecDeque::from([first]),
        end: ExportEnd::default(),
        form,
        stage: Stage::Head,
    };
    let stream = unfold(pages, |mut pages| async move { Some((pages.next().await?, pages)) });
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// How far an export has come.
enum Stage {
    Head,
    Rows,
    Over,
}

/// An export that is being streamed.
struct ExportPages {
    ledger: Questions,
    filter: AuditFilter,
    waiting: VecDeque<Vec<AuditRow>>,
    end: ExportEnd,
    form: ExportForm,
    stage: Stage,
}

impl ExportPages {
    /// The next bytes; `None` at the end. A failure ends the stream with an error, so that nobody takes a part for the whole.
    async fn next(&mut self) -> Option<VerbResult<Bytes>> {
        match self.stage {
            Stage::Head => {
                self.stage = Stage::Rows;
                Some(self.head())
            }
            Stage::Rows => Some(self.rows().await),
            Stage::Over => None,
        }
    }

    fn head(&self) -> VerbResult<Bytes> {
        match self.form {
            ExportForm::Csv => csv_of([FIELDS.map(str::to_owned)]),
            ExportForm::Jsonl => Ok(Bytes::new()),
        }
    }

    async fn rows(&mut self) -> VerbResult<Bytes> {
        let page = match self.waiting.pop_front() {
            Some(page) => page,
            None => {
                let page = bounded_page(&self.ledger, self.filter.clone()).await;
                page.inspect_err(|_| self.stage = Stage::Over)?
            }
        };
        let Some(last) = page.last() else {
            self.stage = Stage::Over;
            return Ok(self.tail());
        };
        self.filter.after_seq = Some(last.seq);
        page.iter().for_each(|row| self.end.add(row));
        match self.form {
            ExportForm::Csv => csv_of(page.iter().map(csv_cells)),
            ExportForm::Jsonl => Ok(page.iter().map(|row| json_line(row) + "\n").collect::<String>().into()),
        }
    }

    fn tail(&self) -> Bytes {
        match self.form {
            ExportForm::Csv => Bytes::new(),
            ExportForm::Jsonl => (serde_json::to_string(&self.end).expect("it is a plain tree") + "\n").into(),
        }
    }
}

fn csv_of(rows: impl IntoIterator<Item = [String; FIELDS.len()]>) -> VerbResult<Bytes> {
    let broken = |error: &dyn std::fmt::Display| VerbError::Failed(format!("the export can't be written: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|error| broken(&error))?;
    }
    Ok(writer.into_inner().map_err(|error| broken(&error))?.into())
}
