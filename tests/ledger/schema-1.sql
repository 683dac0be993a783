PRAGMA foreign_keys = OFF;
BEGIN;
CREATE TABLE account (
    name        TEXT PRIMARY KEY,
    tat         INTEGER,
    paused_until INTEGER,
    refused_credentials TEXT
) WITHOUT ROWID;
CREATE TABLE attempt (
    reminder    INTEGER NOT NULL REFERENCES reminder (nr),
    number      INTEGER NOT NULL,
    step        TEXT NOT NULL,
    intent_at   INTEGER NOT NULL,
    finished_at INTEGER,
    outcome     TEXT,
    http_status INTEGER,
    latency_us  INTEGER,
    remote_id   TEXT,
    class       TEXT,
    PRIMARY KEY (reminder, number)
) WITHOUT ROWID;
CREATE TABLE audit (
    seq         INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    event       TEXT NOT NULL,
    schedule    TEXT,
    run_id      TEXT,
    reminder_id TEXT,
    appointment_id TEXT,
    phone_last4 TEXT,
    starts_at   INTEGER,
    lead        TEXT,
    attempt     INTEGER,
    reason      TEXT,
    http_status INTEGER,
    latency_ms  INTEGER,
    actor       TEXT,
    detail      TEXT,
    phone_hash  BLOB,
    salt        BLOB,
    commitment  BLOB NOT NULL,
    prev        BLOB NOT NULL,
    hash        BLOB NOT NULL
);
INSERT INTO "audit" VALUES(1,1795532400000000,'run.started','clinic','01a20e12-2580-79a8-a56d-39a3a73475a0',NULL,NULL,NULL,NULL,NULL,NULL,'trigger',NULL,NULL,'service','nominal time 2026-11-24T15:00:00Z',NULL,X'ED83B131A647D8B21EC5B1BEAF34D9F2',X'3182E811C0A00A45351586DB1036AF680E1DF692A88225C75593BFC2B51DBEE3',X'0000000000000000000000000000000000000000000000000000000000000000',X'20E6A8C561443453DFB7DFDC53EE34CF8265EF174DE65F3ED9F1FD42F0F7756D');
INSERT INTO "audit" VALUES(2,1795532400000000,'reminder.planned','clinic','01a20e12-2580-79a8-a56d-39a3a73475a0','01a20e12-2580-71db-b3c6-087abee731ea','A1','0143',1795618800000000,'1d',NULL,NULL,NULL,NULL,'service','to be sent from 2026-11-24T15:00:00Z',X'80FE8560B414299E61BBF5BCB4A86D593F8780AA938E1F092FD06050F145309F',X'46B6BD3A384E28D3B70835BF22438DAE',X'E6F98BC866D0E5051808EE4A967453779C2371AD3F5509471EEB81EBDCF1A357',X'20E6A8C561443453DFB7DFDC53EE34CF8265EF174DE65F3ED9F1FD42F0F7756D',X'4A616AA1C700E90F1C3398FD19A8E2BA1E2BE7BAF805DF54929F9D69DFF7C335');
INSERT INTO "audit" VALUES(3,1795532400000000,'run.finished','clinic','01a20e12-2580-79a8-a56d-39a3a73475a0',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'service','1 rows: 1 planned, 0 skipped, 0 already reminded, 0 outside the window; 0 cancelled',NULL,X'E98DEE0DED8EF020A27D47E434C6948B',X'4A93E3E4785965E7A1110581F50EB18FF279EBCB87A396C2CCF24C73B9A20341',X'4A616AA1C700E90F1C3398FD19A8E2BA1E2BE7BAF805DF54929F9D69DFF7C335',X'A51BD329E10C05B8D66D59F2A91FC9674D2E4655A6DA7E2C967D506EF9B3FF82');
CREATE TABLE carried_key (key BLOB NOT NULL);
CREATE TABLE contact (
    account     TEXT NOT NULL,
    phone_hash  BLOB NOT NULL,
    contact_id  TEXT NOT NULL,
    known_since INTEGER NOT NULL,
    PRIMARY KEY (account, phone_hash)
) WITHOUT ROWID;
CREATE TABLE content (
    reminder    INTEGER PRIMARY KEY REFERENCES reminder (nr),
    payload     TEXT NOT NULL,
    contact     TEXT
);
INSERT INTO "content" VALUES(1,'{"appointment":"A1"}',NULL);
CREATE TABLE head (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    seq         INTEGER NOT NULL,
    hash        BLOB NOT NULL,
    pruned_seq  INTEGER NOT NULL,
    pruned_hash BLOB NOT NULL
);
INSERT INTO "head" VALUES(1,3,X'A51BD329E10C05B8D66D59F2A91FC9674D2E4655A6DA7E2C967D506EF9B3FF82',0,X'0000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE optout (
    phone       TEXT PRIMARY KEY,
    since       INTEGER NOT NULL,
    actor       TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE pause (
    schedule    TEXT PRIMARY KEY,
    since       INTEGER NOT NULL,
    until       INTEGER,
    reason      TEXT NOT NULL,
    actor       TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE permit (what TEXT NOT NULL);
CREATE TABLE reminder (
    nr          INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    run_id      TEXT NOT NULL,
    schedule    TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    starts_at   INTEGER NOT NULL,
    lead        TEXT NOT NULL,
    account     TEXT NOT NULL,
    phone       TEXT,
    person      TEXT NOT NULL,
    due_day     TEXT NOT NULL,
    recipient_zone TEXT NOT NULL,
    calling_hours TEXT NOT NULL,
    due_at      INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    state       TEXT NOT NULL,
    attempt     INTEGER NOT NULL DEFAULT 0,
    tries       INTEGER NOT NULL DEFAULT 0,
    unknown_fates INTEGER NOT NULL DEFAULT 0,
    contact_renewed INTEGER NOT NULL DEFAULT 0,
    waited_for_opening INTEGER NOT NULL,
    read_at     INTEGER NOT NULL,
    previous_starts_at INTEGER,
    note        TEXT,
    payload_hash BLOB NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (schedule, appointment_id, starts_at, lead)
);
INSERT INTO "reminder" VALUES(1,'01a20e12-2580-71db-b3c6-087abee731ea','01a20e12-2580-79a8-a56d-39a3a73475a0','clinic','A1',1795618800000000,'1d','thoughtly','+12025550143','person of A1','2026-11-24','America/New_York','always',1795532400000000,1795532400000000,1795554000000000,'pending',0,0,0,0,0,1795532400000000,NULL,NULL,X'B381D337489362B9EAFDD3AA6133E5BE06B5A0B0C123D2CBEA1F753C737ED9CA',1795532400000000);
CREATE TABLE run (
    nr          INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    schedule    TEXT NOT NULL,
    nominal_at  INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    state       TEXT NOT NULL,
    row_count   INTEGER NOT NULL DEFAULT 0,
    outside_window INTEGER NOT NULL DEFAULT 0,
    planned     INTEGER NOT NULL DEFAULT 0,
    skipped     INTEGER NOT NULL DEFAULT 0,
    already_reminded INTEGER NOT NULL DEFAULT 0,
    skipped_by_reason TEXT NOT NULL DEFAULT '{}',
    detail      TEXT,
    text_hash   TEXT NOT NULL,
    zone_rules  TEXT NOT NULL,
    source_fingerprint TEXT,
    read_at     INTEGER
);
INSERT INTO "run" VALUES(1,'01a20e12-2580-79a8-a56d-39a3a73475a0','clinic',1795532400000000,'trigger',1795532400000000,1795532400000000,'done',1,0,1,0,0,'{}',NULL,'abc','2026f (bundled)','f00',1795532400000000);
CREATE TABLE schedule (
    name        TEXT PRIMARY KEY,
    cron        TEXT NOT NULL,
    timezone    TEXT NOT NULL,
    enabled     INTEGER NOT NULL,
    text_hash   TEXT NOT NULL,
    first_loaded INTEGER NOT NULL,
    cursor      INTEGER NOT NULL,
    removed     INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE schedule_text (
    hash        TEXT PRIMARY KEY,
    text        TEXT NOT NULL,
    first_seen  INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "schedule_text" VALUES('abc','cron = "0 9 * * *"',1795532400000000);
CREATE TABLE target (
    schedule    TEXT PRIMARY KEY,
    forbidden   INTEGER NOT NULL,
    paused      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX run_nominal ON run (schedule, nominal_at) WHERE kind <> 'trigger';
CREATE INDEX run_latest ON run (schedule, started_at);
CREATE INDEX run_done ON run (schedule, started_at) WHERE state = 'done';
CREATE INDEX run_open ON run (state) WHERE state IN ('running', 'waiting', 'held');
CREATE INDEX reminder_start ON reminder (schedule, starts_at);
CREATE INDEX reminder_person ON reminder (account, due_day, person);
CREATE INDEX pending_start ON reminder (schedule, starts_at, next_at) WHERE state = 'pending';
CREATE INDEX pending_next ON reminder (schedule, next_at) WHERE state = 'pending';
CREATE INDEX pending_expiry ON reminder (schedule, expires_at) WHERE state = 'pending';
CREATE INDEX reminder_open ON reminder (state, schedule) WHERE state IN ('sending', 'uncertain');
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_appointment ON audit (appointment_id) WHERE appointment_id IS NOT NULL;
CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
  OR NEW.prev IS NOT coalesce((SELECT hash FROM audit WHERE seq = NEW.seq - 1), zeroblob(32))
BEGIN
    SELECT raise(ABORT, 'the log only grows at its end');
END;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
WHEN NOT EXISTS (SELECT 1 FROM permit)
BEGIN
    SELECT raise(ABORT, 'the log is not changed');
END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM permit)
BEGIN
    SELECT raise(ABORT, 'the log is not cut');
END;
PRAGMA user_version = 1;
COMMIT;
