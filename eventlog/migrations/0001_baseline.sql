-- The log itself. Positions have no gaps and become visible in order, so that a reader that
-- follows them skips nothing: eventlog.append, and nothing else, hands them out.
CREATE TABLE eventlog.events (
    position           bigint      PRIMARY KEY,
    originator_id      uuid        NOT NULL,
    originator_version bigint      NOT NULL CHECK (originator_version > 0),
    topic              text        NOT NULL,
    state              bytea       NOT NULL,
    hash               bytea       NOT NULL CHECK (octet_length(hash) = 32),
    recorded_at        timestamptz NOT NULL,
    CONSTRAINT events_stream_key UNIQUE (originator_id, originator_version)
);
-- Counted for the metrics; such events are rare.
CREATE INDEX events_skipped_idx ON eventlog.events (position)
    WHERE topic = 'follower.event_skipped';

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
BEGIN
    -- Only then does each statement below see what was committed while we waited for the lock.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'eventlog.append needs READ COMMITTED';
    END IF;
    -- Not LOCK TABLE: that waits for a plain VACUUM of the table. Held until after the commit is
    -- visible, so that positions appear in order.
    PERFORM pg_advisory_xact_lock(x'6576656e746c6f67'::bigint);

    refused := '{}';
    refused_id := '{}';
    refused_version := '{}';
    FOR event IN
        SELECT given.*, last.originator_version AS last_version, last.hash AS last_hash
        FROM unnest(append.owner, append.id, append.version, append.topic, append.state)
            WITH ORDINALITY AS given (owner, id, version, topic, state, nr)
        LEFT JOIN LATERAL (
            SELECT originator_version, hash FROM eventlog.events
            WHERE originator_id = given.id ORDER BY originator_version DESC LIMIT 1
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

    SELECT coalesce(max(position), 0) INTO head FROM eventlog.events;
    positions := array_fill(NULL::bigint, ARRAY[cardinality(append.id)]);
    FOR nr IN 1 .. cardinality(append.id) LOOP
        IF is_refused[append.owner[nr]] IS NULL THEN
            head := head + 1;
            positions[nr] := head;
        END IF;
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
        PERFORM pg_notify('eventlog', head::text);
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION eventlog.append FROM PUBLIC;
