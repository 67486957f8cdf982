"""Subscription schedules: planned changes, such as another price at period end."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.common.store import Json
from sandbox.stripe.catalogue.recurrence import boundary
from sandbox.stripe.catalogue.tax_rates import chosen
from sandbox.stripe.core.agenda import Due
from sandbox.stripe.core.agenda_runner import Actions
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import NoParams
from sandbox.stripe.core.price_amounts import refuse_quantity
from sandbox.stripe.core.updates import given_fields, merged_metadata
from sandbox.stripe.core.views import view
from sandbox.stripe.schedules.params import (
    CancelSchedule,
    CreateSchedule,
    ListSchedules,
    Phase,
    ReleaseSchedule,
    UpdateSchedule,
)
from sandbox.stripe.schedules.schedule_object import (
    new_phase,
    new_schedule,
    phase_discount,
    phase_item,
)
from sandbox.stripe.subscription_state.changes import ENDED, changing, items_of
from sandbox.stripe.subscription_state.status import end_subscription
from sandbox.stripe.subscriptions import phases
from sandbox.stripe.subscriptions.billing import collect
from sandbox.stripe.subscriptions.cancel import cancel_subscription
from sandbox.stripe.subscriptions.item_changes import Wanted, change_items
from sandbox.stripe.subscriptions.item_prices import price_of
from sandbox.stripe.subscriptions.params import Discount
from sandbox.stripe.subscriptions.periods import present_period
from sandbox.stripe.subscriptions.update import changed_items, give_trial

MAX_PHASES = 10


def create(call: Call, params: CreateSchedule) -> Json:
    """Creates a schedule whose first phase is the subscription's current period."""
    found = params.from_subscription
    subscription = call.load("subscription", found, param="from_subscription")
    if subscription["status"] in ENDED | {"incomplete", "paused"} or subscription["schedule"]:
        raise InvalidRequest(
            "You cannot migrate a subscription that is already attached to a schedule, or that is"
            f" {subscription['status']}.",
            param="from_subscription",
        )
    start, end = present_period(call, subscription)
    schedule = new_schedule(call, subscription, start=start, end=end)
    schedule["metadata"] = merged_metadata({}, params.metadata)
    with changing(call, subscription):
        subscription["schedule"] = schedule["id"]
    call.create(schedule, "subscription_schedule.created")
    phases.follow(call, schedule)
    return view(call, schedule)


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a schedule."""
    return view(call, call.load("subscription_schedule", call.path["schedule"]))


def update(call: Call, params: UpdateSchedule) -> Json:
    """Sets the phases from the current one on, and the end behavior."""
    schedule = _active(call)
    subscription = call.load("subscription", schedule["subscription"])
    changes = given_fields(params, schedule, omit={"phases", "proration_behavior"})
    invoice = None
    if params.phases:
        changes["phases"] = _phases(call, schedule, subscription, params.phases)
        with changing(call, subscription):
            invoice = _enter_present(call, subscription, schedule | changes, changes, params)
    call.change(schedule, changes, "subscription_schedule.updated")
    phases.follow(call, schedule)
    if invoice is not None:
        collect(call, invoice, behavior="allow_incomplete", off_session=True)
    return view(call, schedule)


def _active(call: Call) -> Json:
    schedule = call.load("subscription_schedule", call.path["schedule"])
    if schedule["status"] != "active":
        raise InvalidRequest(
            "You can only change a subscription schedule that is `not_started` or `active`: this"
            f" one is `{schedule['status']}`."
        )
    return schedule


def _phases(call: Call, schedule: Json, subscription: Json, given: Sequence[Phase]) -> list[Json]:
    if len(given) > MAX_PHASES:
        raise InvalidRequest("A schedule has at most 10 phases.", param="phases")
    found: list[Json] = []
    start = schedule["current_phase"]["start_date"]
    for index, phase in enumerate(given):
        where = f"phases[{index}]"
        requested_start = call.now if phase.start_date == "now" else phase.start_date
        if requested_start is not None and requested_start != start:
            raise InvalidRequest(
                "The phases must follow each other, and the first be the present one.",
                param=f"{where}[start_date]",
            )
        items, recurring = _items(call, subscription, phase, where=where)
        end = _end(call, phase, recurring, start=int(start))
        if end <= start:
            raise BadParameters("A phase must end after it starts.", param=f"{where}[end_date]")
        behavior = phase.proration_behavior
        metadata = merged_metadata({}, phase.metadata)
        made = new_phase(
            subscription,
            items,
            start=int(start),
            end=end,
            proration_behavior=behavior,
            metadata=metadata,
        )
        known, where_discounts = subscription["discounts"], f"{where}[discounts]"
        made["discounts"] = _discounts(call, phase.discounts, known=known, where=where_discounts)
        made["trial_end"] = _trial_end(call, phase, start=int(start), end=end, where=where)
        found.append(made)
        start = end
    return found


def _discounts(
    call: Call, given: Sequence[Discount] | None, *, known: Sequence[str], where: str
) -> list[Json]:
    """Returns the discounts of a phase or item. Raises unless they are known or coupons."""
    found = []
    for index, one in enumerate(given or ()):
        param = f"{where}[{index}]"
        if one.coupon is not None:
            call.load("coupon", one.coupon, param=f"{param}[coupon]")
        elif one.discount not in known:
            raise InvalidRequest(
                f"Pass a coupon, or an existing discount, in {param}.", param=param
            )
        found.append(phase_discount(coupon=one.coupon, discount=one.discount))
    return found


def _trial_end(call: Call, phase: Phase, *, start: int, end: int, where: str) -> int | None:
    at = call.now if phase.trial_end == "now" else phase.trial_end
    if at is not None and not start < at <= end:
        raise BadParameters("The trial of a phase must end inside it.", param=f"{where}[trial_end]")
    return at


def _items(call: Call, subscription: Json, phase: Phase, *, where: str) -> tuple[list[Json], Json]:
    found, recurring = [], {}
    known = [one for item in items_of(call, subscription) for one in item["discounts"]]
    for index, item in enumerate(phase.items):
        param = f"{where}[items][{index}]"
        price = price_of(call, item.price, None, where=param)
        refuse_quantity(price, item.quantity, where=param)
        rates = chosen(call, item.tax_rates or [], param=f"{param}[tax_rates]")
        metadata = merged_metadata({}, item.metadata)
        recurring = price["recurring"]
        is_licensed = recurring["usage_type"] == "licensed"
        quantity = 1 if item.quantity is None and is_licensed else item.quantity
        param = f"{param}[discounts]"
        discounts = _discounts(call, item.discounts, known=known, where=param)
        found.append(phase_item(price["id"], quantity, rates, metadata) | {"discounts": discounts})
    if not found:
        raise BadParameters("A phase needs an item.", param=f"{where}[items]")
    return found, recurring


def _end(call: Call, phase: Phase, recurring: Json, *, start: int) -> int:
    if phase.end_date is not None and phase.duration is not None:
        raise BadParameters(
            "You may only specify one of these parameters: end_date, duration.",
            code="parameters_exclusive",
        )
    if phase.end_date == "now":
        return call.now
    if isinstance(phase.end_date, int):
        return phase.end_date
    lasts = phase.duration.model_dump() if phase.duration else recurring
    return boundary(start, lasts, 1)


def _enter_present(
    call: Call, subscription: Json, schedule: Json, changes: Json, params: UpdateSchedule
) -> Json | None:
    """Applies the current phase now; returns a draft to collect, or None."""
    phase = phases.next_phase(call, schedule)
    if phase is None:
        raise InvalidRequest("One of the phases must hold the present moment.", param="phases")
    changes["current_phase"] = {name: phase[name] for name in ("start_date", "end_date")}
    wanted = phases.apply_phase(call, subscription, phase)
    return enter_phase(call, subscription, phase, wanted, behavior=params.proration_behavior)


def enter_phase(
    call: Call, subscription: Json, phase: Json, wanted: Sequence[Wanted], *, behavior: str
) -> Json | None:
    """Changes items, and starts, moves or ends a trial; returns a draft to collect, or None."""
    trial_end = phase["trial_end"] or 0
    if trial_end > call.now and trial_end != subscription["trial_end"]:
        change_items(call, subscription, wanted, prorates=False, at=call.now)
        return give_trial(call, subscription, trial_end, behavior, call.now)
    ends = subscription["status"] == "trialing" and trial_end <= call.now
    if ends:
        subscription |= {"status": "active", "trial_end": call.now}
    return changed_items(call, subscription, wanted, behavior=behavior, at=call.now, anew=ends)


def listing(call: Call, params: ListSchedules) -> Json:
    """Returns a page of schedules."""
    url, owner = "/v1/subscription_schedules", params.customer
    return page(call, "subscription_schedule", params, url=url, owner=owner)


def release(call: Call, params: ReleaseSchedule) -> Json:
    """Releases the subscription from its schedule, unchanged but for the end that it may keep."""
    schedule = _active(call)
    subscription = call.load("subscription", schedule["subscription"])
    with changing(call, subscription):
        if params.preserve_cancel_date and schedule["end_behavior"] == "cancel":
            subscription["cancel_at"] = schedule["phases"][-1]["end_date"]
        phases.release(call, subscription, schedule)
    return view(call, schedule)


def cancel(call: Call, params: CancelSchedule) -> Json:
    """Cancels a schedule and its subscription."""
    schedule = _active(call)
    subscription = call.load("subscription", schedule["subscription"])
    cancel_subscription(call, subscription, prorate=params.prorate, invoice_now=params.invoice_now)
    return view(call, call.load("subscription_schedule", schedule["id"]))


def end_phase(call: Call, due: Due) -> None:
    """Starts the next phase, unless a renewal at this time does; ends after the last."""
    schedule = call.load("subscription_schedule", due.object_id)
    subscription = call.find("subscription", schedule["subscription"])
    if schedule["status"] != "active" or subscription is None:
        return
    if present_period(call, subscription)[1] == call.now and subscription["status"] != "paused":
        return
    phase = phases.next_phase(call, schedule)
    if phase is None and schedule["end_behavior"] == "cancel":
        phases.complete(call, schedule)
        end_subscription(call, subscription, reason="cancellation_requested")
        return
    invoice = None
    with changing(call, subscription):
        if phase is None:
            phases.release(call, subscription, schedule)
        else:
            wanted = phases.enter(call, subscription, schedule, phase)
            behavior = phase["proration_behavior"]
            invoice = enter_phase(call, subscription, phase, wanted, behavior=behavior)
    if invoice is not None:
        collect(call, invoice, behavior="allow_incomplete", off_session=True)


_ALL = "/v1/subscription_schedules"
_ONE = f"{_ALL}/{{schedule}}"
_KIND = "subscription_schedule"

OPERATIONS: list[Operation] = [
    operation("POST", _ALL, _KIND, CreateSchedule, create),
    operation("GET", _ALL, f"list:{_KIND}", ListSchedules, listing),
    operation("GET", _ONE, _KIND, NoParams, retrieve),
    operation("POST", _ONE, _KIND, UpdateSchedule, update),
    operation("POST", f"{_ONE}/release", _KIND, ReleaseSchedule, release),
    operation("POST", f"{_ONE}/cancel", _KIND, CancelSchedule, cancel),
]

ACTIONS: Actions = {phases.PHASE_ENDS: end_phase}
