"""Cancellations and changes of subscriptions at Mollie."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.core.errors import NotPossible
from tests.workers.subscriptions.mollie_subscription_harness import MONTH, Recurring


def test_a_subscription_that_is_canceled_now_charges_nothing_more(recurring: Recurring) -> None:
    view = recurring.started()

    after = recurring.cancel(view.id, at_period_end=False)

    (there,) = recurring.there()
    assert (after.status, there["status"]) == ("canceled", "canceled")
    assert after.ended_at is not None
    recurring.pass_time(MONTH)
    assert recurring.renewals(view) == []


def test_one_that_is_canceled_with_its_period_lasts_until_then(recurring: Recurring) -> None:
    view = recurring.started()

    after = recurring.cancel(view.id, at_period_end=True)

    (there,) = recurring.there()
    assert (after.status, there["status"]) == ("active", "canceled")
    assert after.cancel_at == view.period_end
    waits = recurring.watch(view.id)
    assert waits is not None
    recurring.pass_time(timedelta(seconds=waits + 1))
    assert recurring.watch(view.id) is None
    ended = recurring.view(view.id)
    assert (ended.status, ended.ended_at) == ("canceled", view.period_end)
    assert recurring.renewals(view) == []


def test_one_that_ends_with_its_period_can_be_ended_at_once(recurring: Recurring) -> None:
    view = recurring.started()
    recurring.cancel(view.id, at_period_end=True)

    after = recurring.cancel(view.id, at_period_end=False)

    assert after.status == "canceled"
    assert after.ended_at is not None
    assert after.ended_at < (view.period_end or after.ended_at)


def test_a_change_counts_from_the_next_payment_on(recurring: Recurring) -> None:
    view = recurring.started(tax_rate_id="added")

    change_requested = recurring.change(view.id, ("monthly", 3))

    assert [item.quantity for item in change_requested.items] == [1]
    assert change_requested.scheduled is not None
    assert recurring.there()[0]["amount"]["value"] == "72.56"
    recurring.pass_time(MONTH)
    (payment,) = recurring.renewals(view)
    recurring.receive_webhook(payment["id"])
    after = recurring.view(view.id)
    assert [item.quantity for item in after.items] == [3]
    assert (after.scheduled, after.next_terms, after.monthly_minor) == (None, None, 5997)
    renewal = recurring.imported(payment["id"]).view
    assert (renewal.total_minor, renewal.tax_minor) == (7256, 1259)
    assert [line["quantity"] for line in renewal.lines] == [3]


@pytest.mark.parametrize(
    ("lines", "when", "code"),
    [
        ([("monthly", 2)], "now", "change_now_impossible"),
        ([("unknown", 2)], "periodEnd", "price_unknown"),
        ([("pro", 2)], "periodEnd", "price_not_recurring"),
        ([("dollars_monthly", 1)], "periodEnd", "currency_differs"),
    ],
)
def test_changes_that_mollie_lacks_are_rejected_with_the_reason(
    recurring: Recurring, lines: list[tuple[str, int]], when: str, code: str
) -> None:
    view = recurring.started()

    after = recurring.change(view.id, *lines, at_period_end=when == "periodEnd")

    assert after.failure is not None
    assert after.failure.code == code
    assert (after.pending_request, after.items) == (None, view.items)
    assert recurring.there()[0]["amount"]["value"] == "19.99"


def test_the_plan_of_a_subscription_that_ends_cannot_be_changed(recurring: Recurring) -> None:
    view = recurring.started()
    recurring.cancel(view.id, at_period_end=True)
    after = recurring.change(view.id, ("monthly", 2))
    assert after.failure is not None
    assert (after.failure.code, after.pending_request) == ("ending", None)


def test_no_call_is_made_for_a_subscription_that_has_not_started(recurring: Recurring) -> None:
    invoice = recurring.request()

    with pytest.raises(NotPossible):
        recurring.cancel(recurring.stream(invoice), at_period_end=False)
