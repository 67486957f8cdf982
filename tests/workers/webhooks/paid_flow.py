"""The events of an invoice that was charged."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.workers.stripe_harness import Bench


def paid_flow(bench: Bench) -> tuple[UUID, list[dict[str, Any]]]:
    invoice_id = bench.request(bench.add_tenant())
    bench.charge(invoice_id)
    return invoice_id, bench.provider_events()


def by_type(events: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(event for event in events if event["type"] == name)
