"""First payments at Mollie: those that start a subscription, and those that do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.gateway.errors import GatewayUnavailable
from tests.workers.subscriptions.mollie_subscription_harness import Recurring
from tests.workers.subscriptions.test_mollie_subscriptions import HOUR
from workers.subscriptions.mollie_start import mark_subscription_not_started


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
