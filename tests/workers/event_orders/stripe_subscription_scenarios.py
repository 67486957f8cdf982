"""Stories of subscriptions and of what their provider bills by itself, told in any order.

As stories of one invoice, with all that a customer has: its subscriptions and invoices.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID, uuid4

from domain.core import ids
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import first_outcome
from domain.subscriptions.commands import (
    CancelSubscription,
    ChangeSubscription,
    SubscriptionCommand,
)
from domain.subscriptions.items import RequestedPrice
from domain.subscriptions.subscription import Subscription
from domain.tenants.tenant import Tenant
from tests.support.sandbox import SandboxAdmin
from tests.support.stripe_account import CARDS
from tests.workers.crash_grids.environment import die_inside
from tests.workers.crash_grids.stripe_invoice_flows import Job
from tests.workers.crash_grids.stripe_subscription_flows import SUBSCRIPTION_FLOWS, Change
from tests.workers.event_orders.recording import ObservedEvent, Recording
from tests.workers.event_orders.replay_in_memory import Retelling, row
from tests.workers.stripe_harness import Bench
from workers.providers.stripe.event_types import EVENT_TYPES

DAY: Final = timedelta(days=1)
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
            *map(self.stream_of, self._listed()),
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
        for at_provider in self._listed():
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

    def _listed(self) -> list[str]:
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


@dataclass
class Narrator:
    """Environment of a scenario: an account with its own clock, a tenant with a customer."""

    bench: Bench
    same_second: bool
    life: Life = field(init=False)

    @property
    def admin(self) -> SandboxAdmin:
        """The provider's dashboard, banks and customers."""
        return self.bench.account.admin

    def tenant(self, card: str | None = "succeeds", *, linked: bool = True) -> UUID:
        """Make who is billed; `linked`: we know the customer."""
        tenant_id = self.bench.add_tenant(card, linked=linked)
        if linked:
            known = self.bench.billing.get(Tenant, ids.for_tenant(self.bench.app_id, tenant_id))
            customer = str(known.customers[self.bench.connection])
        else:
            customer = self.bench.account.add_customer(card)
        ours = frozenset({ids.for_tenant(self.bench.app_id, tenant_id)})
        self.life = Life(self.bench, self.same_second, uuid4(), customer=customer, ours=ours)
        return tenant_id

    def price(self, amount: int = 1999) -> str:
        """Make a monthly price."""
        return self.bench.account.add_price(amount, recurring={"interval": "month"})

    def request_subscription(self, card: str | None = "succeeds", **more: Any) -> Job:
        """Request a subscription; its job has not run yet."""
        tenant_id = self.tenant(card)
        self.life.invoice_id = self.bench.subscribe(tenant_id, self.price(), **more)
        self.life.ours |= {self.life.invoice_id}
        return Job(self.life.invoice_id, self.life.customer)

    def start(self) -> None:
        """Start one before the story begins."""
        self.request_subscription().run(self.bench)

    def request_action(self, kind: type[SubscriptionCommand], **more: Any) -> Job:
        """Request an action on it; its job has not run yet."""
        known = UUID(str(self.bench.subscription(self.life.invoice_id).id))
        facts: dict[str, Any] = {"request_hash": "hash", "actor": "key:test", **more}
        command = kind(subscription_id=known, request_id=uuid4(), **facts)
        self.bench.billing.request_subscription_action(command, occurred_at=self.bench.clock())
        return Change(self.life.invoice_id, self.life.customer, subscription_id=known)

    def start_recording(self, job: Job | None = None, *, early: bool = False) -> None:
        """Begin the story, with our own job if there is one."""
        self.life.start_recording(early=early)
        if job is not None:
            self.life.do(job)

    def then(self, action: Callable[..., Any], *args: Any, **given: Any) -> None:
        """Run an action of another person."""
        self.life.act(lambda: action(*args, **given))

    def later(self, *waits: timedelta) -> None:
        """Advance the clocks."""
        for wait in waits:
            self.then(self.admin.set_clock, advance_s=wait.total_seconds())

    def renew(self) -> None:
        """Advance a month: the renewal is drafted, and charged an hour later."""
        self.later(31 * DAY, timedelta(hours=2))

    @property
    def subscription(self) -> str:
        """The provider's id of it."""
        return next(one for one in self.life._listed() if one.startswith("sub_"))  # noqa: SLF001 - of the same module

    @property
    def first(self) -> str:
        """The provider's id of its first invoice."""
        return str(self.bench.invoice(self.life.invoice_id).view.provider_object_id)

    def update(self, **fields: Any) -> None:
        """Change it at the provider."""
        self.then(
            self.bench.account.v1.subscriptions.update, self.subscription, cast("Any", fields)
        )

    def pay_with(self, card: str) -> None:
        """Set another default card."""
        attach: Any = {"customer": self.life.customer}
        method = self.bench.account.v1.payment_methods.attach(CARDS[card], attach).id
        self.update(default_payment_method=method)


def outcome_of_start(bench: Bench, life: Life) -> str | None:
    """Return the caller's response."""
    view = first_outcome(bench.invoice_events(life.invoice_id))
    return None if view is None else view.status


def _started(n: Narrator) -> None:
    n.start_recording(n.request_subscription())


def _started_with_tax(n: Narrator) -> None:
    rate = n.bench.account.tax_rate
    n.start_recording(
        n.request_subscription(tax_rate_id=rate, expected_total_minor=2419, charge_immediately=True)
    )


def _started_and_renewed(n: Narrator) -> None:
    _started(n)
    n.renew()


