-- A row that leaves its number to the table (which gives it the next) needs no copy of pages for a statement that may fail
-- half way; nor does FAIL, where ABORT was: a row is written by a statement of its own. `NEW.seq` is -1 for it.
DROP TRIGGER audit_only_grows;
CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit
WHEN NEW.prev IS NOT coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), zeroblob(32))
  OR (NEW.seq <> -1 AND NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit))
BEGIN
    SELECT raise(FAIL, 'the log only grows at its end');
END;
ALTER TABLE audit ADD CHECK (seq > 0);

-- Intents and deliveries of reminders, most of the log, are found by the times of their attempts: to keep their appointments in order
-- cost half of all writing while thousands are sent.
DROP INDEX audit_appointment;
CREATE INDEX audit_appointment ON audit (appointment_id)
WHERE appointment_id IS NOT NULL AND (attempt IS NULL OR event NOT IN ('delivery.intent', 'delivery.delivered'));
