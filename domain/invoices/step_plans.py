"""Plans of an invoice's steps: the data that was fetched for a call.

Every repeat of the call under its key sends the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.core.steps import StepPlan


@dataclass(frozen=True, kw_only=True)
class DraftPlan(StepPlan):
    """Step `create` of an invoice. `currency` None: the provider determines it.

    `method`: the payment method that the customer has, requested or default.
    """

    customer: str
    currency: str | None = None
    method: str | None = None


@dataclass(frozen=True, kw_only=True)
class AddLinesPlan(StepPlan):
    """The step after `create`, mostly `lines`: the currency that the draft has."""

    currency: str


@dataclass(frozen=True, kw_only=True)
class RetryPlan(StepPlan):
    """A retry. `charge`: the last attempt before it, empty where there was none."""

    charge: str


@dataclass(frozen=True, kw_only=True)
class SubscribePlan(StepPlan):
    """Step `subscribe`. `method`: the payment method that the customer has."""

    customer: str
    method: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeclinedPlan(StepPlan):
    """Step `unsubscribe`: the declined payment for which the subscription is ended."""

    id: str
    amount: int
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None
    method: str | None = None


@dataclass(frozen=True, kw_only=True)
class DiscardPlan(StepPlan):
    """Step `discard`: the rejection for which the draft is deleted."""

    code: str
    message: str
    path: str | None = None
    provider_code: str | None = None


@dataclass(frozen=True, kw_only=True)
class CapturePlan(StepPlan):
    """Step `capture`: the amount to take of an authorized payment."""

    payment: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class RefundPlan(StepPlan):
    """Step of a refund: the payment that it is taken from."""

    payment: str
