-- The log itself. Positions have no gaps and become visible in order, so that a reader that
-- follows them skips nothing: eventlog.append, and nothing else, hands them out.
-- Each partition has a unique index of (originator_id, originator_version). It does not see the
-- other partitions: that no version is recorded twice is the work of eventlog.append.
CREATE TABLE eventlog.events (
    position           bigint      PRIMARY KEY,
    originator_id      uuid        NOT NULL,
    originator_version bigint      NOT NULL CHECK (originator_version > 0),
    topic              text        NOT NULL,
    state              bytea       NOT NULL,
    hash               bytea       NOT NULL CHECK (octet_length(hash) = 32),
    recorded_at        timestamptz NOT NULL
) PARTITION BY RANGE (position);
-- Counted for the metrics; such events are rare.
CREATE INDEX events_skipped_idx ON eventlog.events (position)
    WHERE topic = 'follower.event_skipped';

-- One row. Partition number n has the positions from (n - 1) * size + 1 to n * size. The open one
-- is that of the next position; it changes once in `size` events.
CREATE TABLE eventlog.partitioning (
    size       bigint NOT NULL CHECK (size > 0),
    open_first bigint NOT NULL,
    open_last  bigint NOT NULL
);
CREATE UNIQUE INDEX partitioning_one_row ON eventlog.partitioning ((true));

-- Partitions that are no part of eventlog.events now. In the place of each is a table of the events
-- that were kept of it: the newest of each stream, so that the stream can go on, and all events of
-- streams that are still in use.
CREATE TABLE eventlog.detached_partitions (
    first_position bigint      PRIMARY KEY,
    last_position  bigint      NOT NULL,
    first_hash     bytea       NOT NULL,
    last_hash      bytea       NOT NULL,
    sha256         bytea       NOT NULL,  -- of the rows, as COPY writes them in binary
    kept_sha256    bytea,                 -- the same of the events kept
    detached_at    timestamptz NOT NULL
);

-- What may be forgotten: provider objects, webhook bodies, personal data. Two tenants with the
-- same bytes have a row each, so that one can be erased without the other.
CREATE TABLE eventlog.bodies (
    sha256     bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    tenant     uuid,
    bytes      bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT bodies_key UNIQUE NULLS NOT DISTINCT (sha256, tenant)
);
-- The bytes come compressed.
ALTER TABLE eventlog.bodies ALTER COLUMN bytes SET STORAGE EXTERNAL;
-- Two or more to a page stay in their rows: a row of the TOAST table for each 2 KB costs more.
ALTER TABLE eventlog.bodies SET (toast_tuple_target = 4080);
CREATE INDEX bodies_tenant_idx ON eventlog.bodies (tenant) WHERE tenant IS NOT NULL;
CREATE INDEX bodies_created_at_idx ON eventlog.bodies USING brin (created_at);

-- Where each follower stands. A leader that no longer leads finds its old position gone.
CREATE TABLE eventlog.followers (
    name       text        PRIMARY KEY,
    position   bigint      NOT NULL CHECK (position >= 0),
    updated_at timestamptz NOT NULL
);

