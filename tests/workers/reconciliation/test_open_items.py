"""Objects that are not final and were not reported are fetched: after 10 min, 1 h, 6 h, daily."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.gateway.errors import GatewayUnavailable
from domain.invoices.payment_events import AuthorizationChanged
from domain.payment_methods.setup import MethodSetup
from projections.work.open_items import CAPTURE, ItemClosed, ItemOpened, next_check
from tests.support.mollie_account import amount
from tests.workers.mollie_harness import MollieBench
from tests.workers.payments.test_mollie_captures import authorized, capture
from tests.workers.payments.test_refund_overpayment import paid_twice, refund
from tests.workers.reconciliation.nets import Nets
from tests.workers.reconciliation.open_item_folding import Folding, check
from tests.workers.stripe_harness import Bench
from tests.workers.stripe_setup_helpers import leave, opened
from tests.workers.subscriptions.mollie_subscription_harness import Recurring
from workers.reconciliation.item_changes import item_change

START = datetime(2026, 1, 1, tzinfo=UTC)


def pass_time(nets: Nets, gap: timedelta) -> None:
    nets.bench.clock.added += gap
    nets.bench.account.admin.set_clock(advance_s=gap.total_seconds())


def test_the_time_of_the_next_check() -> None:
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    assert next_check(START, 0, now=START) == START + 10 * minute
    assert next_check(START, 1, now=START + 10 * minute) == START + hour
    assert next_check(START, 2, now=START + hour) == START + 6 * hour
    assert next_check(START, 3, now=START + 6 * hour) == START + 30 * hour
    # After a downtime the times that have passed are left out.
    assert next_check(START, 1, now=START + 2 * hour) == START + 6 * hour
    assert next_check(START, 1, now=START + 9 * hour) == START + 33 * hour


def test_stripes_open_items_heal(stripe_nets: Nets, bench: Bench, folding: Folding) -> None:
    admin, v1 = bench.account.admin, bench.account.v1
    confirmed = bench.request(bench.add_tenant("needs_authentication"))
    waiting = bench.request(bench.add_tenant("needs_authentication"))
    disputed = bench.request(bench.add_tenant())
    for one in (confirmed, waiting, disputed):
        bench.charge(one)
    monthly = bench.account.add_price(1500, recurring={"interval": "month"})
    started = bench.subscribe(bench.add_tenant(), monthly)
    bench.charge(started)
    dispute = admin.dispute(bench.invoice(disputed).view.payments[0].id or "")
    bench.deliver("charge.dispute")
    admin.confirm(bench.invoice(confirmed).view.provider_object_id or "")
    admin.decide_dispute(dispute["id"], "win")
    v1.subscriptions.cancel(bench.subscription(started).view.provider_subscription_id)
    assert check(stripe_nets, folding) == 0, "nothing is due yet"
    pass_time(stripe_nets, timedelta(minutes=11))
    admin.forget_requests()

    assert check(stripe_nets, folding) == 3
    assert {entry["method"] for entry in admin.requests()} == {"GET"}
    stripe_nets.heal()

    assert bench.invoice(confirmed).view.status == "paid"
    assert bench.invoice(disputed).view.dispute_status == "won"
    assert bench.subscription(started).view.status == "canceled"
    assert bench.invoice(waiting).view.status == "requires_action"
    by_net = {entry.received.found_by for entry in stripe_nets.entries()}
    assert by_net >= {"open_items"}
    # The one that waits is asked about again later, and no other.
    for gap, calls in ((timedelta(minutes=30), 0), (timedelta(minutes=30), 1), (timedelta(), 0)):
        pass_time(stripe_nets, gap)
        admin.forget_requests()
        head = bench.log.head()
        assert check(stripe_nets, folding) == 0
        assert len(admin.requests()) == calls
        assert bench.log.head() == head


def test_mollies_open_items_heal(mollie_nets: Nets, mollie: MollieBench, folding: Folding) -> None:
    paid, waiting = (mollie.charged().view for _ in range(2))
    refunded = mollie.charged().view
    twice = paid_twice(mollie)
    refund(mollie, twice.id)
    retried = mollie.charged(payment_method="ideal").view
    mollie.retry(retried.id, "banktransfer")
    mollie.pay(retried.provider_object_id)
    mollie.receive_webhook(retried.provider_object_id)
    refund(mollie, retried.id)
    held = capture(mollie, authorized(mollie), 3000)
    refund(mollie, held.id, amount_minor=1000)
    recurring = Recurring(mollie)
    begun = recurring.started()
    mollie.pay(refunded.provider_object_id)
    mollie.account.admin.refund(refunded.provider_object_id or "", amount=amount("2.50"))
    mollie.receive_webhook(refunded.provider_object_id)
    mollie.pay(paid.provider_object_id)
    owner = mollie.account.client.customers.get(begun.customer or "")
    owner.subscriptions.delete(begun.provider_subscription_id)
    pass_time(mollie_nets, timedelta(days=5))

    assert check(mollie_nets, folding) >= 2
    mollie_nets.heal()

    assert mollie.invoice(paid.id).view.status == "paid"
    assert mollie.invoice(waiting.id).view.status in ("open", "expired")
    assert recurring.view(begun.id).status == "canceled"
    assert mollie.invoice(refunded.id).view.refunds[0].status == "succeeded"
    for one in (retried, held):
        assert [back.status for back in mollie.invoice(one.id).view.refunds] == ["succeeded"]
    after = mollie.invoice(twice.id).view
    assert [one.status for one in after.refunds] == ["succeeded", "succeeded"]
    assert (after.amount_refunded_minor, after.amount_overpaid_minor) == (1999, 0)
    head = mollie.log.head()
    assert check(mollie_nets, folding) == 0
    assert mollie.log.head() == head


def test_open_pages_of_setups_heal(stripe_nets: Nets, bench: Bench, folding: Folding) -> None:
    setup = opened(bench, bench.add_tenant(card=None))
    leave(bench, setup)
    pass_time(stripe_nets, timedelta(minutes=11))

    assert check(stripe_nets, folding) == 1
    stripe_nets.heal()

    assert bench.billing.get(MethodSetup, setup.view.id).view.status == "submitted"
    assert check(stripe_nets, folding) == 0


def test_a_provider_in_trouble_leaves_the_items_due(
    mollie_nets: Nets, mollie: MollieBench, folding: Folding
) -> None:
    paid = mollie.charged().view
    mollie.pay(paid.provider_object_id)
    pass_time(mollie_nets, timedelta(minutes=11))
    for status in (429, 500):
        mollie.account.admin.add_fault("status", status=status, method="GET")
        with pytest.raises(GatewayUnavailable):
            check(mollie_nets, folding)
    assert check(mollie_nets, folding) == 1
    mollie_nets.heal()
    assert mollie.invoice(paid.id).view.status == "paid"


def test_an_authorization_is_checked_around_its_deadline() -> None:
    facts: dict[str, Any] = {"originator_id": UUID(int=1), "originator_version": 2}
    facts |= {"timestamp": START, "actor": "t", "source": "answer"}
    deadline = int((START + timedelta(days=7)).timestamp())
    held = item_change(
        AuthorizationChanged(**facts | {"amount_capturable_minor": 5, "capture_before": deadline})
    )
    assert isinstance(held, ItemOpened)
    base = START + timedelta(days=7) - timedelta(hours=1)
    assert (held.part, held.reported_at) == (CAPTURE, base)
    first = next_check(held.reported_at, 0, now=START)
    assert START + timedelta(days=7) - first == timedelta(minutes=50)
    assert next_check(held.reported_at, 1, now=first) == START + timedelta(days=7)
    released = item_change(
        AuthorizationChanged(**facts | {"amount_capturable_minor": 0, "capture_before": None})
    )
    assert released == ItemClosed(subject=UUID(int=1), part=CAPTURE)
