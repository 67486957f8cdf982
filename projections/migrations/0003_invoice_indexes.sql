-- An index for each filter of a list, in the list's order: newest first, ties by id. Where an app
-- has a million invoices and a rare currency, the page must not read the other 999,999.
CREATE FUNCTION read.index_invoices(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        ALTER TABLE %1$I.invoices ADD PRIMARY KEY (invoice_id);
        ALTER TABLE %1$I.timeline ADD PRIMARY KEY (invoice_id, position);

        CREATE INDEX ON %1$I.invoices (app_id, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, tenant_id, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, status, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, provider, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, mode, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, type, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, currency, created_at, invoice_id);
        CREATE INDEX ON %1$I.invoices (app_id, user_id, created_at, invoice_id)
            WHERE user_id IS NOT NULL;
        CREATE INDEX ON %1$I.invoices (app_id, customer, created_at, invoice_id)
            WHERE customer IS NOT NULL;
        CREATE INDEX ON %1$I.invoices (app_id, subscription_id, created_at, invoice_id)
            WHERE subscription_id IS NOT NULL;
        CREATE INDEX ON %1$I.invoices (app_id, paid_at) WHERE paid_at IS NOT NULL;
        -- What has no total yet is listed as 0.
        CREATE INDEX ON %1$I.invoices (app_id, coalesce(total_minor, 0), invoice_id);
        $$,
        schema
    );
END
$body$;
