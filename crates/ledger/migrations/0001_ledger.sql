-- The ledger, as SQLite. Instants are epoch milliseconds, UTC. Texts that stand for a choice list
-- their values in a CHECK. A `subject` is an issue id in decimal digits or, while the id is not
-- known, an issue key; the two cannot be confused because a key starts with a letter.

-- Numbers that only grow and survive a restart.
CREATE TABLE sequences (
    name  TEXT    NOT NULL PRIMARY KEY, -- 'version': hints; 'commit': commits of the lake
    value INTEGER NOT NULL              -- the last number that was given out
);
INSERT INTO sequences (name, value) VALUES ('version', 0), ('commit', 0);

-- Sums that must outlive the rows they were counted from.
CREATE TABLE tallies (
    name TEXT    NOT NULL PRIMARY KEY, -- see below
    n    INTEGER NOT NULL
);
INSERT INTO tallies (name, n) VALUES
    ('received', 0),   -- deliveries ever recorded, repeats not among them
    ('repeats', 0),    -- deliveries whose identifier was known already
    ('noted', 0), ('parked', 0), ('applied', 0), ('superseded', 0); -- pruned deliveries by outcome

-- The audit log: one row per delivery that was acknowledged.
CREATE TABLE deliveries (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT, -- order of recording; never used twice
    received_at INTEGER NOT NULL, -- when the door had the whole body
    identifier  TEXT    UNIQUE,   -- Jira's name for the delivery, the same across its retries
    event       TEXT,             -- `webhookEvent`, bounded; NULL when the body has none
    retry       INTEGER,          -- how often Jira had tried before; NULL when it does not say
    flow        TEXT,             -- Primary or Secondary, as Jira calls it, bounded
    deleted     INTEGER NOT NULL, -- 1: the event says that an issue was deleted
    repeats     INTEGER NOT NULL DEFAULT 0, -- how often the same identifier came again
    outcome     TEXT    NOT NULL  -- what its subjects' outcomes make together, see `settle.rs`
        CHECK (outcome IN ('noted', 'pending', 'parked', 'applied', 'superseded')),
    body_bytes  INTEGER NOT NULL  -- length of the body before compression
);
CREATE INDEX deliveries_outcome ON deliveries (outcome, received_at);
CREATE INDEX deliveries_received ON deliveries (received_at);

-- Bodies apart from their rows: listing and counting never read them.
CREATE TABLE bodies (
    seq  INTEGER NOT NULL PRIMARY KEY REFERENCES deliveries (seq) ON DELETE CASCADE,
    body BLOB    NOT NULL -- the bytes that were signed, as one zstd frame
);

-- What each delivery points at, and what became of that. An issue link names two issues.
CREATE TABLE delivery_subjects (
    seq     INTEGER NOT NULL REFERENCES deliveries (seq) ON DELETE CASCADE,
    subject TEXT    NOT NULL, -- as in `work`; a key becomes an id as soon as the id is known
    version INTEGER NOT NULL, -- the number of the hint that this delivery gave
    outcome TEXT    NOT NULL  -- 'dropped': parked, and a person took the work out for good
        CHECK (outcome IN ('pending', 'parked', 'dropped', 'applied', 'superseded')),
    reason  TEXT,             -- why it is parked or dropped; NULL otherwise
    PRIMARY KEY (seq, subject)
);
CREATE INDEX delivery_subjects_of ON delivery_subjects (subject, outcome, version);

-- What to look at: at most one row per subject. The row goes when a commit has applied its newest hint.
CREATE TABLE work (
    subject         TEXT    NOT NULL PRIMARY KEY,
    version         INTEGER NOT NULL, -- number of the newest hint, or of a lease that followed a lapsed one
    state           TEXT    NOT NULL CHECK (state IN ('due', 'parked')),
    priority        INTEGER NOT NULL  -- the most urgent source of its hints: webhook 0, person 1, SLA 2, sweep 3, backfill 4, later 5
        CHECK (priority BETWEEN 0 AND 5), -- leasing walks these; another would never be leased
    due_at          INTEGER NOT NULL, -- not to be leased earlier; a new hint may lower it
    hinted_at       INTEGER NOT NULL, -- time of the oldest hint that is not yet applied
    deleted_hint    INTEGER NOT NULL, -- 1: the newest hint came from a delete event
    lease_until     INTEGER,          -- a worker has it until then; NULL: nobody has
    leased_version  INTEGER,          -- `version` when it was leased: names the lease; NULL: not leased
    again_at        INTEGER,          -- earliest `due_at` among hints that came during the lease
    again_hinted_at INTEGER,          -- time of the first hint that came during the lease
    attempts        INTEGER NOT NULL DEFAULT 0, -- failures since it was last applied or un-parked
    absences        INTEGER NOT NULL DEFAULT 0, -- proven 404s in a row
    absent_since    INTEGER,          -- time of the first of them; NULL: none
    last_error      TEXT,             -- of the last failure; never text from a body
    parked_at       INTEGER,          -- with `reason` and `remedy`: NULL unless parked
    reason          TEXT,             -- why a person must act
    remedy          TEXT              -- what that person can do
);
CREATE INDEX work_order ON work (state, priority, due_at, subject);
CREATE INDEX work_due ON work (state, due_at);
CREATE INDEX work_leases ON work (lease_until);

