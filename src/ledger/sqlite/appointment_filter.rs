//! pure: which rows of the log are about one appointment, as a condition that needs no walk through the log.

/// What the index `audit_appointment` holds, in its own words.
pub(super) const INDEXED: &str = "appointment_id IS NOT NULL AND (attempt IS NULL OR event NOT IN ('delivery.intent', \
    'delivery.delivered'))";

/// Every schedule with reminders, from name to name along an index: settled reminders cost nothing.
const NAMES: &str = "WITH RECURSIVE names (name) AS (SELECT min(schedule) FROM reminder UNION ALL \
    SELECT (SELECT min(schedule) FROM reminder WHERE schedule > name) FROM names WHERE name NOT NULL)";

/// The condition, for the appointment that is the parameter of this number. The intents and deliveries of its reminders,
/// which the index leaves out, are found by the times of their attempts.
pub(super) fn of_appointment(parameter: usize) -> String {
    let by_time = |time: &str, event: &str| {
        format!(
            "SELECT l.seq FROM names CROSS JOIN reminder r ON r.schedule = names.name AND r.appointment_id = ?{parameter} \
             CROSS JOIN attempt t ON t.reminder = r.nr CROSS JOIN audit l INDEXED BY audit_at ON l.at = t.{time} \
             AND l.reminder_id = r.id AND l.event = '{event}'"
        )
    };
    // a delivery that a record proved later is as old as its reminder's last change
    let proofs = format!(
        "SELECT l.seq FROM names CROSS JOIN reminder r ON r.schedule = names.name AND r.appointment_id = ?{parameter} \
         CROSS JOIN audit l INDEXED BY audit_at ON l.at = r.updated_at AND l.reminder_id = r.id \
         AND l.event = 'delivery.delivered'"
    );
    let (intents, deliveries) = (by_time("intent_at", "delivery.intent"), by_time("finished_at", "delivery.delivered"));
    format!(
        "appointment_id = ?{parameter} AND seq IN ({NAMES} SELECT seq FROM audit INDEXED BY audit_appointment \
         WHERE appointment_id = ?{parameter} AND {INDEXED} UNION ALL {intents} UNION ALL {deliveries} UNION ALL {proofs})"
    )
}
