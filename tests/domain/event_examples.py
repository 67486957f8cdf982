"""A complete example of each event class."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from domain.apps import app, connection, dashboard_session
from domain.catalogue import catalogue
from domain.core import idempotency
from domain.core.aggregate import DomainEvent
from domain.inbox import payment_hint, provider_event, webhook_health
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
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
REFUND_ID: Final = UUID("eeeeeeee-0000-4000-8000-000000000005")
NEW_KEY_ID: Final = UUID("ffffffff-0000-4000-8000-000000000006")
TOTAL: Final = 1999
HOSTED_URL: Final = "https://pay.example/in_1"

REQUESTED_LINE: Final[dict[str, Any]] = {
    "name": "Seat",
    "quantity": 1,
    "price": None,
    "amount_minor": TOTAL,
    "currency": "eur",
}
ISSUED_LINE: Final[dict[str, Any]] = REQUESTED_LINE | {"id": "il_1", "total_minor": TOTAL}

_OWNER: Final[dict[str, Any]] = {
    "app_id": APP_ID,
    "connection": "main",
    "connection_id": CONNECTION_ID,
    "provider": "stripe",
    "mode": "test",
}
_SNAPSHOT: Final[dict[str, Any]] = {"source": "answer", "as_of": 100, "body": "b0d7"}
_OBJECT: Final[dict[str, Any]] = {
    "provider_object_type": "invoice",
    "provider_object_id": "in_1",
}
_ISSUED: Final[dict[str, Any]] = {
    **_SNAPSHOT,
    **_OBJECT,
    "customer": "cus_1",
    "currency": "eur",
    "total_minor": TOTAL,
    "tax_minor": 319,
    "amount_due_minor": TOTAL,
    "lines": [ISSUED_LINE],
}
_REQUEST: Final[dict[str, Any]] = {
    "request_hash": "4a5h",
    "request_id": REQUEST_ID,
    "app_id": APP_ID,
}
_DISPUTE: Final[dict[str, Any]] = {
    "dispute_id": "dp_1",
    "amount_minor": TOTAL,
    "source": "webhook",
}
_CREDIT_NOTE: Final[dict[str, Any]] = {
    "credit_note_id": "cn_1",
    "number": "A-0001-CN-01",
    "amount_minor": 500,
    "credited_minor": 200,
    "refund_id": None,
    "source": "webhook",
    "ends_refund": False,
}
_PAYMENT: Final[dict[str, Any]] = {**_SNAPSHOT, "payment_id": "pi_1"}
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
    "amount_minor": TOTAL,
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

_INVOICE_EXAMPLES: Final[dict[type[DomainEvent], dict[str, Any]]] = {
    e.InvoiceRequested: {
        **_OWNER,
        "tenant_id": TENANT_ID,
        "dialect": "002",
        "type": "payment",
        "lines": [REQUESTED_LINE],
        "tax_rate_id": "txr_1",
        "payment_method": "pm_1",
        "user_id": "user-7",
        "footer": "Thank you",
        "description": "January",
        "metadata": {"order": "42"},
        "redirect_url": None,
        "expected_total_minor": TOTAL,
        "off_session": True,
        "flow": "charge",
        "charge_immediately": False,
        "customer": None,
        "request_hash": "4a5h",
    },
    e.InvoiceImported: {
        **_OWNER,
        **_OBJECT,
        "tenant_id": None,
        "type": "subscription",
        "origin": "renewal",
        "customer": "cus_1",
        "currency": "eur",
        "subscription_id": "sub_1",
        "created_at": 1767225600,
        "description": "Monthly",
        "footer": "Thank you",
        "metadata": {"order": "7"},
        "revision_of": None,
    },
    e.InvoiceRevised: {
        "revised_by": REFUND_ID,
        "provider_object_id": "in_2",
        "source": "webhook",
    },
    e.StepStarted: {"step": "create", "attempt": 1, "key": "key", "plan": {"customer": "cus_1"}},
    e.ProviderInvoiceCreated: {**_OBJECT, "customer": "cus_1", "subscription_id": "sub_1"},
    e.InvoiceIssued: {
        **_ISSUED,
        "number": "A-0001",
        "hosted_url": HOSTED_URL,
        "due_at": 1767960000,
        "period_start": 1767225600,
        "period_end": 1769904000,
        "charging": True,
        "issued_at": 1767225600,
        "subscription_id": "sub_1",
        "progress": [1, 0, 0, 0],
    },
    e.InvoiceDrafted: {**_ISSUED, "progress": [0, 0, 0, -1]},
    pe.AmountDueChanged: {
        **_SNAPSHOT,
        "amount_due_minor": 1499,
        "amount_paid_minor": 500,
        "paid_at": 100,
        "progress": [1, 0, 500, 0],
    },
    pe.AuthorizationChanged: {
        "amount_capturable_minor": 1500,
        "capture_before": 2_419_300,
        "source": "answer",
    },
    ae.CaptureRequested: {
        "amount_minor": 1000,
        "request_hash": "4a5h",
        "request_id": REFUND_ID,
        "app_id": APP_ID,
    },
    ae.CaptureAccepted: {
        "request_id": REFUND_ID,
        "capture_id": "cpt_1",
        "amount_minor": 1000,
        "pending": False,
    },
    e.InvoiceRejected: {
        "code": "provider_rejected",
        "message": "No such price.",
        "path": "lineItems.0.price",
        "provider_code": "resource_missing",
    },
    e.CheckoutOpened: {
        **_SNAPSHOT,
        "provider_object_type": "payment",
        "provider_object_id": "tr_1",
        "url": "https://checkout.example/tr_1",
        "currency": "eur",
        "total_minor": TOTAL,
        "progress": [1, 0, 0, 0],
        "tax_minor": 319,
        "lines": [ISSUED_LINE],
        "customer": "cst_1",
        "dashboard_url": "https://dashboard.example/tr_1",
        "amount_due_minor": TOTAL,
    },
    pe.PaymentActionRequired: {
        **_PAYMENT,
        "action": "redirect",
        "url": HOSTED_URL,
        "progress": [1, 1, 0, 2],
    },
    pe.PaymentProcessing: {**_PAYMENT, "progress": [1, 1, 0, 3]},
    pe.PaymentSucceeded: {
        **_PAYMENT,
        "amount_minor": TOTAL,
        "method": "pm_1",
        "paid_at": 100,
        "object_id": None,
        "amount_due_minor": 0,
        "progress": [3, 1, TOTAL, 4],
    },
    pe.PaymentFailed: {
        **_PAYMENT,
        "amount_minor": TOTAL,
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "message": "Your card has insufficient funds.",
        "progress": [1, 1, 0, 1],
    },
    pe.PaymentExpired: {**_PAYMENT, "progress": [1, 0, 0, 0]},
    pe.PaymentCanceled: {**_PAYMENT, "progress": [5, 0, 0, -1]},
    e.ProviderStateConfirmed: {
        "source": "webhook",
        "provider_type": "invoice.updated",
        "as_of": 101,
    },
    ae.RetryRequested: {"payment_method": "pm_2", **_REQUEST},
    ae.VoidRequested: _REQUEST,
    ae.FinalizeRequested: _REQUEST,
    ae.UncollectibleRequested: _REQUEST,
    ae.RequestRefused: {
        "action": "void",
        "request_id": REQUEST_ID,
        "code": "provider_rejected",
        "message": "It can't be voided.",
        "path": None,
        "provider_code": "invoice_not_editable",
    },
    m.RefundRequested: {
        "refund_id": REFUND_ID,
        "amount_minor": 500,
        "reason": "duplicate",
        "credit_note": True,
        "request_hash": "4a5h",
        "app_id": APP_ID,
        "part_of": None,
        "payment_id": None,
    },
    m.RefundAllocated: {"refund_id": REFUND_ID, "payment_id": "pi_1", "amount_minor": 300},
    m.CreditNoteRefused: {
        "refund_id": REFUND_ID,
        "code": "invoice_payment_required",
        "message": "No note is possible.",
    },
    m.RefundPending: {
        "refund_id": REFUND_ID,
        "provider_refund_id": "re_1",
        "amount_minor": 500,
        "source": "answer",
        "note_due": False,
    },
    m.RefundSucceeded: {
        "refund_id": REFUND_ID,
        "provider_refund_id": "re_1",
        "amount_minor": 500,
        "source": "answer",
        "refunded_at": 200,
        "note_due": False,
    },
    m.RefundFailed: {
        "refund_id": REFUND_ID,
        "provider_refund_id": "re_1",
        "amount_minor": 500,
        "code": "expired_or_canceled_card",
        "message": "The card is gone.",
        "source": "webhook",
    },
    e.InvoiceVoided: {**_SNAPSHOT, "progress": [4, 0, 0, -1]},
    e.MarkedUncollectible: {**_SNAPSHOT, "progress": [2, 1, 0, -1]},
    m.CreditNoteIssued: _CREDIT_NOTE,
    m.CreditNoteVoided: _CREDIT_NOTE,
    m.DisputeOpened: _DISPUTE,
    m.DisputeWon: _DISPUTE,
    m.DisputeLost: _DISPUTE,
    pe.PaymentsLeftOver: {"app_id": APP_ID, "object_ids": ["tr_1"]},
    pe.OverpaymentReturned: {
        "provider_object_id": "tr_2",
        "amount_minor": TOTAL,
        "currency": "eur",
        "source": "webhook",
    },
    pe.UnexpectedPayment: {
        "object_type": "payment",
        "app_id": APP_ID,
        "provider_object_id": "in_2",
        "amount_minor": TOTAL,
        "currency": "eur",
        "source": "webhook",
    },
    pe.InvoiceOverpaid: {"amount_minor": 100, "currency": "eur", "source": "webhook"},
    e.StepResent: {"step": "pay"},
    e.InvoiceAssigned: {"tenant_id": TENANT_ID},
    e.SubscriptionDue: {"app_id": APP_ID, "our_subscription_id": REQUEST_ID},
    e.SubscriptionNotStarted: {"app_id": APP_ID, "our_subscription_id": REQUEST_ID},
    e.SubscriptionCreated: {"subscription_id": "sub_1"},
    e.StepGaveUp: {"step": "pay", "attempts": 40, "last_error": "GatewayUnavailable: time-out"},
}

_OTHER_EXAMPLES: Final[dict[type[DomainEvent], dict[str, Any]]] = {
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
        **_OWNER,
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
        **_OWNER,
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
        **_OWNER,
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
        **_OWNER,
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

EXAMPLES: Final[dict[type[DomainEvent], dict[str, Any]]] = {
    kind: {"actor": "worker", **facts}
    for kind, facts in (_INVOICE_EXAMPLES | _OTHER_EXAMPLES).items()
}
