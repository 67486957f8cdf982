-- The words of tenants' e-mails, by which their invoices are found.
CREATE FUNCTION read.make_emails(schema text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        $$
        CREATE TABLE %1$I.email_words (
            app_id    uuid             NOT NULL,
            tenant_id uuid             NOT NULL,
            word      text COLLATE "C" NOT NULL,
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
        ALTER TABLE %1$I.email_words ADD PRIMARY KEY (app_id, tenant_id, word);
        CREATE INDEX ON %1$I.email_words (app_id, word, tenant_id);
        $$,
        schema
    );
END
$body$;

DO $$
BEGIN
    PERFORM read.new_generation('emails');
    PERFORM read.index_generation('emails', 1);
    PERFORM read.point_views('emails', 1);
    UPDATE read.generations SET state = 'active' WHERE projection = 'emails';
END
$$;
