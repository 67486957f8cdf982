-- What an app sells and how it is taxed. `id` is the stream that tells of it, `version` how far its
-- row is folded: a reader sees by it whether the log knows more.
CREATE FUNCTION read.make_catalogue(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.prices (
            id             uuid        NOT NULL,
            app_id         uuid        NOT NULL,
            price_id       text        NOT NULL,
            name           text,
            currency       text        NOT NULL,
            amount_minor   bigint      NOT NULL,
            "interval"     text,
            interval_count int         NOT NULL,
            created_at     timestamptz NOT NULL,
            updated_at     timestamptz NOT NULL,
            version        bigint      NOT NULL,
            position       bigint      NOT NULL
        );
        CREATE TABLE %1$I.tax_rates (
            id          uuid        NOT NULL,
            app_id      uuid        NOT NULL,
            tax_rate_id text        NOT NULL,
            name        text,
            rate_ppm    int         NOT NULL,
            inclusive   boolean     NOT NULL,
            created_at  timestamptz NOT NULL,
            updated_at  timestamptz NOT NULL,
            version     bigint      NOT NULL,
            position    bigint      NOT NULL
        );
        $$,
        schema
    );
END
$body$;

CREATE FUNCTION read.index_catalogue(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.prices ADD PRIMARY KEY (id);
        CREATE UNIQUE INDEX ON %1$I.prices (app_id, price_id);
        ALTER TABLE %1$I.tax_rates ADD PRIMARY KEY (id);
        CREATE UNIQUE INDEX ON %1$I.tax_rates (app_id, tax_rate_id);
        $$,
        schema
    );
END
$body$;

DO $$
BEGIN
    PERFORM read.new_generation('catalogue');
    PERFORM read.index_generation('catalogue', 1);
    PERFORM read.point_views('catalogue', 1);
    UPDATE read.generations AS known SET state = 'active'
        WHERE known.projection = 'catalogue' AND known.number = 1;
END
$$;
