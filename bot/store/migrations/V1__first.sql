CREATE TABLE people (
    user_id       INTEGER PRIMARY KEY,
    dm_channel_id INTEGER
) STRICT;

CREATE TABLE runs (
    name        TEXT PRIMARY KEY,
    owner_id    INTEGER NOT NULL,
    -- The request that made the run: the same request again is the same run.
    request_key TEXT UNIQUE,
    state       TEXT    NOT NULL,
    attempt     INTEGER NOT NULL DEFAULT 0,
    priority    INTEGER NOT NULL DEFAULT 0,
    spec        TEXT    NOT NULL,
    error       TEXT,
    summary     TEXT,
    created_at  REAL    NOT NULL,
    queued_at   REAL    NOT NULL,
    started_at  REAL,
    ended_at    REAL
) STRICT;
CREATE INDEX runs_by_state ON runs (state);
CREATE INDEX runs_by_owner ON runs (owner_id, created_at);

CREATE TABLE transitions (
    id         INTEGER PRIMARY KEY,
    run        TEXT    NOT NULL REFERENCES runs (name) ON DELETE CASCADE,
    attempt    INTEGER NOT NULL,
    from_state TEXT    NOT NULL,
    to_state   TEXT    NOT NULL,
    at         REAL    NOT NULL
) STRICT;
CREATE INDEX transitions_by_run ON transitions (run);

CREATE TABLE attempts (
    run        TEXT    NOT NULL REFERENCES runs (name) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    -- How much of events.jsonl is in `events`: bytes, and the last seq.
    offset     INTEGER NOT NULL DEFAULT 0,
    seq        INTEGER NOT NULL DEFAULT 0,
    started_at REAL    NOT NULL,
    ended_at   REAL,
    exit       TEXT,
    PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    run     TEXT    NOT NULL,
    attempt INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    type    TEXT    NOT NULL,
    payload TEXT    NOT NULL,
    PRIMARY KEY (run, attempt, seq),
    FOREIGN KEY (run, attempt) REFERENCES attempts (run, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Days of progress are skipped through here, without reading their payloads.
CREATE INDEX events_by_type ON events (run, type, attempt, seq);

CREATE TABLE watches (
    run     TEXT    NOT NULL REFERENCES runs (name) ON DELETE CASCADE,
    user_id INTEGER NOT NULL,
    since   REAL    NOT NULL,
    PRIMARY KEY (run, user_id)
) STRICT, WITHOUT ROWID;

-- One row is one message that a person should see. It is due while `sent_revision` is behind `revision`: the first
-- time it is sent, later its message is edited. Up to `urgent_revision` it does not wait for `not_before`. `attempted`
-- is noted before the first sending: after a crash in between, Discord may have the message although no id is here.
CREATE TABLE outbox (
    id            INTEGER PRIMARY KEY,
    key           TEXT    NOT NULL UNIQUE,
    user_id       INTEGER NOT NULL,
    run           TEXT    REFERENCES runs (name) ON DELETE CASCADE,
    kind          TEXT    NOT NULL,
    priority      INTEGER NOT NULL,
    revision      INTEGER NOT NULL DEFAULT 1,
    sent_revision INTEGER NOT NULL DEFAULT 0,
    urgent_revision INTEGER NOT NULL DEFAULT 0,
    attempted     INTEGER NOT NULL DEFAULT 0,
    state         TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed', 'dead')),
    channel_id    INTEGER,
    message_id    INTEGER,
    tries         INTEGER NOT NULL DEFAULT 0,
    not_before    REAL    NOT NULL DEFAULT 0,
    error         TEXT,
    created_at    REAL    NOT NULL,
    sent_at       REAL
) STRICT;
CREATE INDEX outbox_due ON outbox (priority, id) WHERE state = 'open' AND sent_revision < revision;

CREATE INDEX outbox_by_run ON outbox (run, kind);

CREATE TABLE marks (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
