"""Parameters, headers and security schemes that operations share."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from service.openapi.declare import Header, Json, Security

_UUID: Final = {"type": "string", "format": "uuid"}
# Without a slash, which separates path segments.
_TOKEN: Final = {"type": "string", "pattern": r"^[\x21-\x2e\x30-\x7e]{1,255}$"}
_PROVIDER: Final = {"type": "string", "enum": ["stripe", "mollie"]}

IN_PATH: Final[Mapping[str, tuple[str, Json]]] = {
    "appUuid": ("The app.", _UUID),
    "tenantUuid": ("The tenant.", _UUID),
    "invoiceUuid": ("The invoice's id.", _UUID),
    "subscriptionId": ("The subscription's id, ours or the provider's.", _TOKEN),
    "paymentProvider": ("The provider.", _PROVIDER),
    "provider": ("The provider.", _PROVIDER),
    "connectionId": ("The connection's id, a random UUID.", _UUID),
    "deliveryUuid": ("The delivery's id.", _UUID),
    "workId": ("The id of the work, as lists return it.", _TOKEN),
    "keyUuid": ("The key's id.", _UUID),
    "setupUuid": ("The setup's id.", _UUID),
    "name": (
        "The connection's name.",
        {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
    ),
    "priceId": ("The price's id, chosen by the caller.", _TOKEN),
    "taxRateId": ("The tax rate's id, chosen by the caller.", _TOKEN),
    "tenantId": ("The tenant.", _UUID),
    "id": ("The invoice's id, ours or Stripe's.", {"type": "string", "minLength": 1}),
    "token": ("The signed token of the link.", {"type": "string", "minLength": 1}),
}

IN_QUERY: Final[Mapping[str, str]] = {
    "minPosition": "Wait until the read model has reached this position of the log; 503 after 5 s.",
    "status": "One or several statuses, repeated or separated by commas.",
    "provider": "Invoices at this provider.",
    "type": "Invoices of one-time payments, or of subscriptions.",
    "mode": "Live or test mode; by default the mode of the default connection.",
    "currency": "ISO 4217 currency code, three letters.",
    "tenantUuid": "Invoices of this tenant.",
    "unassigned": "Only objects of customers without a tenant; excludes `tenantUuid`.",
    "userId": "Invoices requested on behalf of this user of your system.",
    "customer": "Invoices of this customer at the provider.",
    "subscriptionId": "Invoices of this subscription at the provider.",
    "origin": "Requested here, created by a renewal, created at the provider, or imported.",
    "q": "Full-text search over number, customer, e-mail, the provider's id and metadata "
    "values; each term may be a prefix.",
    "amountMin": "Minimum total in minor units; requires `currency`.",
    "amountMax": "Maximum total in minor units; requires `currency`.",
    "format": "`csv` returns the whole list as a file, without pages.",
    "from": "The first day, 1980-01-01 or later; unbounded by default.",
    "to": "The day after the last; until now by default.",
    "timezone": "IANA time zone of the days; the app's by default.",
    "interval": "Length of a bucket: a day, a week from Monday on, or a month.",
    "connection": "Invoices of this payment connection, by its name.",
    "asOf": "Return the state as of this time.",
    "after": "Return events after this position.",
    "wait": "Seconds to wait for an event if there is none yet.",
    "createdFrom": "Created at this time or later.",
    "createdTo": "Created before this time.",
    "paidFrom": "Paid at this time or later.",
    "paidTo": "Paid before this time.",
    "sort": "Sort field; a leading minus sorts in descending order.",
    "limit": "Maximum number of items.",
    "cursor": "The `nextCursor` of the previous page.",
    "page": "The page number, from 0. Only on the path of a payment provider.",
}


def of_path(path: str) -> Iterator[Json]:
    """Declare the parameters of a path."""
    for name in re.findall(r"{(\w+)}", path):
        description, schema = IN_PATH[name]
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": description,
            "schema": schema,
        }


def of_query(schema: Json, descriptions: Mapping[str, str]) -> Iterator[Json]:
    """Declare a query, from the schema of the model that reads it."""
    required = schema.get("required", [])
    for name, known in schema["properties"].items():
        plain = _without_null(known)
        description = plain.pop("description", None) or {**IN_QUERY, **descriptions}.get(name, "")
        yield {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": description,
            "schema": plain,
        }


def of_header(header: Header) -> Json:
    """Declare a header of a request."""
    return {
        "name": header.name,
        "in": "header",
        "required": header.always,
        "description": header.description,
        "schema": header.schema,
    }


def _without_null(schema: Json) -> Json:
    """Remove null from a schema: a query leaves a parameter out instead."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return dict(schema)
    kept = {
        keyword: value for keyword, value in schema.items() if keyword not in {"anyOf", "default"}
    }
    # pydantic's keywords for the bounds of dates (ge, lt) are not JSON Schema.
    return {
        keyword: value
        for keyword, value in {**choices[0], **kept}.items()
        if len(keyword) > len("ge")
    }


