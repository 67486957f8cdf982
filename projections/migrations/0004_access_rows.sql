-- Who may call, and through which credentials we charge; secrets are sealed.
CREATE FUNCTION read.make_access(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.apps (
            app_id              uuid    NOT NULL,
            name                text    NOT NULL,
            slug                text    NOT NULL,
            enabled             boolean NOT NULL,
            default_connections jsonb   NOT NULL,
            position            bigint  NOT NULL
        );
        CREATE TABLE %1$I.api_keys (
            app_id     uuid        NOT NULL,
            key_id     uuid        NOT NULL,
            kind       text        NOT NULL,
            key_sha256 text        NOT NULL,
            prefix     text        NOT NULL,
            name       text,
            created_at timestamptz NOT NULL,
            revoked_at timestamptz,
            position   bigint      NOT NULL
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
            position               bigint NOT NULL
        );
        $$,
        schema
    );
END
$body$;
