-- Times of which a restored copy has forgotten the calls (µs UTC): from its last row of the log to the restoring.
CREATE TABLE gap (from_at INTEGER NOT NULL, until_at INTEGER NOT NULL) STRICT;
