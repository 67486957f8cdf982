"""Each field that the documents print, and where it comes from: read by tests, printed as a page.

`other` says it of a part's fields that no note names. `same`: the value is the printed one;
otherwise it is of the printed type, and anything where null is printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.contract.field_notes import (
    ADMIN_INVOICE,
    ALIKE,
    CALLER,
    DERIVED,
    DRAFT_ADDRESS,
    ENVELOPE,
    GATHERED_AMOUNTS,
    GATHERED_LINE,
    IMMEDIATE_CHARGE_REQUEST,
    REFUSED,
    SAME,
)

DOCUMENTS: Final = Path(__file__).parent / "documents"
STRIPES: Final = "Stripe's invoice, field of the same name"


# What the words of documents 000 and 001 stand for.
TYPES: Final = {"String": str, "Boolean": bool, "Number": int, "Object": dict}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A printed field. `path` has `[]` for the entries of a list."""

    path: str
    source: str
    same: bool
    printed: Any


@dataclass(frozen=True, kw_only=True)
class Part:
    """A printed JSON document, `file` in the folder of documents."""

    file: str
    title: str
    notes: dict[str, str]
    other: str = "the same in every answer"

    def rows(self) -> list[Row]:
        """Yield a row for each printed field."""
        printed = dict(fields(printed_in(self.file)))
        unknown = set(self.notes) - set(printed)
        assert not unknown, f"{self.file} does not print {sorted(unknown)}"
        return [self._row(path, value) for path, value in printed.items()]

    def _row(self, path: str, value: Any) -> Row:
        note = self.notes.get(path, self.other)
        return Row(
            path=path,
            source=note.removeprefix(SAME) or self.other,
            same=note.startswith(SAME),
            printed=value,
        )


def printed_in(file: str) -> Any:
    """Read a document's example."""
    return json.loads((DOCUMENTS / file).read_text(encoding="utf-8"))


def fields(value: Any, occurred_at: str = "") -> Iterator[tuple[str, Any]]:
    """Walk through what is printed, leaves and empty containers; a list is its first entry's."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from fields(inner, f"{occurred_at}.{name}" if occurred_at else name)
    elif isinstance(value, list) and value:
        yield from fields(value[0], f"{occurred_at}[]")
    else:
        yield occurred_at, value


PARTS: Final = (
    Part(file="000_payload.json", title="request", notes=IMMEDIATE_CHARGE_REQUEST),
    Part(
        file="000_created.json",
        title="response 201",
        notes={
            **ENVELOPE,
            "data.kind": "=the same in every answer; beside it is every field of the"
            " PaymentIntent of the invoice's default payment, with `client_secret` fetched for this"
            " answer, and `invoice`",
        },
    ),
    Part(file="000_refused.json", title="error", notes=REFUSED),
    Part(file="001_payload.json", title="request", notes=IMMEDIATE_CHARGE_REQUEST),
    Part(
        file="001_created.json",
        title="response 201",
        notes={
            **ENVELOPE,
            "data.paymentIntents": "the PaymentIntent of the invoice's default payment, with"
            " `client_secret` fetched for this answer, and `invoice`",
        },
    ),
    Part(file="001_refused.json", title="error", notes=REFUSED),
    Part(
        file="002_payload.json",
        title="request",
        notes={
            "tenantUuid": f"{CALLER}: the tenant of the path",
            "lineItems[].name": f"{CALLER}, or left out: printed on the invoice",
            "lineItems[].price": f"{CALLER}: a price's id; or, with `payment`, `amountMinor` and"
            " `currency`",
            "taxRateId": f"{CALLER}, or left out: a tax rate's id",
            "type": f"{CALLER}: `payment`, or `subscription` (Stripe), whose first invoice is"
            " returned",
        },
    ),
    Part(
        file="002_created.json",
        title="response 200",
        notes={
            "kind": SAME,
            "totalItems": SAME,
            "itemsLength": SAME,
            "items[].status": "the status, the same for every provider",
            "items[].providerObjectType": "`invoice` at Stripe",
            "items[].providerObjectId": "the provider's id of it",
            "items[].nextAction.url": "the page where the customer continues, or null",
            "items[].documentUrl": "our own link to the provider's document, which needs no key",
            **{
                f"items[].providerResponse.{name}": "the provider's own object, without secrets"
                for name in ("id", "status", "method", "customerId", "sequenceType")
            },
        },
    ),
    Part(
        file="003_list.json",
        title="response: list",
        notes={
            **{f"invoices[].{path}": note for path, note in ADMIN_INVOICE.items()},
            "count": "the exact number of invoices at Stripe through this connection",
        },
    ),
    Part(file="003_one.json", title="response: one", notes=ADMIN_INVOICE),
    Part(
        file="003_payload.json",
        title="request",
        notes={
            "items[].name": f"{CALLER}: printed on the invoice",
            "items[].amount": f"{CALLER}: minor units of the currency that Stripe chooses",
            "customer": f"{CALLER}: Stripe's customer",
            "paymentMethod": f"{CALLER}, or left out: the method that Stripe charges",
        },
    ),
    Part(
        file="003_created.json",
        title="response 200",
        other=STRIPES,
        notes={
            **ALIKE,
            **DERIVED,
            **DRAFT_ADDRESS,
            "amount_due": SAME,
            "amount_remaining": SAME,
            "subscription_details.metadata": "=`parent.subscription_details.metadata`",
            "rendering.amount_tax_display": SAME,
            "rendering.pdf.page_size": SAME,
            "description": "=the app's invoice defaults",
            "footer": "=the app's invoice defaults",
            "default_payment_method": "`paymentMethod` of the request",
            "currency": "the customer's, else that of the Stripe account",
        },
    ),
    Part(
        file="004_payload.json",
        title="request",
        notes={
            "name": f"{CALLER} in the query: the app's slug",
            "connection_name": f"{CALLER} in the query: the connection",
            "customer": f"{CALLER} as a form: Stripe's customer",
        },
    ),
    Part(
        file="004_created.json",
        title="response 200",
        other=STRIPES,
        notes={
            **ALIKE,
            **DERIVED,
            **GATHERED_LINE,
            **GATHERED_AMOUNTS,
            "customer_address": SAME,
        },
    ),
)
