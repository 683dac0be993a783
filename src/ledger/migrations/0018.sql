-- A call and its retries are a chain: `root` is the id of its first reminder; NULL for that one itself.
ALTER TABLE reminder ADD COLUMN root TEXT;

CREATE INDEX reminder_unreported ON reminder (schedule, starts_at) WHERE outcome = 'unreported';

-- Numbers of an account at which somebody else answered when a person was called, all under the ledger's key.
CREATE TABLE wrong_number (
    account     TEXT NOT NULL,
    person_hash BLOB NOT NULL,
    phone_hash  BLOB NOT NULL,
    since       INTEGER NOT NULL,
    PRIMARY KEY (account, person_hash, phone_hash)
) WITHOUT ROWID, STRICT;
