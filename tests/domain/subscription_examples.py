"""A complete example of each event class of a subscription, and the ids that examples share."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from domain.core.aggregate import DomainEvent
from domain.subscriptions import events as s

APP_ID: Final = UUID("aaaaaaaa-0000-4000-8000-000000000001")
TENANT_ID: Final = UUID("bbbbbbbb-0000-4000-8000-000000000002")
CONNECTION_ID: Final = UUID("cccccccc-0000-4000-8000-000000000003")
REQUEST_ID: Final = UUID("99999999-0000-4000-8000-000000000007")
INVOICE_ID: Final = UUID("11111111-1111-4111-8111-111111111111")

PERIOD: Final = (1767225600, 1769904000)

_SNAPSHOT: Final[dict[str, Any]] = {
    "source": "webhook",
    "as_of": 1767225600,
    "body": "b0d7",
    "currency": "eur",
    "items": [
        {
            "id": "si_1",
            "price": "price_monthly",
            "name": "Pro",
            "quantity": 2,
            "amount_minor": 999,
            "currency": "eur",
            "interval": "month",
            "interval_count": 1,
            "amount_decimal": None,
            "usage_based": False,
        }
    ],
    "monthly_minor": 1998,
    "period_start": PERIOD[0],
    "period_end": PERIOD[1],
    "trial_end": None,
    "cancel_at": None,
    "scheduled_phases": [],
    "scheduled_change": None,
    "canceled_at": None,
    "ended_at": None,
}
_ENDED: Final = {"canceled_at": PERIOD[1], "ended_at": PERIOD[1]}
_LINES: Final = [{"price": "price_yearly", "quantity": 1}]
_TERMS: Final[dict[str, Any]] = {
    "currency": "eur",
    "interval": "month",
    "interval_count": 1,
    "rate_ppm": 210_000,
    "inclusive": False,
    "lines": [
        {
            "name": "Pro",
            "price": "monthly",
            "quantity": 2,
            "amount_minor": 1998,
            "gross_minor": 2418,
            "tax_minor": 420,
        }
    ],
}
_REQUEST: Final[dict[str, Any]] = {
    "app_id": APP_ID,
    "request_id": REQUEST_ID,
    "request_hash": "4a5h",
    "at_period_end": True,
}

EXAMPLES: Final[dict[type[DomainEvent], dict[str, Any]]] = {
    s.SubscriptionStarted: {
        "app_id": APP_ID,
        "tenant_id": TENANT_ID,
        "user_id": "user-1",
        "provider": "stripe",
        "connection": "main",
        "connection_id": CONNECTION_ID,
        "mode": "test",
        "origin": "request",
        "provider_subscription_id": "sub_1",
        "customer": "cus_1",
        "invoice_id": INVOICE_ID,
        "started_at": PERIOD[0],
        "description": None,
        "metadata": {"order": "7"},
    },
    s.SubscriptionIncomplete: _SNAPSHOT,
    s.SubscriptionTrialing: _SNAPSHOT | {"trial_end": PERIOD[1]},
    s.SubscriptionActivated: _SNAPSHOT,
    s.SubscriptionPastDue: _SNAPSHOT,
    s.SubscriptionUnpaid: _SNAPSHOT,
    s.SubscriptionPaused: _SNAPSHOT,
    s.SubscriptionCanceled: _SNAPSHOT | _ENDED,
    s.SubscriptionExpired: _SNAPSHOT | _ENDED,
    s.SubscriptionRenewed: _SNAPSHOT | {"period_start": PERIOD[1], "period_end": 1772323200},
    s.SubscriptionPlanChanged: _SNAPSHOT | {"monthly_minor": 999},
    s.SubscriptionEndChanged: _SNAPSHOT
    | {
        "cancel_at": PERIOD[1],
        "scheduled_phases": [
            {"starts_at": PERIOD[1], "items": [{"price": "price_yearly", "quantity": 2}]}
        ],
    },
    s.SubscriptionStateConfirmed: {"source": "webhook", "as_of": PERIOD[0] + 1},
    s.SubscriptionAssigned: {"tenant_id": TENANT_ID},
    s.SubscriptionCancelRequested: _REQUEST,
    s.SubscriptionChangeRequested: _REQUEST | {"lines": _LINES},
    s.SubscriptionTermsAgreed: {"terms": _TERMS, "starts_at": PERIOD[1]},
    s.SubscriptionLinked: {
        "app_id": APP_ID,
        "provider_subscription_id": "sub_1",
        "mandate": "mdt_1",
    },
    s.SubscriptionEndScheduled: {"app_id": APP_ID, "ends_at": PERIOD[1]},
    s.SubscriptionStepStarted: {"step": "cancel", "attempt": 1, "key": "key", "plan": {}},
    s.SubscriptionChangeScheduled: {"lines": _LINES, "starts_at": PERIOD[1]},
    s.SubscriptionRequestDone: {"request_id": REQUEST_ID, "action": "cancel"},
    s.SubscriptionRequestRefused: {
        "request_id": REQUEST_ID,
        "action": "change",
        "code": "provider_rejected",
        "message": "No such price.",
        "path": "lineItems.0.price",
        "provider_code": "resource_missing",
    },
    s.SubscriptionStepGaveUp: {"step": "cancel", "attempts": 40, "last_error": "time-out"},
    s.SubscriptionStepResent: {"step": "cancel"},
}
