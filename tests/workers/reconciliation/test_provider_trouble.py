"""A provider that fails, limits or hangs costs time only: nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from structlog.testing import capture_logs

from domain.apps.connection import Connection
from domain.gateway.errors import GatewayUnavailable
from tests.support.sandbox import SandboxProcess
from tests.support.stripe_account import Account
from tests.support.wait_until import until
from tests.workers.mollie_harness import MollieBench
from tests.workers.reconciliation import test_mollie_audit, test_stripe_audit
from tests.workers.reconciliation.nets import Nets, open_nets
from tests.workers.reconciliation.open_item_folding import Folding
from tests.workers.reconciliation.sealed_connection import connect, settings
from tests.workers.stripe_harness import Bench
from workers.providers.stripe.client import NETWORK_RETRIES
from workers.providers.stripe.event_types import EVENT_TYPES
from workers.reconciliation.known_objects import load
from workers.reconciliation.open_items import place_items
from workers.reconciliation.run import Reconciler
from workers.reconciliation.shared_parts import open_parts
from workers.settings import Settings

T = TypeVar("T")
# Longer than any client of ours waits.
HANGS_MS = 60_000


def through(run: Callable[[], T]) -> tuple[T, list[float | None]]:
    """Run until it ends, after each error as a new process; return the errors' Retry-After."""
    waits: list[float | None] = []
    while True:
        try:
            return run(), waits
        except GatewayUnavailable as error:
            waits.append(error.retry_after_s)
            assert len(waits) < 20, "the provider was in trouble for too long"


def fail_in_pages(nets: Nets, path: str) -> None:
    """Answer the second call with 429, and the fourth with 500, also where the SDK repeats it."""
    admin, stripe = nets.bench.account.admin, isinstance(nets.bench, Bench)
    more = {"retry_after_s": 7} if stripe else {}
    admin.add_fault("status", status=429, method="GET", path=path, skip=1, **more)
    times = 1 + NETWORK_RETRIES if stripe else 1
    admin.add_fault("status", status=500, method="GET", path=path, skip=2, times=times)


def assert_healed_once(nets: Nets) -> None:
    """Check that each difference is listed once, and that another audit finds nothing."""
    nets.heal()
    listed = nets.drifts()
    assert listed
    assert len(listed) == len(set(listed))
    assert sum(nets.audit().run(nets.period()).found.values()) == 0


