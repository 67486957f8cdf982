-- Who is billed. `person` is the hash of the body with name, e-mail, country and VAT id, which can
-- be erased; `customers` maps a connection's name to the provider's customer id.
CREATE FUNCTION read.make_tenants(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.tenants (
            app_id     uuid        NOT NULL,
            tenant_id  uuid        NOT NULL,
            person     text,
            customers  jsonb       NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            position   bigint      NOT NULL
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
