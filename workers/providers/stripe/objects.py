"""Read Stripe's JSON, from API answers and webhooks, into the port's objects.

Reads the shapes of the API version that we pin; a field that webhooks leave out (`payments`) is
read where it is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypedDict

from domain.core import metadata as metadata_keys
from domain.gateway.errors import ProviderObjectUnreadable
from domain.gateway.objects import (
    InvoicePayment,
    InvoiceReason,
    InvoiceState,
    PaymentState,
    ProviderCustomer,
    ProviderInvoice,
    ProviderLine,
    ProviderPayment,
    ProviderPrice,
)
from eventlog.security.safe_json import without_secrets
from workers.providers.bounded_fields import (
    Amount,
    ProviderObject,
    TokenOrObject,
    raw_json,
    read_as,
)
from workers.providers.stripe.schemas import (
    StripeClaims,
    StripeCustomer,
    StripeIdentified,
    StripeInvoice,
    StripeInvoicePayment,
    StripeLine,
    StripePaymentError,
    StripePaymentIntent,
    StripePrice,
)

Json = Mapping[str, Any]

METHOD_ID_PREFIXES: Final = ("pm_", "card_", "src_", "ba_")
# Four levels are Stripe's limit, and this is four.
WITH_PAYMENT: Final = ["payments.data.payment.payment_intent"]

_OWNER_WANTED: Final = "authentication_required"
_PAYMENT_STATES: Final[dict[str, PaymentState]] = {
    "requires_action": "requires_action",
    "requires_confirmation": "open",
    "requires_capture": "processing",
    "processing": "processing",
    "succeeded": "succeeded",
    "canceled": "canceled",
}

_NO_ERROR: Final = StripePaymentError()
_ANNOUNCED: Final[dict[str, PaymentState]] = {
    "invoice.payment_failed": "failed",
    "invoice.payment_action_required": "requires_action",
}


def to_invoice(data: Json, *, as_of: int, event_type: str | None = None) -> ProviderInvoice:
    """Read an invoice as of `as_of`, Unix seconds at Stripe. Raises ProviderObjectUnreadable."""
    data = without_secrets(dict(data))
    read = read_as(StripeInvoice, data, kind="invoice")
    lines, held = read.lines, _held_payment(read)
    return ProviderInvoice(
        id=read.id,
        state=_state_of(read, event_type),
        as_of=as_of,
        livemode=read.livemode,
        currency=read.currency,
        customer=read.customer,
        number=read.number,
        **_amounts_of(read, held),
        part_paid_at=_part_paid_at(read),
        revision_of=None if read.from_invoice is None else read.from_invoice.invoice,
        latest_revision=read.latest_revision,
        attempt_count=read.attempt_count,
        hosted_url=read.hosted_invoice_url,
        due_at=read.due_date,
        period_start=read.period_start,
        period_end=read.period_end,
        paid_at=read.status_transitions.paid_at,
        capturable_payment=None if held is None else held.id,
        created_at=read.created,
        issued_at=read.status_transitions.finalized_at,
        subscription_id=_subscription_of(read),
        reason=_REASONS.get(read.billing_reason or "", "manual"),
        description=read.description,
        footer=read.footer,
        lines=() if lines is None else tuple(_line(line) for line in lines.data),
        more_lines=lines is not None and lines.has_more,
        metadata=_metadata(read),
        payment=_to_payment(read),
        event_payment_state=_ANNOUNCED.get(event_type or ""),
        raw=raw_json(data, kind="invoice"),
    )


class _Amounts(TypedDict):
    """The amounts of an invoice, in minor units of its currency."""

    total_minor: int
    tax_minor: int
    amount_paid_minor: int
    amount_due_minor: int
    amount_overpaid_minor: int
    amount_capturable_minor: int | None
    credit_notes_minor: int


def _amounts_of(read: StripeInvoice, held: StripePaymentIntent | None) -> _Amounts:
    return _Amounts(
        total_minor=read.total,
        tax_minor=sum(tax.amount for tax in read.total_taxes or ()),
        amount_paid_minor=read.amount_paid,
        amount_due_minor=read.amount_remaining,
        amount_overpaid_minor=read.amount_overpaid or 0,
        amount_capturable_minor=_capturable_minor(read, held),
        credit_notes_minor=read.pre_payment_credit_notes_amount
        + read.post_payment_credit_notes_amount,
    )


def _state_of(invoice: StripeInvoice, event_type: str | None) -> InvoiceState:
    if invoice.deleted or event_type == "invoice.deleted":
        return "deleted"
    if invoice.status is None:
        raise ProviderObjectUnreadable("invoice.status")
    return invoice.status


_REASONS: Final[dict[str, InvoiceReason]] = {
    "subscription_create": "first",
    "subscription_cycle": "renewal",
    "subscription_threshold": "renewal",
    "subscription": "renewal",
    "subscription_update": "change",
}


def _subscription_of(invoice: StripeInvoice) -> str | None:
    details = None if invoice.parent is None else invoice.parent.subscription_details
    return None if details is None else details.subscription


def metadata_of(data: Json) -> dict[str, str]:
    """Read an object's metadata. Raises ProviderObjectUnreadable."""
    return _metadata(read_as(StripeClaims, data, kind="object"))


