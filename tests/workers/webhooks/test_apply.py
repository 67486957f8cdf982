"""Test webhooks of an invoice: out of order, duplicate, late, early, or foreign."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.events import ENDING_TOPICS
from eventlog.partitions.attach import attach
from eventlog.partitions.detach import detach
from eventlog.partitions.layout import set_partition_size
from tests.eventlog.stored_events import stored
from tests.workers.stripe_harness import Bench

_PARTITION = 60


def paid_flow(bench: Bench) -> tuple[UUID, list[dict[str, Any]]]:
    invoice_id = bench.request(bench.add_tenant())
    bench.charge(invoice_id)
    return invoice_id, bench.provider_events()


def by_type(events: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(event for event in events if event["type"] == name)


def test_a_webhook_after_the_answer_confirms_and_changes_nothing(bench: Bench) -> None:
    invoice_id, events = paid_flow(bench)
    before = bench.invoice(invoice_id).view.status
    event = by_type(events, "invoice.paid")

    received = bench.receive(event)
    bench.apply(received)

    assert bench.invoice(invoice_id).view.status == before == "paid"
    applied = bench.log.stream(UUID(str(received.originator_id)))[-1]
    assert applied.topic == "provider_event.applied"
    assert b'"effect":"confirmed"' in applied.state.replace(b" ", b"")


def test_a_webhook_that_overtakes_the_recording_of_the_answer_settles_the_invoice(
    bench: Bench,
) -> None:
    invoice_id = bench.request(bench.add_tenant())
    save = bench.billing.save
    pending = bench.gateway.pay_invoice

    def pay_and_be_overtaken(*args: Any, **kwargs: Any) -> Any:
        answer = pending(*args, **kwargs)
        bench.apply(bench.receive(by_type(bench.provider_events(), "invoice.paid")))
        return answer

    bench.gateway.pay_invoice = pay_and_be_overtaken
    bench.charge(invoice_id)

    assert save is not None
    assert bench.invoice(invoice_id).view.status == "paid"
    assert bench.topics(invoice_id).count("invoice.payment_succeeded") == 1
    assert bench.account.charged() == [1999]


def test_a_paid_webhook_before_any_answer_records_every_event(bench: Bench) -> None:
    invoice_id, events = paid_flow(bench)
    fresh = forget_answers(bench, invoice_id)
    event = by_type(events, "invoice.paid")
    event["data"]["object"]["metadata"]["billhook_invoice"] = str(fresh)

    bench.apply(bench.receive(event))
    bench.charge(fresh)

    view = bench.invoice(fresh).view
    assert (view.status, view.total_minor, view.amount_paid_minor) == ("paid", 1999, 1999)
    assert view.provider_object_id == event["data"]["object"]["id"]
    assert bench.account.charged() == [1999]


def forget_answers(bench: Bench, invoice_id: UUID) -> UUID:
    """Request the same again, as if the first request's answers had never been recorded."""
    view = bench.invoice(invoice_id).view
    assert view.tenant_id is not None
    fresh = bench.request(view.tenant_id)
    bench.start_creation(fresh)
    return fresh


def test_the_same_delivery_twice_is_applied_once(bench: Bench) -> None:
    invoice_id, events = paid_flow(bench)
    received = bench.receive(by_type(events, "invoice.paid"))

    bench.apply(received, received)
    bench.apply(received)

    assert len(bench.log.stream(UUID(str(received.originator_id)))) == 2
    assert bench.invoice(invoice_id).view.status == "paid"


def test_a_stale_webhook_is_on_the_timeline_only(bench: Bench) -> None:
    invoice_id, events = paid_flow(bench)
    version = bench.invoice(invoice_id).version

    received = bench.receive(by_type(events, "invoice.created"))
    bench.apply(received)

    assert bench.invoice(invoice_id).version == version
    assert bench.entry(received).applied


@pytest.mark.parametrize("card", ["succeeds", "declined", "needs_authentication"])
def test_any_order_and_any_doubles_end_in_the_same_row(bench: Bench, card: str) -> None:
    invoice_id = bench.request(bench.add_tenant(card))
    before = bench.charge(invoice_id).view
    events = bench.provider_events()
    order = random.Random(7)  # noqa: S311 - a repeatable shuffle

    received = [bench.receive(event) for event in events]
    for _ in range(5):
        order.shuffle(received)
        bench.apply(*received, *order.choices(received, k=3))
    fetch_parked(bench, received)

    after = bench.invoice(invoice_id).view
    assert (after.status, after.amount_paid_minor, after.failure) == (
        before.status,
        before.amount_paid_minor,
        before.failure,
    )
    assert all(bench.entry(entry).applied for entry in received)


