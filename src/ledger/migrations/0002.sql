-- Times of which a restored copy has forgotten the calls (µs UTC): from its last row of the log to the restoring.
CREATE TABLE gap (from_at INTEGER NOT NULL, until_at INTEGER NOT NULL) STRICT;

-- An index for each state by itself: SQLite takes a partial index only where the query says its very condition.
DROP INDEX reminder_open;
CREATE INDEX reminder_sending ON reminder (schedule) WHERE state = 'sending';
CREATE INDEX reminder_uncertain ON reminder (schedule) WHERE state = 'uncertain';
