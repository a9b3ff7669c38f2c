-- What the guard asks people about while the run rests, as JSON; NULL while it asks nothing.
ALTER TABLE runs ADD COLUMN question TEXT;

-- What was asked of the run's worker that it has not answered yet, as a JSON array, the oldest first.
ALTER TABLE runs ADD COLUMN requests TEXT NOT NULL DEFAULT '[]';
