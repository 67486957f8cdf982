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
    "invoiceUuid": ("The invoice, by our id.", _UUID),
    "subscriptionId": ("The subscription, by our id or by the provider's.", _TOKEN),
    "paymentProvider": ("The provider.", _PROVIDER),
    "provider": ("The provider.", _PROVIDER),
    "connectionId": ("The connection, by its unguessable id.", _UUID),
    "deliveryUuid": ("The delivery, by our id.", _UUID),
    "workId": ("The work, by the id that lists have.", _TOKEN),
    "keyUuid": ("The key, by its id.", _UUID),
    "setupUuid": ("The setup of a payment method, by our id.", _UUID),
    "name": (
        "The connection, by its name.",
        {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
    ),
    "priceId": ("The price, by the id that you give it.", _TOKEN),
    "taxRateId": ("The tax rate, by the id that you give it.", _TOKEN),
    "tenantId": ("The tenant.", _UUID),
    "id": ("The invoice, by our id or by Stripe's.", {"type": "string", "minLength": 1}),
    "token": ("What was signed.", {"type": "string", "minLength": 1}),
}

IN_QUERY: Final[Mapping[str, str]] = {
    "minPosition": "Answer only when the read model has got this far in the log; 503 after 5 s.",
    "status": "Any of these, given several times or separated by commas.",
    "provider": "Invoices at this provider.",
    "type": "One-time payments, or invoices of subscriptions.",
    "mode": "Real or test money; the default connection's mode where it is left out.",
    "currency": "Three letters, as ISO 4217 has them.",
    "tenantUuid": "Invoices of this tenant.",
    "unassigned": "Only what is of a customer that is no tenant's yet; goes with no `tenantUuid`.",
    "userId": "Invoices asked for on behalf of this user of yours.",
    "customer": "Invoices of this customer at the provider.",
    "subscriptionId": "Invoices of this subscription at the provider.",
    "origin": "Asked for here, begun anew by a subscription, made at the provider, or imported.",
    "q": "Words, or beginnings of words, of number, customer, e-mail, the provider's id or "
    "values of metadata.",
    "amountMin": "Of this total or more, in minor units; goes with `currency`.",
    "amountMax": "Of this total or less, in minor units; goes with `currency`.",
    "format": "`csv` for the whole list as a file, without pages.",
    "from": "The first day, 1980-01-01 or later; since ever where it is left out.",
    "to": "The day after the last; until now where it is left out.",
    "timezone": "Where days begin: a name of the IANA's list. The app's where it is left out.",
    "interval": "What goes together: a day, a week from Monday on, or a month.",
    "connection": "Invoices of this payment connection, by its name.",
    "asOf": "As it was known at this time.",
    "after": "Only what came after this position.",
    "wait": "So many seconds are waited where there is nothing yet.",
    "createdFrom": "Made at this time or later.",
    "createdTo": "Made before this time.",
    "paidFrom": "Paid at this time or later.",
    "paidTo": "Paid before this time.",
    "sort": "By what, and with a minus from the newest or highest down.",
    "limit": "At most so many.",
    "cursor": "The `nextCursor` of the page before.",
    "page": "The page, counted from 0. Only on the path of a payment provider.",
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
    description="The request's name in our logs: yours, if it was a sane one, else a new one.",
    schema={"type": "string"},
    always=True,
)
POSITION: Final = Header(
    name="X-Billhook-Position",
    description="The place in the log of what was written; pass it to a reader as `minPosition`.",
    schema=_POSITION,
)
ALWAYS_POSITION: Final = Header(
    name=POSITION.name, description=POSITION.description, schema=_POSITION, always=True
)
LAG_MS: Final = Header(
    name="X-Billhook-Lag-Ms",
    description="How many milliseconds the answer is behind the log.",
    schema={"type": "integer", "minimum": 0},
    always=True,
)
LOCATION: Final = Header(
    name="Location",
    description="Where what was asked for can be read.",
    schema={"type": "string"},
    always=True,
)
ADDRESS: Final = Header(
    name="Location",
    description="Where it is, for a while.",
    schema={"type": "string", "format": "uri"},
    always=True,
)
REPLAYED: Final = Header(
    name="Idempotent-Replayed",
    description="`true`, if this request was answered before under its key.",
    schema={"type": "string", "const": "true"},
)
RETRY_AFTER: Final = Header(
    name="Retry-After",
    description="After how many seconds it is worth asking again.",
    schema={"type": "integer", "minimum": 0},
    always=True,
)

IDEMPOTENCY_KEY: Final = Header(
    name="Idempotency-Key",
    description="Send the same key with a repeated request and it is carried out once only.",
    schema={"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
)
PREFER: Final = Header(
    name="Prefer",
    description="How long to wait for the outcome: `wait=<seconds>` (at most 60), or "
    "`respond-async` for not at all. What makes no sense is ignored.",
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
        description="How many requests this caller may send in a minute.",
        schema={"type": "integer", "minimum": 1},
    ),
    Header(
        name="RateLimit-Remaining",
        description="How many of them are left.",
        schema={"type": "integer", "minimum": 0},
    ),
    Header(
        name="RateLimit-Reset",
        description="After how many seconds it is as many again.",
        schema={"type": "integer", "minimum": 0},
    ),
)


# Header names are case-insensitive.
SCHEMES: Final[Json] = {
    "appKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-KEY",
        "description": "One of the app's keys; goes with X-API-KEY-TYPE and X-CLIENT-ID.",
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
        "description": "An admin key of the app: reaches every tenant of it, with any method.",
    },
    "connectionKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "A write key of the app, alone; the app's slug is in the query.",
    },
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token: reaches one tenant of one app. Made by "
        "`POST …/tenants/{tenantUuid}/access-tokens`, or signed by the app itself. The header may "
        "also be called Authentication.",
    },
}

APP_KEY: Final[Security] = {"appKey": [], "appKeyType": [], "clientId": []}
ADMIN_KEY: Final[Security] = {"adminKey": []}
ACCESS_TOKEN: Final[Security] = {"accessToken": []}
CONNECTION_KEY: Final[Security] = {"connectionKey": []}

OF_APP: Final = (APP_KEY, ADMIN_KEY)
OF_TENANT: Final = (APP_KEY, ADMIN_KEY, ACCESS_TOKEN)
