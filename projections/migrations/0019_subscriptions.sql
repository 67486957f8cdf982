-- Subscriptions as they are listed, and what comes in from them month after month.
CREATE FUNCTION read.make_subscriptions(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.subscriptions (
            subscription_id          uuid        NOT NULL,
            app_id                   uuid        NOT NULL,
            tenant_id                uuid,
            provider                 text        NOT NULL,
            mode                     text        NOT NULL,
            connection               text        NOT NULL,
            status                   text        NOT NULL,
            user_id                  text,
            customer                 text,
            provider_subscription_id text        NOT NULL,
            created_at               timestamptz NOT NULL,
            version                  bigint      NOT NULL,
            position                 bigint      NOT NULL,
            view                     jsonb       NOT NULL
        );
        -- Added to, and so with its key from the first. Sums have no bound, so that no amount a
        -- provider may send stops the fold.
        CREATE TABLE %1$I.subscription_sums (
            app_id          uuid    NOT NULL,
            mode            text    NOT NULL,
            currency        text    NOT NULL,
            provider        text    NOT NULL,
            connection      text    NOT NULL,
            recurring_minor numeric NOT NULL,
            active          bigint  NOT NULL,
            position        bigint  NOT NULL,
            PRIMARY KEY (app_id, mode, currency, provider, connection)
        );
        $$,
        schema
    );
END
$body$;

CREATE FUNCTION read.index_subscriptions(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.subscriptions ADD PRIMARY KEY (subscription_id);

        -- An index for each filter of a list, in the list's order: newest first, ties by id.
        CREATE INDEX ON %1$I.subscriptions (app_id, created_at, subscription_id);
        CREATE INDEX ON %1$I.subscriptions (app_id, tenant_id, created_at, subscription_id);
        CREATE INDEX ON %1$I.subscriptions (app_id, created_at, subscription_id)
            WHERE tenant_id IS NULL;
        CREATE INDEX ON %1$I.subscriptions (app_id, status, created_at, subscription_id);
        CREATE INDEX ON %1$I.subscriptions (app_id, provider, created_at, subscription_id);
        CREATE INDEX ON %1$I.subscriptions (app_id, mode, created_at, subscription_id);
        CREATE INDEX ON %1$I.subscriptions (app_id, connection, created_at, subscription_id);
        CREATE INDEX ON %1$I.subscriptions (app_id, user_id, created_at, subscription_id)
            WHERE user_id IS NOT NULL;
        CREATE INDEX ON %1$I.subscriptions (app_id, customer, created_at, subscription_id)
            WHERE customer IS NOT NULL;
        CREATE INDEX ON %1$I.subscriptions (app_id, provider_subscription_id);
        $$,
        schema
    );
END
$body$;

DO $$
BEGIN
    PERFORM read.new_generation('subscriptions');
    PERFORM read.index_generation('subscriptions', 1);
    PERFORM read.point_views('subscriptions', 1);
    UPDATE read.generations AS known SET state = 'active'
        WHERE known.projection = 'subscriptions' AND known.number = 1;
END
$$;
