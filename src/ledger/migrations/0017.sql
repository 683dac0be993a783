-- Every row of the log is put into these two indexes while thousands are sent: a phone is found by the first four bytes of its keyed
-- hash, a run by its id alone. What else is asked is read from the rows.
DROP INDEX audit_phone;
CREATE INDEX audit_phone ON audit (substr(phone_hash, 1, 4)) WHERE phone_hash IS NOT NULL;
DROP INDEX audit_run;
CREATE INDEX audit_run ON audit (run_id) WHERE run_id IS NOT NULL;
