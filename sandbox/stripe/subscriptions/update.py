"""Update a subscription: items, cycle, trial, end and collection."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.common.store import Json
from sandbox.stripe.catalogue.tax_rates import chosen
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.price_amounts import refuse_quantity
from sandbox.stripe.core.updates import merged_metadata
from sandbox.stripe.core.views import view
from sandbox.stripe.subscription_state.changes import ENDED, changing, items_of
from sandbox.stripe.subscriptions.billing import Bill, collect, draft, waiting
from sandbox.stripe.subscriptions.fields import apply, apply_ending, apply_reasons
from sandbox.stripe.subscriptions.item_changes import PRORATED, Wanted, change_items
from sandbox.stripe.subscriptions.item_prices import price_of
from sandbox.stripe.subscriptions.lines import credit_unused
from sandbox.stripe.subscriptions.params import ChangedItem, UpdateSubscription
from sandbox.stripe.subscriptions.periods import present_period, set_period, start_trial
from sandbox.stripe.subscriptions.subscriptions import check_trial_end

# Editable fields of a subscription whose first invoice was not paid.
_WHILE_INCOMPLETE = frozenset({"default_payment_method", "metadata", "payment_settings", "expand"})
_ONCE_ENDED = frozenset({"cancellation_details", "metadata", "expand"})


def update(call: Call, params: UpdateSubscription) -> Json:
    """Updates the given fields; charges a resulting invoice at once."""
    subscription = call.load("subscription", call.path["subscription"])
    _check(subscription, params)
    with changing(call, subscription):
        apply(call, subscription, params)
        invoice = _apply_cycle(call, subscription, params)
        period_end = present_period(call, subscription)[1]
        apply_ending(call, subscription, params, period_end=period_end)
        apply_reasons(subscription, params.cancellation_details)
        if "pause_collection" in params.model_fields_set:
            pause = params.pause_collection
            subscription["pause_collection"] = pause.model_dump() if pause else None
    if invoice is not None:
        behavior = params.payment_behavior
        collect(call, invoice, behavior=behavior, off_session=params.off_session)
    return view(call, call.load("subscription", subscription["id"]))


def _check(subscription: Json, params: UpdateSubscription) -> None:
    given = params.model_fields_set
    if subscription["status"] in ENDED and given - _ONCE_ENDED:
        raise InvalidRequest(
            "A canceled subscription can only update its cancellation_details and metadata."
        )
    if subscription["status"] == "incomplete" and given - _WHILE_INCOMPLETE:
        raise InvalidRequest(
            "You can only update the metadata and the payment method of a subscription whose first"
            " invoice was not paid."
        )


def _apply_cycle(call: Call, subscription: Json, params: UpdateSubscription) -> Json | None:
    """Changes items, trial and cycle. Returns a draft if there is an amount to invoice now."""
    at = proration_date(call, subscription, params.proration_date)
    wanted = _wanted(call, subscription, params.items or [])
    if isinstance(params.trial_end, int):
        change_items(call, subscription, wanted, prorates=False, at=at)
        return give_trial(call, subscription, params.trial_end, params.proration_behavior, at)
    ends_trial = params.trial_end == "now" and subscription["status"] == "trialing"
    if ends_trial:
        subscription |= {"status": "active", "trial_end": call.now}
    anchor = params.billing_cycle_anchor
    anew = ends_trial or (anchor is not None and anchor.type == "now")
    return changed_items(
        call, subscription, wanted, behavior=params.proration_behavior, at=at, anew=anew
    )


def changed_items(
    call: Call,
    subscription: Json,
    wanted: Sequence[Wanted],
    *,
    behavior: str,
    at: int,
    anew: bool = False,
) -> Json | None:
    """Changes items with a ``proration_behavior``. Returns a draft to collect now, or None."""
    if not wanted and not anew:
        return None
    prorates = behavior != "none"
    began = present_period(call, subscription)[0]
    if change_items(call, subscription, wanted, prorates=prorates, at=at, anew=anew):
        items = items_of(call, subscription)
        bill = Bill("subscription_update", items, began=began, proration_date=at)
        return draft(call, subscription, bill)
    if behavior == "always_invoice" and waiting(call, subscription, others=False):
        bill = Bill("subscription_update", began=began, proration_date=at, pending=False)
        return draft(call, subscription, bill)
    return None


def give_trial(call: Call, subscription: Json, end: int, behavior: str, at: int) -> Json | None:
    """Sets the end of a trial, or starts a trial inside a paid period."""
    check_trial_end(call, end)
    began = present_period(call, subscription)[0]
    subscription |= {"trial_end": end, "billing_cycle_anchor": end}
    if subscription["status"] == "trialing":
        set_period(call, subscription, began, end)
        return None
    if behavior != "none" and subscription["status"] in PRORATED:
        for item in items_of(call, subscription):
            credit_unused(call, subscription["customer"], item, at=at)
    start_trial(call, subscription, end)
    items = items_of(call, subscription)
    bill = Bill("subscription_update", items, began=began, trial=True, pending=False)
    return draft(call, subscription, bill)


def proration_date(call: Call, subscription: Json, given: int | None) -> int:
    """Returns the proration date: now, or a time in the current period."""
    start, end = present_period(call, subscription)
    if given is not None and not start <= given <= end:
        raise BadParameters(
            "proration_date must be inside the current period of the subscription.",
            param="proration_date",
        )
    return call.now if given is None else given


def _wanted(call: Call, subscription: Json, items: Sequence[ChangedItem]) -> list[Wanted]:
    known = {item["id"]: item for item in items_of(call, subscription)}
    found = []
    for index, given in enumerate(items):
        where = f"items[{index}]"
        if given.id is not None and given.id not in known:
            raise InvalidRequest(
                f"No such subscription item: '{given.id}'",
                code="resource_missing",
                param=f"{where}[id]",
            )
        item = known.get(given.id or "")
        found.append(wanted_item(call, item, given, where=where))
    return found


def wanted_item(call: Call, item: Json | None, given: ChangedItem, *, where: str) -> Wanted:
    """Returns the wanted state of an item from a request."""
    price = None
    if given.price is not None or given.price_data is not None or item is None:
        price = price_of(call, given.price, given.price_data, where=where)
    fields: Json = {}
    refuse_quantity(price or (item or {})["price"], given.quantity, where=where)
    if given.quantity is not None:
        fields["quantity"] = given.quantity
    if given.metadata is not None:
        known = item["metadata"] if item else {}
        fields["metadata"] = merged_metadata(known, given.metadata)
    if given.tax_rates is not None:
        param = f"{where}[tax_rates]" if where else "tax_rates"
        fields["tax_rates"] = chosen(call, given.tax_rates, param=param)
    return Wanted(item, price, given.deleted, fields, given.discounts)


OPERATIONS: list[Operation] = [
    operation(
        "POST", "/v1/subscriptions/{subscription}", "subscription", UpdateSubscription, update
    ),
]
