"""Test payment webhooks: outcomes, hints and events in any order, refunds."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain.gateway.errors import GatewayUnavailable
from domain.inbox.payment_hint import PaymentHint
from domain.invoices.view import InvoiceView
from eventlog.codec import Codec
from tests.workers.mollie_harness import MollieBench


def after_webhook(mollie: MollieBench, view: InvoiceView) -> InvoiceView:
    mollie.receive_webhook(view.provider_object_id)
    return mollie.invoice(view.id).view


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("paid", "paid"),
        ("failed", "failed"),
        ("canceled", "canceled"),
        ("expired", "expired"),
        ("pending", "processing"),
    ],
)
def test_the_customers_action_determines_the_invoices_state(
    mollie: MollieBench, outcome: str, status: str
) -> None:
    view = mollie.charged(payment_method="card").view
    mollie.pay(view.provider_object_id, outcome)

    after = after_webhook(mollie, view)

    assert after.status == status
    assert after.next_action is None
    assert after.amount_paid_minor == (1999 if status == "paid" else 0)


def test_an_authorized_payment_is_under_way(mollie: MollieBench) -> None:
    view = mollie.charged(payment_method="klarna").view
    mollie.pay(view.provider_object_id, "authorized")

    assert after_webhook(mollie, view).status == "processing"


def test_a_debit_under_way_may_fail_in_the_end(mollie: MollieBench) -> None:
    view = mollie.charged(payment_method="ideal").view
    mollie.pay(view.provider_object_id, "pending")
    after_webhook(mollie, view)
    mollie.pay(view.provider_object_id, "failed")

    assert after_webhook(mollie, view).status == "failed"


def test_a_declined_card_is_recorded_with_mollies_codes(mollie: MollieBench) -> None:
    view = mollie.charged(payment_method="card").view
    mollie.pay(view.provider_object_id, "failed", reason="insufficient_funds")

    failure = after_webhook(mollie, view).failure

    assert failure is not None
    assert failure.code == failure.decline_code == "insufficient_funds"
    assert failure.message == "Your bank account has insufficient funds"


def test_repeated_webhooks_change_nothing(mollie: MollieBench) -> None:
    view = mollie.charged().view
    mollie.pay(view.provider_object_id)
    after_webhook(mollie, view)
    before = mollie.topics(view.id)

    hint = mollie.receive_webhook(view.provider_object_id)

    assert not hint.fetching
    assert [topic for topic in mollie.topics(view.id) if topic not in before] in (
        [],
        ["invoice.provider_state_confirmed"],
    )


@pytest.mark.parametrize("first", ["classic", "signed"])
def test_both_kinds_of_webhook_for_one_change_have_one_effect(
    mollie: MollieBench, first: str
) -> None:
    view = mollie.charged().view
    mollie.pay(view.provider_object_id)

    for kind in ("classic", "signed") if first == "classic" else ("signed", "classic"):
        if kind == "classic":
            mollie.receive_webhook(view.provider_object_id)
        else:
            entry = mollie.event("payment.paid", view.provider_object_id, event_id="event_1")
            assert entry.applied

    assert mollie.topics(view.id).count("invoice.payment_succeeded") == 1
    assert mollie.invoice(view.id).view.amount_overpaid_minor == 0


def test_hints_that_wait_are_fetched_together(mollie: MollieBench) -> None:
    view = mollie.charged().view
    mollie.pay(view.provider_object_id)
    for _ in range(5):
        mollie.hint(view.provider_object_id)
    mollie.account.admin.forget_requests()

    mollie.receive_webhook(view.provider_object_id)

    assert len(mollie.account.admin.requests(method="GET")) == 1


def test_a_change_that_is_hinted_at_while_the_payment_is_fetched_is_seen(
    mollie: MollieBench,
) -> None:
    view = mollie.charged().view
    gateway = mollie.new_gateway()

    class Slow:
        """Fetches, and then something happens before the answer is taken in."""

        calls = 0

        def fetch_payment(self, payment_id: str) -> object:
            answer = gateway.fetch_payment(payment_id)
            if not self.calls:
                mollie.pay(payment_id)
                mollie.hint(payment_id)
            self.calls += 1
            return answer

    mollie.gateway = Slow()

    hint = mollie.receive_webhook(view.provider_object_id)

    assert mollie.gateway.calls == 2
    assert (hint.waiting, hint.fetching) == (False, False)
    assert mollie.invoice(view.id).view.status == "paid"


def test_a_missing_payment_belongs_to_no_invoice(mollie: MollieBench) -> None:
    hint = mollie.receive_webhook("tr_invented")

    assert reason(mollie, hint) == "the provider has no such payment"


def test_a_payment_that_names_nothing_of_ours_is_kept_for_later(mollie: MollieBench) -> None:
    payment = mollie.account.pay()

    hint = mollie.receive_webhook(payment.id)

    assert reason(mollie, hint) == "it belongs to no object that was requested here"


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ({"billhook_app": str(uuid4())}, "belongs elsewhere: its metadata names another app"),
        ({"billhook_invoice": "00000000-0000-4000-8000-000000000000"}, "unknown invoice"),
    ],
    ids=["another app", "no invoice"],
)
def test_metadata_is_checked_against_the_connection(
    mollie: MollieBench, named: dict[str, str], why: str
) -> None:
    payment = mollie.account.pay(metadata=named)

    assert reason(mollie, mollie.receive_webhook(payment.id)) == why


def test_another_connections_invoice_is_not_touched(mollie: MollieBench) -> None:
    view = mollie.charged().view
    mollie.connection_id = uuid4()
    mollie.pay(view.provider_object_id)

    hint = mollie.receive_webhook(view.provider_object_id)

    assert reason(mollie, hint) == "belongs elsewhere: its invoice has another app or connection"
    assert mollie.invoice(view.id).view.status == "open"


def reason(mollie: MollieBench, hint: PaymentHint) -> object:
    last = mollie.log.stream(hint.id)[-1]
    return Codec().decode(last).reason  # type: ignore[attr-defined]


def test_a_webhook_during_a_running_step_is_retried(mollie: MollieBench) -> None:
    invoice_id = mollie.request()
    mollie.account.admin.add_fault("lose_answer", path="/v2/payments", method="POST")
    with pytest.raises(GatewayUnavailable):
        mollie.charge(invoice_id)
    (payment,) = mollie.payments()
    mollie.pay(payment["id"], "pending")

    with pytest.raises(GatewayUnavailable) as put_off:
        mollie.receive_webhook(payment["id"])
    mollie.charge(invoice_id)
    mollie.receive_webhook(payment["id"])

    assert put_off.value.counted is False
    assert mollie.invoice(invoice_id).view.status == "processing"


def test_a_refund_in_the_dashboard_is_seen_until_it_is_done(mollie: MollieBench) -> None:
    view = mollie.charged().view
    mollie.pay(view.provider_object_id)
    mollie.account.admin.refund(
        view.provider_object_id or "", amount={"currency": "EUR", "value": "5.00"}
    )

    assert [refund.status for refund in after_webhook(mollie, view).refunds] == ["pending"]
    mollie.account.admin.set_clock(advance_s=2 * 86_400)
    after = after_webhook(mollie, view)

    assert [refund.status for refund in after.refunds] == ["succeeded"]
    assert (after.status, after.amount_refunded_minor) == ("paid", 500)


def test_a_chargeback_takes_the_money_and_its_reversal_brings_it_back(mollie: MollieBench) -> None:
    view = mollie.charged().view
    mollie.pay(view.provider_object_id)
    taken = mollie.account.admin.chargeback(view.provider_object_id or "")

    lost = after_webhook(mollie, view)
    assert (lost.dispute_status, lost.amount_disputed_minor) == ("lost", 1999)
    mollie.account.admin.reverse_chargeback(taken["id"])
    won = after_webhook(mollie, view)

    assert (won.dispute_status, won.amount_disputed_minor) == ("won", 0)
