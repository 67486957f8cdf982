"""Webhooks of subscription schedules alone change the phases and the end that are shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from domain.core.calendar import from_unix
from domain.inbox.provider_event import ProviderEvent
from domain.subscriptions.items import RequestedPrice, ScheduledItem
from domain.subscriptions.view import SubscriptionView
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.test_stripe_changes import change
from tests.workers.subscriptions.test_stripe_subscriptions import monthly, subscribed


def follow(bench: Bench, invoice_id: UUID) -> SubscriptionView:
    bench.deliver("subscription_schedule.")
    return bench.subscription(invoice_id).view


def at_stripe(bench: Bench, invoice_id: UUID) -> Any:
    """Return the subscription with its schedule."""
    named = bench.invoice(invoice_id).view.subscription_id or ""
    return bench.account.v1.subscriptions.retrieve(named, {"expand": ["schedule"]})


def applied_as(bench: Bench, event: dict[str, Any]) -> bytes:
    """Receive, apply and fetch an event; return how its last event is stored."""
    received = bench.receive(event)
    bench.apply(received)
    bench.fetch(received)
    stream = UUID(str(received.originator_id))
    assert bench.billing.get(ProviderEvent, stream).applied
    return bench.log.stream(stream)[-1].state.replace(b" ", b"")


def later_phase(schedule: Any, price: str, quantity: int) -> list[Any]:
    """Return the phases of a schedule, with another one after the present one."""
    present = schedule.phases[0]
    now = {
        "items": [{"price": str(one.price), "quantity": one.quantity} for one in present["items"]],
        "start_date": present.start_date,
        "end_date": present.end_date,
    }
    return [now, {"items": [{"price": price, "quantity": quantity}]}]


def test_a_schedule_of_others_is_followed_from_its_start_to_its_release(bench: Bench) -> None:
    invoice_id, dearer = subscribed(bench), monthly(bench, 2999)
    bench.account.admin.schedule(
        at_stripe(bench, invoice_id).id, price=dearer, end_behavior="cancel"
    )
    shown, schedule = follow(bench, invoice_id), at_stripe(bench, invoice_id).schedule
    assert [phase.items for phase in shown.scheduled_phases] == [[ScheduledItem(dearer, 1)]]
    assert shown.cancel_at == from_unix(schedule.phases[-1].end_date)

    schedules = bench.account.v1.subscription_schedules
    more: Any = {"phases": later_phase(schedule, dearer, 4), "end_behavior": "release"}
    schedules.update(schedule.id, more)
    shown = follow(bench, invoice_id)
    assert [phase.items for phase in shown.scheduled_phases] == [[ScheduledItem(dearer, 4)]]
    assert shown.cancel_at is None

    schedules.release(schedule.id)
    shown = follow(bench, invoice_id)
    assert (shown.scheduled_phases, shown.cancel_at, shown.status) == ([], None, "active")


def test_a_canceled_and_a_completed_schedule_end_their_subscriptions(bench: Bench) -> None:
    canceled, completed = subscribed(bench), subscribed(bench)
    for invoice_id in (canceled, completed):
        named = at_stripe(bench, invoice_id).id
        bench.account.admin.schedule(named, price=monthly(bench, 2999), end_behavior="cancel")
    assert follow(bench, completed).status == "active"

    bench.account.v1.subscription_schedules.cancel(at_stripe(bench, canceled).schedule.id)
    shown = follow(bench, canceled)
    assert (shown.status, shown.scheduled_phases) == ("canceled", [])

    for _ in range(2):
        bench.account.admin.set_clock(advance_s=31 * 86400)
    shown = follow(bench, completed)
    assert (shown.status, shown.scheduled_phases) == ("canceled", [])


def test_our_own_scheduled_change_is_shown_as_it_was_edited_and_called_off(bench: Bench) -> None:
    invoice_id, dearer = subscribed(bench), monthly(bench, 2999)
    asked = change(bench, invoice_id, dearer, at_period_end=True)
    assert asked.scheduled is not None
    shown = follow(bench, invoice_id)
    assert (shown.scheduled, shown.scheduled_phases) == (asked.scheduled, [])

    schedule = at_stripe(bench, invoice_id).schedule
    schedules = bench.account.v1.subscription_schedules
    edited: Any = {"phases": later_phase(schedule, dearer, 5)}
    schedules.update(schedule.id, edited)
    shown = follow(bench, invoice_id)
    assert shown.scheduled == replace(asked.scheduled, lines=[RequestedPrice(dearer, 5)])

    schedules.release(schedule.id)
    assert follow(bench, invoice_id).scheduled is None
    again = change(bench, invoice_id, dearer, at_period_end=True)
    assert (again.failure, again.scheduled) == (None, asked.scheduled)


def test_a_schedule_without_a_subscription_has_no_effect(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    bench.account.admin.schedule(at_stripe(bench, invoice_id).id, end_behavior="cancel")
    (event,) = bench.events("subscription_schedule.created")
    assert b'"effect":"changed"' in applied_as(bench, event)
    event["id"] = "evt_of_another_schedule"
    event["data"]["object"] |= {"subscription": None, "status": "not_started"}
    phases = bench.subscription(invoice_id).view.scheduled_phases
    assert b'"effects":[]' in applied_as(bench, event)
    assert bench.subscription(invoice_id).view.scheduled_phases == phases
