-- The views that readers query. Each selects from a table of the projection's active generation.
CREATE SCHEMA read;

-- A generation is a schema (read_invoices_g1) that a follower of its own (invoices_g1) fills, so
-- that a new generation can be filled while the active one serves readers.
--
-- building: being filled, not followed yet. following: catching up. active: the views point to it.
-- retiring: still followed until `retire_at`, then dropped. A number is never reused, so that a
-- follower that is stopped late has no table to write to.
CREATE TABLE read.generations (
    projection text        NOT NULL,
    number     int         NOT NULL CHECK (number > 0),
    state      text        NOT NULL
        CHECK (state IN ('building', 'following', 'active', 'retiring', 'dropped')),
    retire_at  timestamptz CHECK ((retire_at IS NOT NULL) = (state = 'retiring')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    follower   text        NOT NULL UNIQUE
        GENERATED ALWAYS AS (projection || '_g' || number::text) STORED,
    schema     text        NOT NULL UNIQUE
        GENERATED ALWAYS AS ('read_' || projection || '_g' || number::text) STORED,
    PRIMARY KEY (projection, number)
);

CREATE UNIQUE INDEX generations_active_key ON read.generations (projection)
    WHERE state = 'active';

-- Roles of the running processes, beside the owner of the tables: `billhook migrate --runtime-role`.
CREATE TABLE read.runtime_roles (name text PRIMARY KEY);

-- Refuse a name that could be more than a part of an identifier: it is put into statements.
CREATE FUNCTION read.check_projection(projection text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF projection !~ '^[a-z]+$' THEN
        RAISE EXCEPTION 'no projection has such a name' USING ERRCODE = 'invalid_name';
    END IF;
END
$$;

-- Let the roles of the running processes read and write a generation's tables, and read its views.
CREATE FUNCTION read.grant_generation(projection text, number int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    role text;
    relation name;
    generation text := format('read_%s_g%s', projection, number);
BEGIN
    FOR role IN SELECT name FROM read.runtime_roles LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', generation, role);
        EXECUTE format(
            'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO %I',
            generation, role
        );
        FOR relation IN
            SELECT viewname FROM pg_views JOIN pg_tables ON tablename = viewname
            WHERE pg_views.schemaname = 'read' AND pg_tables.schemaname = generation
        LOOP
            EXECUTE format('GRANT SELECT ON read.%I TO %I', relation, role);
        END LOOP;
    END LOOP;
END
$$;

-- Create the next generation of a projection with its tables, without their indexes.
-- Each projection defines read.make_<projection>(schema) and read.index_<projection>(schema).
-- The functions that change a generation's definition run with the owner's rights, and can be
-- executed by the owner and the runtime roles alone.
CREATE FUNCTION read.new_generation(projection text) RETURNS int LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made int;
BEGIN
    PERFORM read.check_projection(projection);
    SELECT coalesce(max(known.number), 0) + 1 INTO made
        FROM read.generations AS known WHERE known.projection = new_generation.projection;
    INSERT INTO read.generations (projection, number, state)
        VALUES (new_generation.projection, made, 'building');
    EXECUTE format('CREATE SCHEMA read_%s_g%s', projection, made);
    EXECUTE format('SELECT read.make_%s(%L)', projection, format('read_%s_g%s', projection, made));
    PERFORM read.grant_generation(projection, made);
    RETURN made;
END
$$;

-- Create the indexes and the statistics of a filled generation.
CREATE FUNCTION read.index_generation(projection text, number int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation name;
BEGIN
    PERFORM read.check_projection(projection);
    EXECUTE format(
        'SELECT read.index_%s(%L)', projection, format('read_%s_g%s', projection, number)
    );
    FOR relation IN
        SELECT tablename FROM pg_tables
        WHERE schemaname = format('read_%s_g%s', projection, number) ORDER BY tablename
    LOOP
        EXECUTE format('ANALYZE read_%s_g%s.%I', projection, number, relation);
    END LOOP;
END
$$;

-- The same for one table of a projection whose tables are filled in bulk: each of them in a session
-- of its own. Tables with indexes have a function read.index_<projection>_<table>(schema).
CREATE FUNCTION read.index_table(projection text, number int, relation name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    schema name := format('read_%s_g%s', projection, number);
    indexing name := format('index_%s_%s', projection, relation);
BEGIN
    PERFORM read.check_projection(projection);
    IF EXISTS (
        SELECT FROM pg_proc
        WHERE pronamespace = 'read'::regnamespace AND proname = indexing
    ) THEN
        EXECUTE format('SELECT read.%I(%L)', indexing, schema);
    END IF;
    EXECUTE format('ANALYZE %I.%I', schema, relation);
END
$$;

-- Point the views to a generation. CREATE OR REPLACE keeps the views' identity, so that running
-- queries are not disturbed; it requires that new columns are added at the end of a table.
CREATE FUNCTION read.point_views(projection text, number int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    relation name;
BEGIN
    FOR relation IN
        SELECT tablename FROM pg_tables
        WHERE schemaname = format('read_%s_g%s', projection, number) ORDER BY tablename
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW read.%I AS SELECT * FROM read_%s_g%s.%I',
            relation, projection, number, relation
        );
    END LOOP;
    PERFORM read.grant_generation(projection, number);
END
$$;

-- The log position up to which each projection's active generation is filled.
CREATE VIEW read.positions AS
    SELECT known.projection, coalesce(follower.position, 0) AS position
    FROM read.generations AS known
    LEFT JOIN eventlog.followers AS follower ON follower.name = known.follower
    WHERE known.state = 'active';

-- Notify waiting readers in the transaction that makes the rows visible: a trigger, so that no
-- handler can omit it.
CREATE FUNCTION read.notify_position() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('billhook_positions', known.projection || ' ' || NEW.position)
        FROM read.generations AS known
        WHERE known.follower = NEW.name AND known.state = 'active';
    RETURN NULL;
END
$$;

CREATE TRIGGER followers_notify_position
    AFTER UPDATE OF position ON eventlog.followers
    FOR EACH ROW EXECUTE FUNCTION read.notify_position();

-- Make a generation the active one; the former one is followed for `keep` more. Returns false and
-- changes nothing while the new one is behind: a reader who has seen a position must never see an
-- older one. Both followers are locked for the duration of this call.
CREATE FUNCTION read.switch_generation(projection text, number int, keep interval)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reached bigint;
    asked bigint;
BEGIN
    PERFORM read.check_projection(projection);
    PERFORM 1 FROM eventlog.followers AS follower
        JOIN read.generations AS known ON known.follower = follower.name
        WHERE known.projection = switch_generation.projection
        ORDER BY follower.name FOR UPDATE OF follower;
    SELECT new.position, old.position INTO STRICT reached, asked
        FROM read.positions AS old, eventlog.followers AS new
        WHERE old.projection = switch_generation.projection
          AND new.name = format('%s_g%s', switch_generation.projection, switch_generation.number);
    IF reached < asked THEN
        RETURN false;
    END IF;
    UPDATE read.generations AS known
        SET state = 'retiring', retire_at = clock_timestamp() + keep
        WHERE known.projection = switch_generation.projection AND known.state = 'active';
    UPDATE read.generations AS known SET state = 'active'
        WHERE known.projection = switch_generation.projection
          AND known.number = switch_generation.number AND known.state = 'following';
    IF NOT FOUND THEN
        RAISE EXCEPTION '% has no generation % to switch to', projection, number;
    END IF;
    PERFORM read.point_views(projection, number);
    PERFORM pg_notify('billhook_positions', projection || ' ' || reached);
    RETURN true;
END
$$;

-- Drop a generation that is not active: its schema and its follower's position.
CREATE FUNCTION read.drop_generation(projection text, number int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM read.check_projection(projection);
    UPDATE read.generations AS known SET state = 'dropped', retire_at = NULL
        WHERE known.projection = drop_generation.projection
          AND known.number = drop_generation.number AND known.state NOT IN ('active', 'dropped');
    IF NOT FOUND THEN
        RETURN;
    END IF;
    DELETE FROM eventlog.followers WHERE name = format('%s_g%s', projection, number);
    EXECUTE format('DROP SCHEMA read_%s_g%s CASCADE', projection, number);
END
$$;

REVOKE EXECUTE ON FUNCTION read.new_generation, read.index_generation, read.index_table,
    read.point_views,
    read.switch_generation, read.drop_generation, read.grant_generation FROM PUBLIC;

-- Delete the positions of followers whose generation was dropped: a follower that is stopped late
-- inserts its row again.
CREATE FUNCTION read.delete_stray_followers() RETURNS void LANGUAGE sql AS $$
    DELETE FROM eventlog.followers AS follower
    WHERE follower.name ~ '^[a-z]+_g[0-9]+$'
      AND NOT EXISTS (
          SELECT FROM read.generations AS known
          WHERE known.follower = follower.name AND known.state <> 'dropped'
      )
$$;

-- Apps, their keys and their connections. Secrets are sealed.
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
            replaced_by uuid,
            -- Of a person's dashboard session, which is found like a key and listed apart from them.
            issuer      text
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
            in_use_since           timestamptz NOT NULL,
            deleted_at             timestamptz
        );
        $$,
        schema
    );
END
$body$;

CREATE FUNCTION read.index_access(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.apps ADD PRIMARY KEY (app_id);
        ALTER TABLE %1$I.api_keys ADD PRIMARY KEY (app_id, key_id);
        CREATE INDEX ON %1$I.api_keys (key_sha256);
        ALTER TABLE %1$I.connections ADD PRIMARY KEY (connection_id);
        CREATE UNIQUE INDEX ON %1$I.connections (app_id, name);
        -- By which a token and a browser's origin find their app.
        CREATE INDEX ON %1$I.apps ((settings->>'token_issuer'), (settings->>'token_audience'));
        CREATE INDEX ON %1$I.apps USING gin ((settings->'allowed_origins') jsonb_path_ops);
        $$,
        schema
    );
END
$body$;

-- Invoices with their timeline, search terms, counts and sums.
CREATE FUNCTION read.make_invoices(schema text) RETURNS void LANGUAGE plpgsql AS $body$
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
            capture_before     timestamptz,
            connection         text        NOT NULL,
            provider_object_id text,
            at_provider        boolean     NOT NULL,
            facet              bigint      NOT NULL,
            version            bigint      NOT NULL,
            position           bigint      NOT NULL,
            view               jsonb       NOT NULL
        );
        CREATE TABLE %1$I.timeline (
            subject_id  uuid        NOT NULL,
            position    bigint      NOT NULL,
            app_id      uuid,
            kind        text        NOT NULL,
            type        text        NOT NULL,
            occurred_at timestamptz NOT NULL,
            actor       text        NOT NULL,
            data        jsonb       NOT NULL
        );
        -- COLLATE "C" orders by code point, so that the terms with a common prefix are adjacent.
        CREATE TABLE %1$I.invoice_search_terms (
            app_id     uuid             NOT NULL,
            term       text COLLATE "C" NOT NULL,
            created_at timestamptz      NOT NULL,
            invoice_id uuid             NOT NULL,
            position   bigint           NOT NULL
        );
        -- Bitmaps of what lists are filtered by: a bit for each invoice of a block, at its ordinal, is
        -- set if the invoice has the value. An invoice without a block is in no bitmap: the newest
        -- ones of an app, and those that have changed since, whose old bits count only while the one
        -- of 'numbered' is set.
        CREATE TABLE %1$I.invoice_ordinals (
            invoice_id uuid        NOT NULL,
            app_id     uuid        NOT NULL,
            created_at timestamptz NOT NULL,
            block      int,
            ordinal    int
        );
        -- A block has invoices created from `from_at` on, and before the next block's. Two blocks of
        -- the same time share its invoices. `first_at`, `last_at`: of the invoices that it ever had.
        CREATE TABLE %1$I.invoice_blocks (
            app_id   uuid        NOT NULL,
            block    int         NOT NULL,
            from_at  timestamptz NOT NULL,
            items    int         NOT NULL,
            first_at timestamptz,
            last_at  timestamptz
        );
        CREATE TABLE %1$I.invoice_bitmaps (
            app_id uuid             NOT NULL,
            value  text COLLATE "C" NOT NULL,
            block  int              NOT NULL,
            bits   bit(16384)       NOT NULL
        );
        ALTER TABLE %1$I.invoice_bitmaps ALTER COLUMN bits SET STORAGE MAIN;
        -- Terms and ids that so many invoices have that bitmaps are kept of them.
        CREATE TABLE %1$I.invoice_common_values (
            app_id uuid             NOT NULL,
            value  text COLLATE "C" NOT NULL
        );
        -- How many invoices have a combination of the values that lists are filtered by.
        CREATE TABLE %1$I.invoice_facets (
            app_id      uuid    NOT NULL,
            facet       bigint  NOT NULL,
            provider    text    NOT NULL,
            connection  text    NOT NULL,
            mode        text    NOT NULL,
            type        text    NOT NULL,
            origin      text    NOT NULL,
            status      text    NOT NULL,
            currency    text,
            at_provider boolean NOT NULL,
            assigned    boolean NOT NULL,
            paid        boolean NOT NULL,
            items       bigint  NOT NULL,
            position    bigint  NOT NULL,
            PRIMARY KEY (app_id, facet)
        );
        -- How many of a day's invoices (UTC) the provider has, so that a page far from the first one
        -- is found by adding up days.
        CREATE TABLE %1$I.invoice_days (
            app_id      uuid   NOT NULL,
            connection  text   NOT NULL,
            day         date   NOT NULL,
            at_provider bigint NOT NULL,
            position    bigint NOT NULL,
            PRIMARY KEY (app_id, connection, day)
        );
        -- Each sum by quarter of an hour, and again by hour, day and week. `number` counts the `unit`s
        -- since 1970 (UTC). Sums are numeric, so that no amount that a provider sends overflows and
        -- stops the projection.
        CREATE TABLE %1$I.invoice_sums (
            app_id       uuid    NOT NULL,
            mode         text    NOT NULL,
            currency     text    NOT NULL,
            provider     text    NOT NULL,
            connection   text    NOT NULL,
            kind         text    NOT NULL,
            unit         text    NOT NULL,
            number       bigint  NOT NULL,
            amount_minor numeric NOT NULL,
            items        bigint  NOT NULL,
            position     bigint  NOT NULL,
            PRIMARY KEY (app_id, kind, mode, currency, provider, connection, unit, number)
        );
        -- Payments by method and declines by reason (`name`), by the same units.
        CREATE TABLE %1$I.invoice_shares (
            app_id       uuid    NOT NULL,
            mode         text    NOT NULL,
            currency     text    NOT NULL,
            provider     text    NOT NULL,
            connection   text    NOT NULL,
            kind         text    NOT NULL,
            unit         text    NOT NULL,
            number       bigint  NOT NULL,
            name         text    NOT NULL,
            items        bigint  NOT NULL,
            position     bigint  NOT NULL,
            PRIMARY KEY (app_id, kind, mode, currency, unit, number, name, provider, connection)
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

CREATE FUNCTION read.index_invoices(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM read.index_invoices_invoices(schema);
    PERFORM read.index_invoices_timeline(schema);
    PERFORM read.index_invoices_invoice_search_terms(schema);
    PERFORM read.index_invoices_invoice_ordinals(schema);
END
$body$;

CREATE FUNCTION read.index_invoices_invoices(schema text) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        -- No query estimates by them, and to compare large JSON took a tenth of a rebuild.
        ALTER TABLE %1$I.invoices ALTER COLUMN view SET STATISTICS 0;
        ALTER TABLE %1$I.invoices ADD PRIMARY KEY (invoice_id);

        -- In the lists' orders: by creation or by total, ties by id; an invoice without a total is
        -- listed as 0. Filters with few values are read facet by facet.
        CREATE INDEX ON %1$I.invoices (app_id, created_at, invoice_id);
        -- Without the column itself, an expression is not read from the index alone.
        CREATE INDEX ON %1$I.invoices (app_id, coalesce(total_minor, 0), invoice_id)
            INCLUDE (total_minor);
        CREATE INDEX ON %1$I.invoices (app_id, facet, created_at, invoice_id);
        -- A range of totals is read from it alone in the order of creation, too.
        CREATE INDEX ON %1$I.invoices (app_id, facet, coalesce(total_minor, 0), invoice_id)
            INCLUDE (total_minor, created_at);
        CREATE INDEX ON %1$I.invoices (app_id, tenant_id, facet, created_at, invoice_id)
            WHERE tenant_id IS NOT NULL;
        CREATE INDEX ON %1$I.invoices (app_id, user_id, created_at, invoice_id)
            WHERE user_id IS NOT NULL;
        CREATE INDEX ON %1$I.invoices (app_id, customer, created_at, invoice_id)
            WHERE customer IS NOT NULL;
        CREATE INDEX ON %1$I.invoices (app_id, subscription_id, created_at, invoice_id)
            WHERE subscription_id IS NOT NULL;
        -- A period of payments is read day by day, a long one month by month, each in the order of
        -- creation.
        CREATE INDEX ON %1$I.invoices
            (app_id, ((paid_at AT TIME ZONE 'UTC')::date), created_at, invoice_id)
            WHERE paid_at IS NOT NULL;
        CREATE INDEX ON %1$I.invoices
            (app_id, date_trunc('month', paid_at AT TIME ZONE 'UTC'), created_at, invoice_id)
            WHERE paid_at IS NOT NULL;
        CREATE INDEX ON %1$I.invoices (app_id, paid_at) WHERE paid_at IS NOT NULL;
        -- The authorized payments of all apps that must be captured soon.
        CREATE INDEX ON %1$I.invoices (capture_before) WHERE capture_before IS NOT NULL;
        CREATE INDEX ON %1$I.invoices (app_id, connection, created_at, invoice_id)
            WHERE at_provider;
        CREATE INDEX ON %1$I.invoices (app_id, provider_object_id)
            WHERE provider_object_id IS NOT NULL;
        $$,
        schema
    );
END
$body$;

CREATE FUNCTION read.index_invoices_timeline(schema text) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.timeline ALTER COLUMN data SET STATISTICS 0;
        ALTER TABLE %1$I.timeline ALTER COLUMN actor SET STATISTICS 0;
        ALTER TABLE %1$I.timeline ALTER COLUMN occurred_at SET STATISTICS 0;
        -- Each query reads it by the one index that fits: a tenth of the sample is enough to choose it.
        ALTER TABLE %1$I.timeline ALTER COLUMN subject_id SET STATISTICS 10;
        ALTER TABLE %1$I.timeline ALTER COLUMN position SET STATISTICS 10;
        ALTER TABLE %1$I.timeline ALTER COLUMN app_id SET STATISTICS 10;
        ALTER TABLE %1$I.timeline ALTER COLUMN kind SET STATISTICS 10;
        ALTER TABLE %1$I.timeline ALTER COLUMN type SET STATISTICS 10;
        ALTER TABLE %1$I.timeline ADD PRIMARY KEY (subject_id, position);
        CREATE INDEX ON %1$I.timeline (app_id, position);
        -- Refunds, disputes and failed payments are rare among the entries, and listed newest first.
        CREATE INDEX ON %1$I.timeline (app_id, type, position) WHERE type IN (
            'invoice.payment_failed', 'invoice.refund_requested', 'invoice.refund_pending',
            'invoice.refund_succeeded', 'invoice.refund_failed', 'invoice.dispute_opened',
            'invoice.dispute_won', 'invoice.dispute_lost'
        );
        $$,
        schema
    );
END
$body$;

CREATE FUNCTION read.index_invoices_invoice_search_terms(schema text) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.invoice_search_terms ADD PRIMARY KEY (invoice_id, term);
        -- The invoices with a term, and those with terms of the same beginning, in the lists' order.
        CREATE INDEX ON %1$I.invoice_search_terms (app_id, term, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoice_search_terms
            (app_id, substr(term, 1, 4), created_at, invoice_id, term);
        $$,
        schema
    );
END
$body$;

-- Bitmaps, which are made of the indexed invoices and their terms. A rebuild adds the bits next.
CREATE FUNCTION read.index_invoices_invoice_ordinals(schema text) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM read.number_filled_invoices(schema);
    EXECUTE format(
        $$
        -- Of a block by ordinal, or in the order of creation, which those without a block have too.
        ALTER TABLE %1$I.invoice_ordinals ADD PRIMARY KEY (invoice_id);
        CREATE INDEX ON %1$I.invoice_ordinals (app_id, block, ordinal)
            INCLUDE (created_at, invoice_id) WHERE block IS NOT NULL;
        CREATE INDEX ON %1$I.invoice_ordinals (app_id, block, created_at, invoice_id)
            INCLUDE (ordinal);
        ALTER TABLE %1$I.invoice_blocks ADD PRIMARY KEY (app_id, block);
        CREATE INDEX ON %1$I.invoice_blocks (app_id, from_at, block);
        ALTER TABLE %1$I.invoice_common_values ADD PRIMARY KEY (app_id, value);
        ALTER TABLE %1$I.invoice_bitmaps ADD PRIMARY KEY (app_id, block, value);
        ALTER TABLE %1$I.invoice_bitmaps ALTER COLUMN bits SET STATISTICS 0;
        $$,
        schema
    );
END
$body$;

-- The group of a total: eight equal groups from each power of two to the next. Zero and less is in
-- the group of one. A logarithm that is rounded to the next whole number gives the same group.
CREATE FUNCTION read.amount_group(total_minor bigint) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (
        8 * floor(ln(greatest(total_minor, 1)::float8) / ln(2::float8)) - 8 + floor(
            8 * greatest(total_minor, 1)::float8
            / power(2::float8, floor(ln(greatest(total_minor, 1)::float8) / ln(2::float8)))
        )
    )::int
$$;

-- Add the bits of a block's invoices from an ordinal on: all of each value, or of one common value.
-- A term of six characters is a beginning as well: a search for it reads that of all longer ones.
-- `part`: only bits of columns ('rows') or of search terms ('terms'), which two sessions may add at once.
CREATE FUNCTION read.add_invoice_bits(
    schema text, app uuid, block int, from_ordinal int, part text DEFAULT NULL
)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    -- Values that many invoices have the same are written once for all of them. Set-returning
    -- functions are in the select list: a join would call each anew for each row.
    of_rows text := $$
        SELECT unnest(ARRAY[
                'numbered', 'provider=' || provider, 'connection=' || connection, 'mode=' || mode,
                'type=' || type, 'origin=' || origin, 'status=' || status,
                'currency=' || currency,
                CASE WHEN at_provider THEN 'at_provider' END,
                CASE WHEN is_unassigned THEN 'unassigned' END
            ]) AS value, part, bits, true AS is_common
        FROM (
            SELECT provider, connection, mode, type, origin, status, currency, at_provider,
                tenant_id IS NULL AS is_unassigned, part, bit_or(bits) AS bits
            FROM invoice GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
        ) AS facet
        UNION ALL
        SELECT unnest(ARRAY['paid=' || to_char(paid_on, 'YYYY-MM'), 'paid=' || paid_on::date]),
            part, bits, true
        FROM (
            SELECT date_trunc('day', paid_at AT TIME ZONE 'UTC') AS paid_on, part,
                bit_or(bits) AS bits
            FROM invoice WHERE paid_at IS NOT NULL GROUP BY 1, 2
        ) AS paid
        UNION ALL
        SELECT unnest(ARRAY['amount=' || amount, 'amounts=' || amount / 4]), part, bits, true
        FROM (
            SELECT read.amount_group(coalesce(total_minor, 0)) AS amount, part,
                bit_or(bits) AS bits
            FROM (
                SELECT total_minor, part, bit_or(bits) AS bits FROM invoice GROUP BY 1, 2
            ) AS total
            GROUP BY 1, 2
        ) AS totals
        UNION ALL
        SELECT unnest(ARRAY[
                'tenant_id=' || tenant_id, 'user_id=' || user_id,
                'customer=' || customer, 'subscription_id=' || subscription_id
            ]), part, bits, false
        FROM invoice
    $$;
    of_terms text := format(
        $$
        SELECT unnest(ARRAY[
                'term=' || term, 'beginning=' || substr(term, 1, 4),
                CASE WHEN length(term) >= 6 THEN 'beginning=' || substr(term, 1, 6) END
            ]) AS value, part, bits, false AS is_common
        FROM (
            SELECT term, part, bit_or(bits) AS bits
            FROM added JOIN %1$I.invoice_search_terms USING (invoice_id) GROUP BY 1, 2
        ) AS terms
        $$,
        schema
    );
BEGIN
    EXECUTE format(
        $$
        WITH added AS MATERIALIZED (
            -- In parts first: most of the work is in proportion to the length of a bitmap.
            SELECT invoice_id, ordinal / 128 AS part,
                set_bit(repeat('0', 128)::bit(128), ordinal %% 128, 1) AS bits
            FROM %1$I.invoice_ordinals AS known
            WHERE known.app_id = $1 AND known.block = $2 AND known.ordinal >= $3
        ), common AS MATERIALIZED (
            SELECT value FROM %1$I.invoice_common_values WHERE app_id = $1
        ), invoice AS (
            SELECT provider, connection, mode, type, origin, status, currency, at_provider,
                tenant_id, user_id, customer, subscription_id, paid_at, total_minor, part, bits
            FROM added JOIN %1$I.invoices USING (invoice_id)
        ), found AS (
            %2$s
        )
        INSERT INTO %1$I.invoice_bitmaps AS known (app_id, value, block, bits)
        SELECT $1, value, $2,
            bit_or(overlay(repeat('0', 16384)::bit(16384) PLACING bits FROM part * 128 + 1))
        FROM (
            SELECT value, part, bit_or(bits) AS bits FROM found
            WHERE value IS NOT NULL AND (is_common OR value IN (SELECT value FROM common))
            GROUP BY value, part
        ) AS parts GROUP BY value
        ON CONFLICT (app_id, block, value) DO UPDATE SET bits = known.bits | excluded.bits
        $$,
        schema,
        CASE part
            WHEN 'rows' THEN of_rows
            WHEN 'terms' THEN of_terms
            ELSE concat(of_rows, ' UNION ALL ', of_terms)
        END
    ) USING app, block, from_ordinal;
END
$body$;

-- Keep bitmaps of the terms and ids of so many invoices, of those that several of a block's invoices
-- from an ordinal on have.
CREATE FUNCTION read.add_common_values(schema text, app uuid, block int, from_ordinal int)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    -- A value of more invoices has a bitmap.
    most CONSTANT int := 1000;
    found record;
    source text;
BEGIN
    FOR found IN EXECUTE format(
        $$
        WITH added AS MATERIALIZED (
            SELECT invoice_id FROM %1$I.invoice_ordinals AS known
            WHERE known.app_id = $1 AND known.block = $2 AND known.ordinal >= $3
        ), terms AS MATERIALIZED (
            SELECT term FROM added JOIN %1$I.invoice_search_terms USING (invoice_id)
        ), ids AS MATERIALIZED (
            SELECT tenant_id, user_id, customer, subscription_id
            FROM added JOIN %1$I.invoices USING (invoice_id)
        )
        SELECT name, text FROM (
            SELECT 'term' AS name, term AS text, count(*) AS items FROM terms GROUP BY term
            UNION ALL
            SELECT 'beginning', substr(term, 1, 4), count(*) FROM terms GROUP BY 2
            UNION ALL
            SELECT 'beginning', substr(term, 1, 6), count(*) FROM terms
            WHERE length(term) >= 6 GROUP BY 2
            UNION ALL
            SELECT 'tenant_id', tenant_id::text, count(*) FROM ids GROUP BY tenant_id
            UNION ALL
            SELECT 'user_id', user_id, count(*) FROM ids GROUP BY user_id
            UNION ALL
            SELECT 'customer', customer, count(*) FROM ids GROUP BY customer
            UNION ALL
            SELECT 'subscription_id', subscription_id, count(*) FROM ids GROUP BY subscription_id
        ) AS several
        WHERE text IS NOT NULL AND items > greatest(2, (SELECT count(*) FROM added) / 128)
          AND NOT EXISTS (
              SELECT FROM %1$I.invoice_common_values AS known
              WHERE known.app_id = $1 AND known.value = name || '=' || text
          )
          -- By one plan for all of them. Most are not common.
          AND CASE name
              WHEN 'term' THEN EXISTS (
                  SELECT FROM %1$I.invoice_search_terms AS one
                  WHERE one.app_id = $1 AND one.term = text OFFSET $4
              )
              WHEN 'beginning' THEN EXISTS (
                  SELECT FROM %1$I.invoice_search_terms AS one
                  WHERE one.app_id = $1 AND one.term >= text AND one.term < text || chr(1114111)
                  OFFSET $4
              )
              WHEN 'tenant_id' THEN EXISTS (
                  SELECT FROM %1$I.invoices AS one
                  WHERE one.app_id = $1 AND one.tenant_id = text::uuid OFFSET $4
              )
              WHEN 'user_id' THEN EXISTS (
                  SELECT FROM %1$I.invoices AS one
                  WHERE one.app_id = $1 AND one.user_id = text OFFSET $4
              )
              WHEN 'customer' THEN EXISTS (
                  SELECT FROM %1$I.invoices AS one
                  WHERE one.app_id = $1 AND one.customer = text OFFSET $4
              )
              ELSE EXISTS (
                  SELECT FROM %1$I.invoices AS one
                  WHERE one.app_id = $1 AND one.subscription_id = text OFFSET $4
              )
          END
        $$,
        schema
    ) USING app, block, from_ordinal, most LOOP
        source := CASE found.name
            WHEN 'term' THEN 'invoice_search_terms WHERE app_id = $1 AND term = $2'
            WHEN 'beginning'
                THEN 'invoice_search_terms WHERE app_id = $1 AND term >= $2'
                    ' AND term < $2 || chr(1114111)'
            WHEN 'tenant_id' THEN 'invoices WHERE app_id = $1 AND tenant_id = $2::uuid'
            ELSE format('invoices WHERE app_id = $1 AND %I = $2', found.name)
        END;
        EXECUTE format(
            $$
            WITH common AS (
                INSERT INTO %1$I.invoice_common_values (app_id, value)
                VALUES ($1, $3) RETURNING value
            )
            INSERT INTO %1$I.invoice_bitmaps (app_id, value, block, bits)
            SELECT $1, common.value, known.block,
                bit_or(set_bit(repeat('0', 16384)::bit(16384), known.ordinal, 1))
            FROM common, (SELECT invoice_id FROM %1$I.%2$s) AS invoice
            JOIN %1$I.invoice_ordinals AS known USING (invoice_id)
            WHERE known.block IS NOT NULL
            GROUP BY common.value, known.block
            $$,
            schema, source
        ) USING app, found.text, found.name || '=' || found.text;
    END LOOP;
END
$body$;

-- Give the app's invoices without a block their ordinals, and set their bits.
CREATE FUNCTION read.number_invoices(schema text, app uuid) RETURNS void
LANGUAGE plpgsql
-- By the keys of a block's invoices, whatever the statistics are.
SET enable_seqscan = off SET enable_mergejoin = off AS $body$
DECLARE
    oldest timestamptz;
    newest timestamptz;
    part record;
    numbered record;
BEGIN
    LOOP
        EXECUTE format(
            $$
            SELECT min(created_at), max(created_at) FROM %1$I.invoice_ordinals
            WHERE app_id = $1 AND block IS NULL
            $$,
            schema
        ) INTO oldest, newest USING app;
        EXIT WHEN oldest IS NULL;
        -- The block of the oldest one, and the time that this block is for.
        EXECUTE format(
            $$
            SELECT block, items, from_at,
                (SELECT min(next.from_at) FROM %1$I.invoice_blocks AS next
                 WHERE next.app_id = $1 AND next.from_at > chosen.from_at) AS next_at,
                (SELECT min(same.first_at) FROM %1$I.invoice_blocks AS same
                 WHERE same.app_id = $1 AND same.from_at = chosen.from_at) AS first_at,
                (SELECT max(same.last_at) FROM %1$I.invoice_blocks AS same
                 WHERE same.app_id = $1 AND same.from_at = chosen.from_at) AS last_at,
                (SELECT max(every.block) FROM %1$I.invoice_blocks AS every
                 WHERE every.app_id = $1) AS last_block
            FROM %1$I.invoice_blocks AS chosen
            WHERE app_id = $1 AND from_at <= $2 ORDER BY from_at DESC, block DESC LIMIT 1
            $$,
            schema
        ) INTO part USING app, oldest;
        IF part.block IS NULL THEN
            PERFORM read.add_invoice_block(schema, app, 0, '-infinity');
            CONTINUE;
        ELSIF part.items >= 16384 THEN
            -- Newer than all, older than all, or of the same time.
            IF part.next_at IS NULL AND newest > part.last_at THEN
                PERFORM read.add_invoice_block(
                    schema, app, part.last_block + 1, part.last_at + interval '1 microsecond'
                );
            ELSIF part.from_at = '-infinity' AND oldest < part.first_at THEN
                EXECUTE format(
                    $$
                    UPDATE %1$I.invoice_blocks SET from_at = $2
                    WHERE app_id = $1 AND from_at = '-infinity'
                    $$,
                    schema
                ) USING app, part.first_at;
                PERFORM read.add_invoice_block(schema, app, part.last_block + 1, '-infinity');
            ELSE
                PERFORM read.add_invoice_block(schema, app, part.last_block + 1, part.from_at);
            END IF;
            CONTINUE;
        END IF;
        EXECUTE format(
            $$
            WITH chosen AS (
                SELECT invoice_id, created_at,
                    $3 + row_number() OVER (ORDER BY created_at, invoice_id) - 1 AS ordinal
                FROM %1$I.invoice_ordinals
                WHERE app_id = $1 AND block IS NULL AND created_at >= $4 AND created_at < $5
                ORDER BY created_at, invoice_id LIMIT 16384 - $3
            ), numbered AS (
                UPDATE %1$I.invoice_ordinals AS known
                SET block = $2, ordinal = chosen.ordinal
                FROM chosen WHERE known.invoice_id = chosen.invoice_id
                RETURNING known.created_at
            )
            UPDATE %1$I.invoice_blocks AS known SET items = known.items + added.items,
                first_at = least(known.first_at, added.first_at),
                last_at = greatest(known.last_at, added.last_at)
            FROM (SELECT count(*) AS items, min(created_at) AS first_at, max(created_at) AS last_at
                  FROM numbered) AS added
            WHERE known.app_id = $1 AND known.block = $2
            $$,
            schema
        ) USING app, part.block, part.items, part.from_at, coalesce(part.next_at, 'infinity');
        PERFORM read.add_common_values(schema, app, part.block, part.items);
        PERFORM read.add_invoice_bits(schema, app, part.block, part.items);
    END LOOP;
END
$body$;

-- Number an app's invoices without a block, if there are so many; return how many there are still.
CREATE FUNCTION read.number_if_enough(schema text, app uuid, enough int) RETURNS int
LANGUAGE plpgsql AS $body$
DECLARE
    waiting int;
BEGIN
    EXECUTE format(
        $$
        SELECT count(*) FROM (
            SELECT FROM %1$I.invoice_ordinals WHERE app_id = $1 AND block IS NULL LIMIT $2
        ) AS known
        $$,
        schema
    ) INTO waiting USING app, enough;
    IF waiting < enough THEN
        RETURN waiting;
    END IF;
    PERFORM read.number_invoices(schema, app);
    RETURN 0;
END
$body$;

CREATE FUNCTION read.add_invoice_block(schema text, app uuid, number int, starts_at timestamptz)
RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        'INSERT INTO %1$I.invoice_blocks (app_id, block, from_at, items) VALUES ($1, $2, $3, 0)',
        schema
    ) USING app, number, starts_at;
END
$body$;

-- Number all invoices of a filled generation, block by block in the order of creation, and choose the
-- terms and ids that have bitmaps.
CREATE FUNCTION read.number_filled_invoices(schema text) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    percent float8;
BEGIN
    -- Invoices of the same moment are in blocks of the same time.
    EXECUTE format(
        $$
        WITH numbered AS MATERIALIZED (
            SELECT invoice_id, app_id, created_at, period, number,
                dense_rank() OVER (PARTITION BY app_id ORDER BY period, number / 16384) - 1 AS block
            FROM (
                SELECT *, row_number() OVER (
                    PARTITION BY app_id, period ORDER BY created_at, invoice_id
                ) - 1 AS number
                FROM (
                    SELECT invoice_id, app_id, created_at,
                        (rank() OVER (PARTITION BY app_id ORDER BY created_at) - 1) / 16384 AS period
                    FROM %1$I.invoices
                ) AS ranked
            ) AS of_period
        ), added AS (
            INSERT INTO %1$I.invoice_ordinals (invoice_id, app_id, created_at, block, ordinal)
            SELECT invoice_id, app_id, created_at, block, number %% 16384 FROM numbered
        )
        INSERT INTO %1$I.invoice_blocks (app_id, block, from_at, items, first_at, last_at)
        SELECT app_id, block,
            CASE WHEN period = 0 THEN '-infinity'
                ELSE min(min(created_at)) OVER (PARTITION BY app_id, period) END,
            count(*), min(created_at), max(created_at)
        FROM numbered GROUP BY app_id, period, block
        $$,
        schema
    );
    -- By a sample of large tables: nothing depends on the exact number.
    percent := least(100, 100 * 5e8 / (
        1 + pg_relation_size(format('%I.invoice_search_terms', schema)::regclass)
    ));
    EXECUTE format(
        $$
        INSERT INTO %1$I.invoice_common_values (app_id, value)
        WITH terms AS MATERIALIZED (
            SELECT app_id, term, count(*) AS items
            FROM %1$I.invoice_search_terms TABLESAMPLE SYSTEM ($1) GROUP BY app_id, term
        )
        SELECT app_id, 'term=' || term FROM terms WHERE items > 1000 * $1 / 100
        UNION ALL
        SELECT app_id, 'beginning=' || substr(term, 1, 4) FROM terms
        GROUP BY app_id, substr(term, 1, 4) HAVING sum(items) > 1000 * $1 / 100
        UNION ALL
        SELECT app_id, 'beginning=' || substr(term, 1, 6) FROM terms WHERE length(term) >= 6
        GROUP BY app_id, substr(term, 1, 6) HAVING sum(items) > 1000 * $1 / 100
        UNION ALL
        SELECT app_id, concat(
            'tenant_id=' || tenant_id, 'user_id=' || user_id,
            'customer=' || customer, 'subscription_id=' || subscription_id
        )
        FROM %1$I.invoices TABLESAMPLE SYSTEM ($1)
        GROUP BY GROUPING SETS (
            (app_id, tenant_id), (app_id, user_id), (app_id, customer), (app_id, subscription_id)
        )
        HAVING count(*) > 1000 * $1 / 100
            AND coalesce(tenant_id::text, user_id, customer, subscription_id) IS NOT NULL
        $$,
        schema
    ) USING percent;
END
$body$;

-- Number all invoices, and add the bits of all blocks one after the other.
CREATE FUNCTION read.fill_invoice_bitmaps(schema text) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    part record;
BEGIN
    PERFORM read.number_filled_invoices(schema);
    EXECUTE format('ANALYZE %I.invoice_ordinals', schema);
    FOR part IN EXECUTE format('SELECT app_id, block FROM %I.invoice_blocks', schema) LOOP
        PERFORM read.add_invoice_bits(schema, part.app_id, part.block, 0);
    END LOOP;
END
$body$;

-- Tenants. `contact_body` is the hash of the body with name, e-mail, country and VAT id, which can
-- be erased; `customers` maps a connection's name to the provider's customer id.
CREATE FUNCTION read.make_tenants(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.tenants (
            app_id       uuid        NOT NULL,
            tenant_id    uuid        NOT NULL,
            contact_body text,
            customers    jsonb       NOT NULL,
            created_at   timestamptz NOT NULL,
            updated_at   timestamptz NOT NULL,
            position     bigint      NOT NULL
        );
        $$,
        schema
    );
END
$body$;

CREATE FUNCTION read.index_tenants(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format('ALTER TABLE %1$I.tenants ADD PRIMARY KEY (app_id, tenant_id)', schema);
END
$body$;

-- Search terms of tenants' e-mail addresses, by which their invoices are found.
CREATE FUNCTION read.make_emails(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.tenant_email_terms (
            app_id    uuid             NOT NULL,
            tenant_id uuid             NOT NULL,
            term      text COLLATE "C" NOT NULL,
            position  bigint           NOT NULL
        );
        $$,
        schema
    );
END
$body$;

CREATE FUNCTION read.index_emails(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.tenant_email_terms ADD PRIMARY KEY (app_id, tenant_id, term);
        CREATE INDEX ON %1$I.tenant_email_terms (app_id, term, tenant_id);
        $$,
        schema
    );
END
$body$;

-- Prices and tax rates. `id` is the stream's id, `version` the version of the last event in the row:
-- a reader compares it with the log to see whether the row is current.
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

-- Provider events with their state: the inbox of webhook deliveries.
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
        -- For the metrics, over all apps: what is not applied yet, and dead letters.
        CREATE INDEX ON %1$I.deliveries (received_at) WHERE state IN ('received', 'parked');
        CREATE INDEX ON %1$I.deliveries (received_at) WHERE state = 'dead';
        $$,
        schema
    );
END
$body$;

-- Subscriptions, and the sums of their recurring revenue.
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
            has_earned               boolean     NOT NULL,
            moved_at                 timestamptz,
            version                  bigint      NOT NULL,
            position                 bigint      NOT NULL,
            view                     jsonb       NOT NULL
        );
        -- Updated while it is filled, and so with its key from the start. Sums are numeric, so that
        -- no amount that a provider sends overflows and stops the projection.
        CREATE TABLE %1$I.subscription_sums (
            app_id          uuid    NOT NULL,
            mode            text    NOT NULL,
            currency        text    NOT NULL,
            provider        text    NOT NULL,
            connection      text    NOT NULL,
            recurring_minor numeric NOT NULL,
            active          bigint  NOT NULL,
            unpriced        bigint  NOT NULL,
            usage_based     bigint  NOT NULL,
            position        bigint  NOT NULL,
            PRIMARY KEY (app_id, mode, currency, provider, connection)
        );
        -- How recurring revenue moved: by subscription, and added up by the quarter of an hour, hour,
        -- day and week (UTC) in which it did.
        CREATE TABLE %1$I.recurring_movements (
            subscription_id uuid        NOT NULL,
            position        bigint      NOT NULL,
            kind            text        NOT NULL,
            app_id          uuid        NOT NULL,
            mode            text        NOT NULL,
            currency        text        NOT NULL,
            provider        text        NOT NULL,
            connection      text        NOT NULL,
            moved_at        timestamptz NOT NULL,
            amount_minor    numeric     NOT NULL,
            before_minor    numeric     NOT NULL
        );
        CREATE TABLE %1$I.recurring_sums (
            app_id       uuid    NOT NULL,
            mode         text    NOT NULL,
            currency     text    NOT NULL,
            provider     text    NOT NULL,
            connection   text    NOT NULL,
            kind         text    NOT NULL,
            unit         text    NOT NULL,
            number       bigint  NOT NULL,
            amount_minor numeric NOT NULL,
            items        bigint  NOT NULL,
            position     bigint  NOT NULL,
            PRIMARY KEY (app_id, mode, currency, provider, connection, kind, unit, number)
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

        -- Lists of movements, newest first, also of one kind.
        ALTER TABLE %1$I.recurring_movements ADD PRIMARY KEY (subscription_id, position, kind);
        CREATE INDEX ON %1$I.recurring_movements
            (app_id, mode, currency, moved_at, position, kind);
        CREATE INDEX ON %1$I.recurring_movements
            (app_id, mode, currency, kind, moved_at, position);
        $$,
        schema
    );
END
$body$;

-- Differences between what was known and what a provider has, found by reconciliation. `heal_ms`:
-- from the change at the provider, or else from its detection, until it was resolved.
CREATE FUNCTION read.make_drift(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.drift (
            id          uuid        NOT NULL,
            app_id      uuid        NOT NULL,
            connection  text        NOT NULL,
            provider    text        NOT NULL,
            mode        text        NOT NULL,
            object_type text        NOT NULL,
            object_id   text        NOT NULL,
            subject_id  uuid,
            field       text        NOT NULL,
            field_root  text        NOT NULL,
            ours        text,
            theirs      text,
            found_by    text        NOT NULL,
            reason      text,
            state       text        NOT NULL,
            since       timestamptz,
            detected_at timestamptz NOT NULL,
            resolved_at timestamptz,
            heal_ms     bigint,
            position    bigint      NOT NULL
        );
        $$,
        schema
    );
END
$body$;

CREATE FUNCTION read.index_drift(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.drift ADD PRIMARY KEY (id);
        CREATE INDEX ON %1$I.drift (app_id, detected_at, id);
        CREATE INDEX ON %1$I.drift (app_id, mode, detected_at, id);
        CREATE INDEX ON %1$I.drift (app_id, provider, detected_at, id);
        CREATE INDEX ON %1$I.drift (app_id, connection, detected_at, id);
        CREATE INDEX ON %1$I.drift (app_id, found_by, detected_at, id);
        CREATE INDEX ON %1$I.drift (app_id, field_root, detected_at, id);
        CREATE INDEX ON %1$I.drift (app_id, state, detected_at, id);
        CREATE INDEX ON %1$I.drift (app_id, object_id, detected_at, id);
        -- For the metrics, over all apps.
        CREATE INDEX ON %1$I.drift (detected_at) WHERE state = 'open';
        $$,
        schema
    );
END
$body$;

-- Webhook endpoints as they were last checked, and who reported changes first: webhooks
-- (`delivered`) or reconciliation (`found`), by connection and day (UTC).
CREATE FUNCTION read.make_webhooks(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.webhook_health (
            id            uuid        NOT NULL,
            app_id        uuid        NOT NULL,
            connection    text        NOT NULL,
            connection_id uuid        NOT NULL,
            provider      text        NOT NULL,
            mode          text        NOT NULL,
            state         text        NOT NULL,
            endpoint_id   text,
            problems      jsonb       NOT NULL,
            changed_at    timestamptz NOT NULL,
            position      bigint      NOT NULL
        );
        CREATE TABLE %1$I.webhook_sources (
            id                uuid        NOT NULL,
            connection_id     uuid        NOT NULL,
            day               date        NOT NULL,
            delivered         bigint      NOT NULL,
            found             bigint      NOT NULL,
            last_delivered_at timestamptz,
            position          bigint      NOT NULL
        );
        $$,
        schema
    );
END
$body$;

CREATE FUNCTION read.index_webhooks(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.webhook_health ADD PRIMARY KEY (id);
        CREATE INDEX ON %1$I.webhook_health (connection_id);
        ALTER TABLE %1$I.webhook_sources ADD PRIMARY KEY (id);
        CREATE INDEX ON %1$I.webhook_sources (day, connection_id);
        $$,
        schema
    );
END
$body$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'access', 'catalogue', 'deliveries', 'drift', 'emails', 'invoices', 'subscriptions',
        'tenants', 'webhooks'
    ] LOOP
        PERFORM read.new_generation(name);
        PERFORM read.index_generation(name, 1);
        PERFORM read.point_views(name, 1);
        UPDATE read.generations AS known SET state = 'active'
            WHERE known.projection = name AND known.number = 1;
    END LOOP;
