-- What the dispatcher remembers. Times are milliseconds since 1970; a commit is named by its full object id.

PRAGMA application_id = 0x504f4e54; -- "PONT"

-- All else names a commit by its place. Places rise, so what is new goes to the end of each table. Ids have no order: a row with an id at its
-- front is somewhere among all others, and to write it takes a page of its own. So there is no index of ids here either: the dispatcher has it
-- in memory, and sees to it that no id is here twice.
CREATE TABLE commits (
    place         INTEGER NOT NULL PRIMARY KEY,      -- in the queue: lower comes first; a retry goes to another one
    id            TEXT    NOT NULL,
    project       TEXT    NOT NULL,
    branch        TEXT,
    state         TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'done')),
    attempts      INTEGER NOT NULL DEFAULT 0,        -- the highest number that was given to a try
    lost          INTEGER NOT NULL DEFAULT 0,        -- how many of them lost their runner since the last retry
    retries       INTEGER NOT NULL DEFAULT 0,        -- how often a user had it queued again
    labels        TEXT    NOT NULL DEFAULT '',       -- what its runner has to have, a line each
    submitted_ms  INTEGER NOT NULL,
    previous      TEXT,                              -- what was submitted of the branch before
    tree          TEXT,                              -- this and what follows: what the commit says of itself
    subject       TEXT,
    author        TEXT,
    committed_ms  INTEGER,
    skipped_unnamed INTEGER NOT NULL DEFAULT 0       -- how many it stands for beside its skipped_commits
) STRICT;

CREATE INDEX commits_of_project ON commits (project); -- and by place, as each index is

-- Each verdict is written once. The one that holds has as its number the commit's retries; lower ones are history.
CREATE TABLE verdicts (
    commit_place  INTEGER NOT NULL REFERENCES commits (place) ON UPDATE CASCADE,
    number        INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,                  -- the one that was reported, or the last; 0 where there was none
    reported      INTEGER NOT NULL,                  -- 1 where a runner's report decided
    verdict       TEXT    NOT NULL CHECK (verdict IN ('passed', 'failed', 'timed_out', 'error', 'cancelled')),
    reason        TEXT,
    passed        INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    skipped       INTEGER NOT NULL,
    duration_ms   INTEGER NOT NULL,
    output_bytes  INTEGER,                           -- null where nobody said how much there should be
    decided_ms    INTEGER NOT NULL,
    PRIMARY KEY (commit_place, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    commit_place  INTEGER NOT NULL REFERENCES commits (place) ON UPDATE CASCADE,
    attempt       INTEGER NOT NULL,
    runner        TEXT    NOT NULL,
    instance      TEXT    NOT NULL,
    started_ms    INTEGER NOT NULL,
    checked_out_ms INTEGER,                          -- after started_ms, as reported
    first_output_ms INTEGER,                         -- the same
    ended_ms      INTEGER,
    fate          TEXT    CHECK (fate IN ('reported', 'lost', 'given_back', 'cancelled')),
    PRIMARY KEY (commit_place, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE units (
    commit_place  INTEGER NOT NULL REFERENCES commits (place) ON UPDATE CASCADE,
    attempt       INTEGER NOT NULL,
    position      INTEGER NOT NULL,
    unit          TEXT    NOT NULL,
    outcome       TEXT    NOT NULL,
    exit          INTEGER,
    duration_ms   INTEGER NOT NULL,
    passed        INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    skipped       INTEGER NOT NULL,
    PRIMARY KEY (commit_place, attempt, position)
) STRICT, WITHOUT ROWID;

-- The cases of a unit that were named; its counts hold for all of them.
CREATE TABLE cases (
    commit_place  INTEGER NOT NULL REFERENCES commits (place) ON UPDATE CASCADE,
    attempt       INTEGER NOT NULL,
    unit          INTEGER NOT NULL,                  -- the unit's position
    position      INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    outcome       TEXT    NOT NULL,
    duration_ms   INTEGER,
    PRIMARY KEY (commit_place, attempt, unit, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE skipped_commits (
    commit_place  INTEGER NOT NULL REFERENCES commits (place) ON UPDATE CASCADE,
    position      INTEGER NOT NULL,
    skipped_id    TEXT    NOT NULL,
    PRIMARY KEY (commit_place, position)
) STRICT, WITHOUT ROWID;

-- What a user set by a word: 'paused' is there while nothing is handed out.
CREATE TABLE settings (
    name          TEXT    NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
