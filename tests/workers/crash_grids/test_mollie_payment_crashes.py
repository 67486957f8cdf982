"""Each job about a payment dies between any two steps and is run again: now, in 62 min, in 25 h.

Whatever the row: one payment that counts, of the right amount; whatever else was made is over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import pytest

from domain.invoices.commands import RequestCapture, RequestRefund, RequestRetry, RequestVoid
from domain.invoices.view import InvoiceView
from tests.workers.crash_grids.mollie_subscription_flows import arm, die_at, disarm
from tests.workers.crash_points import APPEND, MOLLIE_GAPS, Death, death_points
from tests.workers.mollie_harness import MollieBench

OPEN: Final = ("open", "pending", "authorized")
Run = Callable[[], object]


@dataclass(frozen=True)
class Flow:
    """Setup and job of a row; `steps`: its calls and appends without a crash."""

    name: str
    prepare: Callable[[MollieBench], tuple[UUID, Run]]
    steps: tuple[str, ...]
    status: str
    refunded: str = "0.00"


def charge(method: str | None) -> Callable[[MollieBench], tuple[UUID, Run]]:
    def prepare(mollie: MollieBench) -> tuple[UUID, Run]:
        invoice_id = mollie.request(tax_rate_id="added", payment_method=method)
        return invoice_id, lambda: mollie.charge(invoice_id)

    return prepare


def mandate(mollie: MollieBench) -> tuple[UUID, Run]:
    customer = mollie.account.with_mandate()
    named = next(iter(customer.mandates.list())).id
    invoice_id = mollie.request(
        tax_rate_id="added", payment_method=named, tenant_id=mollie.add_tenant(customer.id)
    )
    return invoice_id, lambda: mollie.charge(invoice_id)


def standing(mollie: MollieBench, method: str) -> UUID:
    return mollie.charged(tax_rate_id="added", payment_method=method).view.id


def retry(mollie: MollieBench) -> tuple[UUID, Run]:
    invoice_id = standing(mollie, "banktransfer")
    mollie.request_action(invoice_id, RequestRetry, payment_method="banktransfer")
    return invoice_id, lambda: mollie.charge(invoice_id)


def void(mollie: MollieBench) -> tuple[UUID, Run]:
    invoice_id = standing(mollie, "banktransfer")
    mollie.request_action(invoice_id, RequestVoid)
    return invoice_id, lambda: mollie.charge(invoice_id)


def receive_webhook(mollie: MollieBench) -> tuple[UUID, Run]:
    invoice_id = standing(mollie, "card")
    payment_id = mollie.invoice(invoice_id).view.provider_object_id
    mollie.pay(payment_id)
    hint_id = mollie.hint(payment_id)
    return invoice_id, lambda: mollie.apply_payment_hint(hint_id)


def refund(mollie: MollieBench) -> tuple[UUID, Run]:
    invoice_id, run = receive_webhook(mollie)
    run()
    refund_id = mollie.request_action(invoice_id, RequestRefund, amount_minor=700)
    return invoice_id, lambda: mollie.refund(invoice_id, refund_id)


def capture(mollie: MollieBench) -> tuple[UUID, Run]:
    invoice_id = standing(mollie, "klarna")
    payment_id = mollie.invoice(invoice_id).view.provider_object_id
    mollie.pay(payment_id, "authorized")
    mollie.receive_webhook(payment_id)
    mollie.request_action(invoice_id, RequestCapture, amount_minor=700)
    return invoice_id, lambda: mollie.charge(invoice_id)


CREATE = (APPEND, "post /v2/customers", APPEND, APPEND, "post /v2/payments", APPEND)
FLOWS: Final = (
    Flow("checkout", charge(None), CREATE, "open"),
    Flow("card", charge("card"), CREATE, "open"),
    Flow("bank transfer", charge("banktransfer"), CREATE, "open"),
    Flow("mandate", mandate, (APPEND, "post /v2/payments", APPEND), "paid"),
    Flow(
        "retry",
        retry,
        ("get /v2/payments/*", APPEND, "post /v2/payments", "delete /v2/payments/*", APPEND),
        "open",
    ),
    Flow("void", void, (APPEND, "get /v2/payments/*", "delete /v2/payments/*", APPEND), "canceled"),
    Flow("hint", receive_webhook, (APPEND, "get /v2/payments/*", APPEND, APPEND), "paid"),
    Flow(
        "capture",
        capture,
        (
            "get /v2/payments/*",
            APPEND,
            "post /v2/payments/*/captures",
            "get /v2/payments/*",
            APPEND,
        ),
        "processing",
    ),
    Flow(
        "refund",
        refund,
        ("get /v2/payments/*", APPEND, "post /v2/payments/*/refunds", APPEND),
        "paid",
        "7.00",
    ),
)


def payments_of(mollie: MollieBench, view: InvoiceView) -> list[dict[str, Any]]:
    """Return an invoice's payments at Mollie."""
    named = str(view.id)
    return [
        payment
        for payment in mollie.payments()
        if (payment["metadata"] or {}).get("billhook_invoice") == named
    ]


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_the_table_names_every_step_of_each_flow(mollie: MollieBench, flow: Flow) -> None:
    _, run = flow.prepare(mollie)
    death = Death()
    arm(mollie, death)
    run()
    disarm(mollie)

    assert tuple(death.steps) == flow.steps


@pytest.mark.parametrize("gap", MOLLIE_GAPS)
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_death_at_any_point_leaves_one_payment_that_counts(
    mollie: MollieBench, flow: Flow, gap: str
) -> None:
    for point, step in death_points(flow.steps):
        invoice_id, run = flow.prepare(mollie)
        die_at(mollie, run, point)
        mollie.clock.added += MOLLIE_GAPS[gap]
        mollie.account.admin.set_clock(advance_s=MOLLIE_GAPS[gap].total_seconds())
        run()
        view = mollie.invoice(invoice_id).view
        found = payments_of(mollie, view)
        payable = [payment["id"] for payment in found if payment["status"] in OPEN]
        paid = [payment for payment in found if payment["status"] == "paid"]
        row = f"{flow.name}: after {point} {step}, {gap} later"

        assert (view.status, view.total_minor) == (flow.status, 2419), row
        if flow.status == "open":
            assert paid == [], row
            assert set(payable) <= {view.provider_object_id}, row
            assert payable or MOLLIE_GAPS[gap], row
        elif flow.status == "paid":
            assert [payment["id"] for payment in paid] == [view.paid_by_object], row
            refunded = (paid[0].get("amountRefunded") or {"value": "0.00"})["value"]
            assert (payable, refunded) == ([], flow.refunded), row
        elif flow.status == "processing":
            captured = [payment["amountCaptured"]["value"] for payment in found]
            assert (captured, view.amount_paid_minor) == (["7.00"], 700), row
        else:
            assert (payable, paid) == ([], []), row
