//! shell: the limits of one read (its deadline, its rows, its memory), so that no source can take the service down.

use std::ops::ControlFlow;
use std::time::Duration;

use super::shared_reads::{MAX_SHARED_BYTES, MemoryShare};
use crate::clock::SharedClock;
use crate::duration;
use crate::row::{Kept, Record, RecordSink, Restarts};
use crate::schedule::ReadLimits;
use crate::sources::{RepeatRead, SourceError};

/// The clock is read once in this many records.
const RECORDS_PER_CLOCK_CHECK: u64 = 1024;

/// The memory in use is checked once in this many records; one row is at most 1 MiB.
const RECORDS_PER_SIZE_CHECK: u64 = 16;

/// Maximum memory for the rows of one run.
const MAX_KEPT_BYTES: usize = 256 << 20;

/// How the error of a read that never returned begins.
const STUCK_ERROR: &str = "the source is stuck: a read of it didn't come back";

/// The error of a read that never returned, such as one from a network share that is gone.
pub(super) fn stuck(limits: ReadLimits) -> SourceError {
    let deadline = duration::write(limits.deadline);
    let message = format!("{STUCK_ERROR} within `deadline` ({deadline}) and was given up");
    SourceError { message, again: RepeatRead::Never, key: Some("deadline") }
}

/// The error when this many reads never returned that another one is not begun.
pub(super) fn all_stuck() -> SourceError {
    let message = format!("{STUCK_ERROR}, nor did others after it: it is read again when one of them has ended");
    SourceError { message, again: RepeatRead::Never, key: Some("deadline") }
}

/// The error of a run that is too large while others run; alone it would fit.
fn crowded() -> SourceError {
    let mebibytes = MAX_SHARED_BYTES >> 20;
    let message =
        format!("the runs that are evaluated at this moment take more than {mebibytes} MiB of memory for their rows");
    SourceError { message, again: RepeatRead::Soon, key: None }
}

/// Passes records to another sink, and stops the read when a limit is exceeded.
pub(super) struct LimitedSink<'s> {
    sink: &'s mut dyn RecordSink,
    limits: ReadLimits,
    clock: SharedClock,
    /// When the deadline is reached (monotonic).
    stop_at: Duration,
    memory: &'s mut MemoryShare,
    records: u64,
    is_late: bool,
    is_crowded: bool,
}

impl<'s> LimitedSink<'s> {
    pub(super) fn new(
        sink: &'s mut dyn RecordSink,
        limits: ReadLimits,
        clock: SharedClock,
        memory: &'s mut MemoryShare,
    ) -> Self {
        let stop_at = clock.monotonic() + limits.deadline.unsigned_abs();
        Self { sink, limits, clock, stop_at, memory, records: 0, is_late: false, is_crowded: false }
    }

    /// Returns the error of the first limit that was exceeded.
    pub(super) fn check_limits(&self) -> Result<(), SourceError> {
        let ReadLimits { deadline, max_rows } = self.limits;
        let Kept { rows, bytes } = self.sink.kept();
        if self.is_late {
            let deadline = duration::write(deadline);
            let message =
                format!("the source takes longer than `deadline` ({deadline}): ask for fewer rows, or raise it");
            return Err(SourceError { message, again: RepeatRead::Never, key: Some("deadline") });
        }
        if rows > max_rows {
            let message =
                format!("more than {max_rows} rows are in the window: narrow the source, or raise `max_rows`");
            return Err(SourceError { message, again: RepeatRead::Never, key: Some("max_rows") });
        }
        if bytes > MAX_KEPT_BYTES {
            let mebibytes = MAX_KEPT_BYTES >> 20;
            let message = format!(
                "the rows of this run take more than {mebibytes} MiB of memory: narrow the source, or its columns"
            );
            // no key of the source raises this limit
            return Err(SourceError { message, again: RepeatRead::Never, key: None });
        }
        if self.is_crowded {
            return Err(crowded());
        }
        Ok(())
    }
}

impl RecordSink for LimitedSink<'_> {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.records += 1;
        if self.records.is_multiple_of(RECORDS_PER_CLOCK_CHECK) && self.clock.monotonic() >= self.stop_at {
            self.is_late = true;
            return ControlFlow::Break(());
        }
        let flow = self.sink.record(number, record);
        if self.records.is_multiple_of(RECORDS_PER_SIZE_CHECK) {
            self.is_crowded = !self.memory.fits(self.sink.kept().bytes);
            if self.check_limits().is_err() {
                return ControlFlow::Break(());
            }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::SignedDuration;

    use super::super::shared_reads::KeptMemory;
    use super::*;
    use crate::clock::ManualClock;

    /// A sink that says it keeps this much.
    struct Keeping(Kept);

    impl RecordSink for Keeping {
        fn record(&mut self, _number: u64, _record: Record<'_>) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }

        fn kept(&self) -> Kept {
            self.0
        }
    }

    #[test]
    fn an_exceeded_limit_names_the_key_that_sets_it_and_the_memory_limit_has_none() {
        let limits = ReadLimits { deadline: SignedDuration::from_mins(1), max_rows: 10 };
        let cases = [
            ("within all limits", 10, MAX_KEPT_BYTES, false, None),
            ("rows", 11, 0, false, Some(Some("max_rows"))),
            ("memory", 1, MAX_KEPT_BYTES + 1, false, Some(None)),
            ("time", 1, 0, true, Some(Some("deadline"))),
        ];
        for (case, rows, bytes, is_late, key) in cases {
            let clock = Arc::new(ManualClock::starting_at("2026-11-24T14:00:00Z".parse().expect("an instant")));
            let mut sink = Keeping(Kept { rows, bytes });
            let mut memory = MemoryShare::of(&KeptMemory::default());
            let mut limited = LimitedSink::new(&mut sink, limits, clock, &mut memory);
            limited.is_late = is_late;
            assert_eq!(limited.check_limits().err().map(|error| error.key), key, "{case}");
        }
    }
}