-- Move a follower's position in the statement that writes its rows, and notify a channel. Raises if
-- another leader moved it.
CREATE FUNCTION eventlog.move_follower(follower text, old bigint, new bigint, channel text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE eventlog.followers SET position = new, updated_at = clock_timestamp()
        WHERE name = follower AND position = old;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the position of follower % was moved', follower USING ERRCODE = 'BH001';
    END IF;
    IF channel IS NOT NULL THEN
        PERFORM pg_notify(channel, '');
    END IF;
END
$$;

-- The event that a follower cannot get past, while it cannot.
CREATE TABLE eventlog.follower_failures (
    name      text        PRIMARY KEY REFERENCES eventlog.followers ON DELETE CASCADE,
    position  bigint      NOT NULL,
    error     text        NOT NULL,
    attempts  bigint      NOT NULL,
    first_at  timestamptz NOT NULL,
    last_at   timestamptz NOT NULL
);

CREATE FUNCTION eventlog.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only: % refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER events_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON eventlog.events
    FOR EACH STATEMENT EXECUTE FUNCTION eventlog.refuse_change();

-- Makes a table that can become a partition; `suffix` tells the events kept from a partition.
CREATE FUNCTION eventlog.make_partition_table(first_position bigint, suffix text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name CONSTANT text := 'events_from_' || first_position || suffix;
BEGIN
    EXECUTE format(
        'CREATE TABLE eventlog.%1$I (LIKE eventlog.events INCLUDING CONSTRAINTS INCLUDING INDEXES,'
        ' UNIQUE (originator_id, originator_version))', name
    );
    -- Those of eventlog.events are fired only by statements that name it.
    EXECUTE format(
        'CREATE TRIGGER events_are_append_only'
        ' BEFORE UPDATE OR DELETE OR TRUNCATE ON eventlog.%I'
        ' FOR EACH STATEMENT EXECUTE FUNCTION eventlog.refuse_change()', name
    );
    RETURN name;
END
$$;

-- Makes sure that there is a partition for a position. Appends go on meanwhile: the lock that
-- ATTACH takes on eventlog.events conflicts with none of theirs.
CREATE FUNCTION eventlog.add_partition(for_position bigint) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    size CONSTANT bigint := (SELECT size FROM eventlog.partitioning);
    first CONSTANT bigint := (for_position - 1) / size * size + 1;
BEGIN
    PERFORM pg_advisory_xact_lock(x'7061727469746e73'::bigint);
    -- Not to_regclass: a session remembers that it did not find a name, also while it waits here.
    IF NOT EXISTS (
        SELECT FROM pg_class
        WHERE relnamespace = 'eventlog'::regnamespace AND relname = 'events_from_' || first
    ) THEN
        EXECUTE format(
            'ALTER TABLE eventlog.events ATTACH PARTITION eventlog.%I FOR VALUES FROM (%s) TO (%s)',
            eventlog.make_partition_table(first, ''), first, first + size
        );
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION eventlog.add_partition FROM PUBLIC;

-- Adds the next partition once the open one is half full: an append that finds none adds it itself,
-- but takes longer then. While there is but one, statements have but one to look in. Returns how
-- many were added.
CREATE FUNCTION eventlog.add_partition_ahead() RETURNS int LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    head CONSTANT bigint := (SELECT coalesce(max(position), 0) FROM eventlog.events);
    size bigint;
    open_last bigint;
BEGIN
    SELECT known.size, known.open_last INTO size, open_last FROM eventlog.partitioning AS known;
    IF head < open_last - size / 2
        OR to_regclass('eventlog.events_from_' || open_last + 1) IS NOT NULL
    THEN
        RETURN 0;
    END IF;
    PERFORM eventlog.add_partition(open_last + 1);
    RETURN 1;
END
$$;
REVOKE EXECUTE ON FUNCTION eventlog.add_partition_ahead FROM PUBLIC;

INSERT INTO eventlog.partitioning VALUES (10000000, 1, 10000000);
SELECT eventlog.add_partition(1);

-- Appends the events of several owners (callers that share one commit), in the order given.
--
-- An owner is recorded as a whole or refused as a whole: each of its streams must go on at the
-- version after the last one recorded, a new stream at 1. No two owners may touch one stream.
-- The arrays are parallel: the first five have an item per event, the body_* an item per body;
-- owners count from 1. Bodies of refused owners are left out.
--
-- positions: an item per event, NULL where refused. refused: the owners refused, with the stream
-- that clashed and the version at which that stream stands.
--
-- Each event's hash is sha256 over: the hash before it in its stream (32 zero bytes for the
-- first), the id (16 bytes), the version (8), the topic's length (4), the topic, the state.
CREATE FUNCTION eventlog.append(
    owner int[], id uuid[], version bigint[], topic text[], state bytea[],
    body_owner int[], body_sha256 bytea[], body_tenant uuid[], body_bytes bytea[],
    OUT positions bigint[], OUT refused int[], OUT refused_id uuid[], OUT refused_version bigint[]
) LANGUAGE plpgsql VOLATILE
-- A role that may execute this function needs no right to write to the tables.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan that was made while the table was empty must still be right a million events later.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
-- Only the index of streams finds the newest version without a sort. The one sort that remains is
-- planned at a cost that would have older servers compile the plan.
SET enable_sort = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    genesis CONSTANT bytea := decode(repeat('00', 32), 'hex');
    event record;
    stream_id uuid;
    stream_owner int;
    stream_version bigint;
    stream_hash bytea;
    topic_bytes bytea;
    hashes bytea[] := array_fill(NULL::bytea, ARRAY[cardinality(append.id)]);
    is_refused boolean[] := '{}';
    head bigint;
    announced text;
    -- The open partition, and the size of each.
    first_open bigint;
    last_open bigint;
    partition_size bigint;
BEGIN
    -- Only then does each statement below see what was committed while we waited for the lock.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'eventlog.append needs READ COMMITTED';
    END IF;
    -- Not LOCK TABLE: that waits for a plain VACUUM of the table. Held until after the commit is
    -- visible, so that positions appear in order.
    PERFORM pg_advisory_xact_lock(x'6576656e746c6f67'::bigint);

    SELECT open_first, open_last, size INTO first_open, last_open, partition_size
        FROM eventlog.partitioning;

    refused := '{}';
    refused_id := '{}';
    refused_version := '{}';
    FOR event IN
        SELECT given.*, last.originator_version AS last_version, last.hash AS last_hash
        FROM unnest(append.owner, append.id, append.version, append.topic, append.state)
            WITH ORDINALITY AS given (owner, id, version, topic, state, nr)
        -- The second query is run for a stream that has no event in the open partition.
        LEFT JOIN LATERAL (
            (SELECT originator_version, hash FROM eventlog.events
            WHERE originator_id = given.id AND position BETWEEN first_open AND last_open
            ORDER BY originator_version DESC LIMIT 1)
            UNION ALL
            (SELECT originator_version, hash FROM eventlog.events
            WHERE originator_id = given.id AND position < first_open
            ORDER BY originator_version DESC LIMIT 1)
            LIMIT 1
        ) AS last ON true
        ORDER BY given.id, given.nr
    LOOP
        IF event.id IS DISTINCT FROM stream_id THEN
            stream_id := event.id;
            stream_owner := event.owner;
            stream_version := coalesce(event.last_version, 0);
            stream_hash := coalesce(event.last_hash, genesis);
        ELSIF event.owner <> stream_owner THEN
            RAISE EXCEPTION 'two owners of stream % in one append', event.id;
        END IF;
        IF event.version = stream_version + 1 THEN
            topic_bytes := convert_to(event.topic, 'UTF8');
            stream_hash := sha256(
                stream_hash || uuid_send(event.id) || int8send(event.version)
                || int4send(octet_length(topic_bytes)) || topic_bytes || event.state
            );
            hashes[event.nr] := stream_hash;
            stream_version := event.version;
        ELSIF is_refused[event.owner] IS NULL THEN
            is_refused[event.owner] := true;
            refused := refused || event.owner;
            refused_id := refused_id || event.id;
            refused_version := refused_version || stream_version;
        END IF;
    END LOOP;

    SELECT coalesce(max(position), first_open - 1) INTO head FROM eventlog.events
        WHERE position BETWEEN first_open AND last_open;
    positions := array_fill(NULL::bigint, ARRAY[cardinality(append.id)]);
    FOR nr IN 1 .. cardinality(append.id) LOOP
        IF is_refused[append.owner[nr]] IS NULL THEN
            head := head + 1;
            positions[nr] := head;
        END IF;
    END LOOP;
    WHILE head > last_open LOOP
        first_open := last_open + 1;
        last_open := last_open + partition_size;
        PERFORM eventlog.add_partition(first_open);
        UPDATE eventlog.partitioning SET open_first = first_open, open_last = last_open;
    END LOOP;

    INSERT INTO eventlog.events
        (position, originator_id, originator_version, topic, state, hash, recorded_at)
    SELECT given.position, given.id, given.version, given.topic, given.state, given.hash,
        clock_timestamp()
    FROM unnest(append.positions, append.id, append.version, append.topic, append.state, hashes)
        AS given (position, id, version, topic, state, hash)
    WHERE given.position IS NOT NULL;

    IF FOUND THEN
        IF cardinality(append.body_owner) > 0 THEN
            INSERT INTO eventlog.bodies (sha256, tenant, bytes, created_at)
            SELECT given.sha256, given.tenant, given.bytes, clock_timestamp()
            FROM unnest(
                append.body_owner, append.body_sha256, append.body_tenant, append.body_bytes
            ) AS given (owner, sha256, tenant, bytes)
            WHERE is_refused[given.owner] IS NULL
            ON CONFLICT DO NOTHING;
        END IF;
        -- With its topics, so that who waits for others need not read it at once. A payload has
        -- at most 8000 bytes.
        SELECT head || coalesce(' ' || string_agg(DISTINCT given.topic, ','), '') INTO announced
            FROM unnest(append.topic) AS given (topic);
        PERFORM pg_notify(
            'eventlog',
            CASE WHEN octet_length(announced) < 8000 THEN announced ELSE head::text END
        );
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION eventlog.append FROM PUBLIC;
