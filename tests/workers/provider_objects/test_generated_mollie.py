"""Any legal course of Mollie's objects: our sums equal the sandbox's ledger."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction
from typing import Final
from uuid import UUID

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.core import ids
from domain.core.money import from_major, step_minor
from domain.invoices.events import InvoiceImported
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.view import SubscriptionView
from projections.reports.recurring_revenue import share_of
from tests.support.mollie_account import amount
from tests.workers.history.imports import open_imports
from tests.workers.mollie_harness import MollieBench
from tests.workers.provider_objects import mollie_courses as courses
from tests.workers.provider_objects.field_values import FieldValues
from tests.workers.provider_objects.mollie_courses import Step, follow
from tests.workers.provider_objects.stripe_courses import sums_of
from tests.workers.provider_objects.varied_fields import MOLLIE_SUBSCRIPTIONS

FEW: Final = 5
MANY: Final = 30
PAYMENTS: Final = st.sampled_from(
    [(method, currency) for method, known in courses.METHODS.items() for currency in known]
)
STEPS: Final = st.lists(
    st.builds(Step, st.sampled_from(courses.ACTIONS), st.integers(1, 2500)), max_size=8
)
# Most courses begin with money; the others show what an unpaid payment comes to.
BEGINNINGS: Final = st.sampled_from(("paid", "authorized", "deliver"))


def check(mollie: MollieBench, *, examples: int) -> None:
    @settings(max_examples=examples, derandomize=True, database=None, phases=[Phase.generate])
    @given(PAYMENTS, st.integers(1, 9000), BEGINNINGS, STEPS)
    def any_course(payment: tuple[str, str], units: int, beginning: str, steps: list[Step]) -> None:
        follow(mollie, *payment, units, [Step(beginning), *steps])

    any_course()


def test_sums_equal_the_ledger_of_mollie_after_any_course(mollie: MollieBench) -> None:
    check(mollie, examples=FEW)


@pytest.mark.extended
def test_sums_equal_the_ledger_of_mollie_after_many_courses(mollie: MollieBench) -> None:
    check(mollie, examples=MANY)


def test_subscriptions_of_each_interval_and_state_count_as_the_ledger_has_them(
    mollie: MollieBench,
) -> None:
    admin = mollie.account.admin
    # Payments are due at midnight: the hour of the test must not decide how many there are.
    today_s = admin.clock()["now"] // courses.DAY_S * courses.DAY_S
    admin.set_clock(now=today_s + courses.DAY_S + 6 * courses.HOUR_S, frozen=True)
    currencies = itertools.cycle((("eur", "19.99"), ("isk", "2500"), ("jpy", "2501")))
    wanted = {}
    for interval, state in [
        *((interval, "active") for interval in courses.INTERVALS),
        *(("1 month", state) for state in courses.STATES if state != "active"),
    ]:
        currency, value = next(currencies)
        fields = {"interval": interval, "amount": amount(value, currency.upper())}
        made = courses.subscribe(mollie, state, description=f"{interval}, {state}", **fields)
        wanted[made] = (interval, state, from_major(value, currency))
    admin.set_clock(advance_s=courses.WINDOW_S)
    with open_imports(mollie.log.dsn) as imports:
        imports.mollie(mollie).run(0)
    paid = collected_by_subscription(mollie)
    ledger = admin.ledger()["by_subscription"]
    there = {str(one["id"]): dict(one) for one in mollie.account.client.subscriptions.list()}
    values = FieldValues()
    values.add(there.values())
    values.require(MOLLIE_SUBSCRIPTIONS, {})
    for made, (interval, state, amount_minor) in wanted.items():
        per_year, payments = courses.INTERVALS[interval]
        view = subscription(mollie, made)
        assert there[made]["status"] == state
        assert view.status == courses.STATES[state], state
        month_minor = int(amount_minor * per_year / 12 + Fraction(1, 2))
        assert view.monthly_minor == month_minor, interval
        shares = [share.recurring_minor for share in share_of(view).values()]
        assert shares == ([month_minor] if state == "active" else []), state
        # The first payment is taken when it starts, before it ends or loses its mandate.
        count = payments if state == "active" else int(state != "pending")
        unit = step_minor("mollie", view.currency or "")
        taken = sum(ledger.get(made, {}).values()) * unit
        assert paid[made] == taken == count * amount_minor, (interval, state)


def subscription(mollie: MollieBench, at_provider: str) -> SubscriptionView:
    stream = ids.for_provider_object(mollie.app_id, mollie.connection_id, "test", at_provider)
    return mollie.billing.get(Subscription, stream).view


def collected_by_subscription(mollie: MollieBench) -> Counter[str]:
    """Add up what the imported invoices of each subscription collected."""
    found: Counter[str] = Counter()
    for entry in mollie.log.read(0, 10_000, [InvoiceImported.TOPIC]):
        view = mollie.invoice(UUID(str(entry.originator_id))).view
        found[view.subscription_id or ""] += sums_of([view])["collected"]
    return found
