"""Stories of subscriptions and of what their provider bills by itself, and how each must end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from domain.subscriptions.commands import CancelSubscription, ChangeSubscription
from domain.subscriptions.items import RequestedPrice
from tests.workers.crash_grids.environment import die_inside
from tests.workers.crash_grids.stripe_subscription_flows import SUBSCRIPTION_FLOWS
from tests.workers.event_orders.subscription_narrator import DAY, Narrator


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