_POSITION: Final = {"type": "integer", "minimum": 0}

REQUEST_ID: Final = Header(
    name="X-Request-Id",
    description="The request's id in the logs: the request's own X-Request-Id if it is valid, "
    "else a new one.",
    schema={"type": "string"},
    always=True,
)
POSITION: Final = Header(
    name="X-Billhook-Position",
    description="The log position of the write; pass it as `minPosition` to read your own write.",
    schema=_POSITION,
)
ALWAYS_POSITION: Final = Header(
    name=POSITION.name, description=POSITION.description, schema=_POSITION, always=True
)
LAG_MS: Final = Header(
    name="X-Billhook-Lag-Ms",
    description="Milliseconds by which the response lags behind the log.",
    schema={"type": "integer", "minimum": 0},
    always=True,
)
LOCATION: Final = Header(
    name="Location",
    description="The URL of the requested object.",
    schema={"type": "string"},
    always=True,
)
ADDRESS: Final = Header(
    name="Location",
    description="The document's URL, which expires.",
    schema={"type": "string", "format": "uri"},
    always=True,
)
REPLAYED: Final = Header(
    name="Idempotent-Replayed",
    description="`true` if this response replays an earlier one under the same idempotency key.",
    schema={"type": "string", "const": "true"},
)
RETRY_AFTER: Final = Header(
    name="Retry-After",
    description="Seconds until the request may be retried.",
    schema={"type": "integer", "minimum": 0},
    always=True,
)

IDEMPOTENCY_KEY: Final = Header(
    name="Idempotency-Key",
    description="Idempotency key: requests with the same key are carried out once.",
    schema={"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
)
PREFER: Final = Header(
    name="Prefer",
    description="Time to wait for the outcome: `wait=<seconds>` (at most 60), or "
    "`respond-async` to not wait. Invalid values are ignored.",
    schema={"type": "string", "examples": ["wait=30", "respond-async"]},
)
STRIPE_SIGNATURE: Final = Header(
    name="Stripe-Signature",
    description="Stripe's signature over the bytes of the body.",
    schema={"type": "string"},
)

RATES: Final = (
    Header(
        name="RateLimit-Limit",
        description="Number of requests per minute allowed for this caller.",
        schema={"type": "integer", "minimum": 1},
    ),
    Header(
        name="RateLimit-Remaining",
        description="Number of requests left.",
        schema={"type": "integer", "minimum": 0},
    ),
    Header(
        name="RateLimit-Reset",
        description="Seconds until the full number is available again.",
        schema={"type": "integer", "minimum": 0},
    ),
)


# Header names are case-insensitive.
SCHEMES: Final[Json] = {
    "appKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-KEY",
        "description": "An API key of the app; requires X-API-KEY-TYPE and X-CLIENT-ID.",
    },
    "appKeyType": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-KEY-TYPE",
        "description": "The kind of the key: `read` for GET, `write` for every other method.",
    },
    "clientId": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CLIENT-ID",
        "description": "The app's UUID.",
    },
    "adminKey": {
        "type": "apiKey",
        "in": "header",
        "name": "Api-Key",
        "description": "An admin key of the app: admits every tenant and method.",
    },
    "connectionKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "A write key of the app, without further headers; the app's slug is in "
        "the query.",
    },
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token for one tenant of one app, created with `POST "
        "…/tenants/{tenantUuid}/access-tokens` or signed by the app itself. The "
        "header `Authentication` is accepted too.",
    },
}

APP_KEY: Final[Security] = {"appKey": [], "appKeyType": [], "clientId": []}
ADMIN_KEY: Final[Security] = {"adminKey": []}
ACCESS_TOKEN: Final[Security] = {"accessToken": []}
CONNECTION_KEY: Final[Security] = {"connectionKey": []}

OF_APP: Final = (APP_KEY, ADMIN_KEY)
OF_TENANT: Final = (APP_KEY, ADMIN_KEY, ACCESS_TOKEN)
