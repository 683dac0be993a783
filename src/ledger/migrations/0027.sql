-- When the call was made of which something was reported: the intent of the attempt that was the last one when it was reported.
ALTER TABLE reminder ADD COLUMN called_at INTEGER;
UPDATE reminder
SET called_at = (SELECT a.intent_at FROM attempt a WHERE a.reminder = reminder.nr AND a.number = reminder.attempt)
WHERE outcome IS NOT NULL;

-- Outcomes by the quarter of an hour of their calls. Only a row with an outcome is in it: planning and sending write nothing here.
CREATE INDEX reminder_outcome ON reminder (called_at / 900000000, schedule, outcome, called_at, account, person)
WHERE outcome IS NOT NULL;
