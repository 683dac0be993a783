//! pure: what a source gave, as lines of text.

use std::ops::ControlFlow;

use tickler::row::{Record, RecordSink};
use tickler::sources::{ReadWindow, WindowTexts};

/// Each row as `number {object}`, or `number! reason`.
#[derive(Default)]
pub struct Seen(pub Vec<String>);

impl RecordSink for Seen {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.0.push(match record {
            Record::Broken(reason) => format!("{number}! {reason}"),
            Record::Text { .. } | Record::Tree(_) => {
                let row = record.to_row().expect("it isn't broken").to_object();
                format!("{number} {}", serde_json::Value::Object(row))
            }
        });
        ControlFlow::Continue(())
    }
}

/// The run of 24 November for the 25th, in New York.
pub fn window() -> ReadWindow {
    ReadWindow {
        from: "2026-11-25T05:00:00Z".parse().expect("an instant"),
        until: "2026-11-26T05:00:00Z".parse().expect("an instant"),
        day: "2026-11-24".parse().expect("a date"),
    }
}

/// The same, written out.
pub fn texts() -> WindowTexts {
    let both = |from: &str, until: &str| [from.to_owned(), until.to_owned()];
    WindowTexts {
        local: both("2026-11-25T00:00:00-05:00", "2026-11-26T00:00:00-05:00"),
        utc: both("2026-11-25T05:00:00Z", "2026-11-26T05:00:00Z"),
        sql_local: both("2026-11-25 00:00:00", "2026-11-26 00:00:00"),
        sql_utc: both("2026-11-25 05:00:00", "2026-11-26 05:00:00"),
        epoch: [1_795_582_800, 1_795_669_200],
        day: "2026-11-24".into(),
    }
}
