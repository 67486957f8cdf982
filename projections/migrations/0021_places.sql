-- How far something outside of the log has been read: a provider's events, a history that is being
-- imported. Lost, it is read again from the beginning, and changes nothing a second time.
CREATE TABLE work.places (
    name       text        PRIMARY KEY,
    place      jsonb       NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