def test_errors_between_pages_of_stripes_events_lose_nothing(
    stripe_nets: Nets, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.providers.stripe.event_list._PAGE", 3)
    known = test_stripe_audit.trade(bench)
    bench.account.admin.set_clock(advance_s=61)
    fail_in_pages(stripe_nets, "/v1/events")

    result, waits = through(lambda: stripe_nets.catch_up().run())

    assert waits == [7.0, None]
    assert result.gap is None
    entered = [entry.received.provider_event_id for entry in stripe_nets.entries()]
    assert len(entered) == len(set(entered))
    assert set(entered) == {event["id"] for event in bench.events(*EVENT_TYPES)}
    assert_healed_once(stripe_nets)
    assert bench.topics(known["confirmed"]).count("invoice.payment_succeeded") == 1


def test_errors_between_and_in_pages_of_stripes_lists_lose_nothing(
    stripe_nets: Nets, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.providers.stripe.audit_lists.PAGE", 2)
    known = test_stripe_audit.trade(bench)
    made = {test_stripe_audit.missing_invoice(bench) for _ in range(3)}
    period = stripe_nets.period()
    # Open invoices are fetched in the middle of a page.
    in_page: dict[str, Any] = {"path": "/v1/invoices/in_*", "times": 1 + NETWORK_RETRIES}
    bench.account.admin.add_fault("status", status=500, method="GET", **in_page)
    fail_in_pages(stripe_nets, "/v1/invoices")

    done, waits = through(lambda: stripe_nets.audit().run(period))

    assert sorted(waits, key=str) == [7.0, None, None]
    assert (done.finished, done.checked["invoices"]) == (True, len(known) + len(made))
    entered = [entry.received.object_id for entry in stripe_nets.entries()]
    assert len(entered) == len(set(entered))
    assert made < set(entered)
    bench.account.admin.drop_faults()
    assert_healed_once(stripe_nets)
    assert test_stripe_audit.statuses(bench, known)["voided"] == "void"


def test_errors_between_pages_of_mollies_lists_lose_nothing(
    mollie_nets: Nets, mollie: MollieBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.providers.mollie.history.PAGE", 2)
    known = test_mollie_audit.trade(mollie)
    period = mollie_nets.period()
    for path in ("/v2/payments", "/v2/refunds"):
        fail_in_pages(mollie_nets, path)

    done, waits = through(lambda: mollie_nets.audit().run(period))

    assert len(waits) >= 2
    assert (done.checked["payments"], done.found["payments"]) == (len(known), 3)
    mollie.account.admin.drop_faults()
    assert_healed_once(mollie_nets)
    assert mollie.topics(known["paid"]).count("invoice.payment_succeeded") == 1


@dataclass
class Shop:
    """A connection, and the invoice whose customer paid while no webhook came."""

    nets: Nets
    connection: Connection
    paid_unseen: Any

    @property
    def bench(self) -> Any:
        return self.nets.bench

    def hang(self, path: str) -> None:
        """Leave one call without any answer."""
        self.bench.account.admin.add_fault("delay", ms=HANGS_MS, method="GET", path=path)

    def hangs(self) -> bool:
        """Return whether the call was made."""
        return self.bench.account.admin.faults() == []

    def checkpoint(self, name: str) -> dict[str, Any]:
        return self.nets.checkpoints.find(f"{name}:{self.connection.connection_id}") or {}

    def is_through(self) -> bool:
        """Return whether the catch-up, and an audit that was planned, have ended."""
        return bool(self.checkpoint("catch_up")) and self.checkpoint("audit_gap").get(
            "finished", True
        )

    def charge(self) -> str:
        """Charge an invoice, as callers do; return its status."""
        bench = self.bench
        if isinstance(bench, MollieBench):
            return bench.charged().view.status
        return str(bench.charge(bench.request(bench.add_tenant())).view.status)


def open_shop(stack: ExitStack, bench: Bench | MollieBench) -> Shop:
    nets = stack.enter_context(open_nets(bench))
    connection = connect(bench)
    if isinstance(bench, MollieBench):
        invoice = bench.charged()
        bench.pay(invoice.view.provider_object_id)
    else:
        invoice = bench.charge(bench.request(bench.add_tenant("needs_authentication")))
        bench.account.admin.confirm(invoice.view.provider_object_id or "")
    return Shop(nets, connection, invoice.view.id)


@pytest.fixture
def shops(bench: Bench, mollie: MollieBench, sandbox: SandboxProcess) -> Iterator[dict[str, Shop]]:
    """Four accounts at Stripe and one at Mollie, in one log."""
    with ExitStack() as stack:
        benches: dict[str, Any] = {
            name: Bench(bench.log, bench.billing, stack.enter_context(Account(sandbox.url)))
            for name in ("events", "items", "audit", "healthy")
        }
        yield {name: open_shop(stack, one) for name, one in (benches | {"mollie": mollie}).items()}


def run(reconciler: Reconciler, shops: list[Shop], done: Callable[[Shop], object]) -> None:
    """Start what is due of each shop until it is done; at each look all parts are due."""
    now_s, left = time.monotonic(), list(shops)

    def look() -> bool:
        nonlocal now_s, left
        now_s += 3600
        left = [shop for shop in left if not done(shop)]
        for shop in left:
            reconciler.start_due(shop.connection, now_s=now_s)
        return not left

    asyncio.run(until(look))


def ends(logs: Sequence[Any]) -> list[str]:
    """Return the parts that rest, and the audits that found something."""
    return [
        one["part"]
        for one in logs
        if one["event"] == "reconciliation.rests" or one.get("part") == "audit"
    ]


@pytest.mark.extended
def plan_audit(shop: Shop) -> None:
    """Leave a gap of events that an audit must cover."""
    period = shop.nets.period()
    shop.nets.checkpoints.save(
        f"audit_gap:{shop.connection.connection_id}",
        {"start": period.start, "end": period.end, "phase": "invoices"},
    )


def assert_paid_once(shop: Shop) -> None:
    """Check that the unseen payment was applied once, and that another audit finds nothing."""
    shop.nets.heal()
    assert shop.bench.invoice(shop.paid_unseen).view.status == "paid"
    assert shop.bench.topics(shop.paid_unseen).count("invoice.payment_succeeded") == 1
    assert sum(shop.nets.audit().run(shop.nets.period()).found.values()) == 0


def test_a_provider_that_hangs_delays_its_own_part_alone(
    shops: dict[str, Shop], bench: Bench, folding: Folding, database: str, redis_url: str
) -> None:
    later = timedelta(minutes=11)
    for shop in shops.values():
        shop.bench.clock.added += later
        shop.bench.account.admin.set_clock(advance_s=later.total_seconds())
    folding.read_on(bench.log)
    place_items(folding.items, lambda ids: load(bench.log, ids), limit=100)
    plan_audit(shops["audit"])
    hanging = [shops[name] for name in ("events", "items", "audit", "mollie")]
    paths = ("/v1/events", "/v1/invoices/in_*", "/v1/refunds", "/v2/refunds")
    for shop, path in zip(hanging, paths, strict=True):
        shop.hang(path)
    known = Settings(**settings(database, bench.account.url, redis_url=redis_url))
    with open_parts(known) as parts, capture_logs() as logs:
        # One clock for all: it was moved by as much at each bench.
        reconciler = Reconciler(replace(parts, now=shops["events"].bench.clock))
        try:
            run(reconciler, hanging, Shop.hangs)
            run(reconciler, [shops["healthy"]], Shop.is_through)
            assert shops["events"].charge() == "paid"
            assert ends(logs) == [], "all of this happened while they hung"
            for shop in hanging:
                assert shop.charge() in ("paid", "open")

            # Three of them time out; the audit's list is read once more at once.
            ended = ["audit", "catch_up", "catch_up", "open_items"]
            asyncio.run(until(lambda: sorted(ends(logs)) == ended))
            run(reconciler, hanging, Shop.is_through)
        finally:
            reconciler.close()
    for shop in shops.values():
        assert_paid_once(shop)
    listed = shops["healthy"].nets.drifts()
    assert len(listed) == len(set(listed)) >= len(shops)
