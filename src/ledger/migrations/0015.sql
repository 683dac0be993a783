-- What became of an accepted call: the outcome that holds, its own time, whether a person said it; and when the first record of
-- its call came, which proves that a request arrived.
ALTER TABLE reminder ADD COLUMN outcome_at INTEGER;
ALTER TABLE reminder ADD COLUMN outcome_by_person INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reminder ADD COLUMN heard_at INTEGER;

-- One row for each call of an account that a record reported. `reminder` is NULL while it belongs to none; `digests` are
-- SHA-256 of the facts that were reported, one behind the other.
CREATE TABLE call (
    account     TEXT NOT NULL,
    call_id     TEXT NOT NULL,
    reminder    TEXT,
    outcome     TEXT,
    unmapped    TEXT,
    ended_at    INTEGER,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    digests     BLOB NOT NULL,
    PRIMARY KEY (account, call_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX call_reminder ON call (reminder) WHERE reminder IS NOT NULL;
CREATE INDEX attempt_intent ON attempt (intent_at);
CREATE INDEX attempt_remote ON attempt (remote_id) WHERE remote_id IS NOT NULL;
