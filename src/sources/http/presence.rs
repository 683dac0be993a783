//! pure: checks that each mapped column occurs in some row of a read. JSON has no header line, so a misspelt column would
//! otherwise be read as empty in every row.

use std::ops::ControlFlow;

use crate::row::{Column, Kept, Record, RecordSink, Restarts};

/// Notes which columns the rows have while it passes them on to another sink.
pub(super) struct Presence<'s> {
    sink: &'s mut dyn RecordSink,
    /// Groups of columns, one of which has to occur, and whether one did.
    groups: Vec<(Vec<Column>, bool)>,
    objects: u64,
    is_stopped: bool,
}

impl<'s> Presence<'s> {
    /// One of the `alternatives` is enough; every other mapped column has to occur.
    pub(super) fn new(mapped: &[String], alternatives: &[Column], sink: &'s mut dyn RecordSink) -> Self {
        let is_alternative = |name: &&String| alternatives.iter().any(|column| column.as_str() == **name);
        let single = mapped.iter().filter(|name| !is_alternative(name)).map(|name| vec![Column::new(name.as_str())]);
        let mut groups: Vec<(Vec<Column>, bool)> = single.map(|group| (group, false)).collect();
        if !alternatives.is_empty() {
            groups.push((alternatives.to_vec(), false));
        }
        Self { sink, groups, objects: 0, is_stopped: false }
    }

    /// The first column that no row had; `None` when there were no rows or not all were read.
    pub(super) fn missing(&self) -> Option<String> {
        let (group, _) = self.groups.iter().find(|(_, is_there)| !is_there)?;
        let names: Vec<&str> = group.iter().map(Column::as_str).collect();
        let is_certain = self.objects > 0 && !self.is_stopped;
        is_certain.then(|| names.join("` or `"))
    }
}

impl RecordSink for Presence<'_> {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        if matches!(record, Record::Tree(_) | Record::Json(_)) {
            self.objects += 1;
            for (group, is_there) in self.groups.iter_mut().filter(|(_, is_there)| !is_there) {
                *is_there = group.iter().any(|column| record.has(column));
            }
        }
        let flow = self.sink.record(number, record);
        self.is_stopped = flow.is_break();
        flow
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
