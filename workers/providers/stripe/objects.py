"""Read Stripe's JSON, from API answers and webhooks, into the port's objects.

Reads the shapes of the API version that we pin; a field that webhooks leave out (`payments`) is
read where it is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast, get_args

import orjson

from domain.core import metadata as metadata_keys
from domain.gateway.objects import (
    DisputeState,
    InvoiceReason,
    InvoiceState,
    PaymentState,
    ProviderCustomer,
    ProviderDispute,
    ProviderInvoice,
    ProviderLine,
    ProviderPayment,
    ProviderPrice,
    ProviderRefund,
    RefundState,
)
from eventlog.security.safe_json import without_secrets

Json = Mapping[str, Any]

METHOD_ID_PREFIXES: Final = ("pm_", "card_", "src_", "ba_")
# Four levels are Stripe's limit, and this is four.
WITH_PAYMENT: Final = ["payments.data.payment.payment_intent"]

_STATES: Final = frozenset(get_args(InvoiceState)) - {"deleted"}
_LARGEST: Final = 2**63 - 1
_OWNER_WANTED: Final = "authentication_required"
_PAYMENT_STATES: Final[dict[str, PaymentState]] = {
    "requires_action": "requires_action",
    "requires_confirmation": "open",
    "requires_capture": "processing",
    "processing": "processing",
    "succeeded": "succeeded",
    "canceled": "canceled",
}


_ANNOUNCED: Final[dict[str, PaymentState]] = {
    "invoice.payment_failed": "failed",
    "invoice.payment_action_required": "requires_action",
}


def to_invoice(data: Json, *, as_of: int, event_type: str | None = None) -> ProviderInvoice:
    """Read an invoice as it was at `as_of` (Unix seconds by Stripe's clock).

    Raises ValueError, KeyError or TypeError for what is no invoice that we understand, so that it
    is parked and not half believed.
    """
    data = without_secrets(dict(data))
    deleted = data.get("deleted") or event_type == "invoice.deleted"
    state: InvoiceState = "deleted" if deleted else _state(data["status"])
    lines = data.get("lines") or {"data": [], "has_more": False}
    return ProviderInvoice(
        id=text_of(data["id"]),
        state=state,
        as_of=as_of,
        livemode=data["livemode"],
        currency=text_of(data["currency"]),
        customer=id_of(data.get("customer")),
        number=data.get("number"),
        total_minor=whole(data["total"]),
        tax_minor=sum(whole(tax["amount"]) for tax in data.get("total_taxes") or ()),
        amount_paid_minor=whole(data["amount_paid"]),
        attempt_count=whole(data["attempt_count"]),
        hosted_url=data.get("hosted_invoice_url"),
        due_at=data.get("due_date"),
        period_start=data.get("period_start"),
        period_end=data.get("period_end"),
        paid_at=data["status_transitions"]["paid_at"],
        amount_overpaid_minor=whole(data.get("amount_overpaid") or 0),
        created_at=data.get("created"),
        issued_at=data["status_transitions"].get("finalized_at"),
        subscription_id=_subscription_of(data),
        reason=_REASONS.get(data.get("billing_reason") or "", "manual"),
        description=data.get("description"),
        footer=data.get("footer"),
        lines=tuple(to_line(line) for line in lines["data"]),
        more_lines=lines["has_more"],
        metadata=metadata_of(data),
        payment=_to_payment(data),
        event_payment_state=_ANNOUNCED.get(event_type or ""),
        raw=orjson.dumps(data),
    )


_REASONS: Final[dict[str, InvoiceReason]] = {
    "subscription_create": "first",
    "subscription_cycle": "renewal",
    "subscription_threshold": "renewal",
    "subscription": "renewal",
    "subscription_update": "change",
}


def _subscription_details(invoice: Json) -> Json:
    parent = invoice.get("parent") or {}
    found: Json = parent.get("subscription_details") or {}
    return found


def _subscription_of(invoice: Json) -> str | None:
    return id_of(_subscription_details(invoice).get("subscription"))


def metadata_of(invoice: Json) -> dict[str, str]:
    """Read its metadata; only a subscription's first invoice is what the subscription names.

    All of its invoices carry the subscription's metadata: all are of the app that is named there,
    but the invoice that we asked for is the first alone.
    """
    inherited = _subscription_details(invoice).get("metadata") or {}
    first = invoice.get("billing_reason") == "subscription_create"
    names = (metadata_keys.APP, metadata_keys.INVOICE) if first else (metadata_keys.APP,)
    ours = {name: inherited[name] for name in names if name in inherited}
    return ours | dict(invoice.get("metadata") or {})


def _state(value: object) -> InvoiceState:
    if value not in _STATES:
        raise ValueError(f"unknown invoice status {value!r}")
    return cast("InvoiceState", value)


def whole(value: object) -> int:
    """Take an integer that every store of ours can hold."""
    if type(value) is not int or abs(value) > _LARGEST:
        raise ValueError(f"no amount: {value!r}")
    return value


def text_of(value: object) -> str:
    """Take a text."""
    if not isinstance(value, str):
        raise TypeError(f"no text: {value!r}")
    return value


def _to_payment(invoice: Json) -> ProviderPayment | None:
    """Read the payment that counts, where the answer was expanded down to its PaymentIntent."""
    payments = invoice.get("payments")
    if payments is None:
        return None
    chosen = next((entry for entry in payments["data"] if entry["is_default"]), None)
    intent = None if chosen is None else chosen["payment"].get("payment_intent")
    if not isinstance(intent, dict):
        return None
    return to_payment(intent)


def to_payment(intent: Json) -> ProviderPayment:
    """Read a PaymentIntent; one that waits for another method was refused if it says why.

    A bank that asked for the customer while nobody was there is refused with a code of its own;
    the customer can still confirm on the hosted page, so it is no failure yet.
    """
    error = intent.get("last_payment_error") or {}
    state = _PAYMENT_STATES.get(intent["status"])
    if state is None:
        state = "failed" if error else "open"
    if state == "failed" and error.get("code") == _OWNER_WANTED:
        state = "requires_action"
    return ProviderPayment(
        id=intent["id"],
        state=state,
        amount_minor=intent["amount"],
        method=id_of(intent.get("payment_method")) or id_of(error.get("payment_method")),
        charge=id_of(intent.get("latest_charge")),
        code=error.get("code"),
        decline_code=error.get("decline_code"),
        message=error.get("message"),
    )


_REFUND_STATES: Final[dict[str, RefundState]] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}


def to_refund(refund: Json, *, reference: str | None = None) -> ProviderRefund:
    """Read a refund; one made through a credit note has its `reference` there."""
    own = (refund.get("metadata") or {}).get(metadata_keys.REFUND)
    return ProviderRefund(
        id=text_of(refund["id"]),
        state=_REFUND_STATES.get(refund["status"], "pending"),
        amount_minor=whole(refund["amount"]),
        refunded_at=whole(refund["created"]),
        reference=reference or own,
        code=refund.get("failure_reason"),
    )


def refund_ids_of(credit_note: Json) -> list[str]:
    """Name the refunds that a credit note made."""
    refunds = [id_of(entry.get("refund")) for entry in credit_note.get("refunds") or ()]
    return [refund for refund in refunds if refund is not None]


# What is not here is an inquiry, or was prevented: no money has moved. An appeal follows a loss.
_DISPUTE_STATES: Final[dict[str, DisputeState]] = {
    "needs_response": "open",
    "under_review": "open",
    "lost": "lost",
    "appeal_needs_response": "lost",
    "appeal_under_review": "lost",
    "won": "won",
}


def to_dispute(dispute: Json) -> ProviderDispute | None:
    """Read a dispute; None while no money is disputed."""
    state = _DISPUTE_STATES.get(dispute["status"])
    if state is None:
        return None
    return ProviderDispute(
        id=text_of(dispute["id"]),
        state=state,
        amount_minor=whole(dispute["amount"]),
        disputed_at=whole(dispute["created"]),
    )


def to_line(line: Json) -> ProviderLine:
    """Read an invoice's line; our reference travels in its metadata."""
    pricing = line.get("pricing") or {}
    details = pricing.get("price_details") or {}
    return ProviderLine(
        id=line["id"],
        description=line.get("description"),
        quantity=line.get("quantity") or 1,
        price=id_of(details.get("price")),
        total_minor=whole(line["amount"]),
        currency=line["currency"],
        reference=(line.get("metadata") or {}).get(metadata_keys.LINE),
    )


def to_price(price: Json) -> ProviderPrice:
    """Read a catalogue price."""
    return ProviderPrice(
        id=price["id"],
        currency=price["currency"],
        unit_amount_minor=price.get("unit_amount"),
        recurring=price["type"] == "recurring",
        active=price["active"],
    )


def to_customer(customer: Json) -> ProviderCustomer:
    """Read a customer with what would be charged: its invoice default, else the legacy source."""
    if customer.get("deleted"):
        return ProviderCustomer(id=customer["id"], currency=None, default_method=None, deleted=True)
    settings = customer.get("invoice_settings") or {}
    return ProviderCustomer(
        id=customer["id"],
        currency=customer.get("currency"),
        default_method=id_of(settings.get("default_payment_method"))
        or id_of(customer.get("default_source")),
    )


def id_of(value: Any) -> str | None:  # noqa: ANN401 - Stripe sends an id, or the object if expanded
    """Take an id, also of an object that stands in its place."""
    if isinstance(value, dict):
        return str(value["id"])
    return None if value is None else str(value)
