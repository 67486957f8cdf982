"""Actions of a demo company's customers and banks, each at one time of the provider's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

Interval = Literal["month", "year"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan of the company; the amount is for one seat, the same number in each currency."""

    name: str
    amount_minor: int
    interval: Interval = "month"


PLANS: Final = (
    Plan(name="Starter", amount_minor=2900),
    Plan(name="Team", amount_minor=9900),
    Plan(name="Scale", amount_minor=24900),
    Plan(name="Team, yearly", amount_minor=99000, interval="year"),
)

ONE_TIME: Final = ("Consulting, one hour", 12000)


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A customer of the company; `currency` in lower case."""

    number: int
    tenant_id: UUID
    name: str
    email: str
    country: str
    provider: Literal["stripe", "mollie"]
    currency: str


@dataclass(frozen=True, kw_only=True)
class Join:
    """Start a subscription. `method`: a test card or IBAN of Stripe, or a method of Mollie."""

    plan: Plan
    seats: int
    method: str


@dataclass(frozen=True, kw_only=True)
class Bill:
    """Bill something once: at once, or by an invoice that is due after some days."""

    amount_minor: int
    description: str
    due_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class PayOpen:
    """Pay the newest open invoice on its page."""

    method: str


@dataclass(frozen=True, kw_only=True)
class ReplaceMethod:
    """Replace the default payment method."""

    method: str


@dataclass(frozen=True, kw_only=True)
class DeclineNext:
    """Make the account's next renewal fail."""


@dataclass(frozen=True, kw_only=True)
class ChangeSeats:
    """Change the number of seats of the subscription."""

    seats: int


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """End the subscription."""


@dataclass(frozen=True, kw_only=True)
class Refund:
    """Refund a share of the newest payment, in percent."""

    percent: int


@dataclass(frozen=True, kw_only=True)
class Dispute:
    """Dispute the newest payment; at Mollie a chargeback."""


@dataclass(frozen=True, kw_only=True)
class CloseDispute:
    """Decide the open dispute."""

    won: bool


@dataclass(frozen=True, kw_only=True)
class CloseOpen:
    """Void the newest open invoice, or mark it uncollectible."""

    ending: Literal["void", "mark_uncollectible"]


Action: TypeAlias = (
    Join
    | Bill
    | PayOpen
    | ReplaceMethod
    | DeclineNext
    | ChangeSeats
    | Cancel
    | Refund
    | Dispute
    | CloseDispute
    | CloseOpen
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """An action of a customer at a time."""

    at: datetime
    customer: Customer
    action: Action


@dataclass(frozen=True, kw_only=True)
class Request:
    """An invoice that is requested from the API, and the amount of it that is refunded then."""

    customer: Customer
    quantity: int
    refund_minor: int | None = None


@dataclass(frozen=True, kw_only=True)
class CompanyPlan:
    """All customers of the company, and their steps in order of time.

    `present`: steps after the import, which arrive by webhooks. `requests`: what is requested from
    the API.
    """

    start: datetime
    until: datetime
    customers: tuple[Customer, ...]
    steps: tuple[Step, ...]
    present: tuple[Step, ...]
    requests: tuple[Request, ...]
