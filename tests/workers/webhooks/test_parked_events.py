"""Webhooks that cannot be applied: unreadable, foreign, or about an archived invoice."""

from __future__ import annotations

import copy
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.events import ENDING_TOPICS
from eventlog.partitions.attach import attach
from eventlog.partitions.detach import detach
from eventlog.partitions.layout import set_partition_size
from tests.eventlog.stored_events import stored
from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.paid_flow import by_type, paid_flow

_PARTITION = 60


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
