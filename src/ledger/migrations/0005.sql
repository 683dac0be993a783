-- `key_check` tells this ledger's key from any other; with `keyed` the hashes of the log are made with that key (new ledgers).
ALTER TABLE head ADD COLUMN key_check BLOB;
ALTER TABLE head ADD COLUMN keyed INTEGER NOT NULL DEFAULT 0;

-- The log's end before the transaction that wrote this row: it tells the database file that a write-ahead log continues.
ALTER TABLE head ADD COLUMN prev_seq INTEGER;

-- A loss that was found at an opening and that nobody has accepted yet: the time of which the calls are forgotten (µs UTC), and
-- the last reminder that was in the ledger then.
CREATE TABLE loss (since INTEGER NOT NULL, until INTEGER NOT NULL, last_nr INTEGER NOT NULL) STRICT;
