"""Test that objects with the copied metadata of an invoice of ours are objects of their own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from domain.core import ids
from domain.core.metadata import APP, INVOICE
from domain.subscriptions.subscription import Subscription
from projections.reports.invoice_sums import parts_of
from tests.workers.stripe_harness import Bench


def collected(bench: Bench, *invoices: UUID) -> int:
    """Return what reports count as collected of several invoices."""
    return sum(
        amount_minor
        for invoice_id in invoices
        for part, (amount_minor, _) in parts_of(bench.invoice(invoice_id).view).items()
        if part.kind == "collected"
    )


def test_a_revision_is_an_invoice_of_its_own_and_linked_both_ways(bench: Bench) -> None:
    tenant_id = bench.add_tenant(None)
    invoice_id = bench.request(tenant_id)
    at_provider = bench.charge(invoice_id).view.provider_object_id or ""
    made = bench.account.admin.revise(at_provider, amount=500)["id"]
    bench.deliver("invoice")

    original, revision = bench.invoice(invoice_id).view, bench.imported(made).view
    assert (original.status, original.amount_due_minor) == ("void", 0)
    assert (original.revised_by, revision.revision_of) == (revision.id, invoice_id)
    assert (revision.status, revision.total_minor, revision.amount_due_minor) == (
        "open",
        2499,
        2499,
    )
    assert revision.tenant_id == tenant_id

    bench.account.admin.pay_on_page(made)
    bench.deliver("invoice")
    original, revision = bench.invoice(invoice_id).view, bench.imported(made).view
    assert (original.status, original.amount_overpaid_minor) == ("void", 0)
    assert (revision.status, revision.amount_paid_minor) == ("paid", 2499)
    assert collected(bench, invoice_id, revision.id) == 2499
    assert bench.account.charged() == [2499]


def test_a_duplicate_is_an_invoice_of_its_own(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant())
    view = bench.charge(invoice_id).view
    metadata = {APP: str(bench.app_id), INVOICE: str(invoice_id)}
    params: Any = {"customer": view.customer, "currency": "eur", "metadata": metadata}
    copy = bench.account.v1.invoices.create(params).id
    lines: Any = [{"amount": 700, "description": "Again"}]
    bench.account.v1.invoices.add_lines(copy, {"lines": lines})
    bench.account.v1.invoices.finalize_invoice(copy)
    bench.account.v1.invoices.pay(copy)
    bench.deliver("invoice")

    ours, other = bench.invoice(invoice_id).view, bench.imported(copy).view
    assert (ours.amount_paid_minor, ours.amount_overpaid_minor) == (1999, 0)
    assert (other.status, other.amount_paid_minor, other.origin) == ("paid", 700, "provider")
    assert collected(bench, invoice_id, other.id) == sum(bench.account.charged()) == 2699

    bench.account.admin.refund(copy)
    bench.deliver("refund.", "charge.")
    assert bench.imported(copy).view.amount_refunded_minor == 700
    assert bench.invoice(invoice_id).view.amount_refunded_minor == 0


def test_a_subscription_created_with_copied_metadata_is_separate(bench: Bench) -> None:
    price = bench.account.add_price(900, recurring={"interval": "month"})
    tenant_id = bench.add_tenant()
    invoice_id = bench.subscribe(tenant_id, price)
    view = bench.charge(invoice_id).view
    bench.account.v1.subscriptions.cancel(view.subscription_id or "")
    params: Any = {
        "customer": view.customer,
        "items": [{"price": price}],
        "metadata": {APP: str(bench.app_id), INVOICE: str(invoice_id)},
    }
    again = bench.account.v1.subscriptions.create(params)
    bench.deliver("invoice", "customer.subscription.")

    assert bench.subscription(invoice_id).view.status == "canceled"
    stream = ids.for_provider_object(bench.app_id, bench.connection_id, "test", again.id)
    other = bench.billing.get(Subscription, stream).view
    assert (other.status, other.origin, other.invoice_id) == ("active", "provider", None)
    assert other.tenant_id == tenant_id
    first = bench.imported(str(again.latest_invoice)).view
    assert (first.status, first.amount_paid_minor) == ("paid", 900)
    ours = bench.invoice(invoice_id).view
    assert (ours.amount_paid_minor, ours.amount_overpaid_minor) == (900, 0)
    assert collected(bench, invoice_id, first.id) == sum(bench.account.charged()) == 1800
