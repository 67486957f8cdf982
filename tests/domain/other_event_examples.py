"""A complete example of each event class of apps, tenants, the catalogue, the inbox and others."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from domain.apps import app, connection, dashboard_session
from domain.catalogue import catalogue
from domain.core import idempotency
from domain.core.aggregate import DomainEvent
from domain.inbox import payment_hint, provider_event, webhook_health
from domain.operations import skipped_event
from domain.reconciliation import drift
from domain.tenants import customer_claim, pending_items_lock
from domain.tenants import events as tenant_events
from tests.domain import setup_examples, subscription_examples
from tests.domain.subscription_examples import (
    APP_ID,
    CONNECTION_ID,
    INVOICE_ID,
    REQUEST_ID,
    TENANT_ID,
)

KEY_ID: Final = UUID("dddddddd-0000-4000-8000-000000000004")
NEW_KEY_ID: Final = UUID("ffffffff-0000-4000-8000-000000000006")
_SEALED: Final[dict[str, Any]] = {
    "sealed_key": "sealed:key",
    "sealed_webhook_secrets": ["sealed:one", "sealed:two"],
    "redirect_url": "https://shop.example/{invoiceId}",
    "refund_overpayments": True,
    "import_payments": False,
}
_TENANT: Final[dict[str, Any]] = {
    "app_id": APP_ID,
    "tenant_id": TENANT_ID,
    "contact_body": "9e75",
    "customers": {"main": "cus_1"},
}
_CUSTOMER: Final[dict[str, Any]] = {
    "app_id": APP_ID,
    "tenant_id": TENANT_ID,
    "connection": "main",
    "customer_id": "cus_1",
}
_PRICE: Final[dict[str, Any]] = {
    "app_id": APP_ID,
    "price_id": "price_pro",
    "name": "Pro Plan",
    "currency": "eur",
    "amount_minor": 1999,
    "interval": "month",
    "interval_count": 1,
}
_TAX_RATE: Final[dict[str, Any]] = {
    "app_id": APP_ID,
    "tax_rate_id": "txr_standard",
    "name": "VAT",
    "rate_ppm": 190_000,
    "inclusive": False,
}

OWNER: Final[dict[str, Any]] = {
    "app_id": APP_ID,
    "connection": "main",
    "connection_id": CONNECTION_ID,
    "provider": "stripe",
    "mode": "test",
}

OTHER_EXAMPLES: Final[dict[type[DomainEvent], dict[str, Any]]] = {
    customer_claim.CustomerClaimed: {
        "app_id": APP_ID,
        "connection": "main",
        "customer_id": "cus_1",
        "tenant_id": TENANT_ID,
    },
    customer_claim.CustomerClaimedAgain: {"tenant_id": TENANT_ID},
    customer_claim.CustomerReleased: {"tenant_id": TENANT_ID},
    pending_items_lock.PendingItemsLockCreated: {
        "app_id": APP_ID,
        "connection_id": CONNECTION_ID,
        "customer": "cus_1",
    },
    pending_items_lock.PendingItemsLockAcquired: {
        "invoice_id": INVOICE_ID,
        "expires_at": 1767269100,
    },
    pending_items_lock.PendingItemsLockReleased: {"invoice_id": INVOICE_ID},
    app.AppCreated: {"name": "Shop", "slug": "shop"},
    app.AppChanged: {
        "name": "Shop 2",
        "enabled": False,
        "default_connections": {"stripe": "main"},
    },
    app.ApiKeyCreated: {
        "key_id": KEY_ID,
        "kind": "write",
        "key_sha256": "5a256",
        "prefix": "bh_write_abcdef",
        "name": "server",
    },
    app.ApiKeyRevoked: {"key_id": KEY_ID},
    app.ApiKeyReplaced: {"key_id": KEY_ID, "new_key_id": NEW_KEY_ID, "expires_at": 1_767_312_000},
    dashboard_session.DashboardSessionOpened: {
        "app_id": APP_ID,
        "role": "admin",
        "secret_sha256": "5ec4e7",
        "issuer": "https://login.example.com",
        "person": "248289761001",
        "ends_at": 1_767_312_000,
    },
    dashboard_session.DashboardSessionEnded: {"app_id": APP_ID},
    app.AppSettingsChanged: {"changes": {"time_zone": "Europe/Vienna"}},
    connection.ConnectionCreated: {
        "app_id": APP_ID,
        "connection_id": CONNECTION_ID,
        "name": "main",
        "provider": "stripe",
        "mode": "test",
        **_SEALED,
    },
    connection.ConnectionChanged: {
        "app_id": APP_ID,
        "connection_id": CONNECTION_ID,
        **_SEALED,
    },
    connection.ConnectionDeleted: {"app_id": APP_ID, "connection_id": CONNECTION_ID},
    provider_event.ProviderEventReceived: {
        **OWNER,
        "provider_event_id": "evt_1",
        "type": "invoice.paid",
        "object_type": "invoice",
        "object_id": "in_1",
        "invoice_id": INVOICE_ID,
        "occurred_at": 100,
        "body": "b0d7",
        "found_by": "audit",
    },
    provider_event.ProviderEventApplied: {
        "type": "invoice.paid",
        "provider_event_id": "evt_1",
        "effects": [{"invoice": str(INVOICE_ID), "effect": "changed"}],
        "app_id": APP_ID,
    },
    provider_event.ProviderEventParked: {
        "found_by": "audit",
        "app_id": APP_ID,
        "reason": "unknown invoice",
        "retry": False,
    },
    provider_event.ProviderEventReplayRequested: {"app_id": APP_ID, "request_id": REQUEST_ID},
    catalogue.PriceCreated: _PRICE,
    catalogue.PriceChanged: _PRICE,
    catalogue.TaxRateCreated: _TAX_RATE,
    catalogue.TaxRateChanged: _TAX_RATE,
    idempotency.IdempotencyRecordCreated: {
        "app_id": APP_ID,
        "request_hash": "4a54",
        "result": {"id": str(KEY_ID), "kind": "write"},
    },
    drift.DriftDetected: {
        **OWNER,
        "object_type": "invoice",
        "object_id": "in_1",
        "subject_id": INVOICE_ID,
        "field": "status",
        "ours": "open",
        "theirs": "paid",
        "since": 100,
        "found_by": "event_catch_up",
        "reason": None,
    },
    drift.DriftReopened: {
        "app_id": APP_ID,
        "theirs": "invoice.paid",
        "since": 200,
        "found_by": "audit",
        "reason": "unknown invoice",
    },
    drift.DriftResolved: {"app_id": APP_ID},
    webhook_health.WebhookHealthObserved: {
        **OWNER,
        "state": "healthy",
        "endpoint_id": "we_1",
        "problems": [],
    },
    webhook_health.WebhookHealthChanged: {
        "app_id": APP_ID,
        "state": "disabled",
        "endpoint_id": "we_1",
        "problems": ["is disabled"],
    },
    skipped_event.FollowerEventSkipped: {
        "follower": "relay",
        "position": 12,
        "reason": "holds a field of another type",
    },
    payment_hint.PaymentHintReceived: {
        **OWNER,
        "provider": "mollie",
        "payment_id": "tr_1",
        "found_by": "open_items",
    },
    payment_hint.PaymentHintRepeated: {
        "app_id": APP_ID,
        "found_by": "open_items",
        "connection_id": CONNECTION_ID,
    },
    payment_hint.PaymentHintFetchStarted: {},
    payment_hint.PaymentHintFetched: {
        "effects": [{"invoice": str(INVOICE_ID), "effect": "changed"}],
        "reason": None,
    },
    **setup_examples.EXAMPLES,
    **subscription_examples.EXAMPLES,
    tenant_events.TenantCreated: _TENANT,
    tenant_events.TenantChanged: _TENANT,
    tenant_events.ProviderCustomerStarted: {
        "connection": "main",
        "key": "key",
        "contact_body": "9e75",
    },
    tenant_events.ProviderCustomerLinked: {
        "app_id": APP_ID,
        "tenant_id": TENANT_ID,
        "connection": "main",
        "customer_id": "cus_1",
    },
    tenant_events.ProviderCustomerUpdateStarted: {
        "connection": "main",
        "customer_id": "cus_1",
        "key": "key",
        "contact_body": "9e75",
    },
    tenant_events.ProviderCustomerUpdated: _CUSTOMER | {"contact_body": "9e75"},
    tenant_events.ProviderCustomerUpdateRefused: _CUSTOMER
    | {"contact_body": "9e75", "code": "email_invalid", "message": "Invalid email address"},
    tenant_events.ProviderCustomerDeleted: _CUSTOMER,
}
