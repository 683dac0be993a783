-- FAIL where ABORT was: it needs no copy of the pages as they were before each row. A row is written by a statement of its
-- own, so that both leave nothing behind.
DROP TRIGGER audit_only_grows;
CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
  OR NEW.prev IS NOT coalesce((SELECT hash FROM audit WHERE seq = NEW.seq - 1), zeroblob(32))
BEGIN
    SELECT raise(FAIL, 'the log only grows at its end');
END;
