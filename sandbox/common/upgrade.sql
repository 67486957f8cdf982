-- Changes a file of an earlier version, whose objects had no columns of their bodies' fields.
-- schema.sql makes the indexes again that are dropped here.
BEGIN IMMEDIATE;
DROP INDEX IF EXISTS objects_by_kind;
DROP INDEX IF EXISTS objects_by_owner;
DROP INDEX IF EXISTS objects_by_payment_intent;
DROP INDEX IF EXISTS objects_by_payment_of_invoice;
DROP INDEX IF EXISTS deliveries_due;
ALTER TABLE objects ADD COLUMN created INTEGER;
ALTER TABLE objects ADD COLUMN intent TEXT;
UPDATE objects SET
    created = json_extract(body, '$.created'),
    intent = coalesce(
        json_extract(body, '$.payment_intent'), json_extract(body, '$.payment.payment_intent')
    );
COMMIT;
