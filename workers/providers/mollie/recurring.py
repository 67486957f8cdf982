"""Mandates, subscriptions and their payments at Mollie.

Mollie stores an amount and an interval; the lines they stand for are stored here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson
from mollie.api.objects.customer import Customer
from mollie.api.objects.subscription import Subscription
from mollie.api.resources import SubscriptionPayments

from domain.catalogue.pricing import Charge
from domain.core import calendar
from domain.core.errors import DomainError
from domain.core.money import to_mollie
from domain.gateway.errors import GatewayRejected, GatewayUnavailable
from domain.gateway.objects import MandateState, ProviderInvoice, ProviderMandate
from domain.gateway.subscriptions import (
    MandateSubscriptionDraft,
    ProviderSubscription,
    SubscriptionItem,
    SubscriptionState,
)
from eventlog.security.safe_json import without_secrets
from workers.providers.mollie import objects
from workers.providers.mollie.client import PAGE, Json, MollieClient, MollieClients, named, pages

_OVER: Final = ("canceled", "expired")
_STATES: Final[dict[str, SubscriptionState]] = {
    # The first mandate had to be valid: a pending one means that another is awaited.
    "pending": "paused",
    "active": "active",
    "suspended": "unpaid",
    "canceled": "canceled",
    "completed": "canceled",
}
_MANDATES: Final[dict[str, MandateState]] = {
    "pending": "pending",
    "valid": "valid",
    "invalid": "invalid",
}


class SubscriptionCalls:
    """Methods of SubscriptionGateway, over a connection's clients."""

    _clients: MollieClients

    def find_mandate(self, payment_id: str, *, customer: str) -> ProviderMandate | None:
        """Find the payment's mandate among the customer's. Mollie docs: list mandates."""
        line = self._clients.for_thread()
        own = line.payments.get(named(payment_id)).get("mandateId")
        listed = pages(_customer(customer, line).mandates.list(limit=PAGE))
        found = [_to_mandate(item) for item in listed]
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
        if (objects.unix(item["createdAt"]) or 0) < created_after:
            return
        yield item


def _sum(charge: Charge) -> dict[str, Any]:
    """Build the parameters for amount and interval. Raises GatewayRejected."""
    written = None if charge.interval is None else calendar.to_mollie(*charge.interval)
    if written is None:
        raise GatewayRejected("Mollie knows no such interval.", code="interval_unsupported")
    value = to_mollie(charge.total_minor, charge.currency)
    return {
        "amount": {"currency": charge.currency.upper(), "value": value},
        "interval": written,
    }


def _to_mandate(data: Mapping[str, Any]) -> ProviderMandate:
    state = _MANDATES.get(data["status"])
    if state is None:
        raise GatewayUnavailable(f"no mandate that we understand: {data['status']}")
    return ProviderMandate(id=str(data["id"]), state=state, method=data.get("method"))


def _read(line: MollieClient, data: Json) -> ProviderSubscription:
    return to_subscription(data, as_of=line.answered_at)


def to_subscription(data: Mapping[str, Any], *, as_of: int) -> ProviderSubscription:
    """Read a subscription as it was at `as_of` (Unix seconds by Mollie's clock).

    Its one item is the sum. Raises GatewayUnavailable for what we do not understand.
    """
    try:
        return _to_subscription(without_secrets(dict(data)), as_of=as_of)
    except (KeyError, TypeError, ValueError, DomainError) as error:
        raise GatewayUnavailable(
            f"no subscription that we understand: {type(error).__name__}"
        ) from error


def _to_subscription(data: Mapping[str, Any], *, as_of: int) -> ProviderSubscription:
    currency = data["amount"]["currency"].lower()
    interval, count = calendar.from_mollie(data["interval"])
    next_day = data.get("nextPaymentDate")
    upcoming = None if next_day is None else date.fromisoformat(next_day)
    canceled_at = objects.unix(data.get("canceledAt"))
    return ProviderSubscription(
        id=str(data["id"]),
        state=_STATES[data["status"]],
        as_of=as_of,
        livemode=data["mode"] == "live",
        customer=_customer_of(data),
        currency=currency,
        items=(
            SubscriptionItem(
                id=str(data["id"]),
                price="",
                name=data.get("description"),
                quantity=1,
                amount_minor=objects.minor(data["amount"]),
                currency=currency,
                interval=interval,
                interval_count=count,
            ),
        ),
        started_at=objects.unix(data["createdAt"]) or as_of,
        period_start=None
        if upcoming is None
        else _midnight(calendar.after(upcoming, interval, -count)),
        period_end=None if upcoming is None else _midnight(upcoming),
        trial_end=None,
        cancel_at=None,
        canceled_at=canceled_at,
        ended_at=canceled_at,
        description=data.get("description"),
        metadata=objects.metadata_of(data),
        raw=orjson.dumps(dict(data)),
    )


def _customer_of(data: Mapping[str, Any]) -> str | None:
    """Read the customer's id; older answers have it only in a link."""
    said = data.get("customerId")
    if isinstance(said, str):
        return said
    link = ((data.get("_links") or {}).get("customer") or {}).get("href")
    return link.rstrip("/").rpartition("/")[2] if isinstance(link, str) else None


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
