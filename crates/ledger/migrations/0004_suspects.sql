-- Which work was in flight when the process died; see `suspect.rs`.
-- How often it was; 0: it is not suspected. A commit or a person clears it.
ALTER TABLE work ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;
-- 1: it is leased, and nothing else is in flight.
ALTER TABLE work ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;
CREATE INDEX work_suspects ON work (deaths, priority, due_at) WHERE deaths > 0;
