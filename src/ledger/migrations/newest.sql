-- The newest schema, of which a new ledger is made: what all migrations make together. It changes with each new migration (a test
-- compares the two). Times are integers: microseconds UTC; ids are UUIDs (version 7) as text.

-- Each version of a schedule file, by its hash.
CREATE TABLE schedule_text (
    hash        TEXT PRIMARY KEY,
    text        TEXT NOT NULL,
    first_seen  INTEGER NOT NULL
) WITHOUT ROWID;

-- The schedules that were loaded. `cursor` is the nominal time up to which runs were made or passed over.
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

-- Pauses that a person set. The empty name pauses all schedules.
CREATE TABLE pause (
    schedule    TEXT PRIMARY KEY,
    since       INTEGER NOT NULL,
    until       INTEGER,
    reason      TEXT NOT NULL,
    actor       TEXT NOT NULL
) WITHOUT ROWID;

-- Answers 403 in a row, and the pause of the target after three.
CREATE TABLE target (
    schedule    TEXT PRIMARY KEY,
    forbidden   INTEGER NOT NULL,
    paused      INTEGER NOT NULL
) WITHOUT ROWID;

-- Evaluations of schedules.
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
    read_at     INTEGER,
    crashes     INTEGER NOT NULL DEFAULT 0,
    in_window   INTEGER,
    guards      TEXT NOT NULL DEFAULT '[]',
    failure     TEXT
);
CREATE INDEX run_latest ON run (schedule, started_at);
CREATE INDEX run_done ON run (schedule, started_at) WHERE state = 'done';
CREATE INDEX run_open ON run (state) WHERE state IN ('running', 'waiting', 'held');
CREATE INDEX run_measured ON run (schedule, nominal_at) WHERE in_window IS NOT NULL;
CREATE UNIQUE INDEX run_nominal ON run (schedule, nominal_at) WHERE kind NOT IN ('trigger', 'inbound');

-- One row for each call: an appointment, its start and a lead. `outcome` is what became of an accepted call, `heard_at` when
-- the first record of it came; `root` is the first call of a chain of retries; `trial` is the target that only accepted for a
-- trial.
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
    trial       BLOB CHECK (trial IS NULL OR state = 'delivered'),
    outcome     TEXT,
    withdrawn   INTEGER NOT NULL DEFAULT 0,
    outcome_at  INTEGER,
    outcome_by_person INTEGER NOT NULL DEFAULT 0,
    heard_at    INTEGER,
    root        TEXT,
    priority    INTEGER NOT NULL DEFAULT 1,
    called_at   INTEGER,
    UNIQUE (schedule, appointment_id, starts_at, lead)
);
CREATE INDEX reminder_start ON reminder (schedule, starts_at);
CREATE INDEX reminder_person ON reminder (account, due_day, person);
CREATE INDEX pending_next ON reminder (schedule, next_at) WHERE state = 'pending';
CREATE INDEX pending_expiry ON reminder (schedule, expires_at) WHERE state = 'pending';
CREATE INDEX reminder_sending ON reminder (schedule) WHERE state = 'sending';
CREATE INDEX reminder_uncertain ON reminder (schedule) WHERE state = 'uncertain';
CREATE INDEX reminder_unreported ON reminder (schedule, starts_at) WHERE outcome = 'unreported';
CREATE INDEX pending_start ON reminder (schedule, priority, starts_at, next_at) WHERE state = 'pending';
CREATE INDEX reminder_outcome ON reminder (called_at / 900000000, schedule, outcome, called_at, account, person)
WHERE outcome IS NOT NULL;

-- What is sent, apart from its reminder, which changes often. It goes first when retention is over.
CREATE TABLE content (
    reminder    INTEGER PRIMARY KEY REFERENCES reminder (nr),
    payload     TEXT NOT NULL,
    contact     TEXT,
    label       TEXT
);

-- The requests of a reminder.
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
CREATE INDEX attempt_remote ON attempt (remote_id) WHERE remote_id IS NOT NULL;

-- `tat` is the time from which the account's rate has a free slot.
CREATE TABLE account (
    name        TEXT PRIMARY KEY,
    tat         INTEGER,
    paused_until INTEGER,
    refused_credentials TEXT
) WITHOUT ROWID;

-- The contacts at Thoughtly, by the keyed hash of their phone.
CREATE TABLE contact (
    account     TEXT NOT NULL,
    phone_hash  BLOB NOT NULL,
    contact_id  TEXT NOT NULL,
    known_since INTEGER NOT NULL,
    PRIMARY KEY (account, phone_hash)
) WITHOUT ROWID;

