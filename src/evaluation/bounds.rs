//! shell: the bounds of one read: its deadline, its rows, its memory. One source never takes the service down.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::clock::SharedClock;
use crate::reminder::write_duration;
use crate::row::{Kept, Record, RecordSink, Restarts};
use crate::schedule::ReadLimits;
use crate::sources::{Again, SourceError};

/// Records between two looks at the clock.
const RECORDS_BETWEEN_CHECKS: u64 = 1024;

/// Records between two looks at what is kept: a row has at most a MiB.
const RECORDS_BETWEEN_SIZES: u64 = 16;

/// What a run may keep of its rows.
const MOST_KEPT: usize = 256 << 20;

/// How the failure of a read that was given up begins; `status` and the alerts know it by this.
pub const STUCK: &str = "the source is stuck: a read of it didn't come back";

/// A read that doesn't come back, such as one from a share that is gone.
pub(super) fn stuck(limits: ReadLimits) -> SourceError {
    let deadline = write_duration(limits.deadline);
    let message = format!("{STUCK} within `deadline` ({deadline}) and was given up");
    SourceError { message, again: Again::Never, key: Some("deadline") }
}

/// Hands rows on while the read is within its bounds.
pub(super) struct Bounded<'s> {
    sink: &'s mut dyn RecordSink,
    limits: ReadLimits,
    clock: SharedClock,
    stop_at: Duration,
    records: u64,
    is_late: bool,
}

impl<'s> Bounded<'s> {
    pub(super) fn new(sink: &'s mut dyn RecordSink, limits: ReadLimits, clock: SharedClock) -> Self {
        let stop_at = clock.monotonic() + limits.deadline.unsigned_abs();
        Self { sink, limits, clock, stop_at, records: 0, is_late: false }
    }

    /// Fails when the read ended early because of its bounds.
    pub(super) fn respected(&self) -> Result<(), SourceError> {
        let ReadLimits { deadline, max_rows } = self.limits;
        let Kept { rows, bytes } = self.sink.kept();
        let (message, key) = match () {
            () if self.is_late => {
                let deadline = write_duration(deadline);
                (
                    format!("the source takes longer than `deadline` ({deadline}): ask for fewer rows, or raise it"),
                    "deadline",
                )
            }
            () if rows > max_rows => (
                format!("more than {max_rows} rows are in the window: narrow the source, or raise `max_rows`"),
                "max_rows",
            ),
            () if bytes > MOST_KEPT => {
                let most = MOST_KEPT >> 20;
                let message = format!(
                    "the rows of this run take more than {most} MiB of memory: narrow the source, or its columns"
                );
                (message, "max_rows")
            }
            () => return Ok(()),
        };
        Err(SourceError { message, again: Again::Never, key: Some(key) })
    }
}

impl RecordSink for Bounded<'_> {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.records += 1;
        if self.records.is_multiple_of(RECORDS_BETWEEN_CHECKS) && self.clock.monotonic() >= self.stop_at {
            self.is_late = true;
            return ControlFlow::Break(());
        }
        let flow = self.sink.record(number, record);
        if self.records.is_multiple_of(RECORDS_BETWEEN_SIZES) && self.respected().is_err() {
            return ControlFlow::Break(());
        }
        flow
    }

    fn restarts(&self) -> Restarts {
        self.sink.restarts()
    }

    fn restart(&mut self) {
        self.sink.restart();
    }

    fn kept(&self) -> Kept {
        self.sink.kept()
    }
}
