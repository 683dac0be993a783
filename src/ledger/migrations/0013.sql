-- Why a run failed, where more than a sentence depends on it: a read that did not come back, a service that died in it.
ALTER TABLE run ADD COLUMN failure TEXT;
UPDATE run SET failure = 'stuck'
WHERE state = 'failed' AND detail LIKE 'the source is stuck: a read of it didn''t come back%';
-- A person cancelled it: no run brings it back.
ALTER TABLE reminder ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
