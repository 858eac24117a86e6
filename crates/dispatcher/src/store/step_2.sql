-- From version 1, where all rows had a commit's id at their front, to version 2: its place is there, so that what is new goes to the end
-- of each table.

DROP INDEX commits_of_project;
ALTER TABLE commits RENAME TO commits_1;
ALTER TABLE verdicts RENAME TO verdicts_1;
ALTER TABLE attempts RENAME TO attempts_1;
ALTER TABLE units RENAME TO units_1;
ALTER TABLE cases RENAME TO cases_1;
ALTER TABLE skipped_commits RENAME TO skipped_commits_1;

CREATE TABLE commits (
    place         INTEGER NOT NULL PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    project       TEXT    NOT NULL,
    branch        TEXT,
    state         TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'done')),
    attempts      INTEGER NOT NULL DEFAULT 0,
    lost          INTEGER NOT NULL DEFAULT 0,
    retries       INTEGER NOT NULL DEFAULT 0,
    labels        TEXT    NOT NULL DEFAULT '',
    submitted_ms  INTEGER NOT NULL,
    previous      TEXT,
    tree          TEXT,
    subject       TEXT,
    author        TEXT,
    committed_ms  INTEGER,
    skipped_unnamed INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX commits_of_project ON commits (project);

CREATE TABLE verdicts (
    commit_place  INTEGER NOT NULL REFERENCES commits (place) ON UPDATE CASCADE,
    number        INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    reported      INTEGER NOT NULL,
    verdict       TEXT    NOT NULL CHECK (verdict IN ('passed', 'failed', 'timed_out', 'error', 'cancelled')),
    reason        TEXT,
    passed        INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    skipped       INTEGER NOT NULL,
    duration_ms   INTEGER NOT NULL,
    output_bytes  INTEGER,
    decided_ms    INTEGER NOT NULL,
    PRIMARY KEY (commit_place, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    commit_place  INTEGER NOT NULL REFERENCES commits (place) ON UPDATE CASCADE,
    attempt       INTEGER NOT NULL,
    runner        TEXT    NOT NULL,
    instance      TEXT    NOT NULL,
    started_ms    INTEGER NOT NULL,
    checked_out_ms INTEGER,
    first_output_ms INTEGER,
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

CREATE TABLE cases (
    commit_place  INTEGER NOT NULL REFERENCES commits (place) ON UPDATE CASCADE,
    attempt       INTEGER NOT NULL,
    unit          INTEGER NOT NULL,
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

INSERT INTO commits (id, project, branch, place, state, attempts, lost, retries, labels, submitted_ms,
                     previous, tree, subject, author, committed_ms, skipped_unnamed)
SELECT id, project, branch, place, state, attempts, lost, retries, labels, submitted_ms,
       previous, tree, subject, author, committed_ms, skipped_unnamed
FROM commits_1 ORDER BY place;

INSERT INTO verdicts SELECT place, o.number, o.attempt, o.reported, o.verdict, o.reason, o.passed, o.failed, o.skipped,
                            o.duration_ms, o.output_bytes, o.decided_ms
FROM verdicts_1 o JOIN commits ON id = commit_id ORDER BY place;
INSERT INTO attempts SELECT place, o.attempt, o.runner, o.instance, o.started_ms, o.checked_out_ms, o.first_output_ms,
                            o.ended_ms, o.fate
FROM attempts_1 o JOIN commits ON id = commit_id ORDER BY place;
INSERT INTO units SELECT place, o.attempt, o.position, o.unit, o.outcome, o.exit, o.duration_ms, o.passed, o.failed,
                         o.skipped
FROM units_1 o JOIN commits ON id = commit_id ORDER BY place;
INSERT INTO cases SELECT place, o.attempt, o.unit, o.position, o.name, o.outcome, o.duration_ms
FROM cases_1 o JOIN commits ON id = commit_id ORDER BY place;
INSERT INTO skipped_commits SELECT place, o.position, o.skipped_id
FROM skipped_commits_1 o JOIN commits ON id = commit_id ORDER BY place;

DROP TABLE skipped_commits_1;
DROP TABLE cases_1;
DROP TABLE units_1;
DROP TABLE attempts_1;
DROP TABLE verdicts_1;
DROP TABLE commits_1;
