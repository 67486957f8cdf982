"""Missed webhooks are found in Stripe's list of events: once, in pages, after any downtime."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.gateway.errors import GatewayUnavailable
from tests.workers.reconciliation.nets import DAY_S, Nets
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.test_stripe_subscriptions import monthly, subscribed
from workers.providers.retry import Page, Span
from workers.providers.stripe.event_list import ListedEvent
from workers.providers.stripe.event_types import EVENT_TYPES
from workers.reconciliation.event_catch_up import SETTLE_S, WINDOW_S, Events


class AwayAfterOnePage:
    """A list of events whose provider is away after the first page."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._pages = 0

    def now_s(self) -> int:
        return self._events.now_s()

    def page(self, span: Span, after: str | None, *, undelivered: bool) -> Page[ListedEvent]:
        self._pages += 1
        if self._pages > 1:
            raise GatewayUnavailable("away")
        return self._events.page(span, after, undelivered=undelivered)


def pass_time(nets: Nets, seconds: float = SETTLE_S + 1) -> None:
    nets.bench.account.admin.set_clock(advance_s=seconds)


def test_missed_events_are_entered_once_and_heal(stripe_nets: Nets, bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant("needs_authentication"))
    at_provider = bench.charge(invoice_id).view.provider_object_id or ""
    bench.account.admin.confirm(at_provider)
    assert stripe_nets.catch_up().run().entered == 0, "events of the last minute are left alone"
    pass_time(stripe_nets)

    assert stripe_nets.catch_up().run().entered > 0
    stripe_nets.heal()

    assert bench.invoice(invoice_id).view.status == "paid"
    received = stripe_nets.entries()[0].received
    assert (received.actor, received.found_by) == ("reconciliation", "event_catch_up")
    pass_time(stripe_nets)
    head = bench.log.head()
    assert stripe_nets.catch_up().run().entered == 0
    assert stripe_nets.catch_up(undelivered=True).run().entered == 0
    assert bench.log.head() == head
    catch_up = stripe_nets.catch_up()
    checkpoint = catch_up.checkpoints.find(catch_up.name) or {}
    assert checkpoint["reached_s"] > checkpoint["read_s"], "the overlap is no lag"
    # A webhook that comes late after all is the same entry.
    bench.deliver("invoice.")
    assert bench.topics(invoice_id).count("invoice.payment_succeeded") == 1


def test_a_missed_change_of_a_schedule_heals(stripe_nets: Nets, bench: Bench) -> None:
    invoice_id = subscribed(bench)
    named = bench.invoice(invoice_id).view.subscription_id or ""
    made = bench.account.admin.schedule(named, price=monthly(bench, 2999), end_behavior="cancel")
    pass_time(stripe_nets)
    stripe_nets.catch_up().run()
    stripe_nets.heal()
    shown = bench.subscription(invoice_id).view
    assert (len(shown.scheduled_phases), shown.cancel_at is None) == (1, False)

    bench.account.v1.subscription_schedules.update(made["id"], {"end_behavior": "release"})
    pass_time(stripe_nets)
    assert stripe_nets.catch_up().run().entered > 0
    stripe_nets.heal()
    assert bench.subscription(invoice_id).view.cancel_at is None


def test_forty_days_are_read_from_the_oldest_kept_event_and_leave_a_gap(
    stripe_nets: Nets, bench: Bench
) -> None:
    stripe_nets.catch_up().run()
    bench.charge(bench.request(bench.add_tenant()))
    pass_time(stripe_nets, 10 * DAY_S)
    kept = bench.request(bench.add_tenant("needs_authentication"))
    bench.charge(kept)
    bench.account.admin.confirm(bench.invoice(kept).view.provider_object_id or "")
    pass_time(stripe_nets, 29 * DAY_S)

    planned: list[Span] = []
    first = stripe_nets.catch_up(plan_audit=planned.append)
    with pytest.raises(GatewayUnavailable):
        replace(first, events=AwayAfterOnePage(first.events)).run()
    assert len(planned) == 1, "the gap is known although the run was interrupted"
    rest = stripe_nets.catch_up().run()
    assert rest.gap is None, "the checkpoint is past it"
    assert rest.entered > 0
    stripe_nets.checkpoints.save(first.name, {"read_s": planned[0].start})

    result = stripe_nets.catch_up().run()

    assert result.gap is not None
    assert 8 * DAY_S < result.gap.end - result.gap.start < 10 * DAY_S
    stripe_nets.heal()
    assert bench.invoice(kept).view.status == "paid"
    assert stripe_nets.catch_up().run().gap is None


def test_killed_after_any_page_it_goes_on(
    stripe_nets: Nets, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.providers.stripe.event_list._PAGE", 3)
    for _ in range(2):
        bench.charge(bench.request(bench.add_tenant()))
        pass_time(stripe_nets, 2 * WINDOW_S)
    whole = {event["id"] for event in bench.events("")}
    pages = 0
    while True:
        stops = iter([False, True])
        before = stripe_nets.checkpoints.find(stripe_nets.catch_up().name)
        # Stopped after one page, and the process is gone.
        stripe_nets.catch_up(should_stop=lambda stops=stops: next(stops, True)).run()
        pages += 1
        if stripe_nets.checkpoints.find(stripe_nets.catch_up().name) == before:
            break
    known = {entry.received.provider_event_id for entry in stripe_nets.entries()}
    types = {event["id"] for event in bench.events(*EVENT_TYPES)}
    assert known == types <= whole
    assert pages > len(known) // 3
