-- Of which leads a schedule's evaluations wrote down whom they found, and since when: only then does it mean something that
-- an appointment has no row in `first_sight` (`late_booking`).
CREATE TABLE watched_lead (
    schedule TEXT NOT NULL,
    lead     TEXT NOT NULL,
    since    INTEGER NOT NULL,
    due_from INTEGER,
    rules    TEXT NOT NULL,
    PRIMARY KEY (schedule, lead)
) WITHOUT ROWID, STRICT;
