CREATE FUNCTION read.index_access(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.apps ADD PRIMARY KEY (app_id);
        ALTER TABLE %1$I.api_keys ADD PRIMARY KEY (app_id, key_id);
        CREATE INDEX ON %1$I.api_keys (key_sha256);
        ALTER TABLE %1$I.connections ADD PRIMARY KEY (connection_id);
        CREATE UNIQUE INDEX ON %1$I.connections (app_id, name);
        $$,
        schema
    );
END
$body$;