def fetch_parked(bench: Bench, received: list[Any]) -> None:
    for entry in received:
        bench.fetch(entry)


def test_after_the_customer_confirmed_the_webhook_makes_it_paid(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant("needs_authentication"))
    view = bench.charge(invoice_id).view
    assert view.provider_object_id is not None
    bench.account.admin.confirm(view.provider_object_id)

    bench.apply(bench.receive(by_type(bench.provider_events(), "invoice.paid")))

    after = bench.invoice(invoice_id).view
    assert (after.status, after.amount_paid_minor, after.next_action) == ("paid", 1999, None)


def test_the_invoice_of_a_customers_failed_attempt_is_fetched(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant("needs_authentication"))
    view = bench.charge(invoice_id).view
    assert view.provider_object_id is not None
    bench.account.admin.fail_authentication(view.provider_object_id)
    event = [e for e in bench.provider_events() if e["type"] == "invoice.payment_failed"][-1]

    received = bench.receive(event)
    bench.apply(received)
    fetch_parked(bench, [received])

    after = bench.invoice(invoice_id).view
    assert after.status == "failed"
    assert after.failure is not None
    assert after.failure.code == "payment_intent_authentication_failure"


def test_another_apps_invoice_is_rejected(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant(card=None))
    bench.charge(invoice_id)
    event = by_type(bench.provider_events(), "invoice.finalized")
    event["data"]["object"] |= {"status": "paid", "amount_paid": 1999}

    foreign = bench.receive(event, connection_id=uuid4())
    bench.apply(foreign)

    assert bench.invoice(invoice_id).view.status == "open"
    assert not bench.entry(foreign).applied
    assert bench.entry(foreign).parked == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"status": None},
        {"status": "from_a_later_version"},
        {"attempt_count": "1"},
        {"amount_paid": 19.99},
        {"total": 2**63},
        {"lines": None, "total_taxes": 7},
        {"status_transitions": {"paid_at": "soon"}},
    ],
)
def test_an_unreadable_payload_is_parked_and_blocks_nothing(
    bench: Bench, broken: dict[str, Any]
) -> None:
    _, events = paid_flow(bench)
    good = by_type(events, "invoice.paid")
    odd = copy.deepcopy(good) | {"id": "evt_odd"}
    odd["data"]["object"] |= broken

    entry, received = bench.receive(odd), bench.receive(good)
    bench.apply(entry, received)

    assert bench.entry(entry).parked == 1
    assert b"unreadable" in bench.log.stream(UUID(str(entry.originator_id)))[-1].state
    assert bench.entry(received).applied


def test_an_invoice_created_at_the_provider_is_imported_unassigned(bench: Bench) -> None:
    customer = bench.account.add_customer()
    made = bench.account.v1.invoices.create({"customer": customer, "description": "By hand"})

    received = bench.receive(by_type(bench.provider_events(), "invoice.created"))
    bench.apply(received)
    bench.fetch(received)

    view = bench.imported(made.id).view
    assert (view.status, view.origin, view.tenant_id) == ("draft", "provider", None)
    assert (view.description, view.customer) == ("By hand", customer)


def test_an_invoice_that_claims_to_be_ours_and_is_not_is_parked(bench: Bench) -> None:
    _, events = paid_flow(bench)
    event = by_type(events, "invoice.paid")
    event["data"]["object"]["metadata"] |= {"billhook_invoice": str(uuid4())}

    received = bench.receive(event)
    bench.apply(received)

    assert b"unknown invoice" in bench.log.stream(UUID(str(received.originator_id)))[-1].state


ODD_VALUES: list[tuple[tuple[str | int, ...], Any]] = [
    (("number",), ["no", "text"]),
    (("customer",), {"_type_": "boom", "_data_": "x"}),
    (("currency",), "x" * 9000),
    (("due_date",), "soon"),
    (("due_date",), 10**18),
    (("hosted_invoice_url",), {"_type_": "boom", "_data_": "x"}),
    (("lines", "data"), "none"),
    (("lines", "data", 0, "metadata"), ["billhook_line"]),
    (("lines", "data", 0, "metadata", "billhook_line"), [1]),
    (("status_transitions", "finalized_at"), [1]),
    (("status_transitions", "paid_at"), 1.5),
    (("total",), None),
    (("amount_paid",), "much"),
]


