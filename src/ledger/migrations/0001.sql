-- times are integers: microseconds UTC; ids are UUIDs (version 7) as text
CREATE TABLE schedule_text (
    hash        TEXT PRIMARY KEY,
    text        TEXT NOT NULL,
    first_seen  INTEGER NOT NULL
) WITHOUT ROWID;

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

-- the empty name pauses all
CREATE TABLE pause (
    schedule    TEXT PRIMARY KEY,
    since       INTEGER NOT NULL,
    until       INTEGER,
    reason      TEXT NOT NULL,
    actor       TEXT NOT NULL
) WITHOUT ROWID;

-- 403 in a row, and the pause of the target after three
CREATE TABLE target (
    schedule    TEXT PRIMARY KEY,
    forbidden   INTEGER NOT NULL,
    paused      INTEGER NOT NULL
) WITHOUT ROWID;

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
CREATE UNIQUE INDEX run_nominal ON run (schedule, nominal_at) WHERE kind <> 'trigger';
CREATE INDEX run_latest ON run (schedule, started_at);
CREATE INDEX run_done ON run (schedule, started_at) WHERE state = 'done';
CREATE INDEX run_open ON run (state) WHERE state IN ('running', 'waiting', 'held');

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
CREATE INDEX reminder_start ON reminder (schedule, starts_at);
CREATE INDEX reminder_person ON reminder (account, due_day, person);
CREATE INDEX pending_start ON reminder (schedule, starts_at, next_at) WHERE state = 'pending';
CREATE INDEX pending_next ON reminder (schedule, next_at) WHERE state = 'pending';
CREATE INDEX pending_expiry ON reminder (schedule, expires_at) WHERE state = 'pending';
CREATE INDEX reminder_open ON reminder (state, schedule) WHERE state IN ('sending', 'uncertain');

-- apart from its reminder, which changes often; goes first when retention is over
CREATE TABLE content (
    reminder    INTEGER PRIMARY KEY REFERENCES reminder (nr),
    payload     TEXT NOT NULL,
    contact     TEXT
);

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

CREATE TABLE account (
    name        TEXT PRIMARY KEY,
    tat         INTEGER,
    paused_until INTEGER,
    refused_credentials TEXT
) WITHOUT ROWID;

CREATE TABLE contact (
    account     TEXT NOT NULL,
    phone_hash  BLOB NOT NULL,
    contact_id  TEXT NOT NULL,
    known_since INTEGER NOT NULL,
    PRIMARY KEY (account, phone_hash)
) WITHOUT ROWID;

CREATE TABLE optout (
    phone       TEXT PRIMARY KEY,
    since       INTEGER NOT NULL,
    actor       TEXT NOT NULL
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
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_appointment ON audit (appointment_id) WHERE appointment_id IS NOT NULL;

-- the log's end, and where its beginning was removed
CREATE TABLE head (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    seq         INTEGER NOT NULL,
    hash        BLOB NOT NULL,
    pruned_seq  INTEGER NOT NULL,
    pruned_hash BLOB NOT NULL
);
INSERT INTO head VALUES (1, 0, zeroblob(32), 0, zeroblob(32));

-- a row in here lets its own transaction remove rows of the log
CREATE TABLE permit (what TEXT NOT NULL);

-- filled in copies only: the key travels with them
CREATE TABLE carried_key (key BLOB NOT NULL);

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
