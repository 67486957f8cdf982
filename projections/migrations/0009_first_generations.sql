DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['access', 'invoices', 'tenants'] LOOP
        PERFORM read.new_generation(name);
        PERFORM read.index_generation(name, 1);
        PERFORM read.point_views(name, 1);
        UPDATE read.generations AS known SET state = 'active'
            WHERE known.projection = name AND known.number = 1;
    END LOOP;
END
$$;
