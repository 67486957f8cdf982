"""Test the state of reconciliation that operators see, by connection and in sum."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from domain.inbox.commands import ReceivePaymentHint
from domain.inbox.payment_hint import PaymentHint
from projections.operations.reconciliation_state import (
    AUDIT_INTERVAL,
    ConnectionState,
    read_connections_once,
    summarise,
)
from tests.projections.inbox.test_deliveries import received
from tests.service.harness import Shop, now, stripe_event
from tests.service.operations.test_alerts import CHECKPOINT, disable_endpoint, leave_drift
from tests.service.running_service import Service


def states(shop: Shop) -> dict[str, ConnectionState]:
    found = asyncio.run(read_connections_once(shop.service.database, shop.app_id))
    return {one.connection: one for one in found}


def find_by_reconciliation(shop: Shop) -> None:
    """Have an audit find an event, and a look at open items find a payment that is repeated."""
    mine: dict[str, Any] = {"app_id": shop.app_id, "connection_id": shop.connection_id}
    shop.billing.save(received(occurred_at=now(), found_by="audit", **mine))
    hint = ReceivePaymentHint(
        **mine,
        connection="stripe-1",
        provider="mollie",
        mode="test",
        payment_id="tr_1",
        actor="t",
        found_by="open_items",
    )
    first = PaymentHint.receive(hint, occurred_at=now())
    first.start_fetch(actor="t", occurred_at=now())
    first.repeat(actor="t", occurred_at=now())
    shop.billing.save(first)


def leave_checkpoints(shop: Shop) -> None:
    """Leave a catch-up that has read up to 20 minutes ago, and an audit of 27 hours ago."""
    read_s = int((datetime.now(UTC) - timedelta(minutes=20)).timestamp())
    with psycopg.connect(shop.service.database, autocommit=True) as session:
        for name, checkpoint, age in (
            (f"catch_up:{shop.connection_id}", f'{{"read_s": {read_s}}}', "0 h"),
            (f"audit:{shop.connection_id}", "{}", "27 h"),
        ):
            session.execute(CHECKPOINT, (name, checkpoint, age))


def assert_one_audit_a_week_is_not_overdue(shop: Shop) -> None:
    with psycopg.connect(shop.service.database, autocommit=True) as session:
        session.execute(CHECKPOINT, (AUDIT_INTERVAL, '{"seconds": 604800.0}', "0 h"))
    summed = summarise(list(states(shop).values()))
    assert (summed.audits_overdue, summed.audit_every_s) == (0, 604_800)
    with psycopg.connect(shop.service.database, autocommit=True) as session:
        session.execute("DELETE FROM work.checkpoints WHERE name = %s", [AUDIT_INTERVAL])


def test_a_connections_state_has_drift_checkpoints_endpoint_and_sources(service: Service) -> None:
    shop = Shop(service)
    shop.set_connection("other")
    service.wait_for_projection("access")
    untouched = states(shop)["stripe-1"]
    assert (untouched.catch_up_lag_s, untouched.audit_age_s, untouched.health) == (None,) * 3
    assert untouched.found_share is None

    leave_drift(shop)
    disable_endpoint(shop)
    for _ in range(3):
        shop.deliver(stripe_event())
    find_by_reconciliation(shop)
    leave_checkpoints(shop)
    service.wait_for_projection("webhooks")

    known = states(shop)["stripe-1"]
    assert 1_200 <= (known.catch_up_lag_s or 0) < 1_800
    assert 27 * 3_600 <= (known.audit_age_s or 0) < 28 * 3_600
    assert (known.unresolved, known.health, known.problems) == (1, "disabled", ["is disabled"])
    assert known.oldest_unresolved_s >= 7_200
    assert (known.delivered, known.found, known.found_share) == (4, 2, 2 / 6)
    assert known.last_delivered_at is not None
    assert states(shop)["other"].unresolved == 0

    summed = summarise(list(states(shop).values()))
    assert (summed.unresolved, summed.audits_overdue) == (1, 1)
    assert summed.endpoints == {(str(shop.app_id), "stripe-1"): "disabled"}
    assert_one_audit_a_week_is_not_overdue(shop)


def test_a_connection_that_was_never_audited_is_overdue_once_it_is_in_use_for_too_long(
    service: Service,
) -> None:
    shop = Shop(service)
    service.wait_for_projection("access")
    assert not states(shop)["stripe-1"].is_audit_overdue
    with psycopg.connect(service.database, autocommit=True) as session:
        session.execute(
            "UPDATE read.connections SET in_use_since = in_use_since - interval '27 h'"
            " WHERE connection_id = %s",
            [shop.connection_id],
        )
    assert states(shop)["stripe-1"].audit_age_s is None
    assert states(shop)["stripe-1"].is_audit_overdue
