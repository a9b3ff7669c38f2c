-- A file that somebody dropped into their direct messages. It is open until the person was told what came of it:
-- whoever finds it open goes on with it. The rows stay, so that no file is answered twice.
CREATE TABLE drops (
    file_id    INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    user_id    INTEGER NOT NULL,
    -- The message that says how far it is; NULL until its id is known.
    reply_id   INTEGER,
    open       INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX drops_open ON drops (file_id) WHERE open;

-- Up to which message the person's direct messages were read for files that nobody listened to.
ALTER TABLE people ADD COLUMN read_up_to INTEGER;
