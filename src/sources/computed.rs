//! pure: `[columns]`: adds the computed columns to each row, before rules and templates use it.

use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::{ReadReport, ReadWindow, Source, SourceError};
use crate::row::{Kept, Record, RecordSink, Restarts, in_tree};
use crate::schedule::ComputedColumn;
use crate::template::Scope;

/// A source that adds computed columns to the rows of another one.
pub(super) struct ComputedSource {
    pub(super) inner: Box<dyn Source>,
    pub(super) columns: Vec<ComputedColumn>,
}

impl Source for ComputedSource {
    fn read(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        let mut computing = Computing { sink, columns: &self.columns };
        let mut report = self.inner.read(window, &mut computing)?;
        report.columns = report.columns.map(|columns| self.with_computed(columns));
        Ok(report)
    }

    fn columns(&self) -> Result<Option<Vec<String>>, SourceError> {
        Ok(self.inner.columns()?.map(|columns| self.with_computed(columns)))
    }

    fn doubts(&self) -> Vec<String> {
        self.inner.doubts()
    }

    fn framework_in_utc(&self, column: &str) -> Option<&'static str> {
        self.inner.framework_in_utc(column)
    }
}

impl ComputedSource {
    fn with_computed(&self, mut columns: Vec<String>) -> Vec<String> {
        for column in &self.columns {
            if !columns.contains(&column.name) {
                columns.push(column.name.clone());
            }
        }
        columns
    }
}

/// A sink that adds computed columns to each row and passes it on.
pub(super) struct Computing<'s> {
    pub(super) sink: &'s mut dyn RecordSink,
    pub(super) columns: &'s [ComputedColumn],
}

impl RecordSink for Computing<'_> {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        let row = record.to_row().filter(|_| !self.columns.is_empty());
        let Some(row) = row else { return self.sink.record(number, record) };
        let mut tree = RowScope(row.to_object());
        for column in self.columns {
            match column.template.render(&tree) {
                Ok(value) => {
                    tree.0.insert(column.name.clone(), value);
                }
                Err(error) => {
                    let reason = format!("its column `{}` can't be computed: {}", column.name, error.0);
                    return self.sink.record(number, Record::Broken(&reason));
                }
            }
        }
        self.sink.record(number, Record::Tree(&tree.0))
    }

    fn restarts(&self) -> Restarts {
        self.sink.restarts()
    }

    fn kept(&self) -> Kept {
        self.sink.kept()
    }

    fn restart(&mut self) {
        self.sink.restart();
    }
}

/// The names that a computed column may use: the row's columns; a missing one is null.
struct RowScope(Map<String, Value>);

impl Scope for RowScope {
    fn lookup(&self, name: &str) -> Option<Value> {
        (name != "row").then(|| in_tree(&self.0, name).cloned().unwrap_or(Value::Null))
    }

    fn row(&self) -> Value {
        Value::Object(self.0.clone())
    }
}
