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

DOCUMENTS: Final = Path(__file__).parent / "documents"
STRIPES: Final = "Stripe's invoice, field of the same name"
SAME: Final = "="

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


_CALLER: Final = "sent by the caller"
_PRICE: Final = "Stripe's price of the line"
_LINE: Final = "Stripe's invoice line, field of the same name"

_IMMEDIATE_CHARGE_REQUEST: Final = {
    "price": f"{_CALLER}: a price's id at Stripe, one-time or (`subscription`) recurring",
    "taxRate": f"{_CALLER}: the id of a tax rate at Stripe",
    "mode": f"{_CALLER}: `payment`, or `subscription` for one whose first invoice is charged",
    "quantity": f"{_CALLER}: 1 to 1,000,000",
    "tenantId": f"{_CALLER}, or left out: the tenant of the path",
    "userId": f"{_CALLER}, or left out: kept with the invoice",
    "test": f"{_CALLER}, or left out: selects the app's test or live connection",
    "footer": f"{_CALLER}, or left out: printed on the invoice, at most 256 characters",
}
_REFUSED: Final = {
    "success": "`false`",
    "error": "the code in brackets, then the field and its fault",
    "message": SAME,
    "data": SAME,
}
_ENVELOPE: Final = {
    "success": "`true`",
    "message": "the result as text",
    "error": SAME,
}

_ADMIN_INVOICE: Final = {
    "_id": "our id of the invoice, a UUID",
    "invoiceId": "Stripe's id of the invoice",
    "user._id": "`userId` of the request, else the tenant, else Stripe's customer",
    "user.name": "the customer's name at Stripe, else the tenant's",
    "status": "Stripe's status of the invoice",
    "amount": "the total in the currency's minor unit",
    "invoicePdf": "our own link to Stripe's document, which needs no key; null for a draft",
    "createdAt": "when the invoice was requested",
    "updatedAt": "when its last event was recorded",
}

# What both older invoices derive from where Stripe keeps it now.
_DERIVED: Final = {
    "charge": "the latest charge of the default payment's PaymentIntent",
    "discount": "the first of `discounts`",
    "paid": "=whether `status` is `paid`",
    "paid_out_of_band": "=whether a payment was recorded outside Stripe",
    "payment_intent": "the PaymentIntent of the default payment",
    "quote": "`parent.quote_details.quote`",
    "subscription": "`parent.subscription_details.subscription`",
    "tax": "the sum of `total_taxes`, null where there are none",
    "total_tax_amounts": "=`total_taxes`, in the older shape",
    "application_fee_amount": "null: since moved to the PaymentIntent",
    "transfer_data": "null: since moved to the PaymentIntent",
    "rendering_options": "null: replaced by `rendering`",
    "metadata": "=the caller's metadata, without our own keys",
}
_ALIKE: Final = dict.fromkeys(
    (
        "object", "account_country", "account_tax_ids", "amount_paid", "amount_shipping",
        "application", "attempt_count", "attempted", "auto_advance", "automatic_tax.enabled",
        "automatic_tax.status", "billing_reason", "collection_method", "currency",
        "custom_fields", "customer_email", "customer_name", "customer_phone",
         "customer_shipping", "customer_tax_exempt", "customer_tax_ids",
        "default_source", "default_tax_rates", "description", "discounts", "due_date",
        "ending_balance", "footer", "from_invoice", "hosted_invoice_url", "invoice_pdf",
        "last_finalization_error", "latest_revision", "lines.has_more", "lines.object",
        "livemode", "number", "on_behalf_of", "payment_settings.default_mandate",
        "payment_settings.payment_method_options", "payment_settings.payment_method_types",
        "post_payment_credit_notes_amount", "pre_payment_credit_notes_amount",
        "receipt_number", "shipping_cost", "shipping_details", "starting_balance",
        "statement_descriptor", "status", "status_transitions.finalized_at",
        "status_transitions.marked_uncollectible_at", "status_transitions.paid_at",
        "status_transitions.voided_at", "test_clock", "total_discount_amounts",
    ),
    SAME,
)  # fmt: skip
_DRAFT_ADDRESS: Final = {
    f"customer_address.{part}": SAME
    for part in ("city", "country", "line1", "line2", "postal_code", "state")
}

