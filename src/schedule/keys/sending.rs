//! pure: the keys of `[delivery]` and `[guard]`: how reminders are sent, and what holds a run.

use super::Need::{Default, Optional};
use super::tables::{MAX_COUNT, key};
use super::{KeyTable, Shape};

pub(super) static DELIVERY: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("timeout", Shape::Duration, Default("\"30s\""), "For one request"),
        key("max_in_flight", Shape::Whole(1, 1_000), Default("4"), "Requests at once"),
        key("attempts", Shape::Whole(1, 1_000), Default("6"), "Refusals by the server before the reminder is dropped"),
        key(
            "on_uncertain",
            Shape::Word { now: &["hold", "resend"], later: &[] },
            Default("\"hold\""),
            "What becomes of a request whose fate is unknown",
        ),
    ],
};

pub(super) static GUARD: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("max_calls", Shape::Whole(1, MAX_COUNT), Default("1000"), "More calls than this hold the run"),
        key(
            "max_age",
            Shape::Duration,
            Optional,
            "A file or database that was changed longer ago than this holds the run, or an answer that says so",
        ),
        key(
            "max_invalid",
            Shape::Percent,
            Default("\"20%\""),
            "A larger share of the window's rows without a usable id, phone or time, three at least, holds the run",
        ),
        key(
            "max_change",
            Shape::Factor,
            Default("\"3x\""),
            "The factor by which the rows may exceed, or fall below, the usual number of that weekday (with `hours_before`, what earlier days of that weekday had within half an hour of that time of day); beyond it the run is held",
        ),
    ],
};
