"""Parameter models of subscriptions and their items."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from sandbox.stripe.core.method_types import MethodTypes
from sandbox.stripe.core.params import (
    Bool,
    Clearable,
    CreatedPage,
    Currency,
    Dec,
    Int,
    Metadata,
    NestedParams,
    Params,
    TaxBehavior,
    Text,
    Texts,
    none_if_empty,
)

Proration = Literal["always_invoice", "create_prorations", "none"]
PaymentBehavior = Literal[
    "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"
]
CollectionMethod = Literal["charge_automatically", "send_invoice"]
Missing = Literal["cancel", "create_invoice", "pause"]

PERIOD_ENDS = ("min_period_end", "max_period_end")


def _moment(value: object) -> object:
    text = str(value)
    if text == "now" or text in PERIOD_ENDS:
        return text
    if not text.isdecimal():
        raise PydanticCustomError("integer", "Invalid integer: {text}", {"text": text})
    return int(text)


def _listed(value: object) -> object:
    return [] if value == "" else value


TrialEnd = Annotated[int | Literal["now"], BeforeValidator(_moment)]
CancelAt = Annotated[
    int | Literal["", "min_period_end", "max_period_end"],
    BeforeValidator(lambda value: value if value == "" else _moment(value)),
]


class Recurring(NestedParams):
    """The interval of an inline price."""

    interval: Literal["day", "week", "month", "year"]
    interval_count: Int = 1


class PriceData(NestedParams):
    """Inline data of a recurring price."""

    currency: Currency
    product: Text
    recurring: Recurring
    tax_behavior: TaxBehavior | None = None
    unit_amount: Int | None = None
    unit_amount_decimal: Dec | None = None


class Discount(NestedParams):
    """A discount by its coupon, or an existing discount."""

    coupon: Text | None = None
    discount: Text | None = None


Discounts = Annotated[list[Discount] | None, BeforeValidator(_listed)]


class NewItem(NestedParams):
    """An item of a new subscription."""

    discounts: Discounts = None
    metadata: Metadata | None = None
    price: Text | None = None
    price_data: PriceData | None = None
    quantity: Int | None = None
    tax_rates: Texts | None = None


class ChangedItem(NewItem):
    """An item to update (by its id), to add (without an id) or to delete."""

    deleted: Bool = False
    id: Text | None = None


class CustomField(NestedParams):
    """A custom field printed on the invoices."""

    name: Text
    value: Text


class InvoiceSettings(NestedParams):
    """Invoice settings of a subscription."""

    custom_fields: Annotated[list[CustomField] | None, BeforeValidator(_listed)] = None
    description: Clearable | None = None
    footer: Clearable | None = None


class PaymentSettings(NestedParams):
    """Payment settings of a subscription."""

    payment_method_types: MethodTypes | None = None
    save_default_payment_method: Literal["off", "on_subscription"] | None = None


class EndBehavior(NestedParams):
    """The end behavior of a trial."""

    billing_cycle_anchor: Literal["now", "unchanged"] | None = None
    missing_payment_method: Missing | None = None


class TrialSettings(NestedParams):
    """Trial settings."""

    end_behavior: EndBehavior


class Flexible(NestedParams):
    """Details of the flexible billing mode."""

    proration_discounts: Literal["included", "itemized"] | None = None


class BillingMode(NestedParams):
    """The billing mode; both modes give the same prorations here."""

    flexible: Flexible | None = None
    type: Literal["classic", "flexible"]


class Anchor(NestedParams):
    """The billing cycle anchor: ``now`` or ``unchanged``."""

    type: Literal["now", "unchanged"]


class PauseCollection(NestedParams):
    """Handling of invoices created while collection is paused."""

    behavior: Literal["keep_as_draft", "mark_uncollectible", "void"]
    resumes_at: Int | None = None


class CancellationDetails(NestedParams):
    """Cancellation details."""

    comment: Clearable | None = None
    feedback: Clearable | None = None


_UNSUPPORTED = frozenset(
    {
        "add_invoice_items", "application_fee_percent", "automatic_tax", "billing_schedules",
        "billing_thresholds", "default_source", "discounts[][promotion_code]",
        "invoice_settings[account_tax_ids]", "invoice_settings[issuer]",
        "items[][billing_thresholds]", "items[][current_trial]",
        "items[][discounts][][promotion_code]",
        "items[][plan]", "on_behalf_of", "payment_settings[payment_method_options]",
        "pending_invoice_item_interval", "transfer_data", "trial_from_plan",
    }
)  # fmt: skip


class SubscriptionFields(Params):
    """Common fields of create and update."""

    unsupported = _UNSUPPORTED
    cancel_at: CancelAt | None = None
    cancel_at_period_end: Bool | None = None
    collection_method: CollectionMethod | None = None
    days_until_due: Int | None = None
    default_payment_method: Clearable | None = None
    default_tax_rates: Texts | None = None
    description: Clearable | None = None
    discounts: Discounts = None
    invoice_settings: InvoiceSettings | None = None
    metadata: Metadata | None = None
    off_session: Bool = False
    payment_behavior: PaymentBehavior = "allow_incomplete"
    payment_settings: PaymentSettings | None = None
    proration_behavior: Proration = "create_prorations"
    trial_end: TrialEnd | None = None
    trial_settings: TrialSettings | None = None


class CreateSubscription(SubscriptionFields):
    """POST /v1/subscriptions."""

    unsupported = _UNSUPPORTED | {
        "backdate_start_date", "billing_cycle_anchor", "billing_cycle_anchor_config",
        "customer_account",
    }  # fmt: skip
    billing_mode: BillingMode | None = None
    currency: Currency | None = None
    customer: Text
    items: list[NewItem]
    trial_period_days: Int | None = None


class UpdateSubscription(SubscriptionFields):
    """POST /v1/subscriptions/{subscription}."""

    unsupported = _UNSUPPORTED | {"items[][clear_usage]"}
    billing_cycle_anchor: Anchor | None = None
    cancellation_details: CancellationDetails | None = None
    items: list[ChangedItem] | None = None
    pause_collection: Annotated[PauseCollection | None, BeforeValidator(none_if_empty)] = None
    proration_date: Int | None = None


class ListSubscriptions(CreatedPage):
    """GET /v1/subscriptions."""

    unsupported = frozenset(
        {
            "automatic_tax", "current_period_end", "current_period_start", "customer_account",
            "plan", "test_clock",
        }
    )  # fmt: skip
    collection_method: CollectionMethod | None = None
    customer: Text | None = None
    price: Text | None = None
    status: (
        Literal[
            "active",
            "all",
            "canceled",
            "ended",
            "incomplete",
            "incomplete_expired",
            "past_due",
            "paused",
            "trialing",
            "unpaid",
        ]
        | None
    ) = None


class CancelSubscription(Params):
    """DELETE /v1/subscriptions/{subscription}."""

    cancellation_details: CancellationDetails | None = None
    invoice_now: Bool = False
    prorate: Bool = False
