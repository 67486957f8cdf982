"""Test that what reconciliation finds is recorded as drift, once, with the update that heals it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from uuid import UUID, uuid4

from domain.core import ids
from domain.events import topics_of
from domain.inbox.commands import FoundBy
from domain.inbox.payment_hint import PaymentHint
from domain.inbox.provider_event import ProviderEvent
from domain.reconciliation.drift import DriftDetected, DriftEvent, DriftReopened, DriftResolved
from eventlog.codec import Codec
from eventlog.log import Log
from tests.workers.mollie_harness import MollieBench
from tests.workers.stripe_harness import Bench

_TOPICS = topics_of(DriftEvent)


def drift_events(log: Log) -> Iterator[DriftEvent]:
    codec = Codec()
    for recorded in log.read(0, 1000, _TOPICS):
        yield cast("DriftEvent", codec.decode(recorded.stored()))


def fields(log: Log) -> list[str]:
    return [event.field for event in drift_events(log) if isinstance(event, DriftDetected)]


def catch_up(bench: Bench, *prefixes: str) -> None:
    """Record all events of Stripe's list that are not in the inbox."""
    for event in bench.events(*prefixes):
        known = ids.for_provider_event(bench.connection_id, "test", event["id"])
        if bench.billing.find(ProviderEvent, known) is None:
            received = bench.receive(event, actor="reconciliation", found_by="event_catch_up")
            bench.apply(received)
            if not bench.entry(received).applied and bench.entry(received).parked:
                bench.fetch(received)


def test_missed_webhooks_are_differences_once_and_our_own_answers_are_none(bench: Bench) -> None:
    paid = bench.request(bench.add_tenant())
    bench.charge(paid)
    catch_up(bench, "invoice.")
    assert fields(bench.log) == [], "the answer had told it all"

    charge: Any = bench.account.v1.payment_intents.list({"limit": 1}).data[0]
    bench.account.v1.refunds.create({"payment_intent": charge.id, "amount": 500})
    catch_up(bench, "refund.", "charge.")

    view = bench.invoice(paid).view
    found = [event for event in drift_events(bench.log) if isinstance(event, DriftDetected)]
    assert {(one.field, one.ours, one.theirs) for one in found} == {
        ("amountRefundedMinor", "0", "500"),
        (f"refunds.{view.refunds[0].id}", None, "succeeded 500"),
    }
    assert {one.subject_id for one in found} == {paid}
    assert all(one.found_by == "event_catch_up" and one.since for one in found)
    resolved = [event for event in drift_events(bench.log) if isinstance(event, DriftResolved)]
    assert {one.originator_id for one in resolved} == {one.originator_id for one in found}

    catch_up(bench)
    assert len(fields(bench.log)) == len(found)


def test_an_unknown_invoice_is_imported_as_one_difference(bench: Bench) -> None:
    customer = bench.account.add_customer()
    draft: Any = bench.account.v1.invoices.create({"customer": customer, "auto_advance": False})
    catch_up(bench, "invoice.created")

    (found, resolved) = drift_events(bench.log)
    assert isinstance(found, DriftDetected)
    assert isinstance(resolved, DriftResolved)
    assert (found.field, found.ours, found.object_id) == ("object", None, draft.id)
    assert found.subject_id == bench.imported(draft.id).id


def test_a_dead_letter_stays_open_until_it_is_applied(bench: Bench) -> None:
    paid = bench.request(bench.add_tenant())
    bench.charge(paid)
    event = next(one for one in bench.provider_events() if one["type"] == "invoice.paid")
    late = uuid4()
    event["data"]["object"]["metadata"]["billhook_invoice"] = str(late)
    received = bench.receive(event, actor="reconciliation", found_by="open_items")
    bench.apply(received)
    bench.apply(received)

    (found,) = drift_events(bench.log)
    assert isinstance(found, DriftDetected)
    assert (found.field, found.theirs, found.reason) == (
        "object",
        "invoice.paid",
        "unknown invoice",
    )
    assert found.since is None, "nobody said when it changed"

    _replay(bench, UUID(str(received.originator_id)))
    assert len(list(drift_events(bench.log))) == 1, "it is still open"

    _request_as(bench, late)
    _replay(bench, UUID(str(received.originator_id)))
    *_, newest = drift_events(bench.log)
    assert isinstance(newest, DriftResolved)
    assert newest.originator_id == found.originator_id


def _replay(bench: Bench, event_id: UUID) -> None:
    occurred_at = bench.clock()
    bench.billing.change(
        ProviderEvent,
        event_id,
        lambda known: known.request_replay(uuid4(), occurred_at=occurred_at, actor="operator"),
    )
    bench.apply(bench.log.stream(event_id)[-1])


def _request_as(bench: Bench, invoice_id: UUID) -> None:
    """Request an invoice under an id that a provider's object names."""
    bench.request(bench.add_tenant(), invoice_id=invoice_id)
    bench.start_creation(invoice_id)


def test_a_mollie_payment_that_was_found_is_compared(mollie: MollieBench) -> None:
    view = mollie.charged().view
    mollie.pay(view.provider_object_id)
    hint_id = ids.for_payment_hint(mollie.connection_id, "test", view.provider_object_id or "")
    mollie.hint(view.provider_object_id)
    mollie.apply_payment_hint(hint_id)
    assert fields(mollie.log) == [], "a webhook told it"

    mollie.account.admin.chargeback(view.provider_object_id or "")
    for _ in range(2):
        _find_again(mollie, hint_id, found_by="audit")

    found = [event for event in drift_events(mollie.log) if isinstance(event, DriftDetected)]
    dispute = mollie.invoice(view.id).view.disputes[0]
    assert {(one.field, one.theirs) for one in found} == {
        ("amountDisputedMinor", "1999"),
        ("disputeStatus", dispute.status),
        (f"disputes.{dispute.id}", f"{dispute.status} 1999"),
    }
    assert {one.found_by for one in found} == {"audit"}
    assert len(found) == 3, "a second fetch finds nothing"


def _find_again(mollie: MollieBench, hint_id: UUID, *, found_by: FoundBy) -> None:
    occurred_at = mollie.clock()
    mollie.billing.change(
        PaymentHint,
        hint_id,
        lambda known: known.repeat(
            actor="reconciliation", occurred_at=occurred_at, found_by=found_by
        ),
    )
    mollie.apply_payment_hint(hint_id)


def test_an_unknown_mollie_payment_of_ours_stays_open(mollie: MollieBench) -> None:
    unknown = {"billhook_invoice": "00000000-0000-4000-8000-000000000000"}
    made = mollie.account.pay(metadata=unknown)
    hint_id = mollie.hint(made["id"])
    mollie.apply_payment_hint(hint_id)
    assert list(drift_events(mollie.log)) == []

    for _ in range(2):
        _find_again(mollie, hint_id, found_by="open_items")

    (found,) = drift_events(mollie.log)
    assert isinstance(found, DriftDetected)
    assert (found.object_type, found.object_id) == ("payment", made["id"])
    assert found.reason == "unknown invoice"
    assert not any(isinstance(event, DriftReopened) for event in drift_events(mollie.log))
