"""Jobs whose calls are answered with any content end as postponed or done, and charge once.

A proxy changes types, sizes and values of three in ten answers. After some tries it stops, so that
each job comes to its end.
"""

from __future__ import annotations

import random
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from domain.core.errors import NotPossible, StaleWrite
from domain.gateway.errors import GatewayError, GatewayRejected
from domain.invoices.commands import RequestRefund
from domain.subscriptions.commands import CancelSubscription, ChangeSubscription
from domain.subscriptions.items import RequestedPrice
from tests.support.fuzzing import fuzz_seed, size
from tests.support.mutating_proxy import MutatingProxy
from tests.workers.mollie_harness import MollieBench
from tests.workers.stripe_harness import Bench
from tests.workers.stripe_setup_helpers import do as set_up
from tests.workers.stripe_setup_helpers import request_setup
from tests.workers.subscriptions.mollie_subscription_harness import MONTH, Recurring
from tests.workers.webhooks.all_followers import follow_to_head
from workers.providers.mollie.gateway import MollieGateway
from workers.providers.stripe.gateway import StripeGateway
from workers.subscriptions.mollie_change import change_mandate_subscription

_CHANGED_TRIES: Final = 4
_TRIES: Final = 6
_SHARE: Final = 0.3
_METHODS: Final = frozenset({"GET", "POST", "DELETE", "PATCH"})