-- The audit log: a chain of hashes that only grows.
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
    hash        BLOB NOT NULL,
    CHECK (seq > 0)
);
CREATE INDEX audit_at ON audit (at);
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
CREATE INDEX audit_appointment ON audit (appointment_id)
WHERE appointment_id IS NOT NULL AND (attempt IS NULL OR event NOT IN ('delivery.intent', 'delivery.delivered'));
CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit
WHEN NEW.prev IS NOT coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1),
        x'0000000000000000000000000000000000000000000000000000000000000000')
  OR (NEW.seq <> -1 AND NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit))
BEGIN
    SELECT raise(FAIL, 'the log only grows at its end');
END;

-- The end of the log, the end of what was pruned of it, and whether it is sealed with the key.
CREATE TABLE head (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    seq         INTEGER NOT NULL,
    hash        BLOB NOT NULL,
    pruned_seq  INTEGER NOT NULL,
    pruned_hash BLOB NOT NULL,
    key_check   BLOB,
    keyed       INTEGER NOT NULL DEFAULT 0,
    prev_seq    INTEGER
);
INSERT INTO head VALUES (1, 0, zeroblob(32), 0, zeroblob(32), NULL, 0, NULL);

-- A row in here lets one transaction change the log (retention, erasure).
CREATE TABLE permit (what TEXT NOT NULL);

-- Filled in copies only: the key travels with them.
CREATE TABLE carried_key (key BLOB NOT NULL);

-- Times of which a restored copy has forgotten the calls: from its last row of the log to the restoring.
CREATE TABLE gap (from_at INTEGER NOT NULL, until_at INTEGER NOT NULL) STRICT;

-- A loss that was found at an opening and that nobody has accepted yet: the time of which the calls are forgotten, and the last
-- reminder that was in the ledger then.
CREATE TABLE loss (since INTEGER NOT NULL, until INTEGER NOT NULL, last_nr INTEGER NOT NULL) STRICT;

-- Who is not to be called, by the keyed hash of the phone.
CREATE TABLE optout (
    phone_hash  BLOB PRIMARY KEY,
    phone_last4 TEXT NOT NULL,
    since       INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    reason      TEXT
) WITHOUT ROWID;

-- When an appointment was seen for the first time: whether a lead had passed when it was booked (`late_booking`).
CREATE TABLE first_sight (
    schedule    TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    starts_at   INTEGER,
    seen_at     INTEGER NOT NULL,
    unseen_at   INTEGER,
    PRIMARY KEY (schedule, appointment_id)
) WITHOUT ROWID;

-- Calls that shadow mode wrote down.
CREATE TABLE shadow (
    schedule    TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    starts_at   INTEGER NOT NULL,
    lead        TEXT NOT NULL,
    id          TEXT NOT NULL,
    account     TEXT NOT NULL,
    person      TEXT NOT NULL,
    due_day     TEXT NOT NULL,
    due_at      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    send_at     INTEGER,
    PRIMARY KEY (schedule, appointment_id, starts_at, lead)
) WITHOUT ROWID;
CREATE INDEX shadow_start ON shadow (schedule, starts_at);
CREATE INDEX shadow_person ON shadow (account, due_day);

-- Appointments that are told in the call of another one (`merge`).
CREATE TABLE merged (
    schedule    TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    starts_at   INTEGER NOT NULL,
    lead        TEXT NOT NULL,
    reminder    TEXT NOT NULL,
    PRIMARY KEY (schedule, appointment_id, starts_at, lead, reminder)
) WITHOUT ROWID;
CREATE INDEX merged_start ON merged (schedule, starts_at);
CREATE INDEX merged_reminder ON merged (reminder);

