#!/bin/sh
# POST /stripe/invoices, with the curl command of its document.
# Start the system with `make run`, then `make examples`, or
#   eval "$(.venv/bin/billhook demo env)" && sh examples/004.sh
set -eu

curl --silent --show-error --fail-with-body \
--location --request POST "$BILLHOOK_DEMO_BASE_URL/stripe/invoices?name=$BILLHOOK_DEMO_APP_SLUG&connection_name=$BILLHOOK_DEMO_STRIPE_CONNECTION" \
--header "x-api-key: $BILLHOOK_DEMO_WRITE_KEY" \
--header 'Content-Type: application/x-www-form-urlencoded' \
--data-urlencode "customer=$BILLHOOK_DEMO_STRIPE_CUSTOMER"
echo