@dataclass
class Jobs:
    """Runs jobs over the proxy, and keeps how they ended."""

    proxy: MutatingProxy
    source: random.Random
    ended: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Let the proxy change answers to any method."""
        self.proxy.methods, self.proxy.share = _METHODS, _SHARE

    def run(self, job: Callable[..., object], *arguments: object) -> None:
        """Try a job until it is done, as a worker does."""
        for number in range(_TRIES):
            self.proxy.source = self.source if number < _CHANGED_TRIES else None
            try:
                job(*arguments)
            except GatewayRejected:
                self.ended["rejected"] += 1
                break
            except (GatewayError, StaleWrite) as error:
                self.ended[type(error).__name__] += 1
            except Exception as error:  # noqa: BLE001 - each is a fault of a job
                frames = traceback.extract_tb(error.__traceback__)[-2:]
                places = [f"{frame.filename}:{frame.lineno}" for frame in frames]
                self.faults.append(f"{type(error).__name__}: {error} at {places}")
                break
            else:
                self.ended["done"] += 1
                break
        self.proxy.source = None


def charge_and_refund(bench: Bench, jobs: Jobs) -> None:
    card = jobs.source.choice(["succeeds", "succeeds", "declined"])
    invoice_id = bench.request(bench.add_tenant(card))
    jobs.run(bench.charge, invoice_id)
    if bench.invoice(invoice_id).view.status == "paid":
        refund_id = bench.request_action(invoice_id, RequestRefund, amount_minor=100, reason=None)
        jobs.run(bench.refund, invoice_id, refund_id)


def subscribe_and_change(bench: Bench, jobs: Jobs, prices: list[str]) -> None:
    invoice_id = bench.subscribe(bench.add_tenant(), prices[0])
    jobs.run(bench.charge, invoice_id)
    if bench.invoice(invoice_id).view.status != "paid":
        return
    known = bench.subscription(invoice_id)
    lines = [RequestedPrice(jobs.source.choice(prices), jobs.source.randint(1, 3))]
    at_period_end = jobs.source.random() < 0.5
    for kind, more in (
        (ChangeSubscription, {"lines": lines}),
        (CancelSubscription, {}),
    ):
        act(bench, known.id, kind, at_period_end=at_period_end, **more)
        jobs.run(bench.change_subscription, known.id)


def act(bench: Bench | MollieBench, subscription_id: UUID, kind: Any, **more: Any) -> None:
    command = kind(
        subscription_id=subscription_id,
        request_id=uuid4(),
        request_hash="hash",
        actor="key:test",
        **more,
    )
    with suppress(NotPossible):  # while a refused one waits for its outcome
        bench.billing.request_subscription_action(command, occurred_at=bench.clock())


def check_stripe(bench: Bench, proxy: MutatingProxy, *, seed: int, stories: int) -> None:
    prices = [
        bench.account.add_price(amount, recurring={"interval": "month"}) for amount in (999, 1999)
    ]
    bench.gateway = StripeGateway(bench.account.key, api_base=proxy.url)
    jobs = Jobs(proxy, random.Random(seed))  # noqa: S311 - repeatable by its seed
    for _ in range(stories):
        charge_and_refund(bench, jobs)
        subscribe_and_change(bench, jobs, prices)
        setup_id = request_setup(bench, bench.add_tenant())
        jobs.run(set_up, bench, setup_id)
    finish(bench, jobs)
    assert len(bench.account.charged()) <= 2 * stories


def check_mollie(mollie: MollieBench, proxy: MutatingProxy, *, seed: int, stories: int) -> None:
    mollie.gateway = MollieGateway(mollie.account.key, api_base=proxy.url, mode="test")
    jobs = Jobs(proxy, random.Random(seed))  # noqa: S311 - repeatable by its seed
    for _ in range(stories):
        invoice_id = mollie.request()
        jobs.run(mollie.charge, invoice_id)
        payment_id = mollie.invoice(invoice_id).view.provider_object_id
        if payment_id is None or not payment_id.startswith("tr_"):
            continue
        mollie.pay(payment_id)
        hint_id = mollie.hint(payment_id)
        jobs.run(mollie.apply_payment_hint, hint_id)
        if mollie.invoice(invoice_id).view.status == "paid":
            refund_id = mollie.request_action(
                invoice_id, RequestRefund, amount_minor=100, reason=None
            )
            jobs.run(mollie.refund, invoice_id, refund_id)
    finish(mollie, jobs)
    assert len(mollie.account.charged()) <= stories


def check_mandates(mollie: MollieBench, proxy: MutatingProxy, *, seed: int, stories: int) -> None:
    """Subscriptions at Mollie: start, change, watch and cancel them."""
    recurring = Recurring(mollie)
    mollie.gateway = MollieGateway(mollie.account.key, api_base=proxy.url, mode="test")
    jobs = Jobs(proxy, random.Random(seed))  # noqa: S311 - repeatable by its seed
    for _ in range(stories):
        invoice = recurring.request()
        recurring.pay(invoice)
        stream = recurring.stream(invoice)
        jobs.run(recurring.start, invoice)
        lines = [RequestedPrice("monthly", jobs.source.randint(1, 3))]
        for kind, more in (
            (ChangeSubscription, {"lines": lines, "at_period_end": True}),
            (CancelSubscription, {"at_period_end": jobs.source.random() < 0.5}),
        ):
            act(mollie, stream, kind, **more)
            jobs.run(change_mandate_subscription, stream, recurring.deps())
            recurring.pass_time(MONTH)
            jobs.run(recurring.watch, stream)
    finish(mollie, jobs)
    assert not jobs.ended["rejected"], jobs.ended


def finish(bench: Bench | MollieBench, jobs: Jobs) -> None:
    follow_to_head(bench.log.dsn, now=bench.clock)
    assert not jobs.faults, jobs.faults
    assert jobs.ended["done"], jobs.ended
    assert jobs.ended["ProviderObjectUnreadable"], jobs.ended


def test_mutated_answers_fail_no_job(
    bench: Bench, mollie: MollieBench, proxy: MutatingProxy
) -> None:
    check_stripe(bench, proxy, seed=1, stories=2)
    check_mollie(mollie, proxy, seed=1, stories=6)
    check_mandates(mollie, proxy, seed=1, stories=1)


@pytest.mark.extended
@pytest.mark.fuzz
def test_many_mutated_answers_fail_no_job(
    bench: Bench, mollie: MollieBench, proxy: MutatingProxy
) -> None:
    with fuzz_seed() as seed:
        check_stripe(bench, proxy, seed=seed, stories=size(6, large=60))
        check_mollie(mollie, proxy, seed=seed, stories=size(12, large=125))
        check_mandates(mollie, proxy, seed=seed, stories=size(3, large=30))
