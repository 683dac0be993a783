-- Appointments that are told in the call of another one (`merge`).
CREATE TABLE merged (
    schedule       TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    starts_at      INTEGER NOT NULL,
    lead           TEXT NOT NULL,
    reminder       TEXT NOT NULL,
    PRIMARY KEY (schedule, appointment_id, starts_at, lead, reminder)
) WITHOUT ROWID;
CREATE INDEX merged_start ON merged (schedule, starts_at);
CREATE INDEX merged_reminder ON merged (reminder);
