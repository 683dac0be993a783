-- How lists name an appointment (`appointment.label`): it goes with the payload.
ALTER TABLE content ADD COLUMN label TEXT;
