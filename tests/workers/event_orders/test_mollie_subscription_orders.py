"""Check that webhooks of a Mollie subscription in any order result in the same rows.

By hints and signed events, doubled and mixed, beside each other; before our own answers, and after.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.core.errors import StaleWrite
from domain.gateway.errors import GatewayUnavailable
from domain.invoices.invoice import Invoice
from tests.workers.mollie_harness import MollieBench
from tests.workers.subscriptions.mollie_subscription_harness import MONTH, Recurring

Rows = dict[str, Any]


@pytest.fixture
def recurring(mollie: MollieBench) -> Recurring:
    return Recurring(mollie)


def deliver(recurring: Recurring, payment: str, kind: str) -> None:
    """Bring news of a payment; a step that is at work is waited for."""
    with suppress(GatewayUnavailable):
        if kind == "classic":
            recurring.bench.receive_webhook(payment)
        else:
            recurring.bench.event("payment.paid", payment, event_id=f"event_{uuid4()}")


def rows_of(recurring: Recurring, invoice: Invoice) -> Rows:
    """Render a subscription and its invoices without the times at which events were received."""
    view = recurring.view(recurring.stream(invoice))
    renewals = [recurring.imported(one["id"]).view for one in recurring.renewals(view)]
    first = recurring.bench.invoice(UUID(str(invoice.id))).view
    return {
        "subscription": (view.status, view.period_start, view.period_end, view.monthly_minor),
        "linked": view.provider_subscription_id == recurring.there()[0]["id"],
        "invoices": [
            (one.status, one.total_minor, one.amount_refunded_minor, one.amount_disputed_minor)
            for one in (first, *renewals)
        ],
        "periods": [(one.period_start, one.period_end) for one in renewals],
    }


def story(recurring: Recurring) -> Invoice:
    """Three months of one: a failure, a refund, a chargeback; renewals were not reported."""
    admin = recurring.bench.account.admin
    invoice = recurring.request(tax_rate_id="added")
    recurring.pay(invoice)
    view = recurring.start(invoice)
    recurring.pass_time(MONTH)
    admin.set_settings(next_outcomes=["failed"])
    recurring.pass_time(2 * MONTH)
    renewals = recurring.renewals(view)
    admin.refund(renewals[0]["id"], amount={"currency": "EUR", "value": "1.00"})
    recurring.pass_time(timedelta(days=3))
    admin.chargeback(renewals[2]["id"])
    return invoice


@pytest.mark.parametrize("seed", range(6))
def test_hints_and_events_in_any_order_end_in_the_same_rows(
    recurring: Recurring, seed: int
) -> None:
    invoice = story(recurring)
    news = [
        (payment["id"], kind)
        for payment in recurring.bench.payments()
        for kind in ("classic", "signed")
    ]
    Random(seed).shuffle(news)  # noqa: S311 - the same order in every run

    for payment, kind in [*news, *news[:3]]:
        deliver(recurring, payment, kind)

    shown = rows_of(recurring, invoice)
    assert shown["invoices"] == [
        ("paid", 2419, 0, 0),
        ("paid", 2419, 100, 0),
        ("failed", 2419, 0, 0),
        ("paid", 2419, 0, 2419),
    ]
    assert (shown["linked"], shown["subscription"][0]) == (True, "active")
    assert [one[1] for one in shown["periods"][:-1]] == [one[0] for one in shown["periods"][1:]]
    assert shown["subscription"][1:3] == shown["periods"][-1]


def test_two_concurrent_paid_webhooks_start_one_subscription(recurring: Recurring) -> None:
    invoice = recurring.request()
    payment = invoice.view.provider_object_id or ""
    recurring.bench.pay(payment, method="creditcard")

    def work(number: int) -> None:
        """Run a worker's job, again after a conflict."""
        deliver(recurring, payment, "classic" if number % 2 else "signed")
        with suppress(StaleWrite, GatewayUnavailable):
            recurring.start(invoice)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    recurring.receive_webhook(payment)
    recurring.start(invoice)

    topics = recurring.bench.topics(UUID(str(invoice.id)))
    assert len(recurring.there()) == 1
    assert topics.count("invoice.payment_succeeded") == 1
    assert topics.count("invoice.subscription_due") == 1
    assert topics.count("invoice.subscription_created") == 1


def test_a_renewal_reported_before_our_own_answer_links_the_subscription(
    recurring: Recurring,
) -> None:
    invoice = recurring.request("daily")
    recurring.pay(invoice)
    recurring.bench.account.admin.add_fault(
        "lose_answer", path="/v2/customers/*/subscriptions", method="POST"
    )
    with pytest.raises(GatewayUnavailable):
        recurring.start(invoice)
    assert recurring.view(recurring.stream(invoice)).provider_subscription_id == ""
    recurring.pass_time(timedelta(days=2))
    (payment, *_) = [one for one in recurring.bench.payments() if one.get("subscriptionId")]

    recurring.receive_webhook(payment["id"])
    recurring.start(invoice)

    (there,) = recurring.there()
    view = recurring.view(recurring.stream(invoice))
    assert (view.provider_subscription_id, view.status) == (there["id"], "active")
    assert recurring.imported(payment["id"]).view.status == "paid"
    after = recurring.bench.invoice(UUID(str(invoice.id))).view
    assert after.subscription_id == there["id"]
