"""Lists of any content stop nothing; all heals by later audits and by dead letters replayed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID, uuid4

import pytest

from domain.gateway.errors import GatewayError
from domain.inbox.provider_event import ProviderEvent, ProviderEventParked
from tests.support.fuzzing import fuzz_seed, size
from tests.support.mutating_proxy import MutatingProxy
from tests.workers.mollie_harness import MollieBench
from tests.workers.reconciliation import test_mollie_audit, test_stripe_audit
from tests.workers.reconciliation.nets import Nets
from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.all_followers import follow_to_head
from workers.providers.mollie.history import MollieHistory
from workers.providers.retry import RetryingCaller
from workers.providers.stripe.audit_lists import StripeAuditLists
from workers.providers.stripe.event_list import StripeEventList
from workers.providers.stripe.gateway import StripeGateway

_SHARE: Final = 0.3


def run_all(
    parts: Sequence[Callable[[], object]], proxy: MutatingProxy, *, seed: int, runs: int
) -> None:
    """Run each part again and again over changed answers; it ends by the provider's errors only."""
    ended = Counter[str]()
    proxy.source, proxy.share = random.Random(seed), _SHARE  # noqa: S311 - repeatable by its seed
    for _ in range(runs):
        for part in parts:
            try:
                part()
            except GatewayError as error:
                ended[type(error).__name__] += 1
            else:
                ended["finished"] += 1
    proxy.source = None
    assert ended["finished"], ended
    assert proxy.changed > runs


def replay_dead_letters(bench: Bench, nets: Nets) -> None:
    """Replay what was unreadable, as an operator does."""
    for entry in nets.entries():
        newest = bench.log.stream(entry.id, newest_first=True, limit=1)[0]
        if newest.topic == ProviderEventParked.TOPIC and b'"retry":false' in newest.state:
            bench.billing.change(
                ProviderEvent,
                entry.id,
                lambda known: known.request_replay(uuid4(), occurred_at=bench.clock(), actor="op"),
            )
            bench.apply(*bench.log.stream(entry.id, newest_first=True, limit=1))


def check_stripe(bench: Bench, nets: Nets, proxy: MutatingProxy, *, seed: int, runs: int) -> None:
    known = test_stripe_audit.trade(bench)
    key, gateway = bench.account.key, bench.gateway
    caller = RetryingCaller(tries=1, longest_wait_s=0)
    lists = StripeAuditLists(key, api_base=proxy.url, mode="test", call_with_retries=caller)
    changed = StripeGateway(key, api_base=proxy.url)
    events = StripeEventList(key, api_base=proxy.url, mode="test")

    def heal() -> None:
        bench.gateway = changed
        try:
            nets.heal()
        finally:
            bench.gateway = gateway

    parts = [
        lambda: nets.audit(lists=lists, gateway=changed).run(nets.period()),
        lambda: nets.catch_up(events=events).run(),
        heal,
    ]
    run_all(parts, proxy, seed=seed, runs=runs)
    replay_dead_letters(bench, nets)
    assert_healed(nets, bench, known)
    assert test_stripe_audit.statuses(bench, known) == {
        "confirmed": "paid",
        "refunded": "paid",
        "disputed": "paid",
        "voided": "void",
        "unchanged": "paid",
        "waiting": "requires_action",
    }


def check_mollie(
    mollie: MollieBench, nets: Nets, proxy: MutatingProxy, *, seed: int, runs: int
) -> None:
    known = test_mollie_audit.trade(mollie)
    lists = MollieHistory(mollie.account.key, api_base=proxy.url, mode="test")
    parts = [lambda: nets.audit(lists=lists).run(nets.period()), nets.heal]
    run_all(parts, proxy, seed=seed, runs=runs)
    assert_healed(nets, mollie, known)
    assert {name: mollie.invoice(one).view.status for name, one in known.items()} == {
        "paid": "paid",
        "failed": "failed",
        "expired": "expired",
        "refunded": "paid",
        "charged_back": "paid",
        "waiting": "open",
    }


def assert_healed(nets: Nets, bench: Bench | MollieBench, known: dict[str, UUID]) -> None:
    """Audit by right answers; a second audit finds nothing more."""
    for _ in range(2):
        nets.audit().run(nets.period())
        nets.heal()
    assert sum(nets.audit().run(nets.period()).found.values()) == 0, known
    follow_to_head(bench.log.dsn, now=bench.clock)


def test_changed_lists_stop_no_part(
    bench: Bench,
    stripe_nets: Nets,
    mollie: MollieBench,
    mollie_nets: Nets,
    proxy: MutatingProxy,
) -> None:
    check_stripe(bench, stripe_nets, proxy, seed=1, runs=5)
    check_mollie(mollie, mollie_nets, proxy, seed=1, runs=5)


@pytest.mark.extended
@pytest.mark.fuzz
def test_many_changed_lists_stop_no_part(
    bench: Bench,
    stripe_nets: Nets,
    mollie: MollieBench,
    mollie_nets: Nets,
    proxy: MutatingProxy,
) -> None:
    with fuzz_seed() as seed:
        check_stripe(bench, stripe_nets, proxy, seed=seed, runs=size(10, large=100))
        check_mollie(mollie, mollie_nets, proxy, seed=seed, runs=size(10, large=100))
