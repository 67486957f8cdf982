"""Read a Mollie account's history from lists, newest first; nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from mollie.api.objects.customer import Customer

from domain.core.providers import Mode
from domain.gateway.errors import ProviderObjectUnreadable
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.gateway.subscriptions import ProviderSubscription
from workers.providers.bounded_fields import read_as
from workers.providers.mollie import objects
from workers.providers.mollie.client import (
    PAGE,
    AwaitRateLimit,
    Json,
    MollieClient,
    MollieClients,
    items_of,
    named,
    pages,
)
from workers.providers.mollie.recurring import to_mandate, to_subscription
from workers.providers.mollie.schemas import (
    MollieMark,
    MolliePartOfPayment,
    MollieTimes,
)
from workers.providers.retry import Page, T, read_page, read_readable

# The times of a payment: the newest is that of its last change.
_TIMES: Final = (
    "created_at",
    "authorized_at",
    "paid_at",
    "canceled_at",
    "expired_at",
    "failed_at",
)
_BACK: Final = ("refunds", "chargebacks")
_UNREADABLE: Final = "unreadable"


@dataclass(frozen=True, kw_only=True)
class PastPayment:
    """A payment. `has_parts`: it has captures, refunds or chargebacks, which lists do not have."""

    invoice: ProviderInvoice
    has_parts: bool


@dataclass(frozen=True, kw_only=True)
class PartOfPayment:
    """A refund or chargeback, and the payment that it belongs to."""

    object_type: str
    object_id: str
    created_at: int
    payment: str
    back: RefundsAndDisputes


class MollieHistory:
    """History of a Mollie account in one mode. All calls are GETs and raise the port's errors."""

    def __init__(
        self,
        api_key: str,
        *,
        api_base: str,
        mode: Mode,
        await_rate_limit: AwaitRateLimit | None = None,
    ) -> None:
        self._clients = MollieClients(
            api_key, api_base=api_base, mode=mode, await_rate_limit=await_rate_limit
        )

    def now_s(self) -> int:
        """Return the time by Mollie's clock."""
        line = self._clients.for_thread()
        line.methods.list()
        return line.answered_at

    def customers(self, after: str | None) -> Page[str]:
        """Read a page of customers' ids. Mollie docs: list customers."""
        line = self._clients.for_thread()
        return _page(line.customers, after, objects.object_id)

    def subscriptions(self, after: str | None) -> Page[ProviderSubscription]:
        """Read a page of subscriptions. Mollie docs: list all subscriptions."""
        line = self._clients.for_thread()
        return _page(line.subscriptions, after, lambda item: _subscription(line, item))

    def payments(self, after: str | None) -> Page[PastPayment]:
        """Read a page of payments. Mollie docs: list payments."""
        line = self._clients.for_thread()
        return _page(line.payments, after, _past)

    def newest(self) -> list[str]:
        """Return the ids of the newest payments. Mollie docs: list payments."""
        listed = items_of(self._clients.for_thread().payments.list(limit=PAGE))
        return list(read_readable(listed, objects.object_id))

    def current_payments(self, after: str | None) -> Page[ProviderInvoice]:
        """Read a page of payments as they are now. Mollie docs: list payments."""
        line = self._clients.for_thread()
        return _page(
            line.payments, after, lambda item: objects.to_invoice(item, as_of=line.answered_at)
        )

    def charged_payments(self, after: str | None) -> Page[ProviderInvoice]:
        """Read a page of payments as they are now, with captures where it has any."""
        line = self._clients.for_thread()

        def read(item: Json) -> ProviderInvoice:
            was_captured = _was_captured(_times(item))
            whole = _with_parts(line, objects.object_id(item)) if was_captured else item
            return objects.to_invoice(whole, as_of=line.answered_at)

        return _page(line.payments, after, read)

    def refunds(self, after: str | None) -> Page[PartOfPayment]:
        """Read a page of refunds. Mollie docs: list all refunds."""
        return _page(self._clients.for_thread().refunds, after, _refund)

    def chargebacks(self, after: str | None) -> Page[PartOfPayment]:
        """Read a page of chargebacks. Mollie docs: list all chargebacks."""
        return _page(self._clients.for_thread().chargebacks, after, _chargeback)

    def mandates(self, customer: str) -> set[str]:
        """Return the ids of a customer's mandates that can be charged, or can become so."""
        line = self._clients.for_thread()
        listed = pages(Customer({"id": named(customer)}, line).mandates.list(limit=PAGE))
        return {mandate.id for mandate in map(to_mandate, listed) if mandate.state != "invalid"}

    def marks(self) -> dict[str, str]:
        """Return the newest payments' changeable fields, by payment id."""
        line = self._clients.for_thread()
        listed = items_of(line.payments.list(limit=PAGE))
        return dict(read_readable(listed, lambda item: (objects.object_id(item), _mark(item))))

    def refunds_and_disputes(self, payment_id: str) -> RefundsAndDisputes:
        """Read a payment's refunds and chargebacks."""
        line = self._clients.for_thread()
        return objects.to_refunds_and_disputes(_with_parts(line, payment_id))

    def with_parts(self, seen: ProviderInvoice) -> tuple[ProviderInvoice, RefundsAndDisputes]:
        """Add a payment's captures; return also its refunds and chargebacks."""
        whole = _with_parts(self._clients.for_thread(), seen.id)
        parts = objects.to_invoice(whole, as_of=seen.as_of).paid_parts
        return replace(seen, paid_parts=parts), objects.to_refunds_and_disputes(whole)

    def subscription(self, subscription_id: str, *, customer: str) -> ProviderSubscription:
        """Fetch the subscription that a payment names."""
        line = self._clients.for_thread()
        owner = line.customers.get(named(customer))
        return _subscription(line, owner.subscriptions.get(named(subscription_id)))


