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
    InvoiceReason,
    InvoiceState,
    PaymentState,
    ProviderCustomer,
    ProviderInvoice,
    ProviderLine,
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
from workers.providers.stripe import payment_objects as payments
from workers.providers.stripe.schemas import (
    StripeClaims,
    StripeCustomer,
    StripeIdentified,
    StripeInvoice,
    StripeLine,
    StripePaymentIntent,
    StripePrice,
)

Json = Mapping[str, Any]

METHOD_ID_PREFIXES: Final = ("pm_", "card_", "src_", "ba_")
# Four levels are Stripe's limit, and this is four.
WITH_PAYMENT: Final = ["payments.data.payment.payment_intent"]

_ANNOUNCED: Final[dict[str, PaymentState]] = {
    "invoice.payment_failed": "failed",
    "invoice.payment_action_required": "requires_action",
}


def to_invoice(data: Json, *, as_of: int, event_type: str | None = None) -> ProviderInvoice:
    """Read an invoice as of `as_of`, Unix seconds at Stripe. Raises ProviderObjectUnreadable."""
    data = without_secrets(dict(data))
    read = read_as(StripeInvoice, data, kind="invoice")
    lines, held = read.lines, payments.held_payment(read)
    return ProviderInvoice(
        id=read.id,
        state=_state_of(read, event_type),
        as_of=as_of,
        livemode=read.livemode,
        currency=read.currency,
        customer=read.customer,
        number=read.number,
        **_amounts_of(read, held),
        paid_parts=payments.parts_of(read),
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
        payment=payments.payment_of(read),
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
        amount_capturable_minor=payments.capturable_minor(read, held),
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
