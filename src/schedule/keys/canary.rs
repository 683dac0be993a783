//! pure: the keys of `[canary]`: a call to the operator that shows whether reports still come.

use super::Need::{Default, Optional, Required};
use super::tables::key;
use super::{KeyTable, Shape};

pub(super) static CANARY: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("to", Shape::Secret, Required, "The operator's own number: it is called, and nobody need pick up"),
        key("cron", Shape::Text, Required, "When, in the schedule's zone"),
        key("row", Shape::TemplateMap, Optional, "Columns of an invented row, of which the payload is made"),
        key("within", Shape::Duration, Default("\"15m\""), "How long a sign of life of the call may take"),
        key(
            "on_silence",
            Shape::Word { now: &["alert", "pause"], later: &[] },
            Default("\"alert\""),
            "What follows when none comes: an alert, or an alert and a pause of the schedule",
        ),
    ],
};
