-- What the disk has lost of an issue that is known: the issue is fetched again, and the commit of that
-- fetch clears both columns.
ALTER TABLE issues ADD COLUMN lost_at INTEGER; -- when the loss was noticed; NULL: nothing is lost
ALTER TABLE issues ADD COLUMN loss TEXT        -- with `lost_at`, which part of the copy is lost
    CHECK (loss IN ('raw_missing', 'raw_unreadable', 'raw_foreign', 'raw_older', 'rows_missing', 'record_missing'));
CREATE INDEX issues_lost ON issues (lost_at) WHERE lost_at IS NOT NULL;