def _metadata(claims: StripeClaims) -> dict[str, str]:
    """Join an object's metadata with its subscription's.

    All invoices of a subscription carry its metadata: all are of the app that is named there, but
    the invoice that we asked for is the first alone.
    """
    details = None if claims.parent is None else claims.parent.subscription_details
    inherited = {} if details is None else details.metadata
    first = claims.billing_reason == "subscription_create"
    names = (metadata_keys.APP, metadata_keys.INVOICE) if first else (metadata_keys.APP,)
    ours = {name: inherited[name] for name in names if name in inherited}
    return ours | claims.metadata


def _to_payment(invoice: StripeInvoice) -> ProviderPayment | None:
    """Read the payment that counts, where the answer was expanded down to its PaymentIntent.

    Stripe cancels its own payment of an invoice that others paid in parts: the newest of these
    counts then.
    """
    entries = () if invoice.payments is None else invoice.payments.data
    chosen = next((entry for entry in entries if entry.is_default), None)
    if invoice.status == "paid" and chosen is not None and chosen.status == "canceled":
        chosen = max(entries, key=lambda entry: entry.paid_at or 0)
    intent = None if chosen is None else chosen.payment.payment_intent
    return None if intent is None else _payment(intent)


def _held_payment(invoice: StripeInvoice) -> StripePaymentIntent | None:
    """Return the first payment of an invoice that waits for its capture."""
    entries = () if invoice.payments is None else invoice.payments.data
    intents = (entry.payment.payment_intent for entry in entries)
    waiting = (one for one in intents if one is not None and one.status == "requires_capture")
    return next(waiting, None)


def _capturable_minor(invoice: StripeInvoice, held: StripePaymentIntent | None) -> int | None:
    """Return the held amount; None where the payments were not expanded."""
    if invoice.payments is None:
        return None
    return 0 if held is None else held.amount_capturable or 0


def _part_paid_at(invoice: StripeInvoice) -> int | None:
    """Return when the newest payment came in, where payments were expanded."""
    entries = () if invoice.payments is None else invoice.payments.data
    return max((entry.paid_at for entry in entries if entry.paid_at is not None), default=None)


def to_payment(intent: Json) -> ProviderPayment:
    """Read a PaymentIntent. Raises ProviderObjectUnreadable."""
    return _payment(read_as(StripePaymentIntent, intent, kind="payment_intent"))


def _payment(intent: StripePaymentIntent) -> ProviderPayment:
    """Read a PaymentIntent; one that waits for another method was refused if it says why.

    A bank that asked for the customer while nobody was there is refused with a code of its own;
    the customer can still confirm on the hosted page, so it is no failure yet.
    """
    error = intent.last_payment_error
    state = _PAYMENT_STATES.get(intent.status)
    if state is None:
        state = "open" if error is None else "failed"
    error = error or _NO_ERROR
    if state == "failed" and error.code == _OWNER_WANTED:
        state = "requires_action"
    return ProviderPayment(
        id=intent.id,
        state=state,
        amount_minor=intent.amount,
        method=intent.payment_method or error.payment_method,
        charge=intent.latest_charge,
        code=error.code,
        decline_code=error.decline_code,
        message=error.message,
    )


def to_invoice_payment(payment: Json) -> InvoicePayment:
    """Read the payment of an invoice that was paid by a PaymentIntent."""
    read = read_as(StripeInvoicePayment, payment, kind="invoice_payment")
    return InvoicePayment(
        invoice_id=read.invoice,
        payment_id=read.payment.payment_intent,
        amount_minor=read.amount_paid,
    )


def to_line(line: Json) -> ProviderLine:
    """Read an invoice's line; our reference travels in its metadata."""
    return _line(read_as(StripeLine, line, kind="line_item"))


def _line(line: StripeLine) -> ProviderLine:
    details = None if line.pricing is None else line.pricing.price_details
    return ProviderLine(
        id=line.id,
        description=line.description,
        quantity=line.quantity,
        price=None if details is None else details.price,
        total_minor=line.amount,
        currency=line.currency,
        reference=line.metadata.get(metadata_keys.LINE),
    )


def to_price(price: Json) -> ProviderPrice:
    """Read a catalogue price."""
    read = read_as(StripePrice, price, kind="price")
    return ProviderPrice(
        id=read.id,
        currency=read.currency,
        unit_amount_minor=read.unit_amount,
        recurring=read.type == "recurring",
        active=read.active,
    )


def object_id(data: Json) -> str:
    """Read any object's id. Raises ProviderObjectUnreadable."""
    return read_as(StripeIdentified, data, kind="object").id


def to_customer(customer: Json) -> ProviderCustomer:
    """Read a customer with what would be charged: its invoice default, else the legacy source."""
    read = read_as(StripeCustomer, customer, kind="customer")
    if read.deleted:
        return ProviderCustomer(id=read.id, currency=None, default_method=None, deleted=True)
    settings = read.invoice_settings
    default = None if settings is None else settings.default_payment_method
    return ProviderCustomer(
        id=read.id, currency=read.currency, default_method=default or read.default_source
    )


class _Id(ProviderObject):
    id: TokenOrObject | None


def id_of(value: object) -> str | None:
    """Read an id, also of an object that is expanded in its place."""
    return read_as(_Id, {"id": value}, kind="reference").id


class _Amount(ProviderObject):
    amount: Amount


def amount_of(value: object) -> int:
    """Read an amount in minor units."""
    return read_as(_Amount, {"amount": value}, kind="reference").amount
