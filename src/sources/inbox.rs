//! shell: the requests that were posted to the service, as the ledger keeps them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{ReadReport, ReadWindow, RepeatRead, Source, SourceError};
use crate::formats::posted;
use crate::row::{Record, RecordSink};

/// A request that was posted.
#[derive(Clone)]
pub struct PostedRow {
    /// When it was received (UTC).
    pub received_at: Timestamp,
    /// Its fields; `None` for one that can't be read any more.
    pub row: Option<Map<String, Value>>,
}

/// Where requests are kept.
pub trait PostedRows: Send + Sync {
    /// The requests of a schedule that were received in a range (half open, UTC) and not withdrawn, in their order. Blocks.
    ///
    /// # Errors
    /// When they can't be read, as a sentence.
    fn posted(&self, schedule: &str, range: (Timestamp, Timestamp)) -> Result<Vec<PostedRow>, String>;
}

/// The requests of one schedule.
pub struct InboxSource {
    schedule: String,
    rows: Option<Arc<dyn PostedRows>>,
}

impl InboxSource {
    /// The requests of this schedule; where no place is given in which they are kept there are none.
    #[must_use]
    pub fn new(schedule: String, rows: Option<Arc<dyn PostedRows>>) -> Self {
        Self { schedule, rows }
    }
}

impl Source for InboxSource {
    fn read(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        let Some(rows) = &self.rows else { return Ok(ReadReport::default()) };
        let found = rows.posted(&self.schedule, (window.from, window.until));
        let found = found.map_err(|error| SourceError::new(RepeatRead::Soon, error))?;
        let count = found.len();
        for (number, post) in (1..).zip(found) {
            let Some(row) = post.row else { continue };
            let row = posted::with_receipt(row, post.received_at);
            if sink.record(number, Record::Tree(&row)).is_break() {
                break;
            }
        }
        Ok(ReadReport { fingerprint: format!("{count} requests"), ..ReadReport::default() })
    }

    fn columns(&self) -> Result<Option<Vec<String>>, SourceError> {
        Ok(None)
    }
}