_GATHERED_LINE: Final = {
    f"lines.data[].{name}": note
    for name, note in {
        **dict.fromkeys(
            (
                "object", "amount", "currency", "description", "discount_amounts",
                "discountable", "discounts", "livemode", "quantity",
            ),
            f"={_LINE}",
        ),
        **dict.fromkeys(("id", "period.end", "period.start"), _LINE),
        "amount_excluding_tax": "=the line's `subtotal`",
        "invoice_item": "`parent.invoice_item_details.invoice_item`",
        "metadata": "=as the invoice's",
        "plan": "=null: replaced by prices",
        "proration": "=`parent.invoice_item_details.proration`",
        "proration_details.credited_items": "=`parent.invoice_item_details.proration_details`",
        "subscription": "=`parent.invoice_item_details.subscription`",
        "tax_amounts": "=the line's `taxes`, in the older shape",
        "tax_rates": "=empty: Stripe has them in `taxes` only",
        "type": "=`invoiceitem`, or `subscription` where a subscription made the line",
        "unit_amount_excluding_tax": "=`subtotal` divided by `quantity`",
        **{
            f"price.{field}": f"={_PRICE}"
            for field in (
                "object", "active", "billing_scheme", "currency", "custom_unit_amount",
                "livemode", "lookup_key", "metadata", "nickname", "recurring", "tax_behavior",
                "tiers_mode", "transform_quantity", "type", "unit_amount",
                "unit_amount_decimal",
            )
        },
        **dict.fromkeys(("price.id", "price.created", "price.product"), _PRICE),
    }.items()
}  # fmt: skip
_GATHERED_AMOUNTS: Final = dict.fromkeys(
    (
        "amount_due", "amount_remaining", "subtotal", "subtotal_excluding_tax", "total",
        "total_excluding_tax", "lines.total_count", "next_payment_attempt",
        "default_payment_method",
    ),
    SAME,
)  # fmt: skip

PARTS: Final = (
    Part(file="000_payload.json", title="request", notes=_IMMEDIATE_CHARGE_REQUEST),
    Part(
        file="000_created.json",
        title="response 201",
        notes={
            **_ENVELOPE,
            "data.kind": "=the same in every answer; beside it is every field of the"
            " PaymentIntent of the invoice's default payment, with `client_secret` fetched for this"
            " answer, and `invoice`",
        },
    ),
    Part(file="000_refused.json", title="error", notes=_REFUSED),
    Part(file="001_payload.json", title="request", notes=_IMMEDIATE_CHARGE_REQUEST),
    Part(
        file="001_created.json",
        title="response 201",
        notes={
            **_ENVELOPE,
            "data.paymentIntents": "the PaymentIntent of the invoice's default payment, with"
            " `client_secret` fetched for this answer, and `invoice`",
        },
    ),
    Part(file="001_refused.json", title="error", notes=_REFUSED),
    Part(
        file="002_payload.json",
        title="request",
        notes={
            "tenantUuid": f"{_CALLER}: the tenant of the path",
            "lineItems[].name": f"{_CALLER}, or left out: printed on the invoice",
            "lineItems[].price": f"{_CALLER}: a price's id; or, with `payment`, `amountMinor` and"
            " `currency`",
            "taxRateId": f"{_CALLER}, or left out: a tax rate's id",
            "type": f"{_CALLER}: `payment`, or `subscription` (Stripe), whose first invoice is"
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
            **{f"invoices[].{path}": note for path, note in _ADMIN_INVOICE.items()},
            "count": "the exact number of invoices at Stripe through this connection",
        },
    ),
    Part(file="003_one.json", title="response: one", notes=_ADMIN_INVOICE),
    Part(
        file="003_payload.json",
        title="request",
        notes={
            "items[].name": f"{_CALLER}: printed on the invoice",
            "items[].amount": f"{_CALLER}: minor units of the currency that Stripe chooses",
            "customer": f"{_CALLER}: Stripe's customer",
            "paymentMethod": f"{_CALLER}, or left out: the method that Stripe charges",
        },
    ),
    Part(
        file="003_created.json",
        title="response 200",
        other=STRIPES,
        notes={
            **_ALIKE,
            **_DERIVED,
            **_DRAFT_ADDRESS,
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
            "name": f"{_CALLER} in the query: the app's slug",
            "connection_name": f"{_CALLER} in the query: the connection",
            "customer": f"{_CALLER} as a form: Stripe's customer",
        },
    ),
    Part(
        file="004_created.json",
        title="response 200",
        other=STRIPES,
        notes={
            **_ALIKE,
            **_DERIVED,
            **_GATHERED_LINE,
            **_GATHERED_AMOUNTS,
            "customer_address": SAME,
        },
    ),
)