END
$$;

-- Jobs that are not finished. Rows follow from the log: the relay inserts and deletes them in the
-- transaction of its position. The queue holds only what was sent recently and may be lost.
CREATE SCHEMA work;

-- `lane`: provider lookups, for which a caller waits, have threads of their own, and so has
-- reconciliation, for which nobody waits. `connection`: the
-- name of the connection that the job calls, as soon as it is known.
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
    last_error text,
    gave_up_at timestamptz,
    connection text,
    lane       text        NOT NULL GENERATED ALWAYS AS (
        CASE queue WHEN 'provider_lookups' THEN 'lookups' WHEN 'reconcile' THEN 'reconcile'
            ELSE 'jobs' END
    ) STORED
);

CREATE INDEX jobs_due ON work.jobs (due_at, id);
CREATE INDEX jobs_in_flight ON work.jobs (app, sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX jobs_given_up ON work.jobs (app, gave_up_at, id) WHERE gave_up_at IS NOT NULL;

-- Worker processes and their threads. Unlogged: a process registers again every few seconds.
CREATE UNLOGGED TABLE work.workers (
    id      uuid        NOT NULL,
    lane    text        NOT NULL,
    threads integer     NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id, lane)
);

-- One row per thread that runs a job. A job's row in work.jobs may be gone before its thread is
-- free: the relay deletes it with the event that ends it.
CREATE UNLOGGED TABLE work.running (
    worker     uuid    NOT NULL,
    job        bigint  NOT NULL,
    sends      integer NOT NULL,
    lane       text    NOT NULL,
    app        uuid    NOT NULL,
    connection text,
    is_probe   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (worker, job, sends)
);

