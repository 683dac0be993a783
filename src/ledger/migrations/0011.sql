-- When an appointment was seen for the first time: whether a lead had passed when it was booked (`late_booking`).
CREATE TABLE first_sight (
    schedule       TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    starts_at      INTEGER,
    seen_at        INTEGER NOT NULL,
    unseen_at      INTEGER,
    PRIMARY KEY (schedule, appointment_id)
) WITHOUT ROWID;
-- What became of a call, as a word.
ALTER TABLE reminder ADD COLUMN outcome TEXT;
