//! shell: how the schedules name the appointments of rows.

use crate::audit::AuditRow;
use crate::verbs::{App, ids};
use crate::web::views::rows::RowNames;

/// The names of these rows' reminders, as far as they are still kept.
pub async fn of_rows(app: &App, rows: &[AuditRow]) -> RowNames {
    let wanted = rows.iter().filter_map(|row| row.reminder_id);
    ids::labels(app, wanted).await
}
