"""Subscription items as a resource; same effects as updates of the subscription."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import NoParams
from sandbox.stripe.core.views import view
from sandbox.stripe.subscription_state.changes import ENDED, changing
from sandbox.stripe.subscriptions.billing import collect
from sandbox.stripe.subscriptions.item_changes import Wanted
from sandbox.stripe.subscriptions.item_params import (
    CreateItem,
    DeleteItem,
    ListItems,
    UpdateItem,
)
from sandbox.stripe.subscriptions.params import ChangedItem
from sandbox.stripe.subscriptions.update import changed_items, proration_date, wanted_item


def create(call: Call, params: CreateItem) -> Json:
    """Adds an item to a subscription."""
    subscription = call.load("subscription", params.subscription, param="subscription")
    known = {item["id"] for item in call.all("subscription_item", owner=subscription["id"])}
    wanted = wanted_item(call, None, _given(params), where="")
    _change(call, subscription, wanted, params)
    for item in call.all("subscription_item", owner=subscription["id"]):
        if item["id"] not in known:
            return view(call, item)
    raise InvalidRequest("The item was not added.")


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns an item."""
    return view(call, call.load("subscription_item", call.path["item"]))


def update(call: Call, params: UpdateItem) -> Json:
    """Changes an item."""
    item = call.load("subscription_item", call.path["item"])
    subscription = call.load("subscription", item["subscription"])
    wanted = wanted_item(call, item, _given(params), where="")
    _change(call, subscription, wanted, params, off_session=params.off_session)
    return view(call, call.load("subscription_item", item["id"]))


def delete(call: Call, params: DeleteItem) -> Json:
    """Deletes an item of a subscription."""
    item = call.load("subscription_item", call.path["item"])
    subscription = call.load("subscription", item["subscription"])
    _change(call, subscription, Wanted(item, deleted=True), params)
    return {"id": item["id"], "object": "subscription_item", "deleted": True}


def _given(params: CreateItem | UpdateItem) -> ChangedItem:
    same = {"discounts", "metadata", "price", "price_data", "quantity", "tax_rates"}
    return ChangedItem.model_construct(
        **{name: getattr(params, name) for name in same}, deleted=False, id=None
    )


def _change(
    call: Call,
    subscription: Json,
    wanted: Wanted,
    params: CreateItem | UpdateItem | DeleteItem,
    *,
    off_session: bool = False,
) -> None:
    if subscription["status"] in ENDED | {"incomplete"}:
        raise InvalidRequest(
            f"The items of a subscription with a status of {subscription['status']} can't change."
        )
    at = proration_date(call, subscription, params.proration_date)
    with changing(call, subscription):
        invoice = changed_items(
            call, subscription, [wanted], behavior=params.proration_behavior, at=at
        )
    if invoice is not None:
        collect(call, invoice, behavior=params.payment_behavior, off_session=off_session)


def listing(call: Call, params: ListItems) -> Json:
    """Returns a page of a subscription's items, in the order in which they were added."""
    subscription = call.load("subscription", params.subscription, param="subscription")
    url = "/v1/subscription_items"
    owner = subscription["id"]
    return page(call, "subscription_item", params, url=url, owner=owner, newest_first=False)


_ONE = "/v1/subscription_items/{item}"

OPERATIONS: list[Operation] = [
    operation("POST", "/v1/subscription_items", "subscription_item", CreateItem, create),
    operation("GET", "/v1/subscription_items", "list:subscription_item", ListItems, listing),
    operation("GET", _ONE, "subscription_item", NoParams, retrieve),
    operation("POST", _ONE, "subscription_item", UpdateItem, update),
    operation("DELETE", _ONE, "subscription_item", DeleteItem, delete),
]
