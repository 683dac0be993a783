-- The log's rows by phone, by the first four bytes of its keyed hash. Such hashes lie anywhere in an index, so that each commit
-- would write nearly all of its pages: rows are put in many at a time, and `phone_rows_until` says up to which row.
DROP INDEX audit_phone;
CREATE TABLE phone_row (
    mark BLOB NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (mark, seq)
) WITHOUT ROWID, STRICT;
CREATE TABLE phone_rows_until (seq INTEGER NOT NULL) STRICT;
INSERT INTO phone_row
SELECT substr(phone_hash, 1, 4), seq FROM audit WHERE phone_hash IS NOT NULL ORDER BY 1, 2;
INSERT INTO phone_rows_until SELECT coalesce(max(seq), 0) FROM audit;
