"""Flows of Mollie subscriptions for the crash tests, with their expected end states."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from domain.invoices.invoice import Invoice
from domain.subscriptions.commands import (
    CancelSubscription,
    ChangeSubscription,
    SubscriptionCommand,
)
from domain.subscriptions.items import RequestedPrice
from domain.subscriptions.view import SubscriptionView
from tests.workers.crash_points import APPEND, Death, Died
from tests.workers.mollie_harness import MollieBench
from tests.workers.subscriptions.mollie_subscription_harness import Recurring
from workers.providers.mollie.recurring import to_subscription
from workers.subscriptions.mollie_change import change_mandate_subscription

Run = Callable[[], object]


@dataclass(frozen=True)
class Ending:
    """Final state: our rows, and the provider's objects and payments.

    `astray`: how many payments nobody was shown could still be paid. `there`: the statuses of the
    customer's subscriptions. `moved`: by the sandbox's own ledger. `linked`: ours names the one
    there and shows its items.
    """

    invoice: str
    subscription: str
    moved: tuple[int, ...] = ()
    astray: int = 0
    there: tuple[str, ...] = ()
    linked: bool = False
    renewals: tuple[str, ...] = ()


@dataclass
class Case:
    """A row under test: who pays for what, and the job that is killed."""

    recurring: Recurring
    invoice: Invoice
    run: Run

    @property
    def view(self) -> SubscriptionView:
        """Our row of the subscription that the invoice's newest payment begins."""
        return self.recurring.view(self.recurring.stream(self.invoice))


@dataclass(frozen=True)
class Flow:
    """A kind of work."""

    name: str
    prepare: Callable[[Recurring], Case]
    end: Ending
    steps: list[str] = field(hash=False)


def arm(bench: MollieBench, death: Death) -> None:
    """Count each call over the wire and each append of a bench as a crash point."""
    bench.gateway = bench.new_gateway(await_rate_limit=death.start_step)
    save = bench.billing.save

    def counted(*args: Any, **kwargs: Any) -> Any:
        death.start_step(APPEND)
        return save(*args, **kwargs)

    bench.billing.save = counted  # type: ignore[method-assign]


def disarm(bench: MollieBench) -> None:
    """Run without a crash from here on."""
    bench.gateway = bench.new_gateway()
    del bench.billing.save


def die_at(bench: MollieBench, run: Run, point: int) -> None:
    """Run a job up to a point, and end it there by an exception that nothing catches."""
    death = Death()
    death.occurred_at = point
    arm(bench, death)
    with suppress(Died):
        run()
        death.end()
    disarm(bench)
    assert death.occurred_at is None, "the job must have died"


def look(case: Case) -> Ending:
    """Read our rows and the provider's."""
    recurring, bench = case.recurring, case.recurring.bench
    view, invoice = case.view, bench.invoice(UUID(str(case.invoice.id))).view
    for_thread = [one for one in bench.payments() if one.get("customerId") == view.customer]
    there = [
        one for one in recurring.there() if to_subscription(one, as_of=0).customer == view.customer
    ]
    ledger = bench.account.admin.ledger()["entries"]
    ids = {payment["id"] for payment in for_thread}
    return Ending(
        invoice=invoice.status,
        subscription=view.status,
        moved=tuple(entry["amount"] for entry in ledger if entry["payment"] in ids),
        astray=sum(
            one["status"] == "open" and one["id"] != invoice.provider_object_id
            for one in for_thread
        ),
        there=tuple(one["status"] for one in there),
        linked=[one["id"] for one in there] == [view.provider_subscription_id]
        and invoice.subscription_id == view.provider_subscription_id,
        renewals=tuple(
            recurring.imported(one["id"]).view.status
            for one in for_thread
            if one.get("subscriptionId")
        ),
    )


def _requested(recurring: Recurring) -> Case:
    """A request whose first payment is to be opened."""
    bench = recurring.bench
    invoice_id = bench.request({"price": "monthly"}, type="subscription", tax_rate_id="added")
    return Case(recurring, bench.invoice(invoice_id), lambda: bench.charge(invoice_id))


