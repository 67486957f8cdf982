"""What stands in paths and queries."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from service.openapi.declaring import Header, Json

_UUID: Final = {"type": "string", "format": "uuid"}
# A slash would end it.
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
    """Declare what stands in a path."""
    for name in re.findall(r"{(\w+)}", path):
        description, schema = IN_PATH[name]
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": description,
            "schema": schema,
        }


def of_query(schema: Json, words: Mapping[str, str]) -> Iterator[Json]:
    """Declare a query, from the schema of the model that reads it."""
    required = schema.get("required", [])
    for name, known in schema["properties"].items():
        plain = _without_null(known)
        description = plain.pop("description", None) or {**IN_QUERY, **words}.get(name, "")
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
    """Say it without null: a query can leave a parameter out, not write null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return dict(schema)
    kept = {word: value for word, value in schema.items() if word not in {"anyOf", "default"}}
    # pydantic's words for the bounds of dates mean nothing in JSON Schema.
    return {word: value for word, value in {**choices[0], **kept}.items() if len(word) > len("ge")}
