"""Test actions whose provider call is rejected, or whose answer is lost."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from domain.gateway.errors import GatewayRejected, GatewayUnavailable
from domain.invoices.commands import RequestFinalize, RequestRetry, RequestVoid
from tests.domain.invoices.provider_updates import payment
from tests.workers.invoices.test_actions import charged_invoice
from tests.workers.stripe_harness import Bench
from workers.invoices.rejections import unpaid


class Faulty:
    """A real gateway whose one call raises, before it is made or after."""

    def __init__(self, gateway: Any, call: str, error: Exception, *, made: bool = False) -> None:
        self._gateway, self._call, self._error, self._made = gateway, call, error, made
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._gateway, name)
        if name != self._call:
            return real

        def call(*arguments: Any, **named: Any) -> None:
            self.calls += 1
            if self._made:
                with suppress(GatewayRejected):
                    real(*arguments, **named)
            raise self._error

        return call


def rejected(code: str, *, declined: bool = False) -> GatewayRejected:
    return GatewayRejected("No.", code=code, declined=declined)


def test_a_rejected_void_or_finalization_refuses_the_request_and_changes_nothing(
    bench: Bench,
) -> None:
    customer = bench.account.add_customer()
    draft = bench.request_draft("draft", customer, {"name": "Item", "amount_minor": 500})
    bench.charge(draft)
    real = bench.gateway
    for invoice_id, kind, call in (
        (charged_invoice(bench, "declined"), RequestVoid, "void_invoice"),
        (draft, RequestFinalize, "finalize_invoice"),
    ):
        before = bench.invoice(invoice_id).view.status
        bench.request_action(invoice_id, kind)
        bench.gateway = Faulty(real, call, rejected("not_now"))
        view = bench.charge(invoice_id).view
        bench.gateway = real
        assert (view.status, view.pending_request) == (before, None)
        refused = bench.invoice_events(invoice_id)[-1]
        assert refused.TOPIC == "invoice.request_refused"
        assert vars(refused)["provider_code"] == "not_now"


def test_a_declined_retry_without_an_attempt_at_the_provider_is_a_failure_with_its_own_code(
    bench: Bench,
) -> None:
    invoice_id = charged_invoice(bench, "declined")
    bench.request_action(invoice_id, RequestRetry)
    bench.gateway = Faulty(bench.gateway, "pay_invoice", rejected("expired_card", declined=True))
    view = bench.charge(invoice_id).view
    assert view.failure is not None
    assert (view.status, view.failure.code) == ("failed", "expired_card")


def test_a_retry_whose_answer_was_lost_is_not_made_again_under_another_key(bench: Bench) -> None:
    invoice_id = charged_invoice(bench, "declined")
    bench.request_action(invoice_id, RequestRetry)
    real = bench.gateway
    bench.gateway = Faulty(real, "pay_invoice", GatewayUnavailable("lost"), made=True)
    with pytest.raises(GatewayUnavailable):
        bench.charge(invoice_id)
    bench.clock.added += timedelta(hours=25)
    bench.gateway = Faulty(real, "pay_invoice", AssertionError("charged twice"))
    view = bench.charge(invoice_id).view
    assert (view.status, view.pending_request, bench.gateway.calls) == ("failed", None, 0)


def test_under_an_expired_key_lines_are_found_and_a_charge_that_was_not_made_is_made(
    bench: Bench,
) -> None:
    real = bench.gateway
    for call, made in (("add_lines", True), ("pay_invoice", False)):
        invoice_id = bench.request(bench.add_tenant())
        bench.gateway = Faulty(real, call, GatewayUnavailable("lost"), made=made)
        with pytest.raises(GatewayUnavailable):
            bench.charge(invoice_id)
        bench.clock.added += timedelta(hours=25)
        bench.gateway = real
        assert bench.charge(invoice_id).view.status == "paid"
    assert bench.account.charged() == [1999, 1999]


def test_an_attempt_at_a_written_off_invoice_says_what_it_waits_for() -> None:
    declined = unpaid(payment("failed"))
    assert (declined.code, declined.provider_code) == ("payment_declined", "card_declined")
    waiting = unpaid(payment("requires_action"))
    assert (waiting.code, "confirm" in waiting.message) == ("payment_unfinished", True)
    for other in (None, payment("processing")):
        assert "under way" in unpaid(other).message
