"""Actions on a subscription: the API's own commands, with its idempotency and its rules."""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain.subscriptions.commands import (
    CancelSubscription,
    ChangeSubscription,
    SubscriptionCommand,
)
from domain.subscriptions.events import SubscriptionRequestRefused
from domain.subscriptions.view import ENDED, SubscriptionView, items_mark
from service.dashboard.context import context_of
from service.dashboard.filters import with_idempotency_key
from service.dashboard.guard import action, page
from service.dashboard.pages import render
from service.dashboard.visitor import Form, Visitor
from service.http.errors import FieldError, Forbidden
from service.http.validation import validate
from service.invoices.schemas import MOST_LINES
from service.subscriptions.actions import find_subscription, request_subscription_action
from service.subscriptions.context import context_of as subscriptions_of
from service.subscriptions.schemas import ChangeBody

_PRICE: Final = "price-"
_LONGEST_NUMBER: Final = 12


def may_act_on(visitor: Visitor, view: SubscriptionView) -> bool:
    """Return whether the forms are shown; the domain decides when an action is requested."""
    return visitor.acts and view.status not in ENDED and view.pending_request is None


async def _cancel(request: Request, visitor: Visitor, form: Form) -> Response:
    at_period_end = form.get("when") != "now"
    command = partial(CancelSubscription, at_period_end=at_period_end)
    return await _act(request, visitor, form, command, given={"atPeriodEnd": at_period_end})


async def _confirm_change(request: Request, visitor: Visitor) -> Response:
    """Show what a subscription has and what it would have, with the form that changes it."""
    if not visitor.acts:
        raise Forbidden(FieldError(message="A read key can only read: use an admin key."))
    found = await find_subscription(
        subscriptions_of(request), visitor.caller, request.path_params["subscriptionId"]
    )
    body = validate(ChangeBody, change_of(request.query_params))
    names = {item.price: item.name for item in found.view.items}
    values = {
        "subscription": found.view,
        "body": body,
        "names": names,
        "removed": [
            item
            for item in found.view.items
            if item.price not in {line.price for line in body.line_items}
        ],
        "action_key": str(uuid4()),
        "seen": items_mark(found.view),
    }
    return render(request, "subscription_change.html", values, visitor=visitor)


async def _change(request: Request, visitor: Visitor, form: Form) -> Response:
    given = change_of(form)
    body = validate(ChangeBody, given)
    command = partial(
        ChangeSubscription,
        at_period_end=body.when == "periodEnd",
        lines=body.requested(),
        seen=form.get("seen"),
    )
    return await _act(request, visitor, form, command, given=given)


def change_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Write the API's body; a line without a price, or with the quantity 0, is left out.

    A quantity that was emptied is none: to take it for 1 would charge another amount.
    """
    lines = []
    for number in range(MOST_LINES + 1):
        price = form.get(f"{_PRICE}{number}", "").strip()
        quantity = form.get(f"quantity-{number}", "1").strip()
        if price and quantity != "0":
            lines.append({"price": price, "quantity": _number(quantity)})
    return {"lineItems": lines, "when": form.get("when", "")}


def _number(text: str) -> int | str:
    """Read a quantity; what is no number is left to the check of the body."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_number else text


async def _act(
    request: Request,
    visitor: Visitor,
    form: Form,
    command: Callable[..., SubscriptionCommand],
    *,
    given: object,
) -> Response:
    found = await find_subscription(
        subscriptions_of(request), visitor.caller, request.path_params["subscriptionId"]
    )
    recorded = await request_subscription_action(
        with_idempotency_key(request, form),
        visitor.caller,
        found.view.id,
        command,
        given=given,
        wait_s=context_of(request).settings.wait_default_s,
    )
    note = "done"
    if recorded.pending:
        note = "pending"
    elif isinstance(recorded.result.event, SubscriptionRequestRefused):
        note = "refused"
    return RedirectResponse(
        f"/dashboard/subscriptions/{found.view.id}?note={note}",
        status_code=HTTPStatus.SEE_OTHER,
        headers={"cache-control": "no-store"},
    )


cancel_subscription = action(_cancel)
confirm_change = page(_confirm_change)
change_subscription = action(_change)
