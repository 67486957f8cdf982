#!/bin/sh
# Run once by the PostgreSQL image, when it creates the database: the role of the running processes.
# What it may do is granted by `billhook migrate --runtime-role billhook_runtime`.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set password="$BILLHOOK_RUNTIME_PASSWORD" <<'SQL'
CREATE ROLE billhook_runtime LOGIN PASSWORD :'password';
SQL
