"""Recorded history of a customer's subscriptions and invoices, and its replay in another order."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, cast
from uuid import UUID

from domain.core import ids
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import first_outcome
from domain.subscriptions.subscription import Subscription
from tests.workers.event_orders.recording import ObservedEvent, Recording
from tests.workers.event_orders.replay_in_memory import Retelling, row
from tests.workers.stripe_harness import Bench
from workers.providers.stripe.event_types import EVENT_TYPES

_ASIDE: Final = 2  # seconds between two moments
Seen = ProviderInvoice | ProviderSubscription


@dataclass(frozen=True)
class Standing:
    """A customer's objects at one time: by the provider's ids, payments by what they pay."""

    objects: dict[str, Seen]
    paid_for: dict[str, str]


@dataclass
class Life(Recording):
    """Recorded history of a customer, from `begin` on."""

    customer: str = ""
    standings: list[Standing] = field(default_factory=list)
    ours: frozenset[UUID] = frozenset()
    arrived: set[str] = field(default_factory=set)

    def start_recording(self, *, early: bool = False) -> None:
        """Save the log of the customer's streams as the base.

        `early`: what was told of before has not arrived yet.
        """
        bench = self.bench
        known = {
            *self.ours,
            ids.for_customer(bench.app_id, bench.connection, self.customer),
            *map(self.stream_of, self.listed()),
        }
        self.base = [recorded for one in known for recorded in bench.log.stream(one)]
        if not early:
            self.arrived = {event["id"] for event in self._events()}
        self.look()

    def stream_of(self, at_provider: str) -> UUID:
        """Name our stream of what the provider made by itself."""
        return ids.for_provider_object(
            self.bench.app_id, self.bench.connection_id, "test", at_provider
        )

    def look(self) -> None:
        """Record the provider's state and the events since the last look; advance the clock."""
        gateway, objects, paid_for = self.bench.gateway, {}, {}
        for at_provider in self.listed():
            fetch = gateway.fetch_subscription
            if at_provider.startswith("in_"):
                fetch = gateway.fetch_invoice
            objects[at_provider] = seen = fetch(at_provider)
            if isinstance(seen, ProviderInvoice) and seen.payment is not None:
                paid_for[seen.payment.id] = at_provider
        self.standings.append(Standing(objects, paid_for))
        known = self.arrived | {events.event["id"] for events in self.events}
        moment = len(self.standings) - 1
        new = [event for event in self._events() if event["id"] not in known]
        self.events += [ObservedEvent(deepcopy(event), moment) for event in new]
        self.moments.append(cast("Any", None))
        if not self.same_second:
            self.bench.account.admin.set_clock(advance_s=_ASIDE)

    def listed(self) -> list[str]:
        v1 = self.bench.account.v1
        params: Any = {"customer": self.customer, "limit": 100}
        with_ended: Any = {**params, "status": "all"}
        subscriptions = [one.id for one in v1.subscriptions.list(with_ended).data]
        return subscriptions + [one.id for one in v1.invoices.list(params).data]

    def _events(self) -> list[dict[str, Any]]:
        return [event for event in self.bench.events("") if event["type"] in EVENT_TYPES]


class Relived(Retelling):
    """A replay of a life; the provider answers from the recorded states."""

    def live(self) -> dict[str, Any]:
        """Replay everything; return the resulting rows by the provider's ids."""
        life = cast("Life", self._story)
        self._stage.memory.reset(life.base)
        self._bench.gateway = self
        self.queue = list(reversed(self._arranged()))
        while self.queue:
            self._next()
        return rows(self._bench, life)

    def fetch_invoice(self, at_provider: str) -> ProviderInvoice:
        """Answer how it stands, or stood."""
        return cast("ProviderInvoice", self._fetch(at_provider))

    def fetch_subscription(self, at_provider: str) -> ProviderSubscription:
        """Answer how it stands, or stood."""
        return cast("ProviderSubscription", self._fetch(at_provider))

    def fetch_refunds_and_disputes(self, _: str) -> RefundsAndDisputes:
        """Answer that nothing went back."""
        self._wait()
        return RefundsAndDisputes()

    def find_invoice_of(self, payment: str) -> str:
        """Answer which invoice a payment is for."""
        return cast("Life", self._story).standings[-1].paid_for[payment]

    def _fetch(self, at_provider: str) -> Seen:
        seen = cast("Life", self._story).standings[self._seen()].objects[at_provider]
        self._wait()
        return seen


def rows(bench: Bench, life: Life) -> dict[str, Any]:
    """Return the state of all provider objects that must not depend on the order."""
    found: dict[str, Any] = {}
    requested = bench.billing.find(Invoice, life.invoice_id)
    for at_provider in life.standings[-1].objects:
        stream = life.stream_of(at_provider)
        if at_provider.startswith("sub_"):
            found[at_provider] = _subscription_row(bench.billing.get(Subscription, stream))
        elif requested is not None and requested.view.provider_object_id == at_provider:
            assert bench.billing.find(Invoice, stream) is None, "taken in a second time"
            found[at_provider] = _invoice_row(requested)
        else:
            found[at_provider] = _invoice_row(bench.billing.get(Invoice, stream))
    return found


def _invoice_row(invoice: Invoice) -> dict[str, Any]:
    view = invoice.view
    return row(view) | {
        "tenant": view.tenant_id,
        "origin": view.origin,
        "type": view.type,
        "subscription": view.subscription_id,
        "period": (view.period_start, view.period_end),
        "lines": [(line["price"], line["total_minor"]) for line in view.lines],
    }


def _subscription_row(subscription: Subscription) -> dict[str, Any]:
    view = subscription.view
    shown = (
        "status", "tenant_id", "origin", "invoice_id", "customer", "monthly_minor", "items",
        "period_start", "period_end", "trial_end", "cancel_at", "canceled_at", "ended_at",
        "scheduled", "scheduled_phases", "failure", "pending_request", "recurring_minor",
    )  # fmt: skip
    return {name: getattr(view, name) for name in shown}


def outcome_of_start(bench: Bench, life: Life) -> str | None:
    """Return the caller's response."""
    view = first_outcome(bench.invoice_events(life.invoice_id))
    return None if view is None else view.status