-- One row for each call of an account that a record reported. `reminder` is NULL while it belongs to none; `digests` are
-- SHA-256 of the facts that were reported, one behind the other.
CREATE TABLE call (
    account     TEXT NOT NULL,
    call_id     TEXT NOT NULL,
    reminder    TEXT,
    outcome     TEXT,
    unmapped    TEXT,
    ended_at    INTEGER,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    digests     BLOB NOT NULL,
    PRIMARY KEY (account, call_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX call_reminder ON call (reminder) WHERE reminder IS NOT NULL;

-- How far behind the latest time before it a row of the log has ever been.
CREATE TABLE set_back (micros INTEGER NOT NULL) STRICT;
INSERT INTO set_back VALUES (0);

-- Numbers that a call found to be somebody else's, for that person.
CREATE TABLE wrong_number (
    account     TEXT NOT NULL,
    person_hash BLOB NOT NULL,
    phone_hash  BLOB NOT NULL,
    since       INTEGER NOT NULL,
    PRIMARY KEY (account, person_hash, phone_hash)
) WITHOUT ROWID, STRICT;

-- Outcomes to be written to the booking system.
CREATE TABLE write_back (
    reminder    TEXT NOT NULL,
    number      INTEGER NOT NULL,
    schedule    TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    starts_at   INTEGER NOT NULL,
    outcome     TEXT NOT NULL,
    outcome_at  INTEGER NOT NULL,
    call_id     TEXT,
    state       TEXT NOT NULL,
    tries       INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    reason      TEXT,
    PRIMARY KEY (reminder, number)
) WITHOUT ROWID, STRICT;
CREATE INDEX write_back_next ON write_back (next_at) WHERE state = 'pending';
CREATE INDEX write_back_waiting ON write_back (schedule, appointment_id) WHERE state = 'pending';
CREATE INDEX write_back_failed ON write_back (created_at) WHERE state = 'failed';

-- The log's rows by phone, by kind and by run; many rows at a time are put in. `log_indexed_until` says up to which row.
CREATE TABLE phone_row (
    mark        BLOB NOT NULL,
    seq         INTEGER NOT NULL,
    PRIMARY KEY (mark, seq)
) WITHOUT ROWID, STRICT;

CREATE TABLE log_indexed_until (seq INTEGER NOT NULL) STRICT;
INSERT INTO log_indexed_until VALUES (0);

-- Requests that were posted: one row for each id of a schedule, with what was posted last. `body` is NULL once it was removed.
CREATE TABLE inbox (
    nr          INTEGER PRIMARY KEY,
    schedule    TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    posted_at   INTEGER NOT NULL,
    body        TEXT,
    digest      BLOB NOT NULL,
    phone_hash  BLOB,
    standing    TEXT NOT NULL,
    reason      TEXT,
    UNIQUE (schedule, appointment_id)
) STRICT;
CREATE INDEX inbox_received ON inbox (schedule, received_at);

-- How many requests were accepted in a minute, counted from 1970; older ones than the rate needs are removed.
CREATE TABLE accepted_request (
    schedule    TEXT NOT NULL,
    minute      INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (schedule, minute)
) WITHOUT ROWID, STRICT;

-- How schedules name appointments of which the log speaks and no reminder does.
CREATE TABLE appointment_label (
    schedule    TEXT NOT NULL,
    appointment_id TEXT NOT NULL,
    label       TEXT NOT NULL,
    phone_hash  BLOB,
    at          INTEGER NOT NULL,
    PRIMARY KEY (schedule, appointment_id)
) WITHOUT ROWID, STRICT;

-- Calls to the operator of which a sign of life is awaited. They are no reminders.
CREATE TABLE canary (
    id          TEXT PRIMARY KEY,
    schedule    TEXT NOT NULL,
    account     TEXT NOT NULL,
    is_test     INTEGER NOT NULL,
    sent_at     INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    state       TEXT NOT NULL,
    remote_id   TEXT,
    phone_hash  BLOB
) WITHOUT ROWID, STRICT;
CREATE INDEX canary_schedule ON canary (schedule, sent_at);

CREATE TABLE kind_row (
    schedule    TEXT NOT NULL,
    event       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    PRIMARY KEY (schedule, event, reason, seq)
) WITHOUT ROWID, STRICT;

CREATE TABLE run_row (
    run_id      TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    PRIMARY KEY (run_id, seq)
) WITHOUT ROWID, STRICT;

-- Of which leads a schedule's evaluations wrote down whom they found, and since when.
CREATE TABLE watched_lead (
    schedule    TEXT NOT NULL,
    lead        TEXT NOT NULL,
    since       INTEGER NOT NULL,
    due_from    INTEGER,
    rules       TEXT NOT NULL,
    PRIMARY KEY (schedule, lead)
) WITHOUT ROWID, STRICT;

-- For people who look at the file with other programs.
CREATE VIEW calls AS
SELECT r.id AS reminder_id, r.schedule, r.appointment_id,
    strftime('%Y-%m-%d %H:%M:%S', r.starts_at / 1000000, 'unixepoch') AS starts_at_utc,
    r.lead, r.recipient_zone, r.state, r.outcome,
    CASE WHEN r.trial IS NOT NULL THEN 'yes' ELSE 'no' END AS trial,
    CASE WHEN r.phone IS NULL THEN NULL ELSE '***' || substr(r.phone, -4) END AS phone,
    strftime('%Y-%m-%d %H:%M:%S', r.due_at / 1000000, 'unixepoch') AS due_at_utc,
    strftime('%Y-%m-%d %H:%M:%S', t.intent_at / 1000000, 'unixepoch') AS last_attempt_at_utc,
    r.attempt AS attempts, t.http_status, t.class AS error, t.latency_us / 1000 AS latency_ms,
    strftime('%Y-%m-%d %H:%M:%S', r.updated_at / 1000000, 'unixepoch') AS updated_at_utc
FROM reminder r LEFT JOIN attempt t ON t.reminder = r.nr AND t.number = r.attempt;
