-- Lets a generation answer in the place of the active one, which goes on being followed for
-- `keep`. False, and nothing is done, while the new one is behind: a reader who has seen a position
-- must never find less than that. Both stand still meanwhile, which is as long as this takes.
CREATE FUNCTION read.switch_generation(projection text, number int, keep interval)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    reached bigint;
    asked bigint;
BEGIN
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

-- Forgets a generation that does not answer: its rows and its place in the log.
CREATE FUNCTION read.drop_generation(projection text, number int) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
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

-- Forgets the places of followers whose generation is gone: one that is stopped late enters itself
-- anew.
CREATE FUNCTION read.forget_strays() RETURNS void LANGUAGE sql AS $$
    DELETE FROM eventlog.followers AS follower
    WHERE follower.name ~ '^[a-z]+_g[0-9]+$'
      AND NOT EXISTS (
          SELECT FROM read.generations AS known
          WHERE known.follower = follower.name AND known.state <> 'dropped'
      )
$$;
