"""Mandates, subscriptions and their payments at Mollie.

Mollie stores an amount and an interval; the lines they stand for are stored here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from mollie.api.objects.customer import Customer
from mollie.api.objects.subscription import Subscription
from mollie.api.resources import SubscriptionPayments

from domain.catalogue.pricing import Charge
from domain.core import calendar
from domain.core.calendar import Interval
from domain.core.money import to_mollie
from domain.gateway.errors import GatewayRejected, ProviderObjectUnreadable
from domain.gateway.objects import ProviderInvoice, ProviderMandate
from domain.gateway.subscriptions import (
    MandateSubscriptionDraft,
    ProviderSubscription,
    SubscriptionItem,
    SubscriptionState,
)
from eventlog.field_types import KEY_LENGTH
from eventlog.security.safe_json import without_secrets
from workers.providers.bounded_fields import raw_json, read_as
from workers.providers.mollie import objects
from workers.providers.mollie.client import PAGE, Json, MollieClient, MollieClients, named, pages
from workers.providers.mollie.schemas import MollieMandate, MollieSubscription

_OVER: Final = ("canceled", "expired")
_STATES: Final[dict[str, SubscriptionState]] = {
    # The first mandate had to be valid: a pending one means that another is awaited.
    "pending": "paused",
    "active": "active",
    "suspended": "unpaid",
    "canceled": "canceled",
    "completed": "canceled",
}


class SubscriptionCalls:
    """Methods of SubscriptionGateway, over a connection's clients."""

    _clients: MollieClients

    def find_mandate(self, payment_id: str, *, customer: str) -> ProviderMandate | None:
        """Find the payment's mandate among the customer's. Mollie docs: list mandates."""
        line = self._clients.for_thread()
        own = line.payments.get(named(payment_id)).get("mandateId")
        listed = pages(_customer(customer, line).mandates.list(limit=PAGE))
        found = [to_mandate(item) for item in listed]
        left = next((mandate for mandate in found if mandate.id == own), None)
        if left is not None and left.state != "invalid":
            return left
        return next((mandate for mandate in found if mandate.state == "valid"), left)

    def create_mandate_subscription(
        self, draft: MandateSubscriptionDraft, *, key: str
    ) -> ProviderSubscription:
        """Create a subscription. Mollie docs: create subscription."""
        line = self._clients.for_thread()
        params = _sum(draft.charge) | {
            "startDate": draft.starts_on,
            "description": draft.description,
            "mandateId": draft.mandate,
            "metadata": draft.metadata,
        }
        if draft.webhook_url is not None:
            params["webhookUrl"] = draft.webhook_url
        owner = _customer(draft.customer, line)
        return _read(line, owner.subscriptions.create(params, idempotency_key=key))

    def find_mandate_subscription(
        self, *, customer: str, description: str
    ) -> ProviderSubscription | None:
        """Find a subscription among a customer's. Mollie docs: list customer subscriptions."""
        line = self._clients.for_thread()
        listed = pages(_customer(customer, line).subscriptions.list(limit=PAGE))
        found = (item for item in listed if item.get("description") == description)
        return next((_read(line, item) for item in found), None)

    def fetch_mandate_subscription(
        self, subscription_id: str, *, customer: str
    ) -> ProviderSubscription:
        """Fetch a subscription. Mollie docs: get subscription."""
        line = self._clients.for_thread()
        found = _customer(customer, line).subscriptions.get(named(subscription_id))
        return _read(line, found)

    def change_mandate_subscription(
        self, subscription_id: str, *, customer: str, charge: Charge
    ) -> ProviderSubscription:
        """Change the amount from the next payment on. Mollie docs: update subscription."""
        line = self._clients.for_thread()
        subscriptions = _customer(customer, line).subscriptions
        return _read(line, subscriptions.update(named(subscription_id), _sum(charge)))

    def cancel_mandate_subscription(self, subscription_id: str, *, customer: str) -> None:
        """Cancel a subscription; one that has ended is rejected, and fetched instead."""
        line = self._clients.for_thread()
        try:
            _customer(customer, line).subscriptions.delete(named(subscription_id))
        except GatewayRejected:
            if (
                self.fetch_mandate_subscription(subscription_id, customer=customer).state
                not in _OVER
            ):
                raise

    def list_renewals(
        self, subscription_id: str, *, customer: str, created_after: int
    ) -> list[ProviderInvoice]:
        """List a subscription's newest payments. Mollie docs: list subscription payments."""
        line = self._clients.for_thread()
        subscription = Subscription({"id": named(subscription_id)}, line)
        payments = SubscriptionPayments(line, _customer(customer, line), subscription)
        found = _since(pages(payments.list(limit=PAGE)), created_after)
        return [objects.to_invoice(item, as_of=line.answered_at) for item in found][::-1]


def _customer(customer_id: str, line: MollieClient) -> Customer:
    return Customer({"id": named(customer_id)}, line)


