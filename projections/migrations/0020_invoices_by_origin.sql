-- Invoices are listed by where they came from, and those that are no tenant's yet; an app's timeline
-- has its subscriptions, too: `kind` says what an entry is about. The other tables are as they were.
--
-- Small tables that are added to, and so need their keys while they are filled, have them at once.
CREATE OR REPLACE FUNCTION read.make_invoices(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.invoices (
            invoice_id         uuid        NOT NULL,
            app_id             uuid        NOT NULL,
            tenant_id          uuid,
            provider           text        NOT NULL,
            mode               text        NOT NULL,
            type               text        NOT NULL,
            status             text        NOT NULL,
            currency           text,
            total_minor        bigint,
            user_id            text,
            customer           text,
            subscription_id    text,
            origin             text        NOT NULL,
            created_at         timestamptz NOT NULL,
            paid_at            timestamptz,
            connection         text        NOT NULL,
            provider_object_id text,
            at_provider        boolean     NOT NULL,
            version            bigint      NOT NULL,
            position           bigint      NOT NULL,
            view               jsonb       NOT NULL
        );
        CREATE TABLE %1$I.timeline (
            subject_id uuid        NOT NULL,
            position   bigint      NOT NULL,
            app_id     uuid,
            kind       text        NOT NULL,
            type       text        NOT NULL,
            at         timestamptz NOT NULL,
            by         text        NOT NULL,
            data       jsonb       NOT NULL
        );
        -- In the order of characters' numbers, so that the words with one beginning are neighbours.
        CREATE TABLE %1$I.invoice_words (
            app_id     uuid               NOT NULL,
            word       text COLLATE "C"   NOT NULL,
            invoice_id uuid               NOT NULL,
            position   bigint             NOT NULL
        );
        CREATE TABLE %1$I.invoice_counts (
            app_id      uuid   NOT NULL,
            connection  text   NOT NULL,
            at_provider bigint NOT NULL,
            position    bigint NOT NULL,
            PRIMARY KEY (app_id, connection)
        );
        -- `quarter` numbers the quarters of an hour since 1970 (UTC). Sums have no bound, so that
        -- no amount a provider may send stops the fold.
        CREATE TABLE %1$I.invoice_quarters (
            app_id       uuid    NOT NULL,
            mode         text    NOT NULL,
            currency     text    NOT NULL,
            provider     text    NOT NULL,
            connection   text    NOT NULL,
            kind         text    NOT NULL,
            quarter      bigint  NOT NULL,
            amount_minor numeric NOT NULL,
            items        bigint  NOT NULL,
            position     bigint  NOT NULL,
            PRIMARY KEY (app_id, kind, mode, currency, provider, connection, quarter)
        );
        CREATE TABLE %1$I.invoice_totals (
            app_id       uuid    NOT NULL,
            mode         text    NOT NULL,
            currency     text    NOT NULL,
            provider     text    NOT NULL,
            connection   text    NOT NULL,
            kind         text    NOT NULL,
            amount_minor numeric NOT NULL,
            items        bigint  NOT NULL,
            position     bigint  NOT NULL,
            PRIMARY KEY (app_id, kind, mode, currency, provider, connection)
        );
        $$,
        schema
    );
END
$body$;

CREATE OR REPLACE FUNCTION read.index_invoices(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.invoices ADD PRIMARY KEY (invoice_id);
        ALTER TABLE %1$I.timeline ADD PRIMARY KEY (subject_id, position);
        ALTER TABLE %1$I.invoice_words ADD PRIMARY KEY (invoice_id, word);

        -- An index for each filter of a list, in the list's order: newest first, ties by id. Where
        -- an app has a million invoices and a rare currency, the page must not read the others.
        CREATE INDEX ON %1$I.invoices (app_id, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, tenant_id, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, created_at, invoice_id)
            WHERE tenant_id IS NULL;
        CREATE INDEX ON %1$I.invoices (app_id, status, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, provider, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, mode, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, type, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, currency, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, origin, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, user_id, created_at, invoice_id)
            WHERE user_id IS NOT NULL;
        CREATE INDEX ON %1$I.invoices (app_id, customer, created_at, invoice_id)
            WHERE customer IS NOT NULL;
        CREATE INDEX ON %1$I.invoices (app_id, subscription_id, created_at, invoice_id)
            WHERE subscription_id IS NOT NULL;
        CREATE INDEX ON %1$I.invoices (app_id, paid_at) WHERE paid_at IS NOT NULL;
        -- What has no total yet is listed as 0.
        CREATE INDEX ON %1$I.invoices (app_id, coalesce(total_minor, 0), invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, currency, coalesce(total_minor, 0), invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, connection, created_at, invoice_id)
            WHERE at_provider;
        CREATE INDEX ON %1$I.invoices (app_id, provider_object_id)
            WHERE provider_object_id IS NOT NULL;

        CREATE INDEX ON %1$I.timeline (app_id, position);
        CREATE INDEX ON %1$I.invoice_words (app_id, word, invoice_id);
        CREATE INDEX ON %1$I.invoice_quarters
            (app_id, mode, currency, provider, connection, quarter)
            WHERE kind = 'outstanding' AND items <> 0;
        $$,
        schema
    );
END
$body$;

-- Nothing was released before this, so the first generation begins anew: it is empty until the
-- projections' process has read the log again.
DO $$
DECLARE
    known read.generations;
BEGIN
    FOR known IN SELECT * FROM read.generations WHERE projection = 'invoices' LOOP
        EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', known.schema);
        DELETE FROM eventlog.followers WHERE name = known.follower;
    END LOOP;
    DELETE FROM read.generations WHERE projection = 'invoices';
    PERFORM read.new_generation('invoices');
    PERFORM read.index_generation('invoices', 1);
    PERFORM read.point_views('invoices', 1);
    UPDATE read.generations SET state = 'active' WHERE projection = 'invoices';
END
$$;
