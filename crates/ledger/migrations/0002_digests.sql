-- What tells, without reading the tables, whether an issue's rows are those that are there already.
-- As the lake makes it of the rows that a commit writes; NULL: not known.
ALTER TABLE issues ADD COLUMN digests BLOB;
