-- The opt-out list keeps keyed hashes, so that an erased person stays uncalled; no version before this one filled it.
DROP TABLE optout;
CREATE TABLE optout (
    phone_hash  BLOB PRIMARY KEY,
    phone_last4 TEXT NOT NULL,
    since       INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    reason      TEXT
) WITHOUT ROWID;
