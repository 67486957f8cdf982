"""Change a draft between the crash of its job and the next run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.gateway.errors import GatewayRejected, GatewayUnavailable
from tests.workers.crash_grids.environment import die_inside
from tests.workers.crash_grids.stripe_invoice_flows import LINES, Job
from tests.workers.crash_grids.stripe_invoice_steps import STEPS
from tests.workers.stripe_harness import Bench

FLOWS = {
    "draft": STEPS["draft charged later"],
    "include_pending_items": STEPS["draft with pending items"],
}
CREATE = FLOWS["include_pending_items"].index("post /v1/invoices")


def request_draft_of(bench: Bench, flow: str, customer: str) -> UUID:
    """Request a draft, of lines of its own or of pending items."""
    if flow == "include_pending_items":
        bench.account.v1.invoice_items.create(
            {"customer": customer, "amount": 3300, "currency": "eur"}
        )
        return bench.request_draft("include_pending_items", customer)
    return bench.request_draft("draft", customer, *LINES)


def test_a_draft_that_the_provider_has_finalised_meanwhile_is_recorded_as_it_is(
    bench: Bench,
) -> None:
    invoice_id = request_draft_of(bench, "draft", bench.account.add_customer())
    die_inside(bench, Job(invoice_id, None), FLOWS["draft"].index("get /v1/invoices/*"))
    at_provider = str(bench.invoice(invoice_id).view.provider_object_id)
    bench.account.v1.invoices.finalize_invoice(at_provider)
    bench.account.v1.invoices.pay(at_provider)
    bench.account.admin.set_clock(advance_s=25 * 3600)

    view = bench.charge(invoice_id).view

    assert (view.status, view.amount_paid_minor) == ("paid", 3300)
    assert bench.account.charged() == [3300]


def test_a_second_draft_of_pending_items_waits_without_using_an_attempt(bench: Bench) -> None:
    customer = bench.account.add_customer()
    first, second = (
        request_draft_of(bench, "include_pending_items", customer),
        bench.request_draft("include_pending_items", customer),
    )
    die_inside(bench, Job(first, customer), CREATE)

    with pytest.raises(GatewayUnavailable) as waiting:
        bench.charge(second)

    assert waiting.value.counted is False
    assert bench.charge(first).view.total_minor == 3300
    assert bench.charge(second).view.total_minor == 0


def test_a_dead_holder_is_waited_for_no_longer_than_its_slot_lasts(bench: Bench) -> None:
    customer = bench.account.add_customer()
    first, second = (
        request_draft_of(bench, "include_pending_items", customer),
        bench.request_draft("include_pending_items", customer),
    )
    die_inside(bench, Job(first, customer), CREATE)
    bench.clock.added += timedelta(minutes=62)

    assert bench.charge(second).view.total_minor == 3300


class Altered:
    """The real gateway with some verbs of a test's own."""

    def __init__(self, gateway: Any, **answers: Callable[..., Any]) -> None:
        self._gateway = gateway
        vars(self).update(answers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)


@pytest.mark.parametrize("source", ["answer", "list"])
def test_a_draft_with_other_lines_than_requested_is_deleted(bench: Bench, source: str) -> None:
    customer = bench.account.add_customer()
    real = bench.gateway

    def add_lines(*arguments: Any, **more: Any) -> Any:
        added = real.add_lines(*arguments, **more)
        return added[:-1] if source == "answer" else None

    bench.gateway = Altered(
        real, add_lines=add_lines, list_lines=lambda draft: real.list_lines(draft)[:-1]
    )

    view = bench.charge(bench.request_draft("draft", customer, *LINES)).view

    assert view.failure is not None
    assert (view.status, view.failure.code) == ("rejected", "lines_differ")
    assert bench.account.v1.invoices.list({"customer": customer}).data == []


def test_a_draft_with_pending_items_is_never_deleted(bench: Bench) -> None:
    customer = bench.account.add_customer()

    def refuse(_: str) -> None:
        raise GatewayRejected("It can't be shown.", code="odd")

    bench.gateway = Altered(bench.gateway, fetch_draft=refuse)

    view = bench.charge(request_draft_of(bench, "include_pending_items", customer)).view

    assert view.status == "rejected"
    there = bench.account.v1.invoices.list({"customer": customer}).data
    assert [invoice.total for invoice in there] == [3300]
