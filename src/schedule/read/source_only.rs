//! pure: the checks of a source that can still be made when the text of the schedule is refused, so that one `check` shows
//! everything that is wrong.

use std::path::Path;
use std::sync::Arc;

use super::{Reading, appointment, schedule, source};
use crate::appointment::{AppointmentColumns, StartColumns};
use crate::row::Column;
use crate::schedule::keys::{SCHEDULE, Shape};
use crate::schedule::problems::Problems;
use crate::schedule::spanned::{self, Node};
use crate::schedule::{Schedule, lookup, validate};
use crate::zones::Zones;

/// Takes the place of everything that isn't checked.
const STAND_IN: &str = r#"
cron = "0 9 * * *"
timezone = "UTC"
source.csv.path = "none"
appointment = { id = "id", phone = "phone", starts_at = "starts_at" }
remind.days_before = 1
target.automation.url = { env = "NONE" }
payload = {}
"#;

/// A schedule with the source and the columns of a text that was refused, and nothing else of it: only to be asked
/// which columns its source has. `None` where the text is no TOML or its source is itself at fault.
#[must_use]
pub fn source_alone(path: &Path, text: &str, zones: &Zones) -> Option<Schedule> {
    let (root, syntax) = spanned::read(text);
    if !syntax.is_empty() {
        return None;
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut reading = Reading::of(folder, Problems::of(path, Arc::from(text)), &root);
    let Shape::Table(keys) = SCHEDULE.key("source")?.shape else { return None };
    validate::table(root.get("source")?, keys, "[source]", &mut reading.problems);
    let source = source::read(root.get("source"), zones, &mut reading)?;
    if reading.problems.has_errors() {
        return None;
    }
    let columns = appointment::read(root.get("appointment"), zones, &mut reading);
    let stand_in = schedule(path, STAND_IN, zones).0?;
    let appointment = columns.unwrap_or_else(|| all_mapped(&root, &stand_in.appointment));
    Some(Schedule { source, appointment, text: text.to_owned(), ..stand_in })
}

/// Every column that is named, whatever for: a table's delimiter is found by them.
fn all_mapped(root: &Node, stand_in: &AppointmentColumns) -> AppointmentColumns {
    let mapped: Vec<Column> =
        lookup::mapped_columns(root).into_iter().filter_map(Node::text).map(Column::new).collect();
    match mapped.first() {
        Some(first) => {
            let starts_at = StartColumns::One(first.clone());
            AppointmentColumns { starts_at, id: mapped.clone(), phone: mapped, ..stand_in.clone() }
        }
        None => stand_in.clone(),
    }
}
