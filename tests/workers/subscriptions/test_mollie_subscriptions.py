"""Subscriptions at Mollie: a first payment begins them, its mandate is charged from then on."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.core.errors import NotPossible
from domain.gateway.errors import GatewayUnavailable
from tests.workers.mollie_harness import MollieBench
from tests.workers.subscriptions.mollie_subscription_harness import MONTH, Recurring
from workers.subscriptions.mollie_start import mark_subscription_not_started

HOUR = timedelta(hours=1)


@pytest.fixture
def recurring(mollie: MollieBench) -> Recurring:
    return Recurring(mollie)


def test_a_request_creates_a_first_payment_and_the_subscriptions_stream(
    recurring: Recurring,
) -> None:
    invoice = recurring.request(tax_rate_id="added", lines=[{"price": "monthly", "quantity": 2}])

    (payment,) = recurring.bench.payments()
    assert (payment["sequenceType"], payment["amount"]["value"]) == ("first", "48.38")
    assert invoice.view.status == "open"
    assert invoice.view.next_action is not None
    view = recurring.view(recurring.stream(invoice))
    assert (view.status, view.origin, view.invoice_id) == ("incomplete", "request", invoice.id)
    assert view.provider_subscription_id == ""
    assert [(item.price, item.quantity, item.amount_minor) for item in view.items] == [
        ("monthly", 2, 1999)
    ]
    assert view.monthly_minor == 3998
    assert recurring.there() == []


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


def test_a_paid_first_payment_starts_the_subscription_one_interval_on(
    recurring: Recurring,
) -> None:
    invoice = recurring.request(tax_rate_id="added")
    recurring.pay(invoice)
    due = recurring.bench.invoice(invoice.id).view
    assert (due.status, due.subscription_due) == ("paid", True)

    view = recurring.start(invoice)

    (there,) = recurring.there()
    after = recurring.bench.invoice(invoice.id).view
    assert (view.status, view.provider_subscription_id) == ("active", there["id"])
    assert (after.subscription_id, after.subscription_due) == (there["id"], False)
    assert (there["amount"]["value"], there["interval"]) == ("24.19", "1 month")
    assert there["metadata"]["billhook_subscription"] == str(view.id)
    assert there["webhookUrl"].endswith(f"/webhooks/mollie/{recurring.bench.connection_id}")
    assert view.period_end is not None
    assert view.period_end.date().isoformat() == there["startDate"]
    assert there["startDate"] > datetime.now(UTC).date().isoformat()
    assert [item.price for item in view.items] == ["monthly"]


@pytest.mark.parametrize("outcome", ["failed", "expired", "canceled"])
def test_a_failed_first_payment_ends_the_subscription_before_its_start(
    recurring: Recurring, outcome: str
) -> None:
    invoice = recurring.request()
    recurring.pay(invoice, outcome)

    view = recurring.mark_not_started(invoice)

    topics = recurring.bench.topics(invoice.id)
    assert (view.status, topics[-1]) == ("incomplete_expired", "invoice.subscription_not_started")
    assert recurring.bench.invoice(invoice.id).view.status == outcome
    assert recurring.there() == []


def test_another_first_payment_starts_its_own_subscription(recurring: Recurring) -> None:
    invoice = recurring.request()
    recurring.pay(invoice, "failed")
    before = recurring.stream(invoice)
    recurring.mark_not_started(invoice)

    again = recurring.bench.retry(UUID(str(invoice.id)))
    recurring.pay(again)
    view = recurring.start(again)

    assert (view.status, recurring.view(before).status) == ("active", "incomplete_expired")
    assert len(recurring.there()) == 1


def test_the_first_paid_payment_counts_even_if_another_replaced_it(
    recurring: Recurring,
) -> None:
    recurring.bench.account.admin.set_settings(cancelable=False)
    invoice = recurring.request()
    first = invoice.view.provider_object_id or ""
    before = recurring.stream(invoice)
    again = recurring.bench.retry(UUID(str(invoice.id)))
    other = recurring.stream(again)
    mark_subscription_not_started(before, recurring.deps())
    recurring.bench.pay(first, method="creditcard")
    recurring.receive_webhook(first)

    view = recurring.start(invoice)
    mark_subscription_not_started(other, recurring.deps())

    topics = recurring.bench.topics(UUID(str(invoice.id)))
    assert (view.id, view.status, view.ended_at) == (before, "active", None)
    assert recurring.view(other).status == "incomplete_expired"
    assert topics.count("invoice.subscription_not_started") == 2
    assert len(recurring.there()) == 1


def test_voiding_the_invoice_ends_a_subscription_that_has_not_started(recurring: Recurring) -> None:
    recurring.bench.account.admin.set_settings(cancelable=True)
    invoice = recurring.request()

    recurring.bench.void(UUID(str(invoice.id)))

    assert recurring.mark_not_started(invoice).status == "incomplete_expired"


def test_two_events_of_the_payment_create_one_subscription(recurring: Recurring) -> None:
    invoice = recurring.request()
    recurring.pay(invoice)
    recurring.receive_webhook(invoice.view.provider_object_id or "")
    recurring.start(invoice)
    recurring.start(invoice)

    topics = recurring.bench.topics(invoice.id)
    assert len(recurring.there()) == 1
    assert topics.count("invoice.subscription_due") == 1
    assert topics.count("invoice.subscription_created") == 1


def test_a_mandate_that_is_valid_after_70_hours_starts_the_subscription(
    recurring: Recurring,
) -> None:
    recurring.bench.account.admin.set_settings(mandate_delay_s=70 * 3600)
    invoice = recurring.request()
    recurring.pay(invoice, method="ideal")
    waits = 0
    for _ in range(70):
        with pytest.raises(GatewayUnavailable) as later:
            recurring.start(invoice)
        assert (later.value.counted, later.value.retry_after_s) == (False, 3600)
        waits += 1
        recurring.pass_time(HOUR)

    view = recurring.start(invoice)

    assert (view.status, waits) == ("active", 70)
    assert len(recurring.there()) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mandate_delay_s": 90 * 3600}, "still pending after 72 hours"),
        ({"mandate_delay_s": 3600, "mandate_outcome": "invalid"}, "is invalid"),
    ],
    ids=["pending for ever", "refused"],
)
def test_a_mandate_that_never_turns_valid_is_left_to_an_operator(
    recurring: Recurring, settings: dict[str, object], message: str
) -> None:
    recurring.bench.account.admin.set_settings(**settings)
    invoice = recurring.request()
    recurring.pay(invoice, method="ideal")
    recurring.pass_time(timedelta(hours=73))

    with pytest.raises(GatewayUnavailable, match=message):
        recurring.start(invoice)

    view = recurring.view(recurring.stream(invoice))
    assert view.gave_up is not None
    assert (view.status, view.gave_up.step) == ("incomplete", "start")
    assert message in view.gave_up.last_error
    assert recurring.there() == []


def test_a_start_delayed_beyond_its_interval_is_charged_from_today(recurring: Recurring) -> None:
    recurring.bench.account.admin.set_settings(mandate_delay_s=70 * 3600)
    invoice = recurring.request("daily")
    recurring.pay(invoice, method="ideal")
    recurring.pass_time(timedelta(hours=71))

    view = recurring.start(invoice)

    (there,) = recurring.there()
    assert view.status == "active"
    assert there["startDate"] >= recurring.bench.clock().date().isoformat()


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
