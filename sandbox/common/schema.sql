CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY,
    livemode INTEGER NOT NULL,
    state TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS refused_keys (
    key_hash TEXT PRIMARY KEY
);

CREATE TABLE IF NOT EXISTS objects (
    position INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    owner TEXT,
    body TEXT NOT NULL,
    -- Of the body: an index of json_extract(…) would parse it for each index and statement.
    created INTEGER,
    intent TEXT,
    UNIQUE (account, kind, id)
);
-- With the time of creation, so that lists of an earlier time do not read the objects after it.
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (account, kind, position, created);
CREATE INDEX IF NOT EXISTS objects_by_owner ON objects (account, kind, owner, position)
    WHERE owner IS NOT NULL;

-- Refunds, disputes and charges are listed by payment, and an invoice is found by it.
CREATE INDEX IF NOT EXISTS objects_by_intent ON objects (account, kind, intent, position)
    WHERE intent IS NOT NULL;

CREATE TABLE IF NOT EXISTS idempotency (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    request_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (account, key)
);

CREATE TABLE IF NOT EXISTS ledger (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    customer TEXT,
    invoice TEXT,
    payment_intent TEXT,
    charge TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    card TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ledger_by_account ON ledger (account, position);

CREATE TABLE IF NOT EXISTS requests (
    position INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    entry TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS requests_by_account ON requests (account, position);

CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    event TEXT NOT NULL,
    type TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL,
    created REAL NOT NULL,
    due REAL NOT NULL,
    batch TEXT,
    attempts TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due) WHERE state='pending';
CREATE INDEX IF NOT EXISTS deliveries_by_account ON deliveries (account, id);
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (account, event);

CREATE TABLE IF NOT EXISTS hosted_pages (
    token TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    invoice TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS checkout_pages (
    session TEXT PRIMARY KEY,
    account TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS agenda (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    details TEXT NOT NULL,
    UNIQUE (account, kind, object)
);
CREATE INDEX IF NOT EXISTS agenda_by_time ON agenda (account, at, position);
CREATE INDEX IF NOT EXISTS agenda_by_object ON agenda (account, object);

CREATE TABLE IF NOT EXISTS mollie_refused_keys (
    key_hash TEXT PRIMARY KEY
);

CREATE TABLE IF NOT EXISTS mollie_agenda (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    UNIQUE (account, kind, object)
);
CREATE INDEX IF NOT EXISTS mollie_agenda_by_time ON mollie_agenda (account, at, position);

CREATE TABLE IF NOT EXISTS mollie_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    type TEXT NOT NULL,
    entity TEXT NOT NULL,
    url TEXT NOT NULL,
    webhook TEXT,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    created REAL NOT NULL,
    due REAL NOT NULL,
    batch TEXT,
    attempts TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS mollie_deliveries_due ON mollie_deliveries (state, due);
CREATE INDEX IF NOT EXISTS mollie_deliveries_by_account ON mollie_deliveries (account, id);

CREATE TABLE IF NOT EXISTS mollie_ledger (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    customer TEXT,
    payment TEXT NOT NULL,
    subscription TEXT,
    entity TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    method TEXT
);
CREATE INDEX IF NOT EXISTS mollie_ledger_by_account ON mollie_ledger (account, position);

CREATE TABLE IF NOT EXISTS mollie_pages (
    token TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    payment TEXT NOT NULL
);
