-- The address, under the ledger's key, at which a sandbox accepted a reminder: a trial, in which nobody was phoned. The condition
-- keeps a later, real delivery from ever passing for one.
ALTER TABLE reminder ADD COLUMN trial BLOB CHECK (trial IS NULL OR state = 'delivered');
