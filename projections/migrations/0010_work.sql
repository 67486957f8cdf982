-- What has been asked for and is not done yet. Rows follow from the log: the relay opens and closes
-- them together with its position. The queue holds only what was sent lately and may be lost.
CREATE SCHEMA work;

CREATE TABLE work.jobs (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text        NOT NULL UNIQUE,
    app        uuid        NOT NULL,
    queue      text        NOT NULL,
    actor      text        NOT NULL,
    args       jsonb       NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at    timestamptz,
    sends      integer     NOT NULL DEFAULT 0,
    tries      integer     NOT NULL DEFAULT 0,
    last_error text
);

CREATE INDEX jobs_due ON work.jobs (due_at, id);
CREATE INDEX jobs_in_flight ON work.jobs (app, sent_at) WHERE sent_at IS NOT NULL;
