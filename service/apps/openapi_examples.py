"""Examples of the app, its keys and connections."""

from typing import Final

from service.apps.response_schemas import ApiKey, NewApiKey
from service.openapi.declare import Json
from service.openapi.examples import APP, example, one

_AT: Final = "2026-01-31T09:30:00.000Z"
_KEY: Final = "2f1c9a1e-5b7d-4c3a-9e8f-0a1b2c3d4e5f"

APP_CHANGES: Final[Json] = {
    "allowedOrigins": ["https://shop.example.com"],
    "invoiceDefaults": {"footer": "Thank you."},
    "timeZone": "Europe/Berlin",
    "clientPrices": ["price_12345"],
}
APPS: Final = one(
    "apps",
    {
        "id": APP,
        "name": "Shop",
        "slug": "shop",
        "enabled": True,
        "defaultConnections": {"stripe": "stripe-1", "stripe:test": "stripe-1"},
        "allowedOrigins": ["https://shop.example.com"],
        "invoiceDefaults": {"description": None, "footer": "Thank you.", "currency": None},
        "timeZone": "Europe/Berlin",
        "clientPrices": ["price_12345"],
        "updateCustomers": True,
        "clientTaxRates": [],
        "tokens": {
            "issuer": "https://billing.example.com",
            "audience": APP,
            "claims": {"app": None, "tenant": "tenant", "user": "sub"},
            "signingSecretSet": True,
            "jwks": {"keys": []},
        },
        "createdAt": _AT,
        "updatedAt": _AT,
    },
)

_KNOWN_KEY: Final[Json] = {
    "id": _KEY,
    "kind": "write",
    "prefix": "bh_write_Zk3p",
    "name": "checkout",
    "createdAt": _AT,
}
KEY_BODY: Final[Json] = {"kind": "write", "name": "checkout"}
NEW_KEY: Final = one(
    "apiKeys", example(NewApiKey, **_KNOWN_KEY, key="bh_write_Zk3p_shown_this_once")
)
REPLAYED_KEY: Final = one("apiKeys", example(NewApiKey, **_KNOWN_KEY))
ONE_KEY: Final = one("apiKeys", example(ApiKey, **_KNOWN_KEY, revokedAt=_AT))
KEYS: Final = one("apiKeys", example(ApiKey, **_KNOWN_KEY))

CONNECTION_BODY: Final[Json] = {
    "provider": "stripe",
    "secretKey": "sk_test_your_own",
    "webhookSecrets": ["whsec_your_own"],
    "default": True,
}
CONNECTIONS: Final = one(
    "paymentConnections",
    {
        "id": "7d0b4e7a-9d5c-4f2b-8a4c-5d6e0c6a8f0e",
        "name": "stripe-1",
        "provider": "stripe",
        "mode": "test",
        "webhookUrl": "https://billing.example.com/webhooks/stripe/"
        "7d0b4e7a-9d5c-4f2b-8a4c-5d6e0c6a8f0e",
        "webhookSecretsSet": 1,
        "webhookSecretMarks": ["6a1f0c27b94e"],
        "redirectUrl": None,
        "refundOverpayments": False,
        "importPayments": True,
        "defaultFor": ["stripe", "stripe:test"],
        "webhookHealth": {
            "endpoint": "healthy",
            "problems": [],
            "checkedAt": "2026-01-31T11:55:00.000Z",
            "lastDeliveredAt": "2026-01-31T11:59:10.000Z",
            "foundShare": 0.0012,
        },
    },
)

_TEST: Final[Json] = {
    "name": "stripe-1",
    "provider": "stripe",
    "mode": "test",
    "accepted": True,
    "reason": None,
    "message": None,
    "durationMs": 212,
    "testedAt": _AT,
}
ACCEPTED_TEST: Final = one("connectionTests", _TEST)
REFUSED_TEST: Final = one(
    "connectionTests",
    _TEST
    | {
        "accepted": False,
        "reason": "refused",
        "message": "Stripe rejects our credentials (unknown)",
        "durationMs": None,
    },
)
