"""A complete example of each event class of a setup of a payment method."""

from __future__ import annotations

from typing import Any, Final

from domain.core.aggregate import DomainEvent
from domain.payment_methods import events as s
from tests.domain.subscription_examples import APP_ID, CONNECTION_ID, TENANT_ID

EXPIRES_AT: Final = 1767312000
URL: Final = "https://checkout.example/cs_1"

EXAMPLES: Final[dict[type[DomainEvent], dict[str, Any]]] = {
    s.SetupRequested: {
        "app_id": APP_ID,
        "tenant_id": TENANT_ID,
        "provider": "stripe",
        "connection": "main",
        "connection_id": CONNECTION_ID,
        "mode": "test",
        "redirect_url": "https://shop.example/saved",
        "request_hash": "4a5h",
    },
    s.SetupStepStarted: {
        "step": "open",
        "attempt": 1,
        "key": "billhook:11111111-1111-4111-8111-111111111111:open:1",
        "plan": {"customer": "cus_1"},
    },
    s.SetupOpened: {
        "session_id": "cs_1",
        "customer": "cus_1",
        "url": URL,
        "expires_at": EXPIRES_AT,
    },
    s.SetupSubmitted: {
        "app_id": APP_ID,
        "session_id": "cs_1",
        "customer": "cus_1",
        "source": "webhook",
    },
    s.SetupCompleted: {
        "payment_method": "pm_1",
        "method_type": "card",
        "brand": "visa",
        "last4": "4242",
    },
    s.SetupRejected: {
        "code": "provider_rejected",
        "message": "No such customer: 'cus_1'",
        "path": "tenantUuid",
        "provider_code": "resource_missing",
    },
    s.SetupExpired: {"session_id": "cs_1", "source": "webhook"},
    s.SetupRevoked: {"payment_method": "mdt_1", "source": "reconciliation"},
    s.SetupGaveUp: {"step": "open", "attempts": 40, "last_error": "GatewayUnavailable: no answer"},
    s.SetupResent: {"step": "open"},
}
