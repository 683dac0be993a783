-- How many rows a run's windows held (NULL: it was of one appointment alone), by which later runs are judged; and the guards
-- that hold it, or that it was approved in spite of.
ALTER TABLE run ADD COLUMN in_window INTEGER;
ALTER TABLE run ADD COLUMN guards TEXT NOT NULL DEFAULT '[]';
UPDATE run SET in_window = row_count - outside_window WHERE kind <> 'trigger' AND state IN ('done', 'held');
CREATE INDEX run_measured ON run (schedule, nominal_at) WHERE in_window IS NOT NULL;
