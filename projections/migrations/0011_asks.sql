-- What a reader wants to know of a provider this moment: asked by the service, answered by a worker.
-- An ask is no fact and outlives nobody's patience: `answer` is sealed and goes with the row when it
-- is read, or when nobody waits for it any more. Unlogged, so that it is in no backup either.
CREATE UNLOGGED TABLE work.asks (
    id         uuid        PRIMARY KEY,
    app        uuid        NOT NULL,
    kind       text        NOT NULL,
    args       jsonb       NOT NULL,
    expires_at timestamptz NOT NULL,
    answer     text
);

CREATE INDEX asks_expired ON work.asks (expires_at);
