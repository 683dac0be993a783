-- Requests that were posted: one row for each id of a schedule, with what was posted last. `body` is NULL once it was removed.
CREATE TABLE inbox (
    nr          INTEGER PRIMARY KEY,
    schedule    TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    posted_at   INTEGER NOT NULL,
    body        TEXT,
    digest      BLOB NOT NULL,
    phone_hash  BLOB,
    standing    TEXT NOT NULL,
    reason      TEXT,
    UNIQUE (schedule, appointment_id)
) STRICT;
CREATE INDEX inbox_received ON inbox (schedule, received_at);

-- How many requests were accepted in a minute, counted from 1970; older ones than the rate needs are removed.
CREATE TABLE accepted_request (
    schedule    TEXT NOT NULL,
    minute      INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (schedule, minute)
) WITHOUT ROWID, STRICT;

-- Which calls of an account come first: 0 is high, 1 normal.
ALTER TABLE reminder ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
DROP INDEX pending_start;
CREATE INDEX pending_start ON reminder (schedule, priority, starts_at, next_at) WHERE state = 'pending';

-- Each request is a run, and several may come within a microsecond.
DROP INDEX run_nominal;
CREATE UNIQUE INDEX run_nominal ON run (schedule, nominal_at) WHERE kind NOT IN ('trigger', 'inbound');
