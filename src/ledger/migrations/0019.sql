-- Outcomes on their way to where the appointments come from. Each is sent until it is accepted, refused or out of date.
CREATE TABLE write_back (
    reminder       TEXT NOT NULL,
    number         INTEGER NOT NULL,
    schedule       TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    starts_at      INTEGER NOT NULL,
    outcome        TEXT NOT NULL,
    outcome_at     INTEGER NOT NULL,
    call_id        TEXT,
    state          TEXT NOT NULL,
    tries          INTEGER NOT NULL,
    next_at        INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    reason         TEXT,
    PRIMARY KEY (reminder, number)
) WITHOUT ROWID, STRICT;
CREATE INDEX write_back_next ON write_back (next_at) WHERE state = 'pending';
CREATE INDEX write_back_waiting ON write_back (schedule, appointment_id) WHERE state = 'pending';
CREATE INDEX write_back_failed ON write_back (created_at) WHERE state = 'failed';
