-- Calls that schedules in shadow mode would have made: a later run in shadow mode counts them as made. They go with the payloads.
CREATE TABLE shadow (
    schedule       TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    starts_at      INTEGER NOT NULL,
    lead           TEXT NOT NULL,
    id             TEXT NOT NULL,
    account        TEXT NOT NULL,
    person         TEXT NOT NULL,
    due_day        TEXT NOT NULL,
    due_at         INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    PRIMARY KEY (schedule, appointment_id, starts_at, lead)
) WITHOUT ROWID;
CREATE INDEX shadow_start ON shadow (schedule, starts_at);
CREATE INDEX shadow_person ON shadow (account, due_day);
