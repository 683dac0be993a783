-- The log by schedule, event and reason: whatever of them is asked for, each combination that there is is a range of numbers.
CREATE INDEX audit_kind ON audit (schedule, event, reason);
CREATE INDEX audit_run ON audit (run_id, event, reason) WHERE run_id IS NOT NULL;
CREATE INDEX audit_phone ON audit (phone_hash) WHERE phone_hash IS NOT NULL;
-- How far behind the latest time before it a row has ever been (µs): by this a time is a range of numbers, however often the clock
-- was set back.
CREATE TABLE set_back (micros INTEGER NOT NULL) STRICT;
INSERT INTO set_back
SELECT coalesce((SELECT max(latest - at) FROM (SELECT at, max(at) OVER (ORDER BY seq) AS latest FROM audit)), 0);

-- One row a reminder, times as text: for whoever looks at a copy with sqlite3 or Datasette.
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
