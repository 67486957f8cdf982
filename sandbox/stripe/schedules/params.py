"""Parameter models of subscription schedules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from sandbox.stripe.core.params import (
    Bool,
    CreatedPage,
    Int,
    Metadata,
    NestedParams,
    Params,
    Text,
    Texts,
)
from sandbox.stripe.subscriptions.params import Discounts, Proration, TrialEnd


class PhaseItem(NestedParams):
    """An item of a phase."""

    discounts: Discounts = None
    metadata: Metadata | None = None
    price: Text
    quantity: Int | None = None
    tax_rates: Texts | None = None


class Duration(NestedParams):
    """The duration of a phase."""

    interval: Literal["day", "week", "month", "year"]
    interval_count: Int = 1


class Phase(NestedParams):
    """A phase of a schedule. Without an end it lasts one period."""

    discounts: Discounts = None
    duration: Duration | None = None
    end_date: TrialEnd | None = None
    items: list[PhaseItem]
    metadata: Metadata | None = None
    proration_behavior: Proration = "create_prorations"
    start_date: TrialEnd | None = None
    trial_end: TrialEnd | None = None


class CreateSchedule(Params):
    """POST /v1/subscription_schedules. This sandbox makes them of subscriptions only."""

    unsupported = frozenset(
        {
            "billing_mode", "customer", "customer_account", "default_settings", "end_behavior",
            "pause_schedules", "phases", "start_date",
        }
    )  # fmt: skip
    from_subscription: Text
    metadata: Metadata | None = None


class UpdateSchedule(Params):
    """POST /v1/subscription_schedules/{schedule}."""

    unsupported = frozenset(
        {
            "default_settings", "pause_schedules", "phases[][add_invoice_items]",
            "phases[][application_fee_percent]", "phases[][automatic_tax]",
            "phases[][billing_cycle_anchor]", "phases[][billing_thresholds]",
            "phases[][collection_method]", "phases[][currency]",
            "phases[][default_payment_method]", "phases[][default_tax_rates]",
            "phases[][description]", "phases[][discounts][][promotion_code]",
            "phases[][invoice_settings]", "phases[][items][][billing_thresholds]",
            "phases[][items][][discounts][][promotion_code]",
            "phases[][items][][plan]", "phases[][items][][price_data]",
            "phases[][on_behalf_of]", "phases[][transfer_data]", "phases[][trial]",
        }
    )  # fmt: skip
    end_behavior: Literal["cancel", "release"] | None = None
    metadata: Metadata | None = None
    phases: Annotated[
        list[Phase] | None, BeforeValidator(lambda value: [] if value == "" else value)
    ] = None
    proration_behavior: Proration = "create_prorations"


class ListSchedules(CreatedPage):
    """GET /v1/subscription_schedules."""

    unsupported = frozenset(
        {"canceled_at", "completed_at", "customer_account", "released_at", "scheduled"}
    )
    customer: Text | None = None


class ReleaseSchedule(Params):
    """POST /v1/subscription_schedules/{schedule}/release."""

    preserve_cancel_date: Bool = False


class CancelSchedule(Params):
    """POST /v1/subscription_schedules/{schedule}/cancel."""

    invoice_now: Bool = True
    prorate: Bool = True
