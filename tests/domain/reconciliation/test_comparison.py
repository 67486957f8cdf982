"""Test differences between what was known and what the provider has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from domain.gateway.objects import ProviderDispute, ProviderRefund, RefundsAndDisputes
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices.invoice import Invoice
from domain.reconciliation.compare import LONGEST_VALUE, Difference, bounded, fields_of
from domain.reconciliation.comparison import Comparison
from domain.reconciliation.drift import Discovery, Drift, DriftDetected, DriftResolved
from domain.subscriptions import events as s
from domain.subscriptions.subscription import Subscription
from tests.domain.event_examples import TOTAL
from tests.domain.given import Given, happened
from tests.domain.invoices.provider_updates import NOW, answered, snapshot

_FOUND = Discovery(found_by="open_items", since=50)


def _open_invoice() -> Invoice:
    return Given(
        Invoice,
        happened(e.InvoiceRequested),
        happened(e.ProviderInvoiceCreated),
        happened(e.InvoiceIssued, charging=False),
    ).root


def _shown(drifts: list[Drift]) -> dict[str, tuple[str | None, str | None, int | None]]:
    seen = [drift.detected for drift in drifts]
    return {one.field: (one.ours, one.theirs, one.since) for one in seen}


def test_each_changed_field_is_one_difference_that_the_update_heals() -> None:
    comparison = Comparison(_FOUND, occurred_at=NOW)
    invoice = _open_invoice()

    comparison.changed(answered(snapshot("paid", as_of=150, paid_at=120)))(invoice)

    seen = _shown(comparison.drifts())
    assert seen["status"] == ("open", "paid", 120)
    assert seen["amountPaidMinor"] == ("0", str(TOTAL), 120)
    assert seen["amountDueMinor"] == (str(TOTAL), "0", 50)
    assert seen["paidAt"] == (None, "1970-01-01T00:02:00Z", 120)
    assert all(ours != theirs for ours, theirs, _ in seen.values())
    for drift in comparison.drifts():
        kinds = [type(event) for event in drift.pending_events]
        assert kinds == [DriftDetected, DriftResolved]
        assert drift.detected.found_by == "open_items"
        assert drift.detected.object_id == invoice.view.provider_object_id


def test_an_unchanged_confirmation_and_a_webhook_record_no_difference() -> None:
    invoice = _open_invoice()
    for discovery, update in (
        (_FOUND, snapshot("open", as_of=150)),
        (None, snapshot("paid", as_of=200)),
    ):
        comparison = Comparison(discovery, occurred_at=NOW)
        comparison.changed(answered(update))(invoice)
        assert comparison.drifts() == []
    assert invoice.view.status == "paid"


def test_a_running_step_of_our_own_is_no_difference() -> None:
    invoice = Given(Invoice, happened(e.InvoiceRequested), happened(e.ProviderInvoiceCreated)).root
    comparison = Comparison(_FOUND, occurred_at=NOW)

    comparison.changed(answered(snapshot("paid", as_of=150)))(invoice)

    assert invoice.view.status == "paid"
    assert comparison.drifts() == []


def test_a_decision_that_is_repeated_is_compared_anew() -> None:
    comparison = Comparison(_FOUND, occurred_at=NOW)
    compared = comparison.changed(answered(snapshot("paid", as_of=150)))
    for _ in range(2):
        compared(_open_invoice())

    fields = [drift.detected.field for drift in comparison.drifts()]
    assert len(fields) == len(set(fields)) > 0
    ids = {drift.id for drift in comparison.drifts()}
    compared(_open_invoice())
    assert {drift.id for drift in comparison.drifts()} == ids


def test_refunds_and_disputes_are_differences_of_their_own_time() -> None:
    invoice = Given(
        Invoice,
        happened(e.InvoiceRequested),
        happened(e.InvoiceIssued, charging=False),
        happened(pe.PaymentSucceeded),
    ).root
    back = RefundsAndDisputes(
        refunds=(ProviderRefund(id="re_1", state="succeeded", amount_minor=500, refunded_at=70),),
        disputes=(ProviderDispute(id="dp_1", state="open", amount_minor=900, disputed_at=80),),
    )
    comparison = Comparison(_FOUND, occurred_at=NOW)

    def record(known: Invoice) -> None:
        known.record_refunds_and_disputes(
            back, source="reconciliation", actor="reconciliation", occurred_at=NOW
        )

    comparison.changed(record)(invoice)

    assert _shown(comparison.drifts()) == {
        "amountRefundedMinor": ("0", "500", 70),
        "amountDisputedMinor": ("0", "900", 50),
        "disputeStatus": (None, "open", 50),
        "refunds.re_1": (None, "succeeded 500", 70),
        "disputes.dp_1": (None, "open 900", 80),
    }


def test_an_unknown_object_is_one_difference() -> None:
    comparison = Comparison(_FOUND, occurred_at=NOW)
    made = Given(
        Subscription, happened(s.SubscriptionStarted), happened(s.SubscriptionActivated)
    ).root

    comparison.created(lambda: made)()

    (drift,) = comparison.drifts()
    assert (drift.detected.field, drift.detected.ours, drift.detected.theirs) == (
        "object",
        None,
        "active",
    )
    assert drift.detected.object_type == "subscription"
    assert drift.is_resolved


def test_values_are_bounded_and_links_with_tokens_are_left_out() -> None:
    texts = [bounded("x" * 5_000 + str(number)) for number in range(3)]
    assert {len(text) for text in texts} == {LONGEST_VALUE}
    assert len(set(texts)) == len(texts)

    invoice = _open_invoice()
    view: Any = invoice.view
    invoice.view = replace(
        view,
        lines=[{"name": "Seat", "quantity": 1}] * 300,
        next_action={"type": "redirect", "url": "https://pay.example/token"},
    )
    shown = fields_of(invoice)
    assert all(len(value) <= LONGEST_VALUE for value in shown.values() if value is not None)
    assert not any("pay.example" in value for value in shown.values() if value is not None)


def test_a_difference_is_resolved_once_and_reopened_only_after_that() -> None:
    comparison = Comparison(_FOUND, occurred_at=NOW)
    comparison.created(_open_invoice)()
    (drift,) = comparison.drifts()
    again = Difference(field="object", ours=None, theirs="invoice.paid")

    def topics() -> list[str]:
        return [type(event).TOPIC for event in drift.pending_events]  # type: ignore[attr-defined]

    for _ in range(2):
        drift.resolve(actor="operator", occurred_at=NOW)
    assert topics() == ["drift.detected", "drift.resolved"]
    for _ in range(2):
        drift.reopen(again, found_by="audit", reason="unknown invoice", actor="t", occurred_at=NOW)
    assert topics() == ["drift.detected", "drift.resolved", "drift.reopened"]
    assert not drift.is_resolved