def _paid(recurring: Recurring) -> Case:
    """Request a subscription whose first payment is paid: it is due to start."""
    invoice = recurring.request(tax_rate_id="added")
    recurring.pay(invoice)
    return Case(recurring, invoice, lambda: recurring.start(invoice))


def _payment_paid(recurring: Recurring) -> Case:
    """Request a subscription whose first payment is paid and whose webhook is still to come."""
    invoice = recurring.request(tax_rate_id="added")
    payment = invoice.view.provider_object_id or ""
    recurring.bench.account.admin.outcome(payment, "paid", method="creditcard")
    return Case(recurring, invoice, lambda: recurring.receive_webhook(payment))


def _forgone(recurring: Recurring) -> Case:
    invoice = recurring.request(tax_rate_id="added")
    recurring.pay(invoice, "expired")
    return Case(recurring, invoice, lambda: recurring.mark_not_started(invoice))


def _running(recurring: Recurring) -> Invoice:
    case = _paid(recurring)
    case.run()
    return case.invoice


def _renewed(recurring: Recurring) -> Case:
    """Start a subscription whose renewal was charged and whose webhook is still to come."""
    invoice = _running(recurring)
    recurring.pass_time(timedelta(days=32))
    (payment,) = recurring.renewals(recurring.view(recurring.stream(invoice)))
    return Case(recurring, invoice, lambda: recurring.receive_webhook(payment["id"]))


def _to_change(
    kind: type[SubscriptionCommand], *, at_period_end: bool, **more: Any
) -> Callable[[Recurring], Case]:
    def prepare(recurring: Recurring) -> Case:
        invoice = _running(recurring)
        stream = recurring.stream(invoice)
        command = kind(
            subscription_id=stream,
            request_id=uuid4(),
            request_hash="hash",
            actor="key:test",
            at_period_end=at_period_end,
            **more,
        )
        bench = recurring.bench
        bench.billing.request_subscription_action(command, occurred_at=bench.clock())
        return Case(
            recurring, invoice, lambda: change_mandate_subscription(stream, recurring.deps())
        )

    return prepare


_MANDATES: Final = ["get /v2/payments/*", "get /v2/customers/*/mandates"]
_CREATE: Final = "post /v2/customers/*/subscriptions"
_ONE: Final = "/v2/customers/*/subscriptions/*"
_ACTIVE: Final = Ending("paid", "active", (2419,), there=("active",), linked=True)
_CANCELED: Final = Ending("paid", "canceled", (2419,), there=("canceled",), linked=True)

FLOWS: Final = (
    Flow(
        "open the first payment",
        _requested,
        Ending("open", "incomplete"),
        [APPEND, "post /v2/customers", APPEND, APPEND, "post /v2/payments", APPEND],
    ),
    Flow(
        "hear of the first payment",
        _payment_paid,
        Ending("paid", "incomplete", (2419,)),
        [APPEND, APPEND, "get /v2/payments/*", APPEND, APPEND],
    ),
    Flow("begin", _paid, _ACTIVE, [*_MANDATES, APPEND, _CREATE, APPEND]),
    Flow("forgo", _forgone, Ending("expired", "incomplete_expired"), [APPEND]),
    Flow(
        "import a renewal",
        _renewed,
        Ending("paid", "active", (2419, 2419), there=("active",), linked=True, renewals=("paid",)),
        [APPEND, APPEND, "get /v2/payments/*", f"get {_ONE}", APPEND, APPEND, APPEND],
    ),
    Flow(
        "cancel now",
        _to_change(CancelSubscription, at_period_end=False),
        _CANCELED,
        [APPEND, f"delete {_ONE}", f"get {_ONE}", APPEND],
    ),
    Flow(
        "cancel with the period",
        _to_change(CancelSubscription, at_period_end=True),
        Ending("paid", "active", (2419,), there=("canceled",), linked=True),
        [APPEND, f"delete {_ONE}", f"get {_ONE}", APPEND],
    ),
    Flow(
        "change with the period",
        _to_change(
            ChangeSubscription,
            at_period_end=True,
            lines=[RequestedPrice("monthly", 3)],
        ),
        _ACTIVE,
        [APPEND, f"patch {_ONE}", f"get {_ONE}", APPEND],
    ),
)
