"""Any subscription at Stripe: its month is what its next invoice bills, net of tax."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.workers.provider_objects.stripe_plans import (
    COUPONS,
    INTERVALS,
    SHAPES,
    Catalogue,
    Item,
    Plan,
    compare,
)
from tests.workers.stripe_harness import Bench

FEW: Final = 4
MANY: Final = 20
_COUPONS: Final = st.lists(st.sampled_from(sorted(COUPONS)), max_size=2, unique=True)
PLANS: Final = st.builds(
    Plan,
    st.lists(
        st.builds(Item, st.sampled_from(sorted(SHAPES)), st.integers(0, 40), _COUPONS),
        min_size=1,
        max_size=4,
        unique_by=lambda item: item.shape,
    ),
    _COUPONS,
    st.sampled_from((None, "added", "contained")),
    st.booleans(),
    st.booleans(),
    st.sampled_from(sorted(INTERVALS)),
)


def check(bench: Bench, *, examples: int) -> None:
    catalogue = Catalogue(bench)

    @settings(max_examples=examples, derandomize=True, database=None, phases=[Phase.generate])
    @given(PLANS)
    def any_plan(plan: Plan) -> None:
        compare(catalogue, plan)

    any_plan()


def test_a_month_of_any_plan_is_what_its_next_invoice_bills(bench: Bench) -> None:
    check(bench, examples=FEW)


@pytest.mark.extended
def test_a_month_of_many_plans_is_what_their_next_invoices_bill(bench: Bench) -> None:
    check(bench, examples=MANY)
