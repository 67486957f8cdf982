-- What an app sets about itself, keys that end, connections that are out of use.
--
-- No generation is filled anew for this: nothing of it was ever recorded before, so that the
-- columns' defaults are what a rebuild would find. The generations that there are get the columns.
CREATE OR REPLACE FUNCTION read.make_access(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.apps (
            app_id              uuid    NOT NULL,
            name                text    NOT NULL,
            slug                text    NOT NULL,
            enabled             boolean NOT NULL,
            default_connections jsonb   NOT NULL,
            position            bigint  NOT NULL,
            settings            jsonb   NOT NULL DEFAULT '{}'
        );
        CREATE TABLE %1$I.api_keys (
            app_id      uuid        NOT NULL,
            key_id      uuid        NOT NULL,
            kind        text        NOT NULL,
            key_sha256  text        NOT NULL,
            prefix      text        NOT NULL,
            name        text,
            created_at  timestamptz NOT NULL,
            revoked_at  timestamptz,
            position    bigint      NOT NULL,
            expires_at  timestamptz,
            replaced_by uuid
        );
        CREATE TABLE %1$I.connections (
            connection_id          uuid   NOT NULL,
            app_id                 uuid   NOT NULL,
            name                   text   NOT NULL,
            provider               text   NOT NULL,
            mode                   text   NOT NULL,
            sealed_key             text   NOT NULL,
            sealed_webhook_secrets jsonb  NOT NULL,
            redirect_url           text,
            position               bigint NOT NULL,
            deleted_at             timestamptz
        );
        $$,
        schema
    );
END
$body$;

-- The indexes of 0005, and those by which a token and a browser's origin find their app.
CREATE OR REPLACE FUNCTION read.index_access(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.apps ADD PRIMARY KEY (app_id);
        ALTER TABLE %1$I.api_keys ADD PRIMARY KEY (app_id, key_id);
        CREATE INDEX ON %1$I.api_keys (key_sha256);
        ALTER TABLE %1$I.connections ADD PRIMARY KEY (connection_id);
        CREATE UNIQUE INDEX ON %1$I.connections (app_id, name);
        $$,
        schema
    );
    PERFORM read.index_access_settings(schema);
END
$body$;

CREATE FUNCTION read.index_access_settings(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE INDEX ON %1$I.apps ((settings->>'token_issuer'), (settings->>'token_audience'));
        CREATE INDEX ON %1$I.apps USING gin ((settings->'allowed_origins') jsonb_path_ops);
        $$,
        schema
    );
END
$body$;

DO $$
DECLARE
    known record;
BEGIN
    FOR known IN
        SELECT generation.number, generation.schema, generation.state
        FROM read.generations AS generation
        WHERE generation.projection = 'access' AND generation.state <> 'dropped'
    LOOP
        EXECUTE format('ALTER TABLE %I.apps ADD COLUMN settings jsonb NOT NULL DEFAULT ''{}''',
            known.schema);
        EXECUTE format('ALTER TABLE %I.api_keys ADD COLUMN expires_at timestamptz,'
            ' ADD COLUMN replaced_by uuid', known.schema);
        EXECUTE format('ALTER TABLE %I.connections ADD COLUMN deleted_at timestamptz',
            known.schema);
        IF known.state <> 'building' THEN
            PERFORM read.index_access_settings(known.schema);
        END IF;
        IF known.state = 'active' THEN
            PERFORM read.point_views('access', known.number);
        END IF;
    END LOOP;
END
$$;
