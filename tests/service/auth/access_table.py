"""Every route and the callers that it lets in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

APP = "/api/v1/apps/{app}"
TENANT = APP + "/tenants/{tenant}"
Names = dict[str, str]


@dataclass(frozen=True)
class Row:
    """A route; `admits` names its callers; `makes`: what is not there is made.

    `needs`: how an invoice has to stand for what is asked of it, or work that gave up, or a
    subscription.
    """

    method: str
    path: str
    admits: str
    body: Callable[[Names], Any] | None = None
    makes: bool = False
    needs: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def charge(_: Names) -> dict[str, Any]:
    return {"price": "price_1", "taxRate": "txr_1", "mode": "payment", "quantity": 1}


def invoice(named: Names) -> dict[str, Any]:
    line = {"name": "Tea", "amountMinor": 1, "currency": "eur"}
    return {"tenantUuid": named["tenant"], "lineItems": [line], "type": "payment"}


def draft(_: Names) -> dict[str, Any]:
    return {"items": [{"name": "Tea", "amount": 1}], "customer": "cus_1"}


def put(**body: Any) -> Callable[[Names], Any]:
    return lambda _: body


READ, WRITE, ADMIN = "read admin", "write admin", "admin"
OUR_READ = READ + " token"
TABLE = [
    Row("GET", APP, ADMIN),
    Row("PATCH", APP, ADMIN, put()),
    Row("GET", APP + "/api-keys", ADMIN),
    Row("POST", APP + "/api-keys", ADMIN, put(kind="read")),
    Row("DELETE", APP + "/api-keys/{key}", ADMIN),
    Row("POST", APP + "/api-keys/{key}/rotate", ADMIN),
    Row("GET", APP + "/payment-connections", ADMIN),
    Row("GET", APP + "/payment-connections/{connection}", ADMIN),
    Row(
        "PUT",
        APP + "/payment-connections/{connection}",
        ADMIN,
        put(provider="stripe", secretKey="sk_test_1"),
        makes=True,
    ),
    Row("DELETE", APP + "/payment-connections/{connection}", ADMIN),
    Row("POST", APP + "/payment-connections/{connection}/test", ADMIN),
    Row("GET", APP + "/events", READ),
    Row("GET", APP + "/work", READ),
    Row("POST", APP + "/work/{work}/resend", WRITE, needs="work"),
    Row("GET", APP + "/reports/summary", READ),
    Row("GET", APP + "/reports/revenue", READ),
    Row("GET", APP + "/reports/mrr-movement", READ),
    Row("GET", APP + "/reports/drift", READ),
    Row("GET", APP + "/invoices", OUR_READ),
    Row("GET", APP + "/invoices/{invoice}", OUR_READ),
    Row("GET", APP + "/invoices/{invoice}/events", OUR_READ),
    Row("GET", APP + "/invoices/{invoice}/document", OUR_READ),
    Row("POST", APP + "/invoices/{invoice}/retry", WRITE, needs="open"),
    Row("POST", APP + "/invoices/{invoice}/void", WRITE, needs="open"),
    Row("POST", APP + "/invoices/{invoice}/finalize", WRITE, needs="draft"),
    Row("POST", APP + "/invoices/{invoice}/mark-uncollectible", WRITE, needs="open"),
    Row("POST", APP + "/invoices/{invoice}/capture", WRITE, needs="authorized"),
    Row("POST", APP + "/invoices/{invoice}/refunds", WRITE, needs="paid"),
    Row("GET", APP + "/subscriptions", OUR_READ),
    Row("GET", APP + "/subscriptions/{subscription}", OUR_READ),
    Row("GET", APP + "/subscriptions/{subscription}/events", OUR_READ),
    Row("POST", APP + "/subscriptions/{subscription}/cancel", WRITE, needs="subscription"),
    Row(
        "POST",
        APP + "/subscriptions/{subscription}/change",
        WRITE,
        put(lineItems=[{"price": "price_1"}], when="now"),
        needs="subscription",
    ),
    Row("GET", TENANT + "/subscriptions", OUR_READ),
    Row("GET", TENANT, OUR_READ),
    Row("PUT", TENANT, WRITE, put(), makes=True),
    Row("POST", TENANT + "/access-tokens", WRITE),
    Row("POST", TENANT + "/payment-methods/setup", WRITE, put(provider="stripe")),
    Row("GET", TENANT + "/payment-methods/setup/{setup}", OUR_READ),
    Row("GET", TENANT + "/invoices", OUR_READ),
    Row("GET", TENANT + "/payment-providers/stripe/invoices", OUR_READ),
    Row("POST", TENANT + "/payment-providers/stripe/invoices", WRITE, invoice),
    Row("GET", APP + "/webhook-deliveries", READ),
    Row("GET", APP + "/webhook-deliveries/{delivery}", READ),
    Row("POST", APP + "/webhook-deliveries/{delivery}/replay", WRITE),
    Row("POST", APP + "/webhook-deliveries/replay", WRITE, put(reason="unknown invoice")),
    Row("GET", APP + "/prices/{price}", READ),
    Row("PUT", APP + "/prices/{price}", WRITE, put(currency="eur", amountMinor=1), makes=True),
    Row("GET", APP + "/tax-rates/{tax}", READ),
    Row("PUT", APP + "/tax-rates/{tax}", WRITE, put(percentage=1, inclusive=True), makes=True),
    Row("POST", "/v1/tenants/{tenant}/stripe-invoices", "write token", charge),
    Row("POST", "/api/v1/tenants/{tenant}/stripe-invoices", "write", charge),
    Row("GET", "/admin/api/invoices?page=1&limit=5", ADMIN),
    Row("GET", "/admin/api/invoices/{invoice}", ADMIN),
    Row("POST", "/admin/api/invoices", ADMIN, draft),
    Row(
        "POST",
        "/stripe/invoices?name=ours&connection_name={connection}",
        "write lone",
        put(customer="cus_1"),
    ),
]


# Whoever has the address is let in; what it names can't be guessed.
OPEN = {
    "POST /webhooks/{}/{}",
    "GET /d/{}",
    "GET /return/{}",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/redoc.standalone.js",
}
OURS = ["nobody", "read", "write", "admin", "lone", "token", "revoked"]
STRANGERS = ["their read", "their write", "their admin", "their lone", "their token"]
WHOSE = ["own", "other tenant", "other app", "unknown"]
