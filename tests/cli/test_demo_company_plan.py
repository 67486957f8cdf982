"""The plan of the demo company: what it contains, and that a seed determines it."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime

from cli.demo_company.actions import (
    Bill,
    Cancel,
    ChangeSeats,
    CloseDispute,
    CloseOpen,
    CompanyPlan,
    DeclineNext,
    Dispute,
    Join,
    PayOpen,
    Refund,
    ReplaceMethod,
)
from cli.demo_company.plan import make_plan

UNTIL = datetime(2026, 11, 28, 9, tzinfo=UTC)
ACTIONS = {
    *(Bill, Cancel, ChangeSeats, CloseDispute, CloseOpen, DeclineNext, Dispute, Join, PayOpen),
    *(Refund, ReplaceMethod),
}


def plan(*, seed: int = 1, months: int = 3) -> CompanyPlan:
    return make_plan(seed=seed, months=months, until=UNTIL)


def test_a_seed_determines_the_plan() -> None:
    assert plan() == plan()
    assert plan() != plan(seed=2)


def test_three_months_have_every_kind_of_action_at_both_providers() -> None:
    for seed in range(5):
        made = plan(seed=seed)
        done = {(step.customer.provider, type(step.action)) for step in made.steps}
        assert {action for _, action in done} == ACTIONS, seed
        for provider in ("stripe", "mollie"):
            assert {(provider, kind) for kind in (Join, Bill, Cancel, Refund, Dispute)} <= done
        assert {one.currency for one in made.customers} == {"eur", "usd"}
        assert made.requests


def test_steps_are_in_order_within_the_months_and_begin_with_joining() -> None:
    made = plan(months=12)
    times = [step.at for step in made.steps]
    assert times == sorted(times)
    assert made.start <= times[0]
    assert times[-1] < UNTIL
    joined: set[int] = set()
    for step in made.steps:
        if isinstance(step.action, Join):
            joined.add(step.customer.number)
        assert step.customer.number in joined
    later = [step.customer for step in made.present]
    later += [request.customer for request in made.requests]
    assert {customer.number for customer in later} <= joined


def test_names_and_addresses_are_invented_and_unique() -> None:
    customers = plan(months=36).customers
    assert len({one.name for one in customers}) == len(customers)
    assert len({one.tenant_id for one in customers}) == len(customers)
    for one in customers:
        assert re.fullmatch(r"[a-z]+\.[a-z-]+@example\.(com|org)", one.email), one.email


def test_a_customer_grows_and_leaves() -> None:
    made = plan(months=12)
    joins = Counter(step.at.month for step in made.steps if isinstance(step.action, Join))
    assert len(joins) >= 11
    for step in made.steps:
        left = [
            other.at
            for other in made.steps
            if other.customer == step.customer and isinstance(other.action, Cancel)
        ]
        assert not left or step.at <= left[0]
