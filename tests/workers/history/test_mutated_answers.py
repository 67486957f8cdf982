"""Providers' answers of any content stop no job, no import and no follower.

A proxy changes types, sizes and values of the objects and list pages that the jobs of Mollie's
payments and the imports of both providers read.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from domain.gateway.errors import GatewayError
from domain.inbox.payment_hint import PaymentHintFetched
from eventlog.codec import Codec
from tests.support.fuzzing import fuzz_seed, size
from tests.support.mollie_account import amount
from tests.support.mutating_proxy import MutatingProxy
from tests.workers.history.imports import Imports, open_imports
from tests.workers.mollie_harness import MollieBench
from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.all_followers import follow_to_head
from workers.history.import_run import ImportRun
from workers.providers.mollie.gateway import MollieGateway
from workers.providers.mollie.history import MollieHistory
from workers.providers.retry import RetryingCaller
from workers.providers.stripe.history import StripeHistory

_MONTH_S = 30 * 86400
_CALLER = RetryingCaller(tries=1, sleep=lambda _: None)


def payments(mollie: MollieBench) -> list[str]:
    """Return payments in several states, of invoices requested here."""
    paid, refunded, disputed, failed, still_open = (
        mollie.charged().view.provider_object_id or "" for _ in range(5)
    )
    for payment in (paid, refunded, disputed):
        mollie.pay(payment)
    mollie.pay(failed, "failed")
    mollie.account.admin.refund(refunded, amount=amount("2.50"))
    mollie.account.admin.chargeback(disputed)
    return [paid, refunded, disputed, failed, still_open]


def check_payments(
    mollie: MollieBench, proxy: MutatingProxy, source: random.Random, *, count: int
) -> None:
    known, results = payments(mollie), Counter[str]()
    mollie.gateway = MollieGateway(mollie.account.key, api_base=proxy.url, mode="test")
    proxy.source = source
    for _ in range(count):
        hint_id = mollie.hint(source.choice(known))
        try:
            mollie.apply_payment_hint(hint_id)
        except GatewayError as error:
            results[type(error).__name__] += 1
        else:
            last = Codec().decode(mollie.log.stream(hint_id)[-1])
            assert isinstance(last, PaymentHintFetched)
            results["applied" if last.reason is None else "refused"] += 1
    follow_to_head(mollie.log.dsn, now=mollie.clock)
    assert results["applied"] > count / 20, results
    assert results["refused"] > count / 20, results


def check_import(
    start: Callable[[], ImportRun], proxy: MutatingProxy, *, since_s: int, runs: int
) -> None:
    """Import again and again; a run may end at a page that is no page, never in another way."""
    counts, ended = Counter[str](), Counter[str]()
    for _ in range(runs):
        run = start()
        try:
            done = run.run(since_s)
        except GatewayError as error:
            ended[type(error).__name__] += 1
        else:
            ended["finished"] += 1
            for outcomes in done.counts.values():
                counts.update(outcomes)
    assert proxy.changed > runs
    assert ended["finished"], ended
    assert counts["unreadable"], (counts, ended)


def check_mollie(
    mollie: MollieBench, proxy: MutatingProxy, imports: Imports, *, seed: int, count: int
) -> None:
    check_payments(mollie, proxy, random.Random(seed), count=count)  # noqa: S311 - repeatable
    account = mollie.account
    for customer in (account.with_mandate(), account.with_mandate()):
        account.subscribe(customer)
    for number in range(20):
        account.pay(f"{number + 1}.00")
    history = MollieHistory(account.key, api_base=proxy.url, mode="test")
    check_import(
        lambda: imports.mollie(mollie, history=history), proxy, since_s=0, runs=count // 10
    )
    follow_to_head(mollie.log.dsn, now=mollie.clock)


def check_stripe(
    bench: Bench, proxy: MutatingProxy, imports: Imports, *, seed: int, runs: int
) -> None:
    bench.account.admin.make_history(30, customers=5, failed=0.1, refunded=0.1)
    proxy.source = random.Random(seed)  # noqa: S311 - repeatable by its seed
    history = StripeHistory(
        bench.account.key, api_base=proxy.url, mode="test", call_with_retries=_CALLER
    )
    since_s = int(bench.account.admin.clock()["now"]) - _MONTH_S
    check_import(lambda: imports.stripe(bench, history=history), proxy, since_s=since_s, runs=runs)
    follow_to_head(bench.log.dsn, now=bench.clock)


@pytest.fixture
def imports(database: str) -> Iterator[Imports]:
    with open_imports(database) as opened:
        yield opened


def test_mutated_mollie_answers_stop_nothing(
    mollie: MollieBench, proxy: MutatingProxy, imports: Imports
) -> None:
    check_mollie(mollie, proxy, imports, seed=1, count=20)


def test_mutated_stripe_lists_stop_nothing(
    bench: Bench, proxy: MutatingProxy, imports: Imports
) -> None:
    check_stripe(bench, proxy, imports, seed=1, runs=4)


@pytest.mark.extended
@pytest.mark.fuzz
def test_many_mutated_answers_stop_nothing(
    bench: Bench, mollie: MollieBench, proxy: MutatingProxy, imports: Imports
) -> None:
    with fuzz_seed() as seed:
        check_mollie(mollie, proxy, imports, seed=seed, count=size(60, large=600))
        check_stripe(bench, proxy, imports, seed=seed, runs=size(5, large=50))
