"""Test payments of a Stripe invoice that hold an amount until it is captured."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from domain.core.errors import NotPossible
from domain.invoices.action_events import CaptureAccepted
from domain.invoices.commands import RequestCapture
from domain.invoices.view import InvoiceView
from tests.workers.stripe_harness import Bench

WEEK_S = 604_800


def held(bench: Bench, amount_minor: int) -> InvoiceView:
    """Return an open invoice of 1999 to which others attached a payment that holds an amount."""
    invoice_id = bench.request(bench.add_tenant(None))
    at_provider = bench.charge(invoice_id).view.provider_object_id or ""
    bench.account.admin.pay_part(at_provider, amount_minor, capture="manual")
    return delivered(bench, invoice_id)


def delivered(bench: Bench, invoice_id: UUID) -> InvoiceView:
    bench.deliver("invoice", "payment_intent.amount_capturable_updated", "charge.expired")
    return bench.invoice(invoice_id).view


def capture(bench: Bench, view: InvoiceView, amount_minor: int | None = None) -> InvoiceView:
    bench.request_action(view.id, RequestCapture, amount_minor=amount_minor)
    return bench.charge(view.id).view


def amounts(view: InvoiceView) -> tuple[str, int, int | None, int]:
    return (
        view.status, view.amount_paid_minor, view.amount_due_minor, view.amount_capturable_minor,
    )  # fmt: skip


def test_a_held_amount_is_shown_with_its_deadline_and_captured_in_full(bench: Bench) -> None:
    view = held(bench, 1999)
    assert amounts(view) == ("open", 0, 1999, 1999)
    assert view.capture_before is not None
    assert abs((view.capture_before - bench.clock()).total_seconds() - WEEK_S) < WEEK_S / 2

    view = capture(bench, view)
    assert amounts(view) == ("paid", 1999, 0, 0)
    assert view.capture_before is None
    assert bench.account.charged() == [1999]
    view = delivered(bench, view.id)
    assert amounts(view) == ("paid", 1999, 0, 0)


def test_a_part_is_captured_and_the_rest_of_the_invoice_stays_due(bench: Bench) -> None:
    view = held(bench, 1500)
    assert amounts(view) == ("open", 0, 1999, 1500)
    with pytest.raises(NotPossible, match="only 1500"):
        bench.request_action(view.id, RequestCapture, amount_minor=1501)

    view = capture(bench, view, 1000)
    assert amounts(view) == ("open", 1000, 999, 0)
    events = bench.invoice_events(view.id)
    accepted = [one for one in events if isinstance(one, CaptureAccepted)]
    assert [(one.amount_minor, one.pending) for one in accepted] == [(1000, False)]
    assert bench.account.charged() == [1000]
    with pytest.raises(NotPossible, match="no authorized payment"):
        bench.request_action(view.id, RequestCapture)


def test_a_hold_that_lapsed_is_shown_and_can_not_be_captured(bench: Bench) -> None:
    view = held(bench, 1999)
    bench.request_action(view.id, RequestCapture)
    bench.account.admin.set_clock(advance_s=WEEK_S + 60)
    bench.clock.added += timedelta(days=8)
    view = bench.charge(view.id).view
    assert amounts(view) == ("open", 0, 1999, 0)
    assert view.pending_request is None
    assert bench.account.charged() == []
    assert amounts(delivered(bench, view.id)) == ("open", 0, 1999, 0)