def _since(listed: Iterator[Json], created_after: int) -> Iterator[Json]:
    """Yield the objects created since then; lists are sorted newest first."""
    for item in listed:
        if objects.created_at_of(item) < created_after:
            return
        yield item


def _sum(charge: Charge) -> dict[str, Any]:
    """Build the parameters for amount and interval. Raises GatewayRejected."""
    written = None if charge.interval is None else calendar.to_mollie(*charge.interval)
    if written is None:
        raise GatewayRejected("Mollie does not support this interval.", code="interval_unsupported")
    value = to_mollie(charge.total_minor, charge.currency)
    return {
        "amount": {"currency": charge.currency.upper(), "value": value},
        "interval": written,
    }


def to_mandate(data: Mapping[str, Any]) -> ProviderMandate:
    """Read a mandate. Raises ProviderObjectUnreadable."""
    read = read_as(MollieMandate, dict(data), kind="mandate")
    return ProviderMandate(id=read.id, state=read.status, method=read.method)


def _read(line: MollieClient, data: Json) -> ProviderSubscription:
    return to_subscription(data, as_of=line.answered_at)


def to_subscription(data: Mapping[str, Any], *, as_of: int) -> ProviderSubscription:
    """Read a subscription as it was at `as_of` (Unix seconds by Mollie's clock).

    Its one item is the sum. Raises ProviderObjectUnreadable.
    """
    data = without_secrets(dict(data))
    read = read_as(MollieSubscription, data, kind="subscription")
    interval, count = _interval_of(read)
    period_start, period_end = _period_of(read, interval, count)
    return ProviderSubscription(
        id=read.id,
        state=_STATES[read.status],
        as_of=as_of,
        livemode=read.mode == "live",
        customer=_customer_of(read),
        currency=read.amount.code,
        items=(
            SubscriptionItem(
                id=read.id,
                price="",
                name=read.description,
                quantity=1,
                amount_minor=read.amount.minor,
                currency=read.amount.code,
                interval=interval,
                interval_count=count,
            ),
        ),
        started_at=read.created_at,
        period_start=period_start,
        period_end=period_end,
        trial_end=None,
        cancel_at=None,
        canceled_at=read.canceled_at,
        ended_at=read.canceled_at or _completed_at(read, interval, count, as_of=as_of),
        description=read.description,
        metadata=read.metadata,
        raw=raw_json(data, kind="subscription"),
    )


def _interval_of(subscription: MollieSubscription) -> tuple[Interval, int]:
    try:
        interval, count = calendar.from_mollie(subscription.interval)
    except ValueError:
        raise ProviderObjectUnreadable("subscription.interval") from None
    if count < 1:
        raise ProviderObjectUnreadable("subscription.interval")
    return interval, count


def _period_of(
    subscription: MollieSubscription, interval: Interval, count: int
) -> tuple[int | None, int | None]:
    """Return the ends of the period before the next payment, in Unix seconds."""
    if subscription.next_payment_date is None:
        return None, None
    try:
        upcoming = date.fromisoformat(subscription.next_payment_date)
        began = calendar.after(upcoming, interval, -count, billing_day=_billing_day(subscription))
        start, end = _midnight(began), _midnight(upcoming)
    except (ValueError, OverflowError):
        raise ProviderObjectUnreadable("subscription.nextPaymentDate") from None
    if start < 0:
        raise ProviderObjectUnreadable("subscription.nextPaymentDate")
    return start, end


def _completed_at(
    subscription: MollieSubscription, interval: Interval, count: int, *, as_of: int
) -> int | None:
    """Return the day of the last of a fixed number of payments, which completed a subscription."""
    if subscription.status != "completed" or not subscription.times:
        return None
    try:
        first = date.fromisoformat(subscription.start_date or "")
        last = calendar.after(
            first, interval, count * (subscription.times - 1), billing_day=first.day
        )
        return min(_midnight(last), as_of)
    except (ValueError, OverflowError):
        raise ProviderObjectUnreadable("subscription.times") from None


def _billing_day(subscription: MollieSubscription) -> int:
    """Return the first charge's day of the month; shorter months have their last day for it."""
    if subscription.start_date is None:
        return 1
    try:
        return date.fromisoformat(subscription.start_date).day
    except ValueError:
        raise ProviderObjectUnreadable("subscription.startDate") from None


def _customer_of(subscription: MollieSubscription) -> str | None:
    """Read the customer's id; older answers have it only in a link."""
    if subscription.customer_id is not None:
        return subscription.customer_id
    link = None if subscription.links is None else subscription.links.customer
    if link is None or link.href is None:
        return None
    customer = link.href.rstrip("/").rpartition("/")[2]
    if len(customer) > KEY_LENGTH:
        raise ProviderObjectUnreadable("subscription._links.customer")
    return customer or None


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
