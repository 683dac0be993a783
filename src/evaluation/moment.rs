//! shell: the current time as a nominal time, new ids, and the conditions of this machine under which nobody is called.

use std::path::Path;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::ledger::Machine;
use crate::reminder::{ReminderId, RunId, uuid_v7};

/// The current time, truncated to the second.
#[must_use]
pub fn nominal_now(clock: &dyn Clock) -> Timestamp {
    Timestamp::from_second(clock.now().as_second()).expect("the second of a valid instant is a valid instant")
}

/// A new reminder id.
#[must_use]
pub fn new_reminder_id(clock: &dyn Clock) -> ReminderId {
    ReminderIds::new(clock).next()
}

/// A new run id.
#[must_use]
pub fn new_run_id(clock: &dyn Clock) -> RunId {
    let mut random = [0; 10];
    fill(&mut random);
    RunId(uuid_v7(clock.now(), random))
}

/// Makes ids with the same timestamp; draws their random bytes in bulk.
pub(super) struct ReminderIds {
    now: Timestamp,
    pool: [[u8; 10]; 256],
    left: usize,
}

impl ReminderIds {
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self { now: clock.now(), pool: [[0; 10]; 256], left: 0 }
    }

    pub(super) fn next(&mut self) -> ReminderId {
        if self.left == 0 {
            fill(self.pool.as_flattened_mut());
            self.left = self.pool.len();
        }
        self.left -= 1;
        ReminderId(uuid_v7(self.now, self.pool[self.left]))
    }
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes on every machine tickler is built for");
}

/// Whether the machine's clock can be right: not if it is before the time when the program was written. A time given by
/// `--now` may be any.
#[must_use]
pub fn clock_is_set(clock: &dyn Clock) -> bool {
    clock.is_shifted() || clock.now() >= WRITTEN_AT
}

/// The conditions of this machine under which nobody is called. A `STOP` file whose existence can't be checked counts as
/// existing.
#[must_use]
pub fn machine(stop_file: &Path, clock: &dyn Clock) -> Machine {
    let is_stopped = stop_file.try_exists().unwrap_or(true);
    let path = || std::path::absolute(stop_file).unwrap_or_else(|_| stop_file.to_owned());
    Machine { stop_file: is_stopped.then(path), clock_is_unset: !clock_is_set(clock) }
}

/// 2026-11-01T00:00:00Z.
const WRITTEN_AT: Timestamp = Timestamp::constant(1_793_491_200, 0);
