"""Parameter models of pausing and resuming a subscription."""

from __future__ import annotations

from typing import Literal

from sandbox.stripe.core.params import Int, NestedParams, Params
from sandbox.stripe.subscriptions.params import Anchor, Proration


class Through(NestedParams):
    """The end of billed usage; usage is not supported here."""

    type: Literal["none", "now"]


class From(NestedParams):
    """The start of the unused time to credit."""

    type: Literal["item_current_period_start", "none", "now"]


class BillFor(NestedParams):
    """Settlement of a subscription when it is paused."""

    outstanding_usage_through: Through | None = None
    unused_time_from: From | None = None


class PauseSubscription(Params):
    """POST /v1/subscriptions/{subscription}/pause."""

    bill_for: BillFor | None = None
    invoicing_behavior: Literal["invoice", "pending_invoice_item"] = "pending_invoice_item"
    type: Literal["subscription"] = "subscription"


class ResumeSubscription(Params):
    """POST /v1/subscriptions/{subscription}/resume."""

    billing_cycle_anchor: Anchor | None = None
    payment_behavior: Literal["resume_on_payment_attempt", "resume_on_payment_success"] = (
        "resume_on_payment_attempt"
    )
    proration_behavior: Proration = "create_prorations"
    proration_date: Int | None = None