def with_value(event: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """Copy an event, with another value at a path of its object, and with an id of its own."""
    odd = copy.deepcopy(event)
    odd["id"] = f"evt_{uuid4().hex}"
    *parents, last = path
    at: Any = odd["data"]["object"]
    for key in parents:
        at = at[key]
    at[last] = value
    return odd


def test_an_odd_value_in_a_signed_event_stops_no_other_event(bench: Bench) -> None:
    invoice_id, events = paid_flow(bench)
    genuine = by_type(events, "invoice.paid")
    odd = [bench.receive(with_value(genuine, path, value)) for path, value in ODD_VALUES]
    received = bench.receive(genuine)

    bench.apply(*odd, received)

    assert bench.entry(received).applied
    assert bench.invoice(invoice_id).view.status == "paid"
    for entry, (path, value) in zip(odd, ODD_VALUES, strict=True):
        settled = bench.entry(entry)
        assert not settled.due, (path, value)


def test_an_event_whose_effect_cannot_be_stored_is_a_dead_letter_with_the_errors_type(
    bench: Bench,
) -> None:
    _, events = paid_flow(bench)
    received = bench.receive(
        with_value(by_type(events, "invoice.paid"), ("lines", "data"), {"secret": 1})
    )

    bench.apply(received)

    last = bench.log.stream(UUID(str(received.originator_id)))[-1]
    assert last.topic == "provider_event.parked"
    assert b"secret" not in last.state


def test_the_payment_of_our_own_charge_is_not_fetched(bench: Bench) -> None:
    invoice_id, _ = paid_flow(bench)
    events = bench.events("invoice")
    version = bench.invoice(invoice_id).version
    finalized = bench.receive(by_type(events, "invoice.finalized"))
    paid = bench.receive(by_type(events, "invoice_payment.paid"))

    bench.apply(finalized, paid)

    assert bench.entry(paid).applied
    assert bench.invoice(invoice_id).version == version


@pytest.mark.parametrize(
    "change",
    [
        lambda payment: payment["payment"].update(payment_intent="pi_another"),
        lambda payment: payment.update(amount_paid=1),
        lambda payment: payment.update(invoice="in_another"),
        lambda payment: payment.update(payment={"type": "charge", "charge": "ch_1"}),
    ],
    ids=["payment", "amount", "invoice", "charge"],
)
def test_another_payment_than_that_of_our_charge_is_fetched(
    bench: Bench, change: Callable[[dict[str, Any]], object]
) -> None:
    paid_flow(bench)
    events = bench.events("invoice")
    event = by_type(events, "invoice_payment.paid")
    change(event["data"]["object"])
    finalized, paid = bench.receive(by_type(events, "invoice.finalized")), bench.receive(event)

    bench.apply(finalized, paid)

    assert not bench.entry(paid).applied
    assert bench.entry(paid).parked == 1


def test_a_payment_of_an_invoice_that_is_not_known_as_paid_is_fetched(bench: Bench) -> None:
    invoice_id, _ = paid_flow(bench)
    events = bench.events("invoice")
    fresh = forget_answers(bench, invoice_id)
    finalized = by_type(events, "invoice.finalized")
    finalized["data"]["object"]["metadata"]["billhook_invoice"] = str(fresh)
    paid = bench.receive(by_type(events, "invoice_payment.paid"))

    bench.apply(bench.receive(finalized), paid)

    assert not bench.entry(paid).applied


@pytest.mark.extended
def test_a_webhook_of_an_archived_invoice_is_parked_and_the_others_are_applied(
    bench: Bench,
) -> None:
    dsn = bench.log.dsn
    set_partition_size(dsn, _PARTITION)
    archived_id, archived_events = paid_flow(bench)
    bench.log.append([stored() for _ in range(_PARTITION - bench.log.head())])
    present_id = bench.request(bench.add_tenant())
    bench.charge(present_id)
    archived = bench.receive(by_type(archived_events, "invoice.paid"))
    present = bench.receive(by_type(bench.provider_events()[::-1], "invoice.paid"))
    detach(dsn, 1, topics=ENDING_TOPICS)

    bench.apply(archived, present)

    parked = bench.log.stream(UUID(str(archived.originator_id)))[-1]
    assert b"failed: HistoryDetached" in parked.state
    applied = bench.log.stream(UUID(str(present.originator_id)))[-1]
    assert applied.topic == "provider_event.applied"
    attach(dsn, 1)
    assert bench.invoice(archived_id).view.status == "paid"
