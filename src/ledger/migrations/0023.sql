-- Canaries: calls to the operator of which a sign of life is awaited. They are no reminders.
CREATE TABLE canary (
    id         TEXT PRIMARY KEY,
    schedule   TEXT NOT NULL,
    account    TEXT NOT NULL,
    is_test    INTEGER NOT NULL,
    sent_at    INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    state      TEXT NOT NULL,
    remote_id  TEXT,
    phone_hash BLOB
) WITHOUT ROWID, STRICT;
CREATE INDEX canary_schedule ON canary (schedule, sent_at);