def _page(resource: Any, after: str | None, read: Callable[[Json], T]) -> Page[T]:  # noqa: ANN401 - any of the SDK's resources
    """Read the page after an object: Mollie's pages start with the named object itself."""
    more = {} if after is None else {"from": after}
    listed = items_of(resource.list(limit=PAGE, **more))
    beyond = [item for item in listed if item.get("id") != after]
    last = objects.object_id(listed[-1]) if len(listed) == PAGE else None
    return read_page(beyond, read, last=last)


def _subscription(line: MollieClient, item: Json) -> ProviderSubscription:
    return to_subscription(item, as_of=line.answered_at)


def _with_parts(line: MollieClient, payment_id: str) -> Json:
    found: Json = line.payments.get(named(payment_id), embed=objects.WITH_PARTS)
    return found


def _times(item: Json) -> MollieTimes:
    return read_as(MollieTimes, dict(item), kind="payment")


def _was_captured(read: MollieTimes) -> bool:
    """Return whether a payment was authorized first, and captured then, in one part or more."""
    captured = read.amount_captured
    return read.authorized_at is not None and captured is not None and captured.minor > 0


def _past(item: Json) -> PastPayment:
    read = _times(item)
    times = [getattr(read, name) for name in _TIMES]
    # As of its last change, so that reading it again records nothing.
    invoice = objects.to_invoice(item, as_of=max(time for time in times if time is not None))
    named_back = any(name in (read.links or {}) for name in _BACK)
    amounts = (read.amount_refunded, read.amount_charged_back)
    moved = any(amount is not None and amount.minor > 0 for amount in amounts)
    return PastPayment(invoice=invoice, has_parts=moved or named_back or _was_captured(read))


def _refund(item: Json) -> PartOfPayment:
    found = objects.to_refund(item)
    return PartOfPayment(
        object_type="refund",
        object_id=found.id,
        created_at=found.refunded_at,
        payment=read_as(MolliePartOfPayment, item, kind="refund").payment_id,
        back=RefundsAndDisputes(refunds=(found,)),
    )


def _chargeback(item: Json) -> PartOfPayment:
    found = objects.to_chargeback(item)
    return PartOfPayment(
        object_type="chargeback",
        object_id=found.id,
        created_at=found.disputed_at,
        payment=read_as(MolliePartOfPayment, item, kind="chargeback").payment_id,
        back=RefundsAndDisputes(disputes=(found,)),
    )


def _mark(item: Json) -> str:
    """Return a payment's changeable fields; pending refunds show only by their link."""
    try:
        read = read_as(MollieMark, dict(item), kind="payment")
    except ProviderObjectUnreadable:
        return _UNREADABLE
    amounts = (read.amount_refunded, read.amount_charged_back)
    moved = [str(0 if amount is None else amount.value) for amount in amounts]
    return "/".join([read.status, *moved, *sorted(set(read.links or {}) & set(_BACK))])
