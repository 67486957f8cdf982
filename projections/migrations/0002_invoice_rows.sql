-- `view` is the fold of the invoice's stream; the other columns are taken from it for filters and
-- order. `version` and `position` are those of the last event folded.
-- New columns go at the end (see read.point_views).
CREATE FUNCTION read.make_invoices(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.invoices (
            invoice_id      uuid        NOT NULL,
            app_id          uuid        NOT NULL,
            tenant_id       uuid,
            provider        text        NOT NULL,
            mode            text        NOT NULL,
            type            text        NOT NULL,
            status          text        NOT NULL,
            currency        text,
            total_minor     bigint,
            user_id         text,
            customer        text,
            subscription_id text,
            created_at      timestamptz NOT NULL,
            paid_at         timestamptz,
            version         bigint      NOT NULL,
            position        bigint      NOT NULL,
            view            jsonb       NOT NULL
        );
        CREATE TABLE %1$I.timeline (
            invoice_id uuid        NOT NULL,
            position   bigint      NOT NULL,
            type       text        NOT NULL,
            at         timestamptz NOT NULL,
            by         text        NOT NULL,
            data       jsonb       NOT NULL
        );
        $$,
        schema
    );
END
$body$;
