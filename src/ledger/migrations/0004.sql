-- A call of a function (zeroblob) makes SQLite prepare every row for an undoing by itself: the first row's `prev` is written out.
DROP TRIGGER audit_only_grows;
CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit
WHEN NEW.prev IS NOT coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1),
        x'0000000000000000000000000000000000000000000000000000000000000000')
  OR (NEW.seq <> -1 AND NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit))
BEGIN
    SELECT raise(FAIL, 'the log only grows at its end');
END;
