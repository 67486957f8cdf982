"""Subscriptions: create, retrieve and list."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.common.store import Filter, Json, equal
from sandbox.stripe.catalogue.recurrence import DAY_S, period_at
from sandbox.stripe.catalogue.tax_rates import chosen
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import NoParams
from sandbox.stripe.core.price_amounts import has_currency, refuse_quantity
from sandbox.stripe.core.updates import merged_metadata
from sandbox.stripe.core.views import view
from sandbox.stripe.customers.customers import existing_customer
from sandbox.stripe.subscription_state import status as subscription_status
from sandbox.stripe.subscription_state.changes import ENDED, created
from sandbox.stripe.subscriptions.billing import Bill, collect, draft, require_payable
from sandbox.stripe.subscriptions.fields import apply, apply_ending
from sandbox.stripe.subscriptions.given_discounts import given_discounts
from sandbox.stripe.subscriptions.item_prices import price_of, recurrence
from sandbox.stripe.subscriptions.lines import price_of_period
from sandbox.stripe.subscriptions.params import CreateSubscription, ListSubscriptions, NewItem
from sandbox.stripe.subscriptions.subscription_object import new_item, new_subscription

MAX_ITEMS = 20
LONGEST_TRIAL_S = 730 * DAY_S


def create(call: Call, params: CreateSubscription) -> Json:
    """Creates a subscription; its first invoice is finalised and charged at once."""
    customer = existing_customer(call, params.customer, param="customer")
    if not 1 <= len(params.items) <= MAX_ITEMS:
        raise BadParameters("A subscription has between 1 and 20 items.", param="items")
    prices = [
        price_of(call, item.price, item.price_data, where=f"items[{index}]")
        for index, item in enumerate(params.items)
    ]
    recurring = recurrence(prices)
    currency = _currency(call, params, prices)
    refuse_second_currency(call, customer["id"], currency)
    subscription = new_subscription(call, customer, currency)
    if params.billing_mode is not None:
        subscription["billing_mode"] |= {"type": params.billing_mode.type}
    apply(call, subscription, params)
    _begin_trial(call, subscription, params)
    period = _first_period(call, subscription, recurring)
    items = [
        _item(call, subscription, given, price, period=period, where=f"items[{index}]")
        for index, (given, price) in enumerate(zip(params.items, prices, strict=True))
    ]
    apply_ending(call, subscription, params, period_end=period[1])
    _check_payable(call, subscription, items, params)
    for item in items:
        call.put(item)
    _bill(call, subscription, items, params)
    return view(call, call.load("subscription", subscription["id"]))


def _currency(call: Call, params: CreateSubscription, prices: Sequence[Json]) -> str:
    """Returns the subscription's currency: the prices' own, or one of their options."""
    own = str(prices[0]["currency"])
    wanted = own if params.currency is None else params.currency.lower()
    for price in prices:
        if not has_currency(call.load("price", price["id"]), wanted):
            raise InvalidRequest(
                f"The price specified only supports `{own}`. This doesn't match the expected"
                f" currency: `{wanted}`.",
                param="currency",
            )
    return wanted


def refuse_second_currency(call: Call, customer: str, currency: str) -> None:
    """Raises InvalidRequest if the customer has a living subscription in another currency."""
    for subscription in call.all("subscription", owner=customer):
        if subscription["status"] not in ENDED and subscription["currency"] != currency:
            raise InvalidRequest(
                "You cannot combine currencies on a single customer. This customer has an active"
                " subscription, subscription schedule, discount, quote, or invoice item with"
                f" currency {subscription['currency']}.",
                param="currency",
            )


def _begin_trial(call: Call, subscription: Json, params: CreateSubscription) -> None:
    days, end = params.trial_period_days, params.trial_end
    if days is not None and end is not None:
        raise BadParameters(
            "You may only specify one of these parameters: trial_end, trial_period_days.",
            code="parameters_exclusive",
        )
    if days is not None:
        end = call.now + days * DAY_S
    if end is None or end == "now" or days == 0:
        return
    check_trial_end(call, end)
    subscription |= {"status": "trialing", "trial_start": call.now, "trial_end": end}
    subscription["billing_cycle_anchor"] = end


def check_trial_end(call: Call, end: int) -> None:
    """Rejects a trial that ends in the past or in more than two years."""
    if end <= call.now:
        raise BadParameters("Invalid trial_end: must be an integer Unix timestamp in the future.")
    if end > call.now + LONGEST_TRIAL_S:
        raise BadParameters("Invalid trial_end: can't be more than two years in the future.")


def _first_period(call: Call, subscription: Json, recurring: Json) -> tuple[int, int]:
    if subscription["status"] == "trialing":
        return call.now, subscription["trial_end"]
    return period_at(subscription["billing_cycle_anchor"], recurring, call.now)


def _item(
    call: Call,
    subscription: Json,
    given: NewItem,
    price: Json,
    *,
    period: tuple[int, int],
    where: str,
) -> Json:
    refuse_quantity(price, given.quantity, where=where)
    quantity = 1 if given.quantity is None else given.quantity
    item = new_item(call, subscription, price, quantity=quantity)
    given_now, param = given.discounts or [], f"{where}[discounts]"
    return item | {
        "discounts": given_discounts(call, subscription, given_now, item=item, where=param),
        "current_period_start": period[0],
        "current_period_end": period[1],
        "metadata": merged_metadata({}, given.metadata),
        "tax_rates": chosen(call, given.tax_rates or [], param=f"{where}[tax_rates]"),
    }


def _check_payable(
    call: Call, subscription: Json, items: list[Json], params: CreateSubscription
) -> None:
    """Rejects a subscription whose first invoice is not free and has no payment method."""
    costs = sum(price_of_period(call, item) for item in items)
    later = params.payment_behavior == "default_incomplete"
    charged = subscription["collection_method"] == "charge_automatically"
    if costs and charged and not later and subscription["status"] != "trialing":
        call.put(subscription)
        require_payable(call, subscription)


def _bill(call: Call, subscription: Json, items: list[Json], params: CreateSubscription) -> None:
    if subscription["collection_method"] == "send_invoice" and subscription["status"] != "trialing":
        subscription["status"] = "active"
    trial = subscription["status"] == "trialing"
    invoice = draft(
        call, subscription, Bill("subscription_create", items, trial=trial), emits=False
    )
    created(call, subscription)
    call.emit("invoice.created", invoice)
    behavior = params.payment_behavior
    collect(call, invoice, behavior=behavior, off_session=params.off_session)
    intent = call.find("payment_intent", invoice["_payment_intent"])
    if intent is not None and intent["status"] == "processing":
        subscription_status.debit_started(call, invoice)


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a subscription."""
    return view(call, call.load("subscription", call.path["subscription"]))


def listing(call: Call, params: ListSubscriptions) -> Json:
    """Returns a page of subscriptions; without a status those that were not canceled."""
    filters = equal(collection_method=params.collection_method)
    if params.status is None:
        filters.append(Filter("$.status", "in", _ALIVE))
    elif params.status == "ended":
        filters.append(Filter("$.status", "in", "canceled,incomplete_expired"))
    elif params.status != "all":
        filters += equal(status=params.status)
    if params.price is not None:
        filters.append(Filter("$._prices", "like", f"%{params.price}%"))
    url = "/v1/subscriptions"
    return page(call, "subscription", params, url=url, owner=params.customer, filters=filters)


_ALIVE = "active,incomplete,incomplete_expired,past_due,paused,trialing,unpaid"

OPERATIONS: list[Operation] = [
    operation("POST", "/v1/subscriptions", "subscription", CreateSubscription, create),
    operation("GET", "/v1/subscriptions", "list:subscription", ListSubscriptions, listing),
    operation("GET", "/v1/subscriptions/{subscription}", "subscription", NoParams, retrieve),
]
