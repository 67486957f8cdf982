"""Read Mollie's JSON into the port's objects. A payment stands for an invoice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from domain.core import metadata as metadata_keys
from domain.core.errors import DomainError
from domain.core.money import from_major
from domain.gateway.errors import GatewayUnavailable
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

Json = Mapping[str, Any]

# With these a payment brings along all that went back on it.
WITH_MONEY_BACK: Final = "refunds,chargebacks"

_STATES: Final[dict[str, tuple[InvoiceState, PaymentState]]] = {
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

    Raises GatewayUnavailable for what is no payment that we understand: nothing is half believed.
    """
    try:
        return _to_invoice(without_secrets(dict(data)), as_of=as_of)
    except (KeyError, TypeError, ValueError, DomainError) as error:
        raise GatewayUnavailable(
            f"no payment that we understand: {type(error).__name__}"
        ) from error


def _to_invoice(data: Json, *, as_of: int) -> ProviderInvoice:
    state, _ = _STATES[data["status"]]
    total = minor(data["amount"])
    return ProviderInvoice(
        id=str(data["id"]),
        state=state,
        as_of=as_of,
        livemode=data["mode"] == "live",
        currency=data["amount"]["currency"].lower(),
        customer=data.get("customerId"),
        number=None,
        total_minor=total,
        tax_minor=sum(minor(line["vatAmount"]) for line in _taxed(data)),
        amount_paid_minor=total if state == "paid" else 0,
        # A failure is final: what says less of the same payment is older, whenever it was asked.
        attempt_count=int(data["status"] == "failed"),
        hosted_url=_link(data, "checkout"),
        due_at=None,
        period_start=None,
        period_end=None,
        paid_at=unix(data.get("paidAt")),
        object_type="payment",
        created_at=unix(data["createdAt"]),
        issued_at=unix(data["createdAt"]),
        subscription_id=data.get("subscriptionId"),
        reason="manual" if data.get("subscriptionId") is None else "renewal",
        description=data.get("description"),
        dashboard_url=_link(data, "dashboard"),
        metadata=metadata_of(data),
        payment=_to_payment(data, total),
        raw=orjson.dumps({name: value for name, value in data.items() if name != "_embedded"}),
    )


def _taxed(data: Json) -> list[Json]:
    return [line for line in data.get("lines") or () if line.get("vatAmount")]


def _to_payment(data: Json, total: int) -> ProviderPayment:
    """Read how it was paid or why not: cards and banks have codes of their own."""
    _, state = _STATES[data["status"]]
    details, reason = data.get("details") or {}, data.get("statusReason") or {}
    failed = state == "failed"
    own_code = details.get("failureReason") or details.get("bankReasonCode")
    words = details.get("failureMessage") or details.get("bankReason") or reason.get("message")
    return ProviderPayment(
        id=str(data["id"]),
        state=state,
        amount_minor=total,
        method=data.get("method"),
        code=(reason.get("code") or own_code or "payment_failed") if failed else None,
        decline_code=own_code if failed else None,
        message=words if failed else None,
    )


def metadata_of(data: Json) -> dict[str, str]:
    """Read its metadata, which may be any JSON; ours is an object of strings."""
    found = data.get("metadata")
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _link(data: Json, name: str) -> str | None:
    found = (data.get("_links") or {}).get(name) or {}
    href = found.get("href")
    return href if isinstance(href, str) else None


def to_money_back(data: Json) -> RefundsAndDisputes:
    """Read what a payment brought along of refunds and chargebacks."""
    embedded = data.get("_embedded") or {}
    try:
        return RefundsAndDisputes(
            refunds=tuple(to_refund(item) for item in embedded.get("refunds") or ()),
            disputes=tuple(_to_dispute(item) for item in embedded.get("chargebacks") or ()),
        )
    except (KeyError, TypeError, ValueError, DomainError) as error:
        raise GatewayUnavailable(f"no refund that we understand: {type(error).__name__}") from error


def to_refund(data: Json) -> ProviderRefund:
    """Read a refund; our reference travels in its metadata."""
    state = _REFUND_STATES[data["status"]]
    return ProviderRefund(
        id=str(data["id"]),
        state=state,
        amount_minor=minor(data["amount"]),
        refunded_at=unix(data["createdAt"]) or 0,
        reference=metadata_of(data).get(metadata_keys.REFUND),
        code=f"refund_{data['status']}" if state == "failed" else None,
    )


def _to_dispute(data: Json) -> ProviderDispute:
    """Read a chargeback: the money is gone at once, and comes back if it is reversed."""
    return ProviderDispute(
        id=str(data["id"]),
        state="lost" if data.get("reversedAt") is None else "won",
        amount_minor=minor(data["amount"]),
        disputed_at=unix(data["createdAt"]) or 0,
    )


def minor(amount: Json) -> int:
    """Read an amount. Raises ValueError for what is none."""
    return from_major(str(amount["value"]), str(amount["currency"]).lower())


def unix(time: str | None) -> int | None:
    """Read one of Mollie's times as Unix seconds."""
    return None if time is None else int(datetime.fromisoformat(time).timestamp())
