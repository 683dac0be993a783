//! pure: what a source gave, as lines of text.

use std::ops::ControlFlow;

use tickler::formats::Wanted;
use tickler::row::{Record, RecordSink};
use tickler::sources::ReadWindow;
use tickler::zones::{Zone, Zones};

/// Each row as `number {object}`, or `number! reason`.
#[derive(Default)]
pub struct Seen(pub Vec<String>);

impl RecordSink for Seen {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.0.push(match record {
            Record::Broken(reason) => format!("{number}! {reason}"),
            Record::Text { .. } | Record::Tree(_) | Record::Json(_) => {
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
        now: "2026-11-24T14:00:00Z".parse().expect("an instant"),
    }
}

/// The zone of that run.
pub fn zone() -> Zone {
    Zones::newest().zone("America/New_York").expect("a zone")
}

/// Columns that must be there.
pub fn wanted(names: &[&str]) -> Wanted {
    Wanted::mapped(names)
}
