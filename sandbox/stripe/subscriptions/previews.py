"""Invoice previews: created, rendered and rolled back."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import NoReturn

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.views import view
from sandbox.stripe.subscription_state.changes import items_of
from sandbox.stripe.subscriptions.billing import Bill, draft
from sandbox.stripe.subscriptions.periods import next_period, present_period


class _TakenBackError(Exception):
    """Raised to roll back a preview."""


def _take_back() -> NoReturn:
    raise _TakenBackError


def preview(call: Call, make: Callable[[], Json]) -> Json:
    """Returns the invoice drafted by ``make`` in the format of a preview, and rolls back."""
    shown: Json = {}
    try:
        with call.store.savepoint(keeps=lambda _: False):
            shown = view(call, make())
            _take_back()
    except _TakenBackError:
        name = shown["id"].replace("in_", "upcoming_in_")
    lines = shown["lines"]
    for line in lines["data"]:
        line["invoice"] = None
    return shown | {"id": name, "created": call.now}


def preview_renewal(call: Call, subscription: Json) -> Json:
    """Returns a preview of the next renewal's invoice, assuming no changes until then."""
    began, end = present_period(call, subscription)
    then = replace(call, now=end)
    known = deepcopy(subscription)

    def make() -> Json:
        next_period(then, known)
        bill = Bill("upcoming", items_of(then, known), began=began)
        return draft(then, known, bill, emits=False)

    return preview(call, make)
