"""Parameter models of subscription items."""

from __future__ import annotations

from sandbox.stripe.core.params import Bool, Int, Metadata, Page, Params, Text, Texts
from sandbox.stripe.subscriptions.params import Discounts, PaymentBehavior, PriceData, Proration


class ListItems(Page):
    """GET /v1/subscription_items."""

    subscription: Text


class _ItemFields(Params):
    """Common fields of adding and updating an item."""

    unsupported = frozenset(
        {"billing_thresholds", "current_trial", "discounts[][promotion_code]", "plan"}
    )
    discounts: Discounts = None
    metadata: Metadata | None = None
    payment_behavior: PaymentBehavior = "allow_incomplete"
    price: Text | None = None
    price_data: PriceData | None = None
    proration_behavior: Proration = "create_prorations"
    proration_date: Int | None = None
    quantity: Int | None = None
    tax_rates: Texts | None = None


class CreateItem(_ItemFields):
    """POST /v1/subscription_items."""

    subscription: Text


class UpdateItem(_ItemFields):
    """POST /v1/subscription_items/{item}."""

    off_session: Bool = False


class DeleteItem(Params):
    """DELETE /v1/subscription_items/{item}."""

    unsupported = frozenset({"clear_usage"})
    payment_behavior: PaymentBehavior = "allow_incomplete"
    proration_behavior: Proration = "create_prorations"
    proration_date: Int | None = None
