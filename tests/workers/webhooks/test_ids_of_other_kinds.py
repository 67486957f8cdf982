"""Test provider objects that have the id of one of another kind: a dead letter, no failed job."""

from __future__ import annotations

import pytest

from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.echo_gateway import EchoGateway
from tests.workers.webhooks.paid_flow import by_type


@pytest.mark.parametrize(
    ("event_type", "reason"),
    [
        ("customer.subscription.created", b"unreadable: subscription.id"),
        ("invoice.paid", b"unreadable: invoice.id"),
    ],
)
def test_an_id_of_another_kind_makes_a_dead_letter(
    bench: Bench, event_type: str, reason: bytes
) -> None:
    price = bench.account.add_price(1999, recurring={"interval": "month"})
    bench.account.v1.subscriptions.create(
        {"customer": bench.account.add_customer(), "items": [{"price": price}]}
    )
    bench.deliver("customer.subscription.", "invoice.")
    events = bench.events("customer.subscription.", "invoice.")
    event = by_type(events, event_type)
    seen = event["data"]["object"]
    seen["id"] = next(
        one["data"]["object"]["id"] for one in events if one["data"]["object"]["id"] != seen["id"]
    )
    received = bench.receive(event | {"id": "evt_other"})
    bench.gateway = EchoGateway(event)

    bench.fetch(received)

    assert not bench.entry(received).applied
    assert reason in bench.log.stream(bench.entry(received).id)[-1].state
