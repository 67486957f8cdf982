"""Subscriptions at Mollie from their first renewal on, and those made in its dashboard."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, datetime, timedelta

import pytest

from domain.events import ENDING_TOPICS
from eventlog.errors import HistoryDetached
from eventlog.partitions.detach import detach
from eventlog.partitions.layout import set_partition_size
from tests.eventlog.stored_events import stored
from tests.workers.subscriptions.mollie_subscription_harness import MONTH, Recurring

HOUR = timedelta(hours=1)
_PARTITION = 60


@pytest.mark.parametrize("day", [29, 30, 31])
def test_periods_join_where_months_lack_the_day_of_the_charges(
    recurring: Recurring, day: int
) -> None:
    today = recurring.bench.clock()
    year = next(year for year in (today.year + 1, today.year + 2) if not isleap(year + 1))
    recurring.pass_time(datetime(year, 12, day, 12, tzinfo=UTC) - today)
    view = recurring.started()
    for _ in range(4):
        recurring.pass_time(MONTH)
        recurring.receive_all_webhooks()

    renewals = [recurring.imported(one["id"]).view for one in recurring.renewals(view)]
    begins = [one.period_start for one in renewals]
    ends = [one.period_end for one in renewals]
    assert [begin.day for begin in begins if begin is not None][:3] == [day, 28, day]
    after = recurring.view(view.id)
    assert ends == [*begins[1:], after.period_end]
    assert begins[-1] == after.period_start


def test_renewals_are_imported_with_their_lines_and_period(recurring: Recurring) -> None:
    view = recurring.started(tax_rate_id="added")
    recurring.pass_time(MONTH)
    (payment,) = recurring.renewals(view)

    recurring.receive_webhook(payment["id"])

    invoice = recurring.imported(payment["id"]).view
    after = recurring.view(view.id)
    assert (invoice.status, invoice.origin, invoice.type) == ("paid", "renewal", "subscription")
    assert (invoice.total_minor, invoice.tax_minor) == (2419, 420)
    assert (invoice.subscription_id, invoice.provider_object_type) == (
        view.provider_subscription_id,
        "payment",
    )
    assert [(line["price"], line["total_minor"]) for line in invoice.lines] == [("monthly", 1999)]
    assert invoice.period_start == view.period_end
    assert after.period_start == view.period_end
    assert after.period_end is not None
    assert after.period_end > (view.period_end or after.period_end)
    assert invoice.tenant_id == view.tenant_id


def test_renewals_without_metadata_are_identified_by_their_subscription(
    recurring: Recurring,
) -> None:
    recurring.bench.account.admin.set_settings(copy_metadata=False)
    view = recurring.started()
    recurring.pass_time(MONTH)
    (payment,) = recurring.renewals(view)

    recurring.receive_webhook(payment["id"])

    assert recurring.imported(payment["id"]).view.status == "paid"
    assert recurring.view(view.id).period_start == view.period_end


def test_failed_renewals_suspend_in_the_end(recurring: Recurring) -> None:
    view = recurring.started()
    recurring.bench.account.admin.set_settings(default_outcome="failed")
    recurring.pass_time(MONTH)
    recurring.receive_all_webhooks()
    (first,) = recurring.renewals(view)
    assert recurring.imported(first["id"]).view.status == "failed"
    assert recurring.view(view.id).status == "active"

    recurring.pass_time(2 * MONTH)
    recurring.receive_all_webhooks()

    assert recurring.view(view.id).status == "unpaid"
    assert len(recurring.renewals(view)) == 3


def test_subscriptions_are_checked_since_no_webhook_reports_them(recurring: Recurring) -> None:
    view = recurring.started()
    waits = recurring.watch(view.id)
    assert waits is not None
    assert timedelta(days=27) < timedelta(seconds=waits) < timedelta(days=34)
    recurring.pass_time(timedelta(seconds=waits))
    (there,) = recurring.there()
    owner = recurring.bench.account.client.customers.get(str(view.customer))
    owner.subscriptions.delete(there["id"])

    assert recurring.watch(view.id) is None

    after = recurring.view(view.id)
    (payment,) = recurring.renewals(view)
    assert (after.status, recurring.imported(payment["id"]).view.status) == ("canceled", "paid")


def test_a_check_goes_on_after_an_archived_renewal(
    database: str, request: pytest.FixtureRequest
) -> None:
    set_partition_size(database, _PARTITION)
    recurring = Recurring(request.getfixturevalue("mollie"))
    view = recurring.started()
    recurring.pass_time(MONTH)
    (payment,) = recurring.renewals(view)
    recurring.receive_webhook(payment["id"])
    log = recurring.bench.log
    log.append([stored() for _ in range(_PARTITION + 1 - log.head())])
    detach(database, 1, topics=ENDING_TOPICS)
    with pytest.raises(HistoryDetached):
        recurring.imported(payment["id"])
    recurring.pass_time(MONTH)

    assert recurring.watch(view.id) is not None

    newest = recurring.renewals(view)[-1]
    assert recurring.imported(newest["id"]).view.status == "paid"


def test_an_amount_changed_at_mollie_is_shown(recurring: Recurring) -> None:
    view = recurring.started()
    owner = recurring.bench.account.client.customers.get(str(view.customer))
    amount = {"currency": "EUR", "value": "5.00"}
    owner.subscriptions.update(view.provider_subscription_id, {"amount": amount})
    recurring.pass_time(MONTH)
    (payment,) = recurring.renewals(view)

    recurring.receive_webhook(payment["id"])

    after = recurring.view(view.id)
    assert [(item.price, item.amount_minor) for item in after.items] == [("", 500)]
    assert recurring.imported(payment["id"]).view.total_minor == 500


def test_dashboard_subscriptions_are_imported_with_their_payments(
    recurring: Recurring,
) -> None:
    account = recurring.bench.account
    owner = account.with_mandate()
    made = account.subscribe(owner)
    recurring.pass_time(timedelta(days=1))
    payment = next(one for one in recurring.bench.payments() if one.get("subscriptionId"))

    recurring.receive_webhook(payment["id"])

    renewal = recurring.imported(payment["id"]).view
    assert (renewal.status, renewal.total_minor, renewal.tenant_id) == ("paid", 1000, None)
    assert renewal.subscription_id == made.id
