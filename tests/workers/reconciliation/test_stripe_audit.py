"""An audit of a Stripe account finds what is missing or different, whatever its age."""

from __future__ import annotations

from uuid import UUID

import pytest

from domain.inbox.provider_event import ProviderEvent
from domain.invoices.commands import RequestRefund
from tests.workers.reconciliation.nets import DAY_S, Nets
from tests.workers.stripe_harness import Bench
from workers.reconciliation.audit_run import Stopped


def trade(bench: Bench) -> dict[str, UUID]:
    """Invoices that change at Stripe without a webhook; gives them by what happens."""
    admin, v1 = bench.account.admin, bench.account.v1
    known = {
        name: bench.request(bench.add_tenant(card))
        for name, card in {
            "confirmed": "needs_authentication",
            "refunded": "succeeds",
            "disputed": "succeeds",
            "voided": "needs_authentication",
            "unchanged": "succeeds",
            "waiting": "needs_authentication",
        }.items()
    }
    at_provider = {
        name: bench.charge(one).view.provider_object_id or "" for name, one in known.items()
    }
    admin.confirm(at_provider["confirmed"])
    paid = {
        name: bench.invoice(known[name]).view.payments[0].id or ""
        for name in ("refunded", "disputed")
    }
    v1.refunds.create({"payment_intent": paid["refunded"], "amount": 500})
    admin.dispute(paid["disputed"])
    v1.invoices.void_invoice(at_provider["voided"])
    return known


def missing_invoice(bench: Bench) -> str:
    """An invoice that somebody made in the dashboard; gives Stripe's id."""
    v1, customer = bench.account.v1, bench.account.add_customer()
    draft = v1.invoices.create({"customer": customer, "currency": "eur", "auto_advance": False})
    v1.invoice_items.create(
        {"customer": customer, "invoice": draft.id, "amount": 700, "currency": "eur"}
    )
    v1.invoices.finalize_invoice(draft.id)
    v1.invoices.pay(draft.id)
    return draft.id


def statuses(bench: Bench, known: dict[str, UUID]) -> dict[str, str]:
    return {name: bench.invoice(one).view.status for name, one in known.items()}


def find_in_dry_run(nets: Nets, bench: Bench) -> dict[str, int]:
    """Audit without recording anything; return the differences by the kind of their object."""
    head = bench.log.head()
    counts = nets.audit(dry_run=True).run(nets.period()).found
    assert bench.log.head() == head, "a dry run records nothing"
    return counts


def assert_second_run_finds_nothing(nets: Nets, bench: Bench) -> None:
    head = bench.log.head()
    again = nets.audit().run(nets.period())
    assert sum(again.found.values()) == 0
    assert bench.log.head() == head


def assert_late_webhooks_change_nothing(nets: Nets, bench: Bench, known: dict[str, UUID]) -> None:
    """Deliver all webhooks late, twice and in reverse, and compare the invoices."""
    before = {one: bench.invoice(one).view for one in known.values()}
    for event in [
        *reversed(bench.events("invoice.", "charge.", "refund.")),
        *bench.events("invoice."),
    ]:
        if bench.billing.find(ProviderEvent, nets.inbox("audit")._id_of(event["id"])):  # noqa: SLF001
            continue
        bench.apply(received := bench.receive(event))
        if not bench.entry(received).applied:
            bench.fetch(received)
    for one, view in before.items():
        after = bench.invoice(one).view
        assert (after.status, after.amount_refunded_minor, after.refunds) == (
            view.status,
            view.amount_refunded_minor,
            view.refunds,
        )


def test_every_difference_heals_and_a_second_run_finds_nothing(
    stripe_nets: Nets, bench: Bench
) -> None:
    known, made = trade(bench), missing_invoice(bench)
    bench.account.admin.forget_requests()
    counts = find_in_dry_run(stripe_nets, bench)
    assert counts == {
        "invoices": 3,
        "refunds": 1,
        "disputes": 1,
        "credit_notes": 0,
        "subscriptions": 0,
    }
    announced = {(one.object_type, one.object_id) for one in stripe_nets.findings}
    stripe_nets.findings.clear()

    assert stripe_nets.audit().run(stripe_nets.period()).found == counts
    assert {(one.object_type, one.object_id) for one in stripe_nets.findings} == announced
    methods = {entry["method"] for entry in bench.account.admin.requests()}
    assert methods == {"GET"}
    stripe_nets.heal()

    assert statuses(bench, known) == {
        "confirmed": "paid",
        "refunded": "paid",
        "disputed": "paid",
        "voided": "void",
        "unchanged": "paid",
        "waiting": "requires_action",
    }
    assert bench.invoice(known["refunded"]).view.amount_refunded_minor == 500
    assert bench.invoice(known["disputed"]).view.dispute_status is not None
    imported = bench.imported(made).view
    assert (imported.status, imported.amount_paid_minor) == ("paid", 700)
    assert {entry.received.found_by for entry in stripe_nets.entries()} == {"audit"}
    assert_second_run_finds_nothing(stripe_nets, bench)
    assert_late_webhooks_change_nothing(stripe_nets, bench, known)


def test_a_run_that_is_killed_after_any_page_continues(
    stripe_nets: Nets, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.providers.stripe.audit_lists.PAGE", 2)
    for _ in range(3):
        missing_invoice(bench)
    trade(bench)
    period = stripe_nets.period()
    pages = 0
    while True:
        stops = iter([False])
        try:
            done = stripe_nets.audit(should_stop=lambda stops=stops: next(stops, True)).run(period)
        except Stopped:
            pages += 1
            continue
        break
    assert pages > 5
    assert done.checked["invoices"] == 9
    assert done.found["invoices"] == 5
    entered = [entry.received.object_id for entry in stripe_nets.entries()]
    assert len(entered) == len(set(entered)) == sum(done.found.values())


def test_an_audit_reaches_further_back_than_events(stripe_nets: Nets, bench: Bench) -> None:
    made = missing_invoice(bench)
    bench.account.admin.set_clock(advance_s=400 * DAY_S)
    assert stripe_nets.audit().run(stripe_nets.period()).found["invoices"] == 0
    assert stripe_nets.audit().run(stripe_nets.period(days=500)).found["invoices"] == 1
    stripe_nets.heal()
    assert bench.imported(made).view.status == "paid"


def test_our_own_running_steps_are_left_alone(stripe_nets: Nets, bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant())
    bench.charge(invoice_id)
    bench.request_action(invoice_id, RequestRefund, amount_minor=100, credit_note=False)
    found = stripe_nets.audit().run(stripe_nets.period()).found
    assert sum(found.values()) == 0


def test_a_subscription_that_ended_at_stripe_is_found(stripe_nets: Nets, bench: Bench) -> None:
    monthly = bench.account.add_price(1500, recurring={"interval": "month"})
    invoice_id = bench.subscribe(bench.add_tenant(), monthly)
    bench.charge(invoice_id)
    known = bench.subscription(invoice_id).view
    bench.account.v1.subscriptions.cancel(known.provider_subscription_id)

    found = stripe_nets.audit().run(stripe_nets.period()).found

    assert found["subscriptions"] == 1
    stripe_nets.heal()
    assert bench.subscription(invoice_id).view.status == "canceled"
    assert stripe_nets.audit().run(stripe_nets.period()).found["subscriptions"] == 0
