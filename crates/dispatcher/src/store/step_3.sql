-- From version 2 to version 3: there is no index of ids any more, since each commit wrote a page of it.

-- The other tables refer to `commits` by its name, so the new one takes that at the end.
CREATE TABLE commits_3 (
    place         INTEGER NOT NULL PRIMARY KEY,
    id            TEXT    NOT NULL,
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

INSERT INTO commits_3 SELECT * FROM commits ORDER BY place;
DROP TABLE commits;
ALTER TABLE commits_3 RENAME TO commits;
CREATE INDEX commits_of_project ON commits (project);
