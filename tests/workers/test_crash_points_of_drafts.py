"""The jobs that leave drafts die before or after any call and any append, and are run again.

Whatever the row: one complete draft, no line twice, nothing empty that the provider would advance,
and no pending item lost. A draft that was told to advance is charged once by the provider itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from domain.gateway import GatewayRejected, GatewayUnavailable
from tests.workers.bench import Bench
from tests.workers.test_crash_points import GAPS, Died, arm

LINES = [
    {"name": "Seats", "amount_minor": 3000},
    {"name": "Support", "amount_minor": 300},
]
FLOWS = {
    "draft": [
        "find_customer",
        "append",
        "create_invoice",
        "append",
        "add_lines",
        "list_lines",
        "append",
        "advance_draft",
        "fetch_draft",
        "append",
    ],
    "gather": [
        "find_customer",
        "append",
        "append",
        "create_invoice",
        "append",
        "append",
        "fetch_draft",
        "append",
    ],
}


def ask(bench: Bench, flow: str, customer: str) -> UUID:
    """Ask for a draft, of lines of its own or of what is pending."""
    if flow == "gather":
        bench.account.v1.invoice_items.create(
            {"customer": customer, "amount": 3300, "currency": "eur"}
        )
        return bench.request_draft("gather", customer)
    return bench.request_draft("draft", customer, *LINES)


@pytest.mark.parametrize("flow", FLOWS)
def test_the_table_below_names_every_step_of_the_flow(bench: Bench, flow: str) -> None:
    invoice_id = ask(bench, flow, bench.account.add_customer())
    death = arm(bench)

    bench.settle(invoice_id)

    assert death.calls == FLOWS[flow]


def rows() -> Iterator[Any]:
    for flow, steps in FLOWS.items():
        for gap in GAPS:
            for number, step in enumerate(steps):
                for when in ("before", "after"):
                    name = f"{flow}: {when} {number} {step}, {gap} later"
                    yield pytest.param(flow, number, when, gap, id=name)


def charged_by_itself(flow: str, number: int, when: str, gap: str) -> bool:
    """Tell whether the provider finalised and charged the draft in the gap: after an hour."""
    if flow != "draft" or not GAPS[gap]:
        return False
    advanced = FLOWS[flow].index("advance_draft")
    return number > advanced or (number, when) == (advanced, "after")


@pytest.mark.parametrize(("flow", "number", "when", "gap"), list(rows()))
def test_death_at_any_step_leaves_one_whole_draft(
    bench: Bench, flow: str, number: int, when: str, gap: str
) -> None:
    customer = bench.account.add_customer()
    invoice_id = ask(bench, flow, customer)
    death = arm(bench)
    death.fatal = (number, when)

    with suppress(Died):
        bench.settle(invoice_id)
    assert death.fatal is None, "the job must have died"
    bench.clock.added += GAPS[gap]
    bench.account.admin.set_clock(advance_s=GAPS[gap].total_seconds())
    view = bench.settle(invoice_id).view

    by_itself = charged_by_itself(flow, number, when, gap)
    told = (number, when) == (len(FLOWS[flow]) - 1, "after")
    # What was recorded before the provider moved on is put right by its webhooks, not by the job.
    status = "paid" if by_itself and not told else "draft"
    assert (view.status, view.total_minor) == (status, 3300)
    there = bench.account.v1.invoices.list({"customer": customer}).data
    whole = [invoice for invoice in there if invoice.id == view.provider_object_id]
    advances = flow == "draft" and not by_itself
    assert [(invoice.total, invoice.auto_advance) for invoice in whole] == [(3300, advances)]
    others = [invoice for invoice in there if invoice.id != view.provider_object_id]
    assert [(invoice.total, invoice.auto_advance) for invoice in others] == [(0, False)] * len(
        others
    )
    assert bench.account.charged() == ([3300] if by_itself else [])


def test_a_draft_that_the_provider_has_finalised_meanwhile_is_recorded_as_it_is(
    bench: Bench,
) -> None:
    invoice_id = ask(bench, "draft", bench.account.add_customer())
    death = arm(bench)
    death.fatal = (FLOWS["draft"].index("fetch_draft"), "before")
    with suppress(Died):
        bench.settle(invoice_id)
    at_provider = str(bench.invoice(invoice_id).view.provider_object_id)
    bench.account.v1.invoices.finalize_invoice(at_provider)
    bench.account.v1.invoices.pay(at_provider)
    bench.account.admin.set_clock(advance_s=GAPS["25 h"].total_seconds())

    view = bench.settle(invoice_id).view

    assert (view.status, view.amount_paid_minor) == ("paid", 3300)
    assert bench.account.charged() == [3300]


def test_who_comes_while_another_gathers_waits_without_counting(bench: Bench) -> None:
    customer = bench.account.add_customer()
    first, second = ask(bench, "gather", customer), bench.request_draft("gather", customer)
    death = arm(bench)
    death.fatal = (FLOWS["gather"].index("create_invoice"), "before")
    with suppress(Died):
        bench.settle(first)

    with pytest.raises(GatewayUnavailable) as waiting:
        bench.settle(second)

    assert waiting.value.counted is False
    assert bench.settle(first).view.total_minor == 3300
    assert bench.settle(second).view.total_minor == 0


def test_a_dead_holder_is_waited_for_no_longer_than_its_slot_lasts(bench: Bench) -> None:
    customer = bench.account.add_customer()
    first, second = ask(bench, "gather", customer), bench.request_draft("gather", customer)
    death = arm(bench)
    death.fatal = (FLOWS["gather"].index("create_invoice"), "before")
    with suppress(Died):
        bench.settle(first)
    bench.clock.added += GAPS["62 min"]

    assert bench.settle(second).view.total_minor == 3300


class Altered:
    """The real gateway with one verb of a test's own."""

    def __init__(self, gateway: Any, verb: str, answer: Callable[..., Any]) -> None:
        self._gateway = gateway
        setattr(self, verb, answer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)


def test_a_draft_whose_lines_are_not_as_asked_is_taken_back(bench: Bench) -> None:
    customer = bench.account.add_customer()
    real = bench.gateway
    bench.gateway = Altered(real, "list_lines", lambda at: real.list_lines(at)[:-1])

    view = bench.settle(bench.request_draft("draft", customer, *LINES)).view

    assert view.failure is not None
    assert (view.status, view.failure["code"]) == ("rejected", "lines_differ")
    assert bench.account.v1.invoices.list({"customer": customer}).data == []


def test_a_draft_that_gathered_is_never_taken_back(bench: Bench) -> None:
    customer = bench.account.add_customer()

    def refuse(_: str) -> None:
        raise GatewayRejected("It can't be shown.", code="odd")

    bench.gateway = Altered(bench.gateway, "fetch_draft", refuse)

    view = bench.settle(ask(bench, "gather", customer)).view

    assert view.status == "rejected"
    there = bench.account.v1.invoices.list({"customer": customer}).data
    assert [invoice.total for invoice in there] == [3300]
