#!/bin/sh
# POST and GET /admin/api/invoices, with the payload of their document.
# Start the system with `make run`, then `make examples`, or
#   eval "$(.venv/bin/billhook demo env)" && sh examples/003.sh
set -eu

curl --silent --show-error --fail-with-body --request POST "$BILLHOOK_DEMO_BASE_URL/admin/api/invoices" \
--header "Api-Key: $BILLHOOK_DEMO_ADMIN_KEY" \
--header 'Content-Type: application/json' \
--data '{
    "items": [
        {
            "name": " All resources",
            "amount": 1
        }
    ],
    "customer": "'"$BILLHOOK_DEMO_STRIPE_CUSTOMER"'",
    "paymentMethod": "'"$BILLHOOK_DEMO_PAYMENT_METHODS_SUCCEEDS"'"
}'
echo

curl --silent --show-error --fail-with-body "$BILLHOOK_DEMO_BASE_URL/admin/api/invoices?page=1&limit=5" \
--header "Api-Key: $BILLHOOK_DEMO_ADMIN_KEY"
echo
