-- A job that used up its tries keeps its row and waits for an operator, by app and oldest first.
ALTER TABLE work.jobs ADD COLUMN gave_up_at timestamptz;

CREATE INDEX jobs_given_up ON work.jobs (app, gave_up_at, id) WHERE gave_up_at IS NOT NULL;
