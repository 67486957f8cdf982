"""Test money and live money never meet: keys, objects and events of the other mode are refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domain.gateway.errors import GatewayMisconfigured
from tests.workers.stripe_harness import Bench
from workers.providers.stripe.gateway import StripeGateway


def test_a_key_of_the_other_mode_makes_no_gateway(bench: Bench) -> None:
    with pytest.raises(GatewayMisconfigured, match="of test mode, the connection of live mode"):
        StripeGateway(bench.account.key, api_base=bench.account.url, mode="live")


def test_an_object_of_the_other_mode_is_parked_with_the_reason(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant())
    bench.charge(invoice_id)
    before = bench.topics(invoice_id)
    event: dict[str, Any] = bench.provider_events()[-1]
    event["data"]["object"] |= {"livemode": True, "amount_paid": 1}

    received = bench.receive(event)
    bench.apply(received)

    parked = bench.log.stream(UUID(str(received.originator_id)))[-1]
    assert parked.topic == "provider_event.parked"
    assert b"wrong mode" in parked.state
    assert bench.topics(invoice_id) == before
