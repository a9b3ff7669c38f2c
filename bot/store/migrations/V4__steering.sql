-- What the guard asks people about while the run rests, as JSON; NULL while it asks nothing.
ALTER TABLE runs ADD COLUMN question TEXT;

-- What somebody asked of the run's worker that it has not answered yet, as JSON.
ALTER TABLE runs ADD COLUMN request TEXT;
