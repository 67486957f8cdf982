"""Check that an invoice's events in any order result in the same row.

Each story happens once in the sandbox, with its seconds apart or all in one. Then it is told again
in memory: our own answers among the webhooks, some doubled, some told by two events, each fetch
answered as things stood and overtaken by what comes next. Some are told on PostgreSQL, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

import pytest

from domain.billing import Billing
from eventlog.log import Log
from tests.support.sandbox import SandboxProcess
from tests.support.stripe_account import Account
from tests.workers.event_orders.invoice_teller import Teller
from tests.workers.event_orders.recording import Recording
from tests.workers.event_orders.replay_in_memory import FEW_ORDERS, Retelling, Sight, Stage, row
from tests.workers.event_orders.stripe_invoice_scenarios import STORIES, Story
from tests.workers.stripe_harness import Bench

# Of a story's orders so many are told with its seconds apart, the others all in one second.
APART: Final = 0.6


@pytest.fixture
def teller(
    shared_log: Log, shared_billing: Billing, sandbox: SandboxProcess, *, same_second: bool
) -> Iterator[Teller]:
    with Account(sandbox.url) as account:
        account.admin.set_clock(frozen=same_second)
        yield Teller(Bench(shared_log, shared_billing, account), same_second)


@pytest.mark.parametrize("same_second", [False], ids=["seconds apart"])
@pytest.mark.parametrize("story", STORIES[:1], ids=lambda story: story.name)
def test_a_few_orders_end_in_the_same_row(teller: Teller, story: Story) -> None:
    check(teller, story, seeds(story, same_second=teller.same_second)[:FEW_ORDERS])


@pytest.mark.extended
@pytest.mark.parametrize("same_second", [False, True], ids=["seconds apart", "one second"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_any_order_ends_in_the_same_row(teller: Teller, story: Story) -> None:
    check(teller, story, seeds(story, same_second=teller.same_second))


def check(teller: Teller, story: Story, orders: range) -> None:
    """Run a scenario in the sandbox, replay it in these orders, and compare the rows."""
    story.run(teller)
    with Stage(teller.story) as stage:
        natural = row(Retelling(stage, order=None, sight="then").run())
        assert {name: natural[name] for name in story.ends} == story.ends
        for seed in orders:
            story_ = Retelling(stage, order=Random(seed), sight=sight_of(teller.story, seed))  # noqa: S311 - repeatable
            assert row(story_.run()) == natural, f"seed {seed}"


def seeds(story: Story, *, same_second: bool) -> range:
    apart = int(story.orders * APART)
    return range(apart, story.orders) if same_second else range(apart)


def sight_of(story: Recording, seed: int) -> Sight:
    """Replay with fetches that return an older state with its older time."""
    return "now" if story.same_second or seed % 2 else "then"


@pytest.mark.parametrize("same_second", [False], ids=["seconds apart"])
@pytest.mark.parametrize("story", STORIES[1::6], ids=lambda story: story.name)
def test_the_same_comes_of_it_on_postgresql(teller: Teller, story: Story) -> None:
    story.run(teller)
    with Stage(teller.story) as stage:
        natural = row(Retelling(stage, order=None, sight="then").run())

    bench, story_ = teller.bench, teller.story
    received = [bench.receive(one.event) for one in story_.events]
    Random(1).shuffle(received)  # noqa: S311 - repeatable
    bench.apply(*received, *received[:3])
    for entry in received:
        bench.fetch(entry)

    assert row(bench.invoice(story_.invoice_id).view) == natural
    assert all(bench.entry(entry).applied for entry in received)
