CREATE TABLE customer (id INTEGER PRIMARY KEY, full_name TEXT NOT NULL, phone TEXT, zone TEXT);
CREATE TABLE vehicle (id INTEGER PRIMARY KEY, model TEXT NOT NULL);
CREATE TABLE booking (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, vehicle_id INTEGER NOT NULL,
    starts_at TEXT NOT NULL, status TEXT NOT NULL, minutes INTEGER NOT NULL
);
INSERT INTO customer VALUES
    (1, 'Nora Whitfield', '(312) 555-0121', 'America/Chicago'),
    (2, 'Otto Brandt',    '(312) 555-0122', 'America/Denver'),
    (3, 'Pia Sorens',     '(312) 555-0123', NULL),
    (4, 'Quinn Abbot',    NULL,             NULL);
INSERT INTO vehicle VALUES (1, 'Falcon wagon'), (2, 'Ibex pickup');
INSERT INTO booking VALUES
    (501, 1, 1, '2026-11-25 10:00:00', 'open', 60),
    (502, 2, 2, '2026-11-24 12:00:00', 'open', 45),
    (503, 3, 1, '2026-11-25 09:40:00', 'open', 10),
    (504, 4, 2, '2026-11-25 09:50:00', 'open', 30),
    (505, 3, 2, '2026-11-25 09:30:00', 'waiting for parts', 90),
    (506, 1, 2, '2026-11-26 10:00:00', 'open', 60);
