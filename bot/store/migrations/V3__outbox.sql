-- Pauses and back-offs are the sender's alone, who measures them by a clock that nobody can set.
ALTER TABLE outbox DROP COLUMN not_before;

-- Whether the person was told that this dead letter did not arrive.
ALTER TABLE outbox ADD COLUMN told INTEGER NOT NULL DEFAULT 0;

CREATE INDEX outbox_dead ON outbox (user_id) WHERE state = 'dead';
