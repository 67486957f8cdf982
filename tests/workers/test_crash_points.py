"""The job dies before or after any call to the provider and any append, and is run again.

Each row of the table: one step of the flow, dying before or after it, and how much later the next
run comes. Whatever the row: one charge of the right amount, and the invoice ends paid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from tests.workers.bench import Bench

GAPS = {"0 s": timedelta(0), "62 min": timedelta(minutes=62), "25 h": timedelta(hours=25)}


class Died(BaseException):
    """What a SIGKILL looks like from inside: nothing below may catch it."""


class DiesAt:
    """Counts the calls of what it wraps, and dies before or after the chosen one."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fatal: tuple[int, str] | None = None

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*args: Any, **kwargs: Any) -> Any:
            number = len(self.calls)
            self.calls.append(name)
            self._die_at(number, "before")
            result = call(*args, **kwargs)
            self._die_at(number, "after")
            return result

        return dying

    def _die_at(self, number: int, when: str) -> None:
        if self.fatal == (number, when):
            self.fatal = None
            raise Died


class DyingGateway:
    """The real gateway, through the counter."""

    def __init__(self, gateway: Any, death: DiesAt) -> None:
        self._gateway = gateway
        self._death = death

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._death.wrap(name, getattr(self._gateway, name))


def arm(bench: Bench) -> DiesAt:
    death = DiesAt()
    bench.gateway = DyingGateway(bench.gateway, death)
    bench.billing.save = death.wrap("append", bench.billing.save)  # type: ignore[method-assign]
    return death


def steps(bench: Bench) -> list[str]:
    """Run the flow once undisturbed and name its calls and appends in their order."""
    death = arm(bench)
    invoice_id = bench.request(bench.add_tenant(), tax_rate_id=bench.account.tax_rate)
    death.calls.clear()
    bench.settle(invoice_id)
    return list(death.calls)


FLOW = [
    "find_customer",
    "find_price",
    "append",
    "create_invoice",
    "append",
    "add_lines",
    "list_lines",
    "append",
    "finalize_invoice",
    "append",
    "pay_invoice",
    "append",
]


def test_the_table_below_names_every_step_of_the_flow(bench: Bench) -> None:
    assert steps(bench) == FLOW


def rows() -> Iterator[Any]:
    for gap in GAPS:
        for number, step in enumerate(FLOW):
            for when in ("before", "after"):
                yield pytest.param(number, when, gap, id=f"{when} {number} {step}, {gap} later")


@pytest.mark.parametrize(("number", "when", "gap"), list(rows()))
def test_death_at_any_step_charges_once(bench: Bench, number: int, when: str, gap: str) -> None:
    tenant_id = bench.add_tenant()
    invoice_id = bench.request(tenant_id, tax_rate_id=bench.account.tax_rate)
    death = arm(bench)
    death.fatal = (number, when)

    with suppress(Died):
        bench.settle(invoice_id)
    assert death.fatal is None, "the job must have died"
    bench.clock.added += GAPS[gap]
    bench.account.admin.set_clock(advance_s=GAPS[gap].total_seconds())
    bench.settle(invoice_id)

    assert bench.invoice(invoice_id).view.status == "paid"
    assert bench.account.charged() == [2419]
    paid = [invoice for invoice in bench.account.v1.invoices.list().data if invoice.total == 2419]
    assert [invoice.status for invoice in paid].count("paid") == 1