-- What is known of each issue. Can be rebuilt from the raw snapshots.
CREATE TABLE issues (
    id              INTEGER NOT NULL PRIMARY KEY, -- identity: never changes
    key             TEXT    NOT NULL, -- current as of `synced_at`; not unique, keys move
    key_in_doubt    INTEGER NOT NULL, -- 1: another issue holds this key by newer evidence
    project         TEXT    NOT NULL, -- the project's key
    month           TEXT    NOT NULL, -- the partition, YYYY-MM or 'unknown'
    updated         INTEGER,          -- Jira's `updated`
    status          TEXT,             -- Jira's id of it
    status_category TEXT,             -- Jira's key of it: new, indeterminate, done
    has_sla         INTEGER NOT NULL, -- 1: some SLA field is not null
    complete        INTEGER NOT NULL, -- 1: every part was fetched whole
    synced_at       INTEGER NOT NULL, -- when the snapshot behind the rows was fetched
    parts           TEXT    NOT NULL, -- JSON: per part of the issue what was fetched and is complete
    deleted_at      INTEGER,          -- when the deletion was confirmed; NULL: it exists
    raw_file        TEXT    NOT NULL, -- name of the raw snapshot
    commit_id       INTEGER NOT NULL  -- the commit that wrote its rows
);
CREATE INDEX issues_key ON issues (key);
CREATE INDEX issues_month ON issues (month);
CREATE INDEX issues_deleted ON issues (deleted_at);
CREATE INDEX issues_clocks ON issues (has_sla, id);

-- The bytes of the attachments that Jira lists, and what became of them. Filled from the issues'
-- snapshots; can be rebuilt from them.
CREATE TABLE attachments (
    id         INTEGER NOT NULL PRIMARY KEY, -- Jira's: never changes, never reused
    issue_id   INTEGER NOT NULL,
    name       TEXT    NOT NULL, -- of its file below the issue's folder
    size       INTEGER,          -- as Jira lists it; NULL when it does not say
    state      TEXT    NOT NULL  -- 'gone': not listed any more, and its file is still to be removed
        CHECK (state IN ('pending', 'stored', 'too_large', 'failed', 'gone')),
    attempts   INTEGER NOT NULL, -- failures since it was last settled
    due_at     INTEGER NOT NULL, -- a pending one is not to be tried earlier; 0: a person waits
    sha256     TEXT,             -- of the bytes on disk, in hex
    media_id   TEXT,             -- the id by which texts show it, as soon as it is known
    reason     TEXT,             -- why the bytes are not on disk; never text from a body
    told       INTEGER NOT NULL, -- 1: the issue's snapshot says the same
    updated_at INTEGER NOT NULL  -- when its state was last settled
);
CREATE INDEX attachments_due ON attachments (state, due_at, id);
CREATE INDEX attachments_of ON attachments (issue_id);
CREATE INDEX attachments_untold ON attachments (issue_id) WHERE told = 0;

-- Keys that issues had before they moved.
CREATE TABLE key_aliases (
    key   TEXT    NOT NULL,
    id    INTEGER NOT NULL,
    until INTEGER NOT NULL, -- `synced_at` of the snapshot that showed another key
    PRIMARY KEY (key, id)
);

-- Issues that were proven to be gone, for the breaker: too many in an hour stop the deleting.
CREATE TABLE disappearances (
    id INTEGER NOT NULL PRIMARY KEY, -- the issue
    at INTEGER NOT NULL              -- when its rows were allowed to leave
);
CREATE INDEX disappearances_at ON disappearances (at);

-- Which immutable files make up each table and month. A reader that goes through it sees one commit.
CREATE TABLE catalog (
    table_name TEXT    NOT NULL,
    month      TEXT    NOT NULL, -- YYYY-MM or 'unknown'
    part       INTEGER NOT NULL, -- 0, 1, … within the month
    path       TEXT    NOT NULL, -- below the store
    rows       INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    sha256     TEXT    NOT NULL,
    commit_id  INTEGER NOT NULL, -- the commit that made the file
    PRIMARY KEY (table_name, month, part)
);

-- One row per commit of the lake: the transaction that made files visible and retired work.
CREATE TABLE commits (
    id           INTEGER NOT NULL PRIMARY KEY, -- from `sequences`; gaps are commits that never happened
    committed_at INTEGER NOT NULL,
    files        INTEGER NOT NULL, -- files made visible
    issues       INTEGER NOT NULL, -- issues written
    finished     INTEGER NOT NULL  -- work items settled
);

-- How far something that walks has come, by its name.
CREATE TABLE cursors (
    name   TEXT    NOT NULL PRIMARY KEY,
    value  TEXT    NOT NULL, -- the walker's own form
    set_at INTEGER NOT NULL
);
