"""The subscription schedule object and its phases in Stripe's format."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.subscription_state.changes import items_of


def new_schedule(call: Call, subscription: Json, *, start: int, end: int) -> Json:
    """Returns a schedule of a subscription's current state, not yet stored."""
    items = [
        phase_item(item["price"]["id"], item["quantity"], item["tax_rates"], item["metadata"])
        | {"discounts": [phase_discount(discount=known) for known in item["discounts"]]}
        for item in items_of(call, subscription)
    ]
    phase = new_phase(subscription, items, start=start, end=end)
    phase["discounts"] = [phase_discount(discount=known) for known in subscription["discounts"]]
    if subscription["status"] == "trialing":
        phase["trial_end"] = subscription["trial_end"]
    nothing = (
        "application", "canceled_at", "completed_at", "customer_account", "released_at",
        "released_subscription", "test_clock",
    )  # fmt: skip
    return {
        "id": ids.fresh("sub_sched_"),
        "object": "subscription_schedule",
        **dict.fromkeys(nothing),
        "billing_mode": subscription["billing_mode"],
        "created": call.now,
        "current_phase": {"start_date": start, "end_date": end},
        "customer": subscription["customer"],
        "default_settings": _default_settings(subscription),
        "end_behavior": "release",
        "livemode": call.account.livemode,
        "metadata": {},
        "pause_schedules": [],
        "phases": [phase],
        "status": "active",
        "subscription": subscription["id"],
    }


def _default_settings(subscription: Json) -> Json:
    return {
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": "automatic",
        "billing_thresholds": None,
        "collection_method": subscription["collection_method"],
        "default_payment_method": subscription["default_payment_method"],
        "description": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "days_until_due": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "on_behalf_of": None,
        "transfer_data": None,
    }


def phase_discount(*, coupon: str | None = None, discount: str | None = None) -> Json:
    """Returns a discount of a phase or its item: an existing one, or by its coupon."""
    return {"coupon": coupon, "discount": discount, "promotion_code": None}


def phase_item(price: str, quantity: int | None, rates: list[Json] | None, metadata: Json) -> Json:
    """Returns an item of a phase."""
    return {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": metadata,
        "plan": price,
        "price": price,
        "quantity": quantity,
        "tax_rates": rates,
    }


def new_phase(
    subscription: Json,
    items: list[Json],
    *,
    start: int,
    end: int,
    proration_behavior: str = "create_prorations",
    metadata: Json | None = None,
) -> Json:
    """Returns a phase between two times."""
    nothing = (
        "application_fee_percent", "billing_cycle_anchor", "billing_thresholds",
        "collection_method", "default_payment_method", "description", "invoice_settings",
        "on_behalf_of", "transfer_data", "trial_end",
    )  # fmt: skip
    return {
        **dict.fromkeys(nothing),
        "add_invoice_items": [],
        "currency": subscription["currency"],
        "default_tax_rates": [],
        "discounts": [],
        "end_date": end,
        "items": items,
        "metadata": metadata or {},
        "proration_behavior": proration_behavior,
        "start_date": start,
    }
