"""The end of a subscription, whether Stripe shows it on the subscription, its schedule or both."""

from __future__ import annotations

from typing import Any

from workers.providers.stripe.subscription_objects import to_subscription

NOW, END, LATER = 1_000, 2_000, 3_000


def subscription(**fields: Any) -> dict[str, Any]:
    price: dict[str, Any] = {"id": "price_1", "currency": "eur", "unit_amount": 1}
    price["recurring"] = {"interval": "month", "interval_count": 1}
    item = {"id": "si_1", "price": price, "quantity": 1}
    item |= {"current_period_start": NOW, "current_period_end": END}
    made = {"id": "sub_1", "livemode": False, "status": "active", "currency": "eur"}
    made |= {"created": NOW, "cancel_at_period_end": False, "items": {"data": [item]}}
    return made | {"metadata": {}} | fields


def schedule(end_behavior: str) -> dict[str, Any]:
    phases = [
        {"items": [{"price": "price_1", "quantity": 1}], "start_date": start, "end_date": end}
        for start, end in ((NOW, END), (END, LATER))
    ]
    current = {"start_date": NOW, "end_date": END}
    made: dict[str, Any] = {"id": "sub_sched_1", "end_behavior": end_behavior, "metadata": {}}
    return made | {"phases": phases, "current_phase": current}


def test_the_schedules_end_counts_whether_or_not_the_subscription_repeats_it() -> None:
    for cancel_at in (None, END, LATER):
        made = subscription(cancel_at=cancel_at, schedule=schedule("cancel"))
        assert to_subscription(made, as_of=NOW).cancel_at == LATER, cancel_at
        made = subscription(cancel_at=cancel_at, schedule=schedule("release"))
        assert to_subscription(made, as_of=NOW).cancel_at is None, cancel_at


def test_an_end_of_its_own_counts_with_and_without_a_schedule() -> None:
    for cancel_at, under in (
        (END, None),
        (2_500, schedule("cancel")),
        (2_500, schedule("release")),
    ):
        made = subscription(cancel_at=cancel_at, schedule=under)
        assert to_subscription(made, as_of=NOW).cancel_at == cancel_at
    ending = subscription(cancel_at_period_end=True, cancel_at=END, schedule=schedule("release"))
    assert to_subscription(ending, as_of=NOW).cancel_at == END


def test_an_ended_subscription_shows_nothing_of_the_schedule_that_it_keeps() -> None:
    made = subscription(status="canceled", schedule=schedule("cancel"), ended_at=END)
    seen = to_subscription(made, as_of=NOW)
    assert (seen.cancel_at, seen.scheduled_phases, seen.scheduled_change) == (None, (), None)
