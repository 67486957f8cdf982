-- What became of each provider event: the inbox, as operators read it.
CREATE FUNCTION read.make_deliveries(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.deliveries (
            id                uuid        NOT NULL,
            app_id            uuid        NOT NULL,
            connection        text        NOT NULL,
            provider          text        NOT NULL,
            mode              text        NOT NULL,
            provider_event_id text        NOT NULL,
            type              text        NOT NULL,
            object_type       text        NOT NULL,
            object_id         text        NOT NULL,
            invoice_id        uuid,
            occurred_at       timestamptz NOT NULL,
            received_at       timestamptz NOT NULL,
            updated_at        timestamptz NOT NULL,
            body              text        NOT NULL,
            version           bigint      NOT NULL,
            state             text        NOT NULL,
            reason            text,
            effects           jsonb       NOT NULL,
            times_applied     int         NOT NULL,
            times_parked      int         NOT NULL,
            times_replayed    int         NOT NULL,
            position          bigint      NOT NULL
        );
        $$,
        schema
    );
END
$body$;

CREATE FUNCTION read.index_deliveries(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.deliveries ADD PRIMARY KEY (id);
        CREATE INDEX ON %1$I.deliveries (app_id, received_at, id);
        CREATE INDEX ON %1$I.deliveries (app_id, state, received_at, id);
        CREATE INDEX ON %1$I.deliveries (app_id, connection, received_at, id);
        CREATE INDEX ON %1$I.deliveries (app_id, type, received_at, id);
        CREATE INDEX ON %1$I.deliveries (app_id, invoice_id, received_at, id)
            WHERE invoice_id IS NOT NULL;
        CREATE INDEX ON %1$I.deliveries (app_id, provider_event_id, received_at, id);
        $$,
        schema
    );
END
$body$;

DO $$
BEGIN
    PERFORM read.new_generation('deliveries');
    PERFORM read.index_generation('deliveries', 1);
    PERFORM read.point_views('deliveries', 1);
    UPDATE read.generations AS known SET state = 'active'
        WHERE known.projection = 'deliveries' AND known.number = 1;
END
$$;

-- Deliveries that were refused: anybody may have sent them, so they are no part of the log. Written
-- by the service in batches, the newest 1,000 of each connection kept; nothing that was sent is
-- here but its hash, its size and who it said it was from.
CREATE SCHEMA inbox;

CREATE TABLE inbox.refused (
    id            uuid        PRIMARY KEY,
    app_id        uuid        NOT NULL,
    connection_id uuid        NOT NULL,
    connection    text        NOT NULL,
    provider      text        NOT NULL,
    mode          text        NOT NULL,
    received_at   timestamptz NOT NULL,
    reason        text        NOT NULL,
    size_bytes    bigint,
    body_sha256   text,
    content_type  text,
    user_agent    text,
    remote        text        NOT NULL
);

CREATE INDEX refused_of_app ON inbox.refused (app_id, received_at, id);
CREATE INDEX refused_of_name ON inbox.refused (app_id, connection, received_at, id);
CREATE INDEX refused_of_connection ON inbox.refused (connection_id, received_at, id);
