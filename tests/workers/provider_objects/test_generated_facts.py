"""Any legal course of Stripe's invoices: our sums equal the sandbox's ledger and lists.

Invoices made by hand, of any currency, tax and balance, get part payments, captures, credit notes,
refunds, disputes, revisions and endings in any order. What Stripe refuses in a state is left out.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.workers.provider_objects import stripe_courses as courses
from tests.workers.provider_objects.stripe_courses import Bill, Step, follow
from tests.workers.stripe_harness import Bench

FEW: Final = 3
MANY: Final = 10
BILLS: Final = st.lists(
    st.builds(
        Bill,
        st.lists(st.integers(1, 900), min_size=1, max_size=12),
        st.sampled_from((None, "added", "contained")),
        st.sampled_from((0, 0, -300, 200)),
    ),
    min_size=1,
    max_size=3,
)
STEPS: Final = st.lists(
    st.builds(
        Step,
        st.sampled_from(courses.ACTIONS),
        st.integers(0, 2),
        st.integers(1, 2500),
        st.sampled_from((0, 1)),
    ),
    max_size=10,
)


def check(bench: Bench, *, examples: int) -> None:
    @settings(max_examples=examples, derandomize=True, database=None, phases=[Phase.generate])
    @given(BILLS, STEPS, st.sampled_from(courses.CURRENCIES))
    def any_course(bills: list[Bill], steps: list[Step], currency: str) -> None:
        follow(bench, bills, steps, currency)

    any_course()


def test_sums_equal_the_ledger_after_any_course(bench: Bench) -> None:
    check(bench, examples=FEW)


@pytest.mark.extended
def test_sums_equal_the_ledger_after_many_courses(bench: Bench) -> None:
    check(bench, examples=MANY)
