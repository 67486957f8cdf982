"""Examples of tenants and access tokens."""

from typing import Final

from service.openapi.declare import Json
from service.openapi.examples import TENANT, one

_AT: Final = "2026-01-31T09:30:00.000Z"
TENANT_BODY: Final[Json] = {
    "name": "Ada GmbH",
    "email": "billing@ada.example",
    "country": "DE",
    "vatId": "DE123456789",
    "providerCustomers": [{"connection": "stripe", "customerId": "cus_12345"}],
}
TENANTS: Final = one(
    "tenants",
    {
        "tenantUuid": TENANT,
        **TENANT_BODY,
        "providerCustomers": [
            {"connection": "stripe", "customerId": "cus_12345", "deletedAt": None}
        ],
        "createdAt": _AT,
        "updatedAt": _AT,
        "position": 12,
    },
)
TOKEN_BODY: Final[Json] = {"userId": "user-1", "expiresInSeconds": 900}
TOKENS: Final = one(
    "accessTokens",
    {
        "token": "eyJhbGciOiJIUzI1NiJ9.e30.signature",
        "tokenType": "Bearer",
        "tenantUuid": TENANT,
        "userId": "user-1",
        "expiresAt": "2026-01-31T09:45:00.000Z",
    },
)
