-- What readers ask: views, each of which points to the tables of one generation.
CREATE SCHEMA read;

-- A generation is a schema of its own (read_invoices_g1), filled by a follower of its own
-- (invoices_g1), so that a new one can be filled beside the one that answers.
--
-- building: being filled, not followed yet. following: catching up. active: the views point to it.
-- retiring: still followed until `retire_at`, then dropped. Its number is never given again, so that
-- a follower that is stopped late finds nothing to write to.
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

-- Enters the next generation of a projection and makes its tables, without their indexes.
-- Each projection brings read.make_<projection>(schema) and read.index_<projection>(schema).
CREATE FUNCTION read.new_generation(projection text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    made int;
BEGIN
    SELECT coalesce(max(known.number), 0) + 1 INTO made
        FROM read.generations AS known WHERE known.projection = new_generation.projection;
    INSERT INTO read.generations (projection, number, state)
        VALUES (new_generation.projection, made, 'building');
    EXECUTE format('CREATE SCHEMA read_%s_g%s', projection, made);
    EXECUTE format('SELECT read.make_%s(%L)', projection, format('read_%s_g%s', projection, made));
    RETURN made;
END
$$;

-- Makes the indexes of a filled generation.
CREATE FUNCTION read.index_generation(projection text, number int) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'SELECT read.index_%s(%L)', projection, format('read_%s_g%s', projection, number)
    );
END
$$;

-- Lets the views point to a generation. CREATE OR REPLACE keeps the views' identity, so that
-- readers in mid-query are not disturbed; it asks that new columns are added at a table's end.
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
END
$$;
