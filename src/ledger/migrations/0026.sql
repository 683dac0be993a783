-- When a call that shadow mode wrote down would have been made. A live run makes those whose time is still to come; of older rows the
-- time is not known, and they count as made.
ALTER TABLE shadow ADD COLUMN send_at INTEGER;
