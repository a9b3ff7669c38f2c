-- Which slot an attempt holds, from its row until `ended_at`. There was one kind before.
ALTER TABLE attempts ADD COLUMN slot TEXT NOT NULL DEFAULT 'cpu-0';

-- How an attempt ended, in one word, as `exit` says it for people; NULL for those of before.
ALTER TABLE attempts ADD COLUMN ending TEXT;
UPDATE attempts SET ending = 'refused' WHERE exit LIKE 'refused%';

-- Set while the run's worker lives and does not advance: when that was noticed and what will be done about it, as JSON.
ALTER TABLE runs ADD COLUMN stall TEXT;

-- Since when the person takes no direct messages; NULL while they do, as far as is known.
ALTER TABLE people ADD COLUMN dms_closed_at REAL;

-- Lines of journals that are no events: where each was, how long, why it is none, and how it begins.
CREATE TABLE quarantine (
    run       TEXT    NOT NULL,
    attempt   INTEGER NOT NULL,
    offset    INTEGER NOT NULL,
    length    INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    beginning BLOB    NOT NULL,
    at        REAL    NOT NULL,
    PRIMARY KEY (run, attempt, offset),
    FOREIGN KEY (run, attempt) REFERENCES attempts (run, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Pauses and back-offs are the sender's alone, who measures them by a clock that nobody can set.
ALTER TABLE outbox DROP COLUMN not_before;

-- Whether the person was told that this dead letter did not arrive.
ALTER TABLE outbox ADD COLUMN told INTEGER NOT NULL DEFAULT 0;

CREATE INDEX outbox_dead ON outbox (user_id) WHERE state = 'dead';
