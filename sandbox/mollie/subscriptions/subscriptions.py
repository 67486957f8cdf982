"""Subscriptions, charged with a mandate and renewed by the account's clock."""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Filter, Json
from sandbox.mollie.core import agenda, ids, times
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import Unprocessable, invalid
from sandbox.mollie.core.lists import page
from sandbox.mollie.core.operations import Operation, operation
from sandbox.mollie.core.params import (
    Amount,
    Count,
    Description,
    Metadata,
    NoParams,
    Page,
    Params,
    check_url,
)
from sandbox.mollie.core.views import view
from sandbox.mollie.mandates import mandates
from sandbox.mollie.subscription_state import status as subscription_status

ENDED = frozenset({"canceled", "completed"})


class CreateSubscription(Params):
    """POST /v2/customers/{customer}/subscriptions."""

    unsupported = frozenset({"applicationFee"})
    amount: Amount
    interval: str
    description: Description
    times: Count | None = None
    start_date: str | None = None
    method: Literal["creditcard", "directdebit", "paypal"] | None = None
    mandate_id: str | None = None
    webhook_url: str | None = None
    metadata: Metadata = None


class UpdateSubscription(Params):
    """PATCH /v2/customers/{customer}/subscriptions/{subscription}."""

    amount: Amount | None = None
    interval: str | None = None
    description: Description | None = None
    times: Count | None = None
    start_date: str | None = None
    mandate_id: str | None = None
    webhook_url: str | None = None
    metadata: Metadata = None


def create(call: Call, params: CreateSubscription) -> Json:
    """Creates a subscription: active, or pending until its mandate is valid."""
    customer = call.load("customer", call.path["customer"])
    _check(call, params, customer["id"], but=None)
    start = _start(call, params.start_date)
    mandate = mandates.mandate_to_charge(
        call, customer["id"], mandate_id=params.mandate_id, method=params.method
    )
    subscription: Json = {
        "object": "subscription",
        "id": ids.fresh("sub_"),
        "mode": call.account.mode,
        "status": "active" if mandate["status"] == "valid" else "pending",
        "amount": params.amount.model_dump(),
        "times": params.times,
        "timesRemaining": params.times,
        "interval": params.interval,
        "startDate": start,
        "description": params.description,
        "method": params.method,
        "metadata": params.metadata,
        "customerId": customer["id"],
        "mandateId": mandate["id"],
        "createdAt": times.shown(call.now),
        "_anchor": start,
        "_count": 0,
        "_made": 0,
        "_failures": 0,
    }
    if params.webhook_url:
        subscription["webhookUrl"] = params.webhook_url
    subscription_status.schedule(call, call.put(subscription))
    return view(call, subscription)


def _check(
    call: Call,
    params: CreateSubscription | UpdateSubscription,
    customer: str,
    *,
    but: str | None,
) -> None:
    if params.amount is not None and params.amount.minor() <= 0:
        raise Unprocessable("The amount is lower than the minimum", field="amount")
    if params.interval is not None:
        times.parse_interval(params.interval)
    check_url(params.webhook_url, field="webhookUrl")
    for other in call.all("subscription", owner=customer):
        same = other["description"] == params.description and other["id"] != but
        if same and other["status"] not in ENDED:
            raise invalid("description", "another subscription of the customer has the same")


def _start(call: Call, given: str | None) -> str:
    today = times.day_of(call.now)
    start = today if given is None else times.parse_day(given, field="startDate")
    if start < today:
        raise invalid("startDate", "it is past")
    return start.isoformat()


def _load(call: Call) -> Json:
    customer = call.load("customer", call.path["customer"])
    return call.load("subscription", call.path["subscription"], within=customer["id"])


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a subscription."""
    return view(call, _load(call))


def update(call: Call, params: UpdateSubscription) -> Json:
    """Updates the given fields, effective from the next payment."""
    subscription = _load(call)
    if subscription["status"] in ENDED:
        raise Unprocessable(f"The subscription is {subscription['status']}")
    _check(call, params, subscription["customerId"], but=subscription["id"])
    given = params.given("start_date", "times")
    if params.times is not None:
        if params.times <= subscription["_made"]:
            raise invalid("times", "so many payments were made already")
        given |= {"times": params.times, "timesRemaining": params.times - subscription["_made"]}
    if params.start_date is not None:
        given |= {"startDate": _start(call, params.start_date), "_count": 0}
        given |= {"_anchor": given["startDate"]}
    elif params.interval is not None:
        given |= {"_anchor": subscription["nextPaymentDate"], "_count": 0}
    call.change(subscription, **given)
    if params.mandate_id is not None:
        _rest_on(call, subscription, params.mandate_id)
    subscription_status.schedule(call, subscription)
    return view(call, subscription)


def _rest_on(call: Call, subscription: Json, mandate_id: str) -> None:
    """Sets a subscription's mandate; a valid one ends its suspension."""
    customer = subscription["customerId"]
    mandate = mandates.mandate_to_charge(call, customer, mandate_id=mandate_id, method=None)
    if mandate["status"] == "valid":
        subscription_status.activate(call, subscription)
    else:
        agenda.cancel(call, "subscription.charge", subscription["id"])
        call.change(subscription, status="pending")


def cancel(call: Call, _: NoParams) -> Json:
    """Cancels a subscription: no further payment is made."""
    subscription = _load(call)
    if subscription["status"] in ENDED:
        raise Unprocessable(f"The subscription is {subscription['status']} already")
    subscription_status.end(call, subscription, "canceled")
    return view(call, subscription)


def listing(call: Call, params: Page) -> Json:
    """Returns a page of all subscriptions."""
    return page(call, "subscription", params, path="subscriptions")


def of_customer(call: Call, params: Page) -> Json:
    """Returns a page of a customer's subscriptions."""
    customer = call.load("customer", call.path["customer"])
    path = f"customers/{customer['id']}/subscriptions"
    return page(call, "subscription", params, path=path, owner=customer["id"])


def payments_of(call: Call, params: Page) -> Json:
    """Returns a page of a subscription's payments."""
    subscription = _load(call)
    owner = subscription["customerId"]
    path = f"customers/{owner}/subscriptions/{subscription['id']}/payments"
    filters = [Filter("$.subscriptionId", "=", subscription["id"])]
    return page(call, "payment", params, path=path, owner=owner, filters=filters)


_ALL = "/v2/customers/{customer}/subscriptions"
_ONE = _ALL + "/{subscription}"

OPERATIONS: list[Operation] = [
    operation("GET", "/v2/subscriptions", Page, listing),
    operation("POST", _ALL, CreateSubscription, create),
    operation("GET", _ALL, Page, of_customer),
    operation("GET", _ONE, NoParams, retrieve),
    operation("PATCH", _ONE, UpdateSubscription, update),
    operation("DELETE", _ONE, NoParams, cancel, status=200),
    operation("GET", f"{_ONE}/payments", Page, payments_of),
]
