-- How far what readers see has come.
CREATE VIEW read.positions AS
    SELECT known.projection, coalesce(follower.position, 0) AS position
    FROM read.generations AS known
    LEFT JOIN eventlog.followers AS follower ON follower.name = known.follower
    WHERE known.state = 'active';

-- Tells waiting readers, in the very transaction that makes the rows visible, so that no handler
-- can forget to.
CREATE FUNCTION read.tell_position() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('billhook_positions', known.projection || ' ' || NEW.position)
        FROM read.generations AS known
        WHERE known.follower = NEW.name AND known.state = 'active';
    RETURN NULL;
END
$$;

CREATE TRIGGER followers_tell_position
    AFTER UPDATE OF position ON eventlog.followers
    FOR EACH ROW EXECUTE FUNCTION read.tell_position();
