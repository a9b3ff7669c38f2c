-- The number of the newest of all the requests there ever were.
ALTER TABLE runs ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;

-- Requests had no numbers of their own before: they get such as they would have been given now.
UPDATE runs SET
    requests = (
        SELECT json_group_array(json_set(value, '$.seq', CAST(strftime('%s', 'now') AS INTEGER) * 1000 + key))
        FROM json_each(runs.requests)
    ),
    asked = CAST(strftime('%s', 'now') AS INTEGER) * 1000 + json_array_length(requests)
WHERE requests <> '[]';
