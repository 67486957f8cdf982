"""Play a plan at the sandboxes of both providers, with their accounts' clocks in the past."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from cli.demo_company.actions import (
    ONE_TIME,
    PLANS,
    Bill,
    Cancel,
    ChangeSeats,
    CloseDispute,
    CloseOpen,
    CompanyPlan,
    DeclineNext,
    Dispute,
    Join,
    PayOpen,
    Refund,
    ReplaceMethod,
    Step,
)
from cli.demo_company.sandbox_admin import SandboxAdmin
from workers.providers.mollie.demo_company import MollieDemoCompany
from workers.providers.stripe.demo_company import StripeDemoCompany


class Company(Protocol):
    """The company's account at one provider."""

    @property
    def customer_ids(self) -> dict[int, str]:
        """Return the customers' ids by number."""

    def make_catalogue(
        self, plans: Sequence[tuple[str, int, str]], *, one_time: tuple[str, int]
    ) -> None:
        """Create plans (name, amount in minor units, interval), and what is sold once."""

    def add_customer(
        self, number: int, *, name: str, email: str, country: str, currency: str
    ) -> None:
        """Create a customer."""

    def subscribe(self, number: int, *, plan: str, seats: int, method: str) -> None:
        """Start a subscription."""

    def replace_method(self, number: int, method: str) -> None:
        """Replace the default payment method."""

    def bill(
        self, number: int, *, amount_minor: int, description: str, due_days: int | None
    ) -> None:
        """Bill something once."""

    def pay_open(self, number: int, *, method: str) -> None:
        """Pay the newest open invoice."""

    def close_open(self, number: int, *, ending: str) -> None:
        """Void the newest open invoice, or mark it uncollectible."""

    def change_seats(self, number: int, *, seats: int) -> None:
        """Change the number of seats."""

    def cancel(self, number: int) -> None:
        """End the subscription."""

    def refund(self, number: int, *, percent: int) -> None:
        """Refund a share of the newest payment."""

    def dispute(self, number: int) -> None:
        """Dispute the newest payment."""

    def close_dispute(self, number: int, *, won: bool) -> None:
        """Decide the open dispute."""

    def decline_next(self) -> None:
        """Make the next renewal fail."""


@dataclass(kw_only=True)
class SandboxCompany:
    """The demo company's accounts: new ones, because a sandbox opens an account for each key."""

    stripe_key: str
    mollie_key: str
    stripe_api_base: str
    mollie_api_base: str
    stripe_admin: SandboxAdmin
    mollie_admin: SandboxAdmin
    _today: date = field(default=date.min, init=False)

    def __post_init__(self) -> None:
        self.stripe = StripeDemoCompany(
            self.stripe_key, api_base=self.stripe_api_base, admin=self.stripe_admin
        )
        self.mollie = MollieDemoCompany(
            self.mollie_key,
            api_base=self.mollie_api_base,
            admin=self.mollie_admin,
            today=lambda: self._today,
        )

    def play(self, plan: CompanyPlan, *, report: Callable[[datetime], None]) -> None:
        """Do all steps of a plan, then let both clocks run from the present.

        `report` is called after each step with its time.
        """
        self._set_clocks(plan.start.timestamp(), frozen=True)
        catalogue = [(each.name, each.amount_minor, each.interval) for each in PLANS]
        self.stripe.make_catalogue(catalogue, one_time=ONE_TIME)
        self.mollie.make_catalogue(catalogue, one_time=ONE_TIME)
        for step in plan.steps:
            self._play(step)
            report(step.at)
        self._set_clocks(time.time(), frozen=False)

    def perform(self, step: Step) -> None:
        """Do one step at the present time of the accounts' clocks."""
        company: Company = self.stripe if step.customer.provider == "stripe" else self.mollie
        self._today = step.at.date()
        perform(company, step)

    def _play(self, step: Step) -> None:
        is_stripe = step.customer.provider == "stripe"
        admin = self.stripe_admin if is_stripe else self.mollie_admin
        admin.set_clock(step.at.timestamp(), frozen=True)
        self.perform(step)

    def _set_clocks(self, unix_s: float, *, frozen: bool) -> None:
        self.stripe_admin.set_clock(unix_s, frozen=frozen)
        self.mollie_admin.set_clock(unix_s, frozen=frozen)


def perform(company: Company, step: Step) -> None:
    """Do one step in an account."""
    customer = step.customer
    number = customer.number
    match step.action:
        case Join(plan=plan, seats=seats, method=method):
            company.add_customer(
                number,
                name=customer.name,
                email=customer.email,
                country=customer.country,
                currency=customer.currency,
            )
            company.subscribe(number, plan=plan.name, seats=seats, method=method)
        case ReplaceMethod(method=method):
            company.replace_method(number, method)
        case ChangeSeats(seats=seats):
            company.change_seats(number, seats=seats)
        case Cancel():
            company.cancel(number)
        case DeclineNext():
            company.decline_next()
        case Bill() | PayOpen() | CloseOpen():
            _bill(company, number, step.action)
        case Refund() | Dispute() | CloseDispute():
            _give_back(company, number, step.action)


def _bill(company: Company, number: int, action: Bill | PayOpen | CloseOpen) -> None:
    match action:
        case Bill(amount_minor=amount_minor, description=description, due_days=due_days):
            company.bill(
                number, amount_minor=amount_minor, description=description, due_days=due_days
            )
        case PayOpen(method=method):
            company.pay_open(number, method=method)
        case CloseOpen(ending=ending):
            company.close_open(number, ending=ending)


def _give_back(company: Company, number: int, action: Refund | Dispute | CloseDispute) -> None:
    match action:
        case Refund(percent=percent):
            company.refund(number, percent=percent)
        case Dispute():
            company.dispute(number)
        case CloseDispute(won=won):
            company.close_dispute(number, won=won)
