-- How many times the service died while this run was being evaluated.
ALTER TABLE run ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
