"""Test polling of Mollie's payments without webhooks: each change is applied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain.apps.connection import Connection
from domain.core import ids
from domain.inbox.payment_hint import PaymentHint
from projections.work.checkpoints import Checkpoints
from tests.workers.mollie_harness import MollieBench
from tests.workers.subscriptions.mollie_subscription_harness import MONTH, Recurring
from workers.polling.mollie_payments import PaymentPoller
from workers.providers.mollie.history import MollieHistory
from workers.reconciliation.inbox import ReconciliationInbox
from workers.webhooks.mollie_jobs import apply_payment_hint


@pytest.fixture
def poller(mollie: MollieBench) -> Iterator[PaymentPoller]:
    checkpoints = Checkpoints(mollie.log.dsn)
    checkpoints.open()
    yield PaymentPoller(
        inbox=ReconciliationInbox(
            connection=mollie.billing.get(
                Connection, ids.for_connection(mollie.app_id, mollie.connection)
            ),
            billing=mollie.billing,
            streams=mollie.log,
            found_by="event_catch_up",
            now=mollie.clock,
        ),
        payments=MollieHistory(mollie.account.key, api_base=mollie.account.url, mode="test"),
        checkpoints=checkpoints,
    )
    checkpoints.close()


def see_to(mollie: MollieBench) -> list[str]:
    """Do what hints ask for; tells which payments that were about."""
    seen = []
    for payment in mollie.payments():
        hint_id = ids.for_payment_hint(mollie.connection_id, "test", payment["id"])
        hint = mollie.billing.find(PaymentHint, hint_id)
        if hint is not None and hint.waiting:
            apply_payment_hint(hint_id, mollie.payment_deps())
            seen.append(payment["id"])
    return seen


def test_existing_payments_are_not_reported_by_the_first_poll(
    mollie: MollieBench, poller: PaymentPoller
) -> None:
    mollie.account.pay()

    assert [poller.poll(), poller.poll()] == [0, 0]


def test_each_change_of_a_payment_is_reported_once(
    mollie: MollieBench, poller: PaymentPoller
) -> None:
    poller.poll()
    view = mollie.charged().view
    assert poller.poll() == 1
    see_to(mollie)
    mollie.pay(view.provider_object_id)

    assert [poller.poll(), poller.poll()] == [1, 0]
    assert see_to(mollie) == [view.provider_object_id]
    assert mollie.invoice(view.id).view.status == "paid"
    mollie.account.admin.chargeback(view.provider_object_id or "")
    assert poller.poll() == 1
    see_to(mollie)
    assert mollie.invoice(view.id).view.amount_disputed_minor == 1999


def test_renewals_are_found(mollie: MollieBench, poller: PaymentPoller) -> None:
    recurring = Recurring(mollie)
    view = recurring.started()
    poller.poll()
    recurring.pass_time(MONTH)

    assert poller.poll() == 1

    (renewal,) = see_to(mollie)
    assert recurring.imported(renewal).view.status == "paid"
    assert recurring.view(view.id).period_start == view.period_end
