"""Read Mollie's JSON into the port's objects. A payment stands for an invoice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypedDict

from domain.core import metadata as metadata_keys
from domain.gateway.objects import (
    InvoiceState,
    PaymentState,
    ProviderDispute,
    ProviderInvoice,
    ProviderPayment,
    ProviderRefund,
    RefundsAndDisputes,
    RefundState,
)
from eventlog.security.safe_json import without_secrets
from workers.providers.bounded_fields import raw_json, read_as
from workers.providers.mollie.schemas import (
    AnyMetadata,
    MollieChargeback,
    MollieIdentified,
    MollieObject,
    MolliePayment,
    MolliePaymentStatus,
    MolliePaymentWithParts,
    MollieRefund,
    MollieTime,
)

Json = Mapping[str, Any]

# With these a payment brings along all that was taken by parts, and all that went back on it.
WITH_PARTS: Final = "refunds,chargebacks,captures"

_STATES: Final[dict[MolliePaymentStatus, tuple[InvoiceState, PaymentState]]] = {
    "open": ("open", "open"),
    "pending": ("open", "processing"),
    "authorized": ("open", "processing"),
    "paid": ("paid", "succeeded"),
    "failed": ("open", "failed"),
    "canceled": ("canceled", "canceled"),
    "expired": ("expired", "canceled"),
}
_REFUND_STATES: Final[dict[str, RefundState]] = {
    "queued": "pending",
    "pending": "pending",
    "processing": "pending",
    "refunded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}


def to_invoice(data: Json, *, as_of: int) -> ProviderInvoice:
    """Read a payment as it was at `as_of` (Unix seconds by Mollie's clock).

    Raises ProviderObjectUnreadable.
    """
    data = without_secrets(dict(data))
    read = read_as(MolliePayment, data, kind="payment")
    state, _ = _STATES[read.status]
    total, paid = read.amount.minor, _paid_minor(read)
    return ProviderInvoice(
        id=read.id,
        state=state,
        as_of=as_of,
        livemode=read.mode == "live",
        currency=read.amount.code,
        customer=read.customer_id,
        number=None,
        **_amounts_of(read, state=state),
        # A failure is final: what says less of the same payment is older, whenever it was asked.
        attempt_count=int(read.status == "failed"),
        hosted_url=_link(read, "checkout"),
        due_at=None,
        period_start=None,
        period_end=None,
        paid_at=read.paid_at,
        paid_parts=_captured_parts(read, data),
        **_authorization_of(read, rest_minor=total - paid),
        object_type="payment",
        created_at=read.created_at,
        issued_at=read.created_at,
        subscription_id=read.subscription_id,
        reason="manual" if read.subscription_id is None else "renewal",
        description=read.description,
        dashboard_url=_link(read, "dashboard"),
        metadata=read.metadata,
        payment=_to_payment(read, paid if state == "paid" else total),
        raw=_raw(data),
    )


class _Amounts(TypedDict):
    """Fields of ProviderInvoice: the amounts of a payment."""

    total_minor: int
    tax_minor: int
    amount_paid_minor: int
    amount_due_minor: int


def _amounts_of(read: MolliePayment, *, state: InvoiceState) -> _Amounts:
    total, paid = read.amount.minor, _paid_minor(read)
    return {
        "total_minor": total,
        "tax_minor": sum(line.vat_amount.minor for line in read.lines or () if line.vat_amount),
        "amount_paid_minor": paid,
        # What an authorization released is not owed any more.
        "amount_due_minor": 0 if state == "paid" else total - paid,
    }


class _Authorization(TypedDict):
    """Fields of ProviderInvoice: the amount that a payment holds."""

    amount_capturable_minor: int
    capture_before: int | None
    capturable_payment: str | None


def _authorization_of(read: MolliePayment, *, rest_minor: int) -> _Authorization:
    is_authorized = read.status == "authorized"
    return {
        "amount_capturable_minor": rest_minor if is_authorized else 0,
        "capture_before": read.capture_before if is_authorized else None,
        "capturable_payment": read.id if is_authorized else None,
    }


def _captured_parts(read: MolliePayment, data: Json) -> tuple[tuple[int, int], ...]:
    """Read the embedded captures: (Unix seconds, minor units), in order.

    A capture may take days. The one that completes a payment counts when that was paid.
    """
    embedded = read_as(MolliePaymentWithParts, dict(data), kind="payment").embedded
    captures = (embedded and embedded.captures) or ()
    taken = [one for one in captures if one.status == "succeeded"]
    parts = sorted((one.created_at, one.amount.minor) for one in taken)
    if parts and read.paid_at is not None and _paid_minor(read) == read.amount.minor:
        parts[-1] = (read.paid_at, parts[-1][1])
    return tuple(parts)


def _raw(data: Json) -> bytes:
    without_embedded = {name: value for name, value in data.items() if name != "_embedded"}
    return raw_json(without_embedded, kind="payment")


def _paid_minor(payment: MolliePayment) -> int:
    """Read the amount taken from the payer: what was captured, or all of a paid payment."""
    if payment.amount_captured is not None:
        return payment.amount_captured.minor
    return payment.amount.minor if payment.status == "paid" else 0


def _to_payment(payment: MolliePayment, total: int) -> ProviderPayment:
    """Read how it was paid or why not: cards and banks have codes of their own."""
    _, state = _STATES[payment.status]
    code, own_code, message = _failure_of(payment) if state == "failed" else (None, None, None)
    return ProviderPayment(
        id=payment.id,
        state=state,
        amount_minor=total,
        method=payment.method,
        code=code,
        decline_code=own_code,
        message=message,
    )


def _failure_of(payment: MolliePayment) -> tuple[str, str | None, str | None]:
    """Return the code, the code of the card network or bank, and the message."""
    reason, details = payment.status_reason, payment.details
    own_code = details and (details.failure_reason or details.bank_reason_code)
    message = details and (details.failure_message or details.bank_reason)
    code = reason and reason.code
    return (
        code or own_code or "payment_failed",
        own_code or None,
        message or (reason and reason.message) or None,
    )


def metadata_of(data: Json) -> dict[str, str]:
    """Read metadata, which may be any JSON at Mollie; ours is an object of strings."""
    return read_as(_Metadata, {"metadata": data.get("metadata")}, kind="object").metadata


class _Metadata(MollieObject):
    metadata: AnyMetadata


def _link(payment: MolliePayment, name: Literal["checkout", "dashboard"]) -> str | None:
    link = None if payment.links is None else getattr(payment.links, name)
    return None if link is None else link.href


def to_refunds_and_disputes(data: Json) -> RefundsAndDisputes:
    """Read the refunds and chargebacks that are embedded in a payment."""
    embedded = read_as(MolliePaymentWithParts, dict(data), kind="payment").embedded
    if embedded is None:
        return RefundsAndDisputes()
    return RefundsAndDisputes(
        refunds=tuple(_refund(refund) for refund in embedded.refunds or ()),
        disputes=tuple(_dispute(chargeback) for chargeback in embedded.chargebacks or ()),
    )


def to_refund(data: Json) -> ProviderRefund:
    """Read a refund; our reference travels in its metadata."""
    return _refund(read_as(MollieRefund, dict(data), kind="refund"))


def _refund(refund: MollieRefund) -> ProviderRefund:
    state = _REFUND_STATES[refund.status]
    return ProviderRefund(
        id=refund.id,
        state=state,
        amount_minor=refund.amount.minor,
        refunded_at=refund.created_at,
        reference=refund.metadata.get(metadata_keys.REFUND),
        code=f"refund_{refund.status}" if state == "failed" else None,
    )


def to_chargeback(data: Json) -> ProviderDispute:
    """Read a chargeback as a dispute."""
    return _dispute(read_as(MollieChargeback, dict(data), kind="chargeback"))


def _dispute(chargeback: MollieChargeback) -> ProviderDispute:
    """Read a chargeback: the money is gone at once, and comes back if it is reversed."""
    return ProviderDispute(
        id=chargeback.id,
        state="lost" if chargeback.reversed_at is None else "won",
        amount_minor=chargeback.amount.minor,
        disputed_at=chargeback.created_at,
    )


def object_id(data: Json) -> str:
    """Read any object's id. Raises ProviderObjectUnreadable."""
    return read_as(MollieIdentified, dict(data), kind="object").id


class _CreatedAt(MollieObject):
    created_at: MollieTime


def created_at_of(data: Json) -> int:
    """Read the time of creation as Unix seconds."""
    return read_as(_CreatedAt, dict(data), kind="object").created_at
