"""The subscription object and its items in Stripe's format. Fields with ``_`` are internal."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.price_amounts import is_metered


def new_subscription(call: Call, customer: Json, currency: str) -> Json:
    """Returns a subscription without items, not yet stored."""
    nothing = (
        "application", "application_fee_percent", "billing_cycle_anchor_config",
        "billing_thresholds", "cancel_at", "canceled_at", "customer_account", "days_until_due",
        "default_payment_method", "default_source", "description", "ended_at", "latest_invoice",
        "managed_payments", "next_pending_invoice_item_invoice", "on_behalf_of",
        "pause_collection", "pending_invoice_item_interval", "pending_setup_intent",
        "pending_update", "schedule", "status_details", "test_clock", "transfer_data",
        "trial_end", "trial_start",
    )  # fmt: skip
    return {
        "id": ids.fresh("sub_"),
        "object": "subscription",
        **dict.fromkeys(nothing),
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": call.now,
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "collection_method": "charge_automatically",
        "created": call.now,
        "currency": currency,
        "customer": customer["id"],
        "default_tax_rates": [],
        "discounts": [],
        "livemode": call.account.livemode,
        "metadata": {},
        "start_date": call.now,
        **_settings(),
        "status": "incomplete",
        # Period end of the last invoice.upcoming, and trial end of the last trial_will_end.
        "_upcoming_sent_for": None,
        "_trial_end_sent_for": None,
        # The resumption's invoice, its expiry, and whether an attempt resumes the subscription.
        "_resumption": None,
    }


def _settings() -> Json:
    return {
        "billing_mode": {
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
            "updated_at": None,
        },
        "cancellation_details": {
            "comment": None,
            "feedback": None,
            "feedback_option": None,
            "reason": None,
        },
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "trial_settings": {
            "end_behavior": {
                "billing_cycle_anchor": None,
                "missing_payment_method": "create_invoice",
            }
        },
    }


def new_item(call: Call, subscription: Json, price: Json, *, quantity: int) -> Json:
    """Returns an item, not yet stored.

    ``_billed``: the billed amount of the full current period, net of discounts;
    ``_billed_by``: the invoice and line that billed it; ``_usage``: the unbilled units of a metered
    price, which has no quantity.
    """
    return {
        "id": ids.fresh("si_"),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": call.now,
        "current_period_end": call.now,
        "current_period_start": call.now,
        "discounts": [],
        "metadata": {},
        **priced(price),
        "quantity": None if is_metered(price) else quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
        "_currency": subscription["currency"],
        "_usage": 0,
        "_billed": 0,
        "_billed_by": None,
    }


def priced(price: Json) -> Json:
    """Returns the fields of an item that derive from its price."""
    return {"plan": _plan(price), "price": price}


def _plan(price: Json) -> Json:
    recurring = price["recurring"]
    same = ("active", "billing_scheme", "created", "currency", "id", "livemode", "nickname")
    return {
        **{name: price[name] for name in same},
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "metadata": price["metadata"],
        "meter": recurring.get("meter"),
        "product": price["product"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": None,
        "trial_period_days": recurring["trial_period_days"],
        "usage_type": recurring["usage_type"],
    }
