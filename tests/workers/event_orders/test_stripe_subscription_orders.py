"""Check that a subscription's events in any order result in the same rows.

Its own and those of all its invoices. Each story happens once in the sandbox, then it is told again
in memory: our own answers among the webhooks, some doubled, some told by two events, each fetch
answered as things stood and overtaken by what comes next.
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
from tests.workers.event_orders.customer_life import Relived, outcome_of_start
from tests.workers.event_orders.replay_in_memory import FEW_ORDERS, Sight, Stage
from tests.workers.event_orders.stripe_subscription_scenarios import LIVES, LifeStory
from tests.workers.event_orders.subscription_narrator import Narrator
from tests.workers.stripe_harness import Bench

ORDERS: Final = 20


@pytest.fixture
def narrator(
    shared_log: Log, shared_billing: Billing, sandbox: SandboxProcess, *, same_second: bool
) -> Iterator[Narrator]:
    with Account(sandbox.url) as account:
        account.admin.set_clock(frozen=same_second)
        yield Narrator(Bench(shared_log, shared_billing, account), same_second)


@pytest.mark.parametrize("same_second", [False], ids=["seconds apart"])
@pytest.mark.parametrize("story", LIVES[:1], ids=lambda story: story.name)
def test_a_few_orders_end_in_the_same_rows(narrator: Narrator, story: LifeStory) -> None:
    check(narrator, story, range(FEW_ORDERS))


@pytest.mark.extended
@pytest.mark.parametrize("same_second", [False, True], ids=["seconds apart", "one second"])
@pytest.mark.parametrize("story", LIVES, ids=lambda story: story.name)
def test_any_order_ends_in_the_same_rows(narrator: Narrator, story: LifeStory) -> None:
    check(narrator, story, range(ORDERS))


def check(narrator: Narrator, story: LifeStory, orders: range) -> None:
    """Run a scenario in the sandbox, replay it in these orders, and compare the rows."""
    story.run(narrator)
    life = narrator.life

    with Stage(life) as stage:
        natural = Relived(stage, order=None, sight="then").live()
        statuses = [row["status"] for name, row in natural.items() if name.startswith("in_")]
        assert sorted(statuses) == sorted(story.invoices)
        assert [row["status"] for name, row in natural.items() if name.startswith("sub_")] == (
            [] if story.subscription is None else [story.subscription]
        )
        for seed in orders:
            sight: Sight = "now" if life.same_second or seed % 2 else "then"
            replay_ = Relived(stage, order=Random(seed), sight=sight)  # noqa: S311 - repeatable
            assert replay_.live() == natural, f"seed {seed}"
            if story.outcome is not None:
                assert outcome_of_start(stage.bench, life) == story.outcome, f"seed {seed}"
