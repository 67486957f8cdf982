"""Test authorized payments of Mollie: what was captured counts, and captures happen once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from domain.core.errors import NotPossible
from domain.invoices.action_events import CaptureAccepted, RequestRefused
from domain.invoices.commands import RequestCapture, RequestRefund
from domain.invoices.view import InvoiceView
from projections.reports.invoice_sums import parts_of
from tests.workers.mollie_harness import MollieBench, values

FIFTY = {"name": "Boots", "amount_minor": 5000, "currency": "eur"}
DAY_S = 86_400


def authorized(mollie: MollieBench) -> InvoiceView:
    """Return an invoice of 50.00 whose payment on account is authorized."""
    view = mollie.charged(FIFTY, payment_method="klarna").view
    mollie.pay(view.provider_object_id, "authorized")
    return after_webhook(mollie, view.id)


def after_webhook(mollie: MollieBench, invoice_id: UUID) -> InvoiceView:
    mollie.receive_webhook(mollie.invoice(invoice_id).view.provider_object_id)
    return mollie.invoice(invoice_id).view


def capture(mollie: MollieBench, view: InvoiceView, amount_minor: int | None = None) -> InvoiceView:
    mollie.request_action(view.id, RequestCapture, amount_minor=amount_minor)
    return mollie.charge(view.id).view


def amounts(view: InvoiceView) -> tuple[str, int, int | None, int]:
    return (
        view.status, view.amount_paid_minor, view.amount_due_minor, view.amount_capturable_minor,
    )  # fmt: skip


def sums(view: InvoiceView) -> dict[str, int]:
    found: dict[str, int] = {}
    for part, (amount_minor, _) in parts_of(view).items():
        found[part.kind] = found.get(part.kind, 0) + amount_minor
    return found


def test_an_authorized_payment_shows_what_it_holds_and_until_when(mollie: MollieBench) -> None:
    view = authorized(mollie)
    assert amounts(view) == ("processing", 0, 5000, 5000)
    assert sums(view) == {"outstanding": 5000}
    payment = mollie.payments()[0]
    assert view.capture_before is not None
    shown = view.capture_before.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    assert payment["captureBefore"] == shown
    with pytest.raises(NotPossible, match="nothing was paid"):
        mollie.request_action(view.id, RequestRefund)


def test_a_part_that_is_captured_is_paid_and_the_released_rest_is_not_owed(
    mollie: MollieBench,
) -> None:
    view = authorized(mollie)
    mollie.account.admin.capture(
        view.provider_object_id or "", amount={"currency": "EUR", "value": "30.00"}
    )
    view = after_webhook(mollie, view.id)
    assert amounts(view) == ("processing", 3000, 2000, 2000)
    assert sums(view) == {"collected": 3000, "outstanding": 2000}

    mollie.account.admin.release_authorization(view.provider_object_id or "")
    view = after_webhook(mollie, view.id)
    assert amounts(view) == ("paid", 3000, 0, 0)
    assert (view.total_minor, view.capture_before) == (5000, None)
    assert sums(view) == {"collected": 3000}
    assert mollie.account.charged() == [3000]

    with pytest.raises(NotPossible, match="only 3000"):
        mollie.request_action(view.id, RequestRefund, amount_minor=3001)
    refund = mollie.refund(view.id, mollie.request_action(view.id, RequestRefund))
    assert (refund.amount_minor, refund.status) == (3000, "pending")


def test_a_captured_part_can_be_refunded_before_the_rest_is_captured(mollie: MollieBench) -> None:
    view = capture(mollie, authorized(mollie), 3000)
    refund = mollie.refund(
        view.id, mollie.request_action(view.id, RequestRefund, amount_minor=1000)
    )
    assert refund.amount_minor == 1000
    mollie.account.admin.set_clock(advance_s=2 * DAY_S)
    view = after_webhook(mollie, view.id)
    assert (view.amount_refunded_minor, view.amount_overpaid_minor) == (1000, 0)


def test_captures_of_parts_add_up_until_all_is_paid(mollie: MollieBench) -> None:
    view = capture(mollie, authorized(mollie), 3000)
    assert amounts(view) == ("processing", 3000, 2000, 2000)
    assert view.pending_request is None

    view = capture(mollie, view)
    assert amounts(view) == ("paid", 5000, 0, 0)
    accepted = [one for one in mollie.invoice_events(view.id) if isinstance(one, CaptureAccepted)]
    assert [one.amount_minor for one in accepted] == [3000, 2000]
    assert mollie.account.charged() == [3000, 2000]
    assert [part.amount_minor for part in view.paid_parts] == [3000, 2000]
    sent = mollie.sent(f"/v2/payments/{view.provider_object_id}/captures")
    assert sorted(values([one["amount"] for one in sent])) == ["20.00", "30.00"]
    assert after_webhook(mollie, view.id).amount_paid_minor == 5000


def test_a_capture_is_refused_beyond_what_is_held_and_without_an_authorization(
    mollie: MollieBench,
) -> None:
    view = authorized(mollie)
    with pytest.raises(NotPossible, match="only 5000") as refusal:
        mollie.request_action(view.id, RequestCapture, amount_minor=5001)
    assert refusal.value.path == "amountMinor"

    open_view = mollie.charged(payment_method="ideal").view
    with pytest.raises(NotPossible, match="no authorized payment"):
        mollie.request_action(open_view.id, RequestCapture)


@pytest.mark.parametrize("amount_minor", [None, 5000])
def test_a_capture_of_what_was_released_meanwhile_is_an_outcome(
    mollie: MollieBench, amount_minor: int | None
) -> None:
    view = authorized(mollie)
    mollie.request_action(view.id, RequestCapture, amount_minor=amount_minor)
    mollie.account.admin.capture(
        view.provider_object_id or "", amount={"currency": "EUR", "value": "10.00"}
    )
    mollie.account.admin.release_authorization(view.provider_object_id or "")
    view = mollie.charge(view.id).view
    assert amounts(view) == ("paid", 1000, 0, 0)
    assert view.pending_request is None
    assert mollie.account.charged() == [1000]


def test_a_capture_that_fails_is_refused_and_the_amount_stays_held(mollie: MollieBench) -> None:
    mollie.account.admin.set_settings(capture_outcome="failed")
    view = capture(mollie, authorized(mollie), 3000)
    assert amounts(view) == ("processing", 0, 5000, 5000)
    refused = [one for one in mollie.invoice_events(view.id) if isinstance(one, RequestRefused)]
    assert [(one.action, one.code) for one in refused] == [("capture", "capture_failed")]


def test_a_pending_capture_is_accepted_and_paid_later(mollie: MollieBench) -> None:
    mollie.account.admin.set_settings(capture_delay_s=60)
    view = capture(mollie, authorized(mollie))
    assert amounts(view) == ("processing", 0, 5000, 5000)
    accepted = [one for one in mollie.invoice_events(view.id) if isinstance(one, CaptureAccepted)]
    assert [(one.amount_minor, one.pending) for one in accepted] == [(5000, True)]

    mollie.account.admin.set_clock(advance_s=61)
    assert amounts(after_webhook(mollie, view.id)) == ("paid", 5000, 0, 0)


def test_what_is_not_captured_in_time_is_not_owed(mollie: MollieBench) -> None:
    view = authorized(mollie)
    mollie.account.admin.set_clock(advance_s=29 * DAY_S)
    mollie.clock.added += timedelta(days=29)
    view = after_webhook(mollie, view.id)
    assert amounts(view) == ("expired", 0, 0, 0)
    assert view.capture_before is None
    assert sums(view) == {}