-- Circuit breakers of connections that did not answer lately; the first answer deletes the row.
-- `opened_at`: since when jobs are held back. `probe_at`: when the next one may call, as a probe.
CREATE TABLE work.breakers (
    app        uuid        NOT NULL,
    connection text        NOT NULL,
    timeouts   integer     NOT NULL,
    opened_at  timestamptz,
    probe_at   timestamptz,
    PRIMARY KEY (app, connection)
);

-- A process registers through one session, which has a lock for as long as it lives. One that was
-- killed has no lock at once; a lock may also be missing for a moment because its session was lost.
CREATE FUNCTION work.worker_lock(p_worker uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT hashtextextended('billhook worker ' || p_worker, 0)
$$;

CREATE VIEW work.live_workers AS
    SELECT * FROM work.workers WHERE seen_at > clock_timestamp() - interval '15 seconds'
        AND (seen_at > clock_timestamp() - interval '4 seconds' OR EXISTS (
            SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND objsubid = 1
                AND (classid::bigint << 32) | objid::bigint = work.worker_lock(workers.id)
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        ));

CREATE VIEW work.live_running AS
    SELECT running.* FROM work.running
    JOIN work.live_workers ON live_workers.id = running.worker
        AND live_workers.lane = running.lane;

-- Whether a thread may run one more job of an app and a connection (null: not known yet):
-- 'yes', 'probe' (yes, as the one probe of an open breaker), 'full' or 'open' (breaker). An app may
-- have at most as many threads as remain free, a connection half as many: the first one that hangs
-- takes a third of all threads, the next one a third of what is left, and so on.
-- Callers hold the lock of work.lock_claims().
CREATE FUNCTION work.admits(p_lane text, p_app uuid, p_connection text, p_threads integer)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    free bigint;
    of_app bigint;
    of_connection bigint;
    probes bigint;
    breaker work.breakers;
BEGIN
    SELECT count(*) FILTER (WHERE app = p_app),
           count(*) FILTER (WHERE app = p_app AND connection = p_connection),
           count(*)
        INTO of_app, of_connection, free
        FROM work.live_running WHERE lane = p_lane;
    SELECT greatest(coalesce(sum(threads), 0), p_threads) - free INTO free
        FROM work.live_workers WHERE lane = p_lane;
    IF p_connection IS NOT NULL THEN
        SELECT * INTO breaker FROM work.breakers
            WHERE app = p_app AND connection = p_connection AND opened_at IS NOT NULL;
        IF FOUND THEN
            -- Of all lanes: a lookup may be the probe as well.
            SELECT count(*) INTO probes FROM work.live_running
                WHERE app = p_app AND connection = p_connection AND is_probe;
            IF breaker.probe_at > clock_timestamp() OR probes > 0 THEN
                RETURN 'open';
            END IF;
            RETURN CASE WHEN free > 0 THEN 'probe' ELSE 'full' END;
        END IF;
        IF 2 * of_connection >= free THEN
            RETURN 'full';
        END IF;
    END IF;
    RETURN CASE WHEN of_app >= free THEN 'full' ELSE 'yes' END;
END $$;

-- Serialise claims: each must see the ones before it. Held until the transaction ends.
CREATE FUNCTION work.lock_claims() RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('billhook work claims', 0))
$$;

