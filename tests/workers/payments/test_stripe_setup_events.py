"""Events about a page on which a tenant leaves a card: repeated, late, or of another."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from eventlog.reading import RecordedEvent
from tests.workers.stripe_harness import Bench
from tests.workers.stripe_setup_helpers import do, events_of, known, leave, opened, request_setup


def last_of(bench: Bench, received: RecordedEvent) -> RecordedEvent:
    return bench.log.stream(UUID(str(received.originator_id)))[-1]


def test_repeated_and_late_events_change_nothing(bench: Bench) -> None:
    setup = opened(bench, bench.add_tenant())
    leave(bench, setup)
    (event,) = events_of(bench, setup.view.id)
    again = event | {"id": "evt_again"}
    first, second = bench.receive(event), bench.receive(again)
    bench.apply(first, second)
    done = do(bench, setup.view.id)
    late = bench.receive(event | {"id": "evt_late"})
    bench.apply(late, first)
    assert known(bench, setup.view.id).version == done.version
    for received, effect in ((first, "changed"), (second, "confirmed"), (late, "confirmed")):
        last = last_of(bench, received)
        assert last.topic == "provider_event.applied"
        assert f'"{effect}"' in last.state.decode()


def test_a_card_left_before_we_knew_of_the_page_counts(bench: Bench) -> None:
    """The answer to opening it was lost; the customer cannot be kept waiting for our next try."""
    tenant_id = bench.add_tenant()
    shown = opened(bench, tenant_id)
    other = request_setup(bench, tenant_id)
    leave(bench, shown)
    (event,) = events_of(bench, shown.view.id)
    about = event["data"]["object"]
    about = about | {"metadata": about["metadata"] | {"billhook_setup": str(other)}}
    bench.apply(bench.receive(event | {"id": "evt_other", "data": {"object": about}}))
    assert known(bench, other).view.status == "submitted"
    assert do(bench, other).view.status == "completed"


OTHER = str(uuid4())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metadata": {"billhook_app": OTHER}}, "belongs elsewhere: its metadata names another"),
        ({"metadata": {"billhook_setup": OTHER}}, "unknown setup of a payment method"),
        ({"customer": "cus_other"}, "belongs elsewhere: its setup has another customer"),
        ({"connection_id": uuid4()}, "belongs elsewhere: its setup has another app or connection"),
        ({"mode": "payment"}, "unreadable: session.mode"),
    ],
    ids=["another app's", "unknown", "another customer's", "another connection's", "no setup"],
)
def test_a_mismatched_event_is_parked_with_its_reason(
    bench: Bench, changes: dict[str, Any], reason: str
) -> None:
    setup = opened(bench, bench.add_tenant())
    leave(bench, setup)
    (event,) = events_of(bench, setup.view.id)
    about = event["data"]["object"]
    metadata = about["metadata"] | changes.get("metadata", {})
    more = {name: value for name, value in changes.items() if name in ("customer", "mode")}
    data = {"object": about | more | {"metadata": metadata}}
    entry = {name: changes[name] for name in ("connection_id",) if name in changes}
    received = bench.receive(event | {"data": data}, **entry)
    bench.apply(received)
    last = last_of(bench, received)
    assert last.topic == "provider_event.parked"
    assert reason in last.state.decode()
    assert known(bench, setup.view.id).view.status == "open"


@pytest.mark.parametrize("metadata", [{}, {"billhook_setup": "none of ours"}], ids=str)
def test_a_page_created_elsewhere_is_ignored(bench: Bench, metadata: dict[str, str]) -> None:
    setup = opened(bench, bench.add_tenant())
    leave(bench, setup)
    (event,) = events_of(bench, setup.view.id)
    data = {"object": event["data"]["object"] | {"metadata": metadata, "mode": "payment"}}
    received = bench.receive(event | {"data": data})
    bench.apply(received)
    assert bench.entry(received).applied
