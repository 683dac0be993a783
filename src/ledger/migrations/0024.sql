-- The log's rows by schedule, event and reason, and by run, in tables that get many rows at a time as `phone_row` does: two
-- indexes less are written with each commit. An empty text stands for none. `log_indexed_until` says up to which row the
-- three tables go.
DROP INDEX audit_kind;
DROP INDEX audit_run;
ALTER TABLE phone_rows_until RENAME TO log_indexed_until;
CREATE TABLE kind_row (
    schedule TEXT NOT NULL,
    event    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    PRIMARY KEY (schedule, event, reason, seq)
) WITHOUT ROWID, STRICT;
CREATE TABLE run_row (
    run_id TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (run_id, seq)
) WITHOUT ROWID, STRICT;
INSERT INTO kind_row
SELECT coalesce(schedule, ''), event, coalesce(reason, ''), seq FROM audit
WHERE seq <= (SELECT seq FROM log_indexed_until) ORDER BY 1, 2, 3, 4;
INSERT INTO run_row
SELECT run_id, seq FROM audit
WHERE seq <= (SELECT seq FROM log_indexed_until) AND run_id IS NOT NULL ORDER BY 1, 2;
