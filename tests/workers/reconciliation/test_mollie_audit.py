"""An audit of a Mollie account finds payments, refunds, chargebacks, and subscriptions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from domain.apps.connection import Connection
from domain.core import ids
from domain.core.metadata import APP
from tests.support.mollie_account import amount
from tests.workers.mollie_harness import MollieBench
from tests.workers.payments.test_mollie_captures import authorized, capture
from tests.workers.payments.test_mollie_mandate_setup import do, request_setup, view_of
from tests.workers.payments.test_refund_overpayment import paid_twice
from tests.workers.reconciliation.nets import DAY_S, Nets
from tests.workers.reconciliation.open_item_folding import Folding, check
from tests.workers.subscriptions.mollie_subscription_harness import Recurring
from workers.reconciliation.audit_run import Stopped
from workers.reconciliation.mollie_audit import PAYMENT_LISTS


def trade(mollie: MollieBench) -> dict[str, UUID]:
    """Payments that change at Mollie without a webhook; gives their invoices."""
    admin = mollie.account.admin
    known = {
        name: mollie.charged().view
        for name in ("paid", "failed", "expired", "refunded", "charged_back", "waiting")
    }
    payments = {name: view.provider_object_id or "" for name, view in known.items()}
    for name in ("refunded", "charged_back"):
        mollie.pay(payments[name])
        mollie.receive_webhook(payments[name])
    mollie.pay(payments["paid"])
    mollie.pay(payments["failed"], "failed")
    mollie.pay(payments["expired"], "expired")
    admin.refund(payments["refunded"], amount=amount("2.50"))
    admin.chargeback(payments["charged_back"])
    return {name: view.id for name, view in known.items()}


def test_every_difference_heals_and_a_second_run_finds_nothing(
    mollie_nets: Nets, mollie: MollieBench
) -> None:
    known = trade(mollie)
    mollie.account.pay("3.00")  # of another system; nobody has tried to pay it
    counts = mollie_nets.audit(dry_run=True).run(mollie_nets.period()).found
    assert counts == {"payments": 3, "refunds": 1, "chargebacks": 1, "subscriptions": 0}
    mollie.account.admin.forget_requests()

    assert mollie_nets.audit().run(mollie_nets.period()).found == counts
    assert {entry["method"] for entry in mollie.account.admin.requests()} == {"GET"}
    mollie_nets.heal()

    views = {name: mollie.invoice(one).view for name, one in known.items()}
    assert {name: view.status for name, view in views.items()} == {
        "paid": "paid",
        "failed": "failed",
        "expired": "expired",
        "refunded": "paid",
        "charged_back": "paid",
        "waiting": "open",
    }
    assert views["refunded"].refunds[0].amount_minor == 250
    assert views["charged_back"].amount_disputed_minor > 0
    head = mollie.log.head()
    again = mollie_nets.audit().run(mollie_nets.period())
    assert sum(again.found.values()) == 0
    assert mollie.log.head() == head
    for view in views.values():
        mollie.receive_webhook(view.provider_object_id)
        assert mollie.invoice(view.id).view.status == view.status
        assert mollie.invoice(view.id).view.refunds == view.refunds


def test_renewals_and_an_ended_subscription_are_found(
    mollie_nets: Nets, mollie: MollieBench
) -> None:
    recurring = Recurring(mollie)
    begun = recurring.started()
    recurring.pass_time(timedelta(days=62))
    owner = mollie.account.client.customers.get(begun.customer or "")
    owner.subscriptions.delete(begun.provider_subscription_id)

    found = mollie_nets.audit().run(mollie_nets.period(days=100)).found
    assert (found["payments"], found["subscriptions"]) == (2, 1)
    mollie_nets.heal()

    account = mollie_nets.compare().known.account
    renewals = [account.id_of(payment["id"]) for payment in recurring.renewals(begun)]
    assert [mollie.invoice(one).view.status for one in renewals] == ["paid", "paid"]
    assert recurring.view(begun.id).status == "canceled"
    again = mollie_nets.audit().run(mollie_nets.period(days=100)).found
    assert sum(again.values()) == 0


def test_a_run_that_is_killed_after_any_page_continues(
    mollie_nets: Nets, mollie: MollieBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.providers.mollie.history.PAGE", 2)
    trade(mollie)
    period, pages = mollie_nets.period(), 0
    while True:
        stops = iter([False])
        try:
            done = mollie_nets.audit(should_stop=lambda stops=stops: next(stops, True)).run(period)
        except Stopped:
            pages += 1
            continue
        break
    assert pages > 2
    assert (done.checked["payments"], done.found["payments"]) == (6, 3)


def test_a_refund_of_a_captured_part_is_found(mollie_nets: Nets, mollie: MollieBench) -> None:
    held = capture(mollie, authorized(mollie), 3000)
    mollie.account.admin.refund(held.provider_object_id or "", amount=amount("10.00"))
    assert mollie_nets.audit().run(mollie_nets.period()).found["refunds"] == 1
    mollie_nets.heal()
    assert [one.amount_minor for one in mollie.invoice(held.id).view.refunds] == [1000]
    assert sum(mollie_nets.audit().run(mollie_nets.period()).found.values()) == 0


def test_a_refund_of_an_invoice_that_an_earlier_payment_paid_is_found(
    mollie_nets: Nets, mollie: MollieBench
) -> None:
    first = mollie.charged(payment_method="ideal").view
    mollie.retry(first.id, "banktransfer")
    mollie.pay(first.provider_object_id)
    mollie.receive_webhook(first.provider_object_id)
    mollie.account.admin.refund(first.provider_object_id or "", amount=amount("9.99"))
    assert mollie_nets.audit().run(mollie_nets.period()).found["refunds"] == 1
    mollie_nets.heal()
    assert [one.amount_minor for one in mollie.invoice(first.id).view.refunds] == [999]
    assert sum(mollie_nets.audit().run(mollie_nets.period()).found.values()) == 0


def test_what_went_back_of_a_second_payment_is_found(
    mollie_nets: Nets, mollie: MollieBench
) -> None:
    view = paid_twice(mollie)
    mollie.account.admin.refund(view.objects[0], amount=amount("9.99"))
    assert mollie_nets.audit().run(mollie_nets.period()).found["refunds"] == 1
    mollie_nets.heal()
    after = mollie.invoice(view.id).view
    assert (after.amount_overpaid_minor, after.amount_refunded_minor) == (1000, 0)
    assert sum(mollie_nets.audit().run(mollie_nets.period()).found.values()) == 0


def test_a_period_in_the_past_is_read_alone(mollie_nets: Nets, mollie: MollieBench) -> None:
    known = trade(mollie)
    mollie.account.admin.set_clock(advance_s=400 * DAY_S)
    recent = mollie_nets.audit().run(mollie_nets.period(), only=PAYMENT_LISTS)
    assert sum(recent.found.values()) == 0
    assert sum(mollie_nets.audit().run(mollie_nets.period(days=500)).found.values()) > 3
    mollie_nets.heal()
    assert mollie.invoice(known["paid"]).view.status == "paid"


def leave_mandate(mollie: MollieBench) -> UUID:
    """Complete a payment-method setup, and its mandate."""
    setup_id = request_setup(mollie)
    opened = do(mollie, setup_id)
    mollie.pay(opened.session_id, method="creditcard")
    mollie.receive_webhook(opened.session_id)
    assert do(mollie, setup_id).status == "completed"
    return setup_id


def revoke(mollie: MollieBench, setup_id: UUID) -> None:
    view = view_of(mollie, setup_id)
    assert view.method is not None
    mollie.account.client.customers.get(view.customer or "").mandates.delete(view.method["id"])


def test_a_revoked_mandate_is_found_by_the_audit_and_by_the_daily_check(
    mollie_nets: Nets, mollie: MollieBench, folding: Folding
) -> None:
    audited, checked, kept = (leave_mandate(mollie) for _ in range(3))
    assert sum(mollie_nets.audit().run(mollie_nets.period()).found.values()) == 0
    revoke(mollie, audited)
    mollie.account.admin.forget_requests()

    assert mollie_nets.audit().run(mollie_nets.period()).found["payments"] == 1
    assert {one["method"] for one in mollie.account.admin.requests()} == {"GET"}
    mollie_nets.heal()
    assert view_of(mollie, audited).status == "revoked"

    revoke(mollie, checked)
    mollie.clock.added += timedelta(days=2)
    mollie.account.admin.set_clock(advance_s=2 * DAY_S)
    assert check(mollie_nets, folding) == 1
    mollie_nets.heal()

    assert [view_of(mollie, one).status for one in (checked, kept)] == ["revoked", "completed"]
    drifts = [(subject, field, theirs) for subject, field, _, theirs in mollie_nets.drifts()]
    assert drifts == [(audited, "status", "revoked"), (checked, "status", "revoked")]
    head = mollie.log.head()
    assert sum(mollie_nets.audit().run(mollie_nets.period(days=9)).found.values()) == 0
    mollie.clock.added += timedelta(days=2)
    assert check(mollie_nets, folding) == 0
    assert mollie.log.head() == head


def test_payments_that_were_not_requested_here_are_imported_unless_the_connection_forbids_it(
    mollie_nets: Nets, mollie: MollieBench
) -> None:
    other = mollie.account.pay("3.00")
    mollie.pay(other.id)
    elsewhere = mollie.account.pay("4.00", metadata={APP: str(uuid4())})
    mollie.pay(elsewhere.id)
    mollie.account.pay("5.00")  # nobody has tried to pay it
    mollie.connect(import_payments=False)
    forbidding = replace(
        mollie_nets,
        connection=mollie.billing.get(Connection, ids.for_connection(mollie.app_id, "mollie-1")),
    )
    assert sum(forbidding.audit().run(mollie_nets.period()).found.values()) == 0
    hinted = mollie.hint(other.id)
    assert mollie.apply_payment_hint(hinted).found_by is None
    mollie.connect()

    assert mollie_nets.audit().run(mollie_nets.period()).found["payments"] == 1
    mollie_nets.heal()

    imported = mollie_nets.compare().known.account.id_of(other.id)
    view = mollie.invoice(imported).view
    assert (view.status, view.amount_paid_minor, view.tenant_id) == ("paid", 300, None)
    mollie.account.admin.refund(other.id, amount=amount("1.00"))
    assert mollie_nets.audit().run(mollie_nets.period()).found["refunds"] == 1
    mollie_nets.heal()
    assert [one.amount_minor for one in mollie.invoice(imported).view.refunds] == [100]
    assert [ours for _, field, ours, _ in mollie_nets.drifts() if field == "object"] == [None]
    assert sum(mollie_nets.audit().run(mollie_nets.period()).found.values()) == 0