-- Claim a job that was sent, or put it back uncounted, so that it is sent again when a thread is
-- free. A lookup of an open breaker is claimed, as an `outage`: its caller gets an answer at once.
-- The row of a job that was sent a moment ago is neither locked nor marked again: no dispatcher
-- sends it before that mark is old. Such a claim logs nothing, so that nobody waits for a disk while
-- it has the lock of all claims.
CREATE FUNCTION work.claim(p_job bigint, p_sends integer, p_worker uuid, p_threads integer)
RETURNS TABLE (id bigint, key text, app uuid, queue text, actor text, args jsonb, sends integer,
    tries integer, connection text, is_outage boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    claimed work.jobs;
    verdict text;
    is_mark_old boolean;
BEGIN
    PERFORM work.lock_claims();
    SELECT * INTO claimed FROM work.jobs
        WHERE id = p_job AND sends = p_sends AND sent_at IS NOT NULL;
    is_mark_old := claimed.sent_at < clock_timestamp() - interval '500 milliseconds';
    IF is_mark_old THEN
        SELECT * INTO claimed FROM work.jobs
            WHERE id = p_job AND sends = p_sends AND sent_at IS NOT NULL FOR UPDATE;
    END IF;
    IF claimed.id IS NULL THEN
        RETURN;
    END IF;
    verdict := work.admits(claimed.lane, claimed.app, claimed.connection, p_threads);
    IF verdict = 'full' OR (verdict = 'open' AND claimed.lane <> 'lookups') THEN
        UPDATE work.jobs SET sent_at = NULL WHERE id = p_job AND sends = p_sends;
        NOTIFY billhook_work;
        RETURN;
    END IF;
    INSERT INTO work.running (worker, job, sends, lane, app, connection, is_probe)
        VALUES (p_worker, p_job, p_sends, claimed.lane, claimed.app, claimed.connection,
            verdict = 'probe')
        ON CONFLICT (worker, job, sends) DO UPDATE SET is_probe = excluded.is_probe;
    IF is_mark_old THEN
        UPDATE work.jobs SET sent_at = clock_timestamp() WHERE id = p_job;
    END IF;
    RETURN QUERY SELECT claimed.id, claimed.key, claimed.app, claimed.queue, claimed.actor,
        claimed.args, claimed.sends, claimed.tries, claimed.connection, verdict = 'open';
END $$;

-- Note which connection a running job is about to call; the verdict of work.admits.
CREATE FUNCTION work.bind_connection(
    p_worker uuid, p_job bigint, p_sends integer, p_connection text, p_threads integer
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    bound work.running;
    verdict text;
BEGIN
    PERFORM work.lock_claims();
    UPDATE work.jobs SET connection = p_connection WHERE id = p_job;
    -- Without its own row, which is counted already.
    DELETE FROM work.running WHERE worker = p_worker AND job = p_job AND sends = p_sends
        RETURNING * INTO bound;
    IF NOT FOUND THEN
        RETURN 'full';
    END IF;
    verdict := work.admits(bound.lane, bound.app, p_connection, p_threads);
    IF verdict IN ('yes', 'probe') THEN
        bound.connection := p_connection;
        bound.is_probe := verdict = 'probe';
    END IF;
    INSERT INTO work.running SELECT bound.*;
    RETURN verdict;
END $$;

-- Free a thread and wake the dispatcher if something may wait for it. `p_finished`: the job has
-- nothing left to do, so that its row is deleted unless it became due again since. `p_answered`:
-- whether the connection answered the job's last call, null without a call. After
-- `p_most_timeouts` jobs in a row without an answer the breaker opens; each later one postpones the
-- next probe.
CREATE FUNCTION work.release(
    p_worker uuid, p_job bigint, p_sends integer, p_finished boolean, p_answered boolean,
    p_most_timeouts integer, p_probe_after interval
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    freed work.running;
BEGIN
    IF p_finished THEN
        DELETE FROM work.jobs WHERE id = p_job AND sends = p_sends AND sent_at IS NOT NULL;
    END IF;
    DELETE FROM work.running WHERE worker = p_worker AND job = p_job AND sends = p_sends
        RETURNING * INTO freed;
    IF freed.connection IS NOT NULL AND NOT p_answered THEN
        INSERT INTO work.breakers AS breaker (app, connection, timeouts, opened_at, probe_at)
            SELECT freed.app, freed.connection, 1, opened, opened + p_probe_after
            FROM (SELECT CASE WHEN p_most_timeouts <= 1 THEN clock_timestamp() END) AS one (opened)
            ON CONFLICT (app, connection) DO UPDATE SET
                timeouts = breaker.timeouts + 1,
                opened_at = CASE WHEN breaker.timeouts + 1 >= p_most_timeouts
                    THEN coalesce(breaker.opened_at, clock_timestamp()) END,
                probe_at = CASE WHEN breaker.timeouts + 1 >= p_most_timeouts
                    THEN clock_timestamp() + p_probe_after END;
    ELSIF freed.connection IS NOT NULL AND p_answered THEN
        DELETE FROM work.breakers WHERE app = freed.app AND connection = freed.connection;
    END IF;
    IF EXISTS (SELECT FROM work.jobs WHERE due_at <= now() AND sent_at IS NULL
            AND gave_up_at IS NULL) THEN
        NOTIFY billhook_work;
    END IF;
END $$;

-- Checks of the log's hash chains that were started on the dashboard. The process that runs one
-- writes its progress, and ends early once `canceled_at` is set; one that was not seen for 15 s has
-- lost its process.
CREATE UNLOGGED TABLE work.log_checks (
    id           uuid        PRIMARY KEY,
    app          uuid        NOT NULL,
    stream       uuid,
    first        bigint      NOT NULL,
    last         bigint      NOT NULL,
    "of"         bigint,
    checked      bigint      NOT NULL DEFAULT 0,
    first_broken bigint,
    reason       text,
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    canceled_at  timestamptz,
    finished_at  timestamptz
);

CREATE INDEX log_checks_of_app ON work.log_checks (app, started_at);

-- Live lookups at a provider: inserted by the service, answered by a worker. They are not events:
-- `answer` is sealed, and the row is deleted when it is read or has expired. Unlogged, so that no
-- backup holds an answer.
CREATE UNLOGGED TABLE work.provider_lookups (
    id         uuid        PRIMARY KEY,
    app        uuid        NOT NULL,
    kind       text        NOT NULL,
    args       jsonb       NOT NULL,
    expires_at timestamptz NOT NULL,
    answer     text
);

CREATE INDEX provider_lookups_expired ON work.provider_lookups (expires_at);

-- How far a source outside of the log has been read: a provider's event list, an import of an
-- account's history. Without its row a source is read from the start again, which changes nothing.
CREATE TABLE work.checkpoints (
    name       text        PRIMARY KEY,
    checkpoint jsonb       NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Objects at the providers whose state is not final yet: invoices and their refunds and disputes,
-- subscriptions, payment-method setups. A follower folds them from the log. One that no event has
-- reported for a while is fetched. `connection`: null until the scheduler has looked it up.
CREATE TABLE work.open_items (
    subject     uuid        NOT NULL,
    part        text        NOT NULL,
    connection  uuid,
    reported_at timestamptz NOT NULL,
    checks      integer     NOT NULL DEFAULT 0,
    due_at      timestamptz NOT NULL,
    PRIMARY KEY (subject, part)
);

CREATE INDEX open_items_due ON work.open_items (connection, due_at);

-- Rejected webhook deliveries. Anybody may have sent them, so they are not events. The service
-- writes them in batches and keeps the newest 1,000 of each connection: of the content only its hash,
-- its size and what the sender claimed to be.
CREATE SCHEMA inbox;

CREATE TABLE inbox.rejected_deliveries (
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

CREATE INDEX rejected_deliveries_of_app ON inbox.rejected_deliveries (app_id, received_at, id);
CREATE INDEX rejected_deliveries_of_name ON inbox.rejected_deliveries (app_id, connection, received_at, id);
CREATE INDEX rejected_deliveries_of_connection ON inbox.rejected_deliveries (connection_id, received_at, id);
