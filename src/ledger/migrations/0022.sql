-- How schedules name appointments of which the log speaks and no reminder does: of a row that was left out, of a rehearsal. They are
-- kept as long as payloads, and no longer than the log.
CREATE TABLE appointment_label (
    schedule       TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    label          TEXT NOT NULL,
    phone_hash     BLOB,
    at             INTEGER NOT NULL,
    PRIMARY KEY (schedule, appointment_id)
) WITHOUT ROWID, STRICT;