def _declined(n: Narrator) -> None:
    """Begin where the job is about to end it: nobody is told that it is void before that."""
    job = n.request_subscription("declined")
    steps = next(flow.steps for flow in SUBSCRIPTION_FLOWS if flow.name == "subscribe, declined")
    die_inside(n.bench, job, steps.index("delete /v1/subscriptions/*"))
    n.start_recording(job, early=True)


def _confirmed(n: Narrator) -> None:
    n.start_recording(n.request_subscription("needs_authentication"))
    n.then(n.admin.confirm, n.first)


def _expired(n: Narrator) -> None:
    n.start_recording(n.request_subscription("needs_authentication"))
    n.later(DAY)


def _paid_on_the_page(n: Narrator) -> None:
    n.start_recording(n.request_subscription(None))
    n.then(n.admin.pay_on_page, n.first)


def _renewed_twice(n: Narrator) -> None:
    n.start()
    n.start_recording()
    n.renew()
    n.renew()


def _recovered(n: Narrator) -> None:
    n.start()
    n.start_recording()
    n.pay_with("declined")
    n.renew()
    n.pay_with("succeeds")
    n.later(4 * DAY)


def _never_recovered(n: Narrator) -> None:
    n.start()
    n.start_recording()
    n.pay_with("declined")
    n.renew()
    n.later(4 * DAY, 6 * DAY, 8 * DAY)


def _ended_with_its_period(n: Narrator) -> None:
    n.start()
    n.start_recording(n.request_action(CancelSubscription, at_period_end=True))
    n.later(32 * DAY)


def _ended_now(n: Narrator) -> None:
    n.start()
    n.start_recording(n.request_action(CancelSubscription, at_period_end=False))


def _changed(n: Narrator) -> None:
    n.start()
    lines = [RequestedPrice(n.price(2999), 2)]
    n.start_recording(n.request_action(ChangeSubscription, at_period_end=False, lines=lines))
    n.renew()


def _changed_with_its_period(n: Narrator) -> None:
    n.start()
    lines = [RequestedPrice(n.price(2999), 2)]
    n.start_recording(n.request_action(ChangeSubscription, at_period_end=True, lines=lines))
    n.renew()


def _paused_and_resumed(n: Narrator) -> None:
    n.start()
    n.start_recording()
    n.update(pause_collection={"behavior": "void"})
    n.renew()
    n.update(pause_collection="")
    n.renew()


def _changed_by_hand(n: Narrator) -> None:
    n.start()
    n.start_recording()
    n.update(pause_collection={"behavior": "void"})
    n.update(pause_collection="")
    n.update(cancel_at_period_end=True)
    n.update(cancel_at_period_end=False)
    n.update(pause_collection={"behavior": "keep_as_draft"})
    n.update(cancel_at_period_end=True)


def _made_by_hand(*, linked: bool) -> Callable[[Narrator], None]:
    def run(n: Narrator) -> None:
        n.tenant(linked=linked)
        n.start_recording()
        n.then(n.admin.make_subscription, n.life.customer, n.price())
        n.renew()

    return run


def _trial(n: Narrator) -> None:
    n.tenant()
    n.start_recording()
    n.then(n.admin.make_subscription, n.life.customer, n.price(), trial_days=7)
    n.later(5 * DAY, 2 * DAY, timedelta(hours=2))


def _invoices_by_hand(n: Narrator) -> None:
    n.tenant()
    n.start_recording()
    for collect in ("now", "later", "send"):
        n.then(n.admin.make_invoice, n.life.customer, amount=1500, collect=collect)
    n.later(timedelta(hours=2))


@dataclass(frozen=True)
class LifeStory:
    """A story, and how it ends: statuses of subscriptions and of invoices, oldest first.

    `outcome`: what its caller is told, whatever the order, where there is one.
    """

    name: str
    run: Callable[[Narrator], None]
    subscription: str | None
    invoices: tuple[str, ...]
    outcome: str | None = None


LIVES: Final = (
    LifeStory("started", _started, "active", ("paid",), "paid"),
    LifeStory("started with tax, on the spot", _started_with_tax, "active", ("paid",), "paid"),
    LifeStory("started and renewed", _started_and_renewed, "active", ("paid", "paid"), "paid"),
    LifeStory("declined", _declined, "incomplete_expired", ("void",), "failed"),
    LifeStory("needs its customer, confirmed", _confirmed, "active", ("paid",)),
    LifeStory("needs its customer, expired", _expired, "incomplete_expired", ("expired",)),
    LifeStory("no method, paid on the page", _paid_on_the_page, "active", ("paid",)),
    LifeStory("renewed twice", _renewed_twice, "active", ("paid",) * 3),
    LifeStory("a renewal failed, recovered", _recovered, "active", ("paid", "paid")),
    LifeStory("a renewal failed for good", _never_recovered, "canceled", ("paid", "failed")),
    LifeStory("ended with its period", _ended_with_its_period, "canceled", ("paid",)),
    LifeStory("ended now", _ended_now, "canceled", ("paid",)),
    LifeStory("changed", _changed, "active", ("paid", "paid")),
    LifeStory("changed with its period", _changed_with_its_period, "active", ("paid", "paid")),
    LifeStory("paused and resumed", _paused_and_resumed, "active", ("paid", "void", "paid")),
    LifeStory("changed by hand", _changed_by_hand, "paused", ("paid",)),
    LifeStory("made by hand", _made_by_hand(linked=True), "active", ("paid", "paid")),
    LifeStory("made by hand for nobody", _made_by_hand(linked=False), "active", ("paid", "paid")),
    LifeStory("a trial by hand", _trial, "active", ("paid", "paid")),
    LifeStory("invoices by hand", _invoices_by_hand, None, ("paid", "paid", "open")),
)
