"""Plan the history of the demo company: the same steps for the same seed, months and end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Final, Literal
from uuid import UUID

from cli.demo_company.actions import (
    PLANS,
    Action,
    Bill,
    Cancel,
    ChangeSeats,
    CloseDispute,
    CloseOpen,
    CompanyPlan,
    Customer,
    DeclineNext,
    Dispute,
    Join,
    PayOpen,
    Refund,
    ReplaceMethod,
    Request,
    Step,
)
from cli.demo_company.names import company_names, legal_name

MONTH: Final = timedelta(days=365.2425 / 12)
_FIRST_MONTH: Final = 22
_GROWTH: Final = 4
_MOLLIE_PERCENT: Final = 40
_CARDS: Final = (
    *("pm_card_visa", "pm_card_visa", "pm_card_mastercard", "pm_card_mastercard"),
    *("pm_card_amex", "pm_card_visa_debit", "pm_card_nl", "pm_card_de"),
)
_IBAN: Final = "DE89370400440532013000"
_BAD_CARDS: Final = (
    "pm_card_chargeDeclinedInsufficientFunds",
    "pm_card_chargeDeclinedInsufficientFunds",
    "pm_card_chargeDeclinedExpiredCard",
    "pm_card_chargeCustomerFail",
    "pm_card_chargeDeclinedLostCard",
)
_MOLLIE_METHODS: Final = ("ideal", "ideal", "ideal", "creditcard", "bancontact", "paypal")
_COUNTRIES: Final = {
    "stripe": ("DE", "DE", "FR", "US", "US", "NL"),
    "mollie": ("NL", "NL", "NL", "BE", "BE", "DE"),
}
_EXTRAS: Final = (
    ("Onboarding workshop", 45000),
    ("Data migration", 120000),
    ("Additional storage, 500 GB", 7500),
    ("Priority support", 30000),
    ("Custom report", 18000),
)
# What becomes of a customer in a month: weights.
_TURNS: Final = {
    "nothing": 68,
    "cancel": 4,
    "failing": 5,
    "grow": 5,
    "shrink": 2,
    "extra": 11,
    "refund": 4,
    "dispute": 1,
}

# (time after joining in months, action): one story each for the first customers of a provider, so
# that the shortest history has every kind of money.
Story = tuple[tuple[float, Action], ...]
_STRIPE_STORIES: Final[tuple[Story, ...]] = (
    ((1.2, Dispute()), (1.7, CloseDispute(won=True))),
    ((0.3, Dispute()), (0.9, CloseDispute(won=False))),
    ((0.2, Refund(percent=100)),),
    ((1.15, Refund(percent=30)),),
    (
        (0.6, ReplaceMethod(method=_BAD_CARDS[0])),
        (1.12, ReplaceMethod(method="pm_card_visa")),
    ),
    ((0.6, ReplaceMethod(method=_BAD_CARDS[2])),),
    ((0.4, Bill(amount_minor=84000, description="Custom integration", due_days=14)),),
    (
        (0.3, Bill(amount_minor=26000, description="Training day", due_days=14)),
        (1.5, CloseOpen(ending="mark_uncollectible")),
    ),
    (
        (0.5, Bill(amount_minor=15000, description="Custom report", due_days=30)),
        (0.6, CloseOpen(ending="void")),
    ),
    (
        (0.5, Bill(amount_minor=62000, description="Data migration", due_days=30)),
        (1.1, PayOpen(method="pm_card_mastercard")),
    ),
    ((0.8, ChangeSeats(seats=6)),),
    ((1.6, Cancel()),),
    ((1.4, Dispute()),),
)
_MOLLIE_STORIES: Final[tuple[Story, ...]] = (
    ((0.5, Dispute()),),
    ((0.3, Dispute()), (0.8, CloseDispute(won=True))),
    ((0.2, Refund(percent=100)),),
    ((1.3, Refund(percent=50)),),
    ((0.9, DeclineNext()),),
    ((1.6, Cancel()),),
    ((0.7, ChangeSeats(seats=4)),),
    ((0.4, Bill(amount_minor=45000, description="Onboarding workshop")),),
)
# Quantities, and the amounts that are refunded.
_REQUESTED: Final = ((1, None), (2, None), (4, 6000))
# What the newest customers do on the day of the import.
_PRESENT: Final[tuple[Action, ...]] = (
    Bill(amount_minor=18000, description="Custom report"),
    Bill(amount_minor=45000, description="Onboarding workshop", due_days=14),
    Refund(percent=50),
    Bill(amount_minor=7500, description="Additional storage, 500 GB"),
)


def make_plan(*, seed: int, months: int, until: datetime) -> CompanyPlan:
    """Plan the company's months up to `until`; `months`: 1 or more."""
    random = Random(seed)  # noqa: S311 - no secret depends on it
    start = until - months * MONTH
    names = company_names(random)
    customers: list[Customer] = []
    steps: list[Step] = []
    for month in range(months):
        added = _FIRST_MONTH if month == 0 else _GROWTH + month // 3 + random.randrange(3)
        for _ in range(added):
            customer = _customer(random, len(customers), next(names))
            same = sum(known.provider == customer.provider for known in customers)
            customers.append(customer)
            joined_at = start + (month + random.random()) * MONTH
            if month == 0:  # those with a story join early, so that it ends within two months
                joined_at = start + random.random() * MONTH / 4
            steps += _life(random, customer, joined_at, until=until, story=_story(customer, same))
    steps.sort(key=lambda step: (step.at, step.customer.number))
    steps = [step for step in steps if step.at < until]
    return CompanyPlan(
        start=start,
        until=until,
        customers=tuple(customers),
        steps=tuple(steps),
        present=tuple(_present(customers, until)),
        requests=tuple(_requests(steps)),
    )


def _present(customers: list[Customer], until: datetime) -> Iterator[Step]:
    """Yield what the newest customers at Stripe do once webhooks arrive.

    None at Mollie: payments that were requested elsewhere arrive there by imports alone.
    """
    newest = [one for one in customers if one.provider == "stripe"][-len(_PRESENT) :]
    for customer, action in zip(newest, _PRESENT, strict=True):
        yield Step(at=until, customer=customer, action=action)


def _requests(steps: list[Step]) -> Iterator[Request]:
    """Yield requests for the newest customers that pay in EUR, at Stripe by card."""
    payers = [
        step.customer
        for step in steps
        if isinstance(step.action, Join)
        and step.action.method != _IBAN
        and step.customer.currency == "eur"
    ]
    at_stripe = [customer for customer in payers if customer.provider == "stripe"]
    for customer, (quantity, refund_minor) in zip(at_stripe[-3:], _REQUESTED, strict=False):
        yield Request(customer=customer, quantity=quantity, refund_minor=refund_minor)
    for customer in [customer for customer in payers if customer.provider == "mollie"][-1:]:
        yield Request(customer=customer, quantity=1)


def _customer(random: Random, number: int, named: tuple[str, str]) -> Customer:
    # Alternating at first, so that both providers' stories have a customer.
    is_mollie = number % 5 in (1, 3) if number < _FIRST_MONTH else _happens(random, _MOLLIE_PERCENT)
    provider: Literal["stripe", "mollie"] = "mollie" if is_mollie else "stripe"
    country = random.choice(_COUNTRIES[provider])
    name, email = named
    return Customer(
        number=number,
        tenant_id=UUID(int=random.getrandbits(128), version=4),
        name=legal_name(name, country),
        email=email,
        country=country,
        provider=provider,
        currency="usd" if country == "US" else "eur",
    )


def _story(customer: Customer, number: int) -> Story | None:
    stories = _STRIPE_STORIES if customer.provider == "stripe" else _MOLLIE_STORIES
    return stories[number] if number < len(stories) else None


def _life(
    random: Random,
    customer: Customer,
    joined_at: datetime,
    *,
    until: datetime,
    story: Story | None,
) -> Iterator[Step]:
    """Yield a customer's steps up to `until`: the story, if there is one, else months at random."""
    join = _join(random, customer, monthly=story is not None)
    yield Step(at=joined_at, customer=customer, action=join)
    timeline = story if story is not None else _months(random, customer, join.seats)
    for after_months, action in timeline:
        at = joined_at + after_months * MONTH
        if at >= until:
            return
        yield Step(at=at, customer=customer, action=action)


def _join(random: Random, customer: Customer, *, monthly: bool) -> Join:
    weights = (45, 35, 12, 0 if monthly else 8)
    (plan,) = random.choices(PLANS, weights)
    seats = 1 if plan.interval == "year" else random.choice((1, 1, 1, 2, 3))
    method = random.choice(_CARDS if customer.provider == "stripe" else _MOLLIE_METHODS)
    if customer.provider == "stripe" and customer.country == "DE" and _happens(random, 33):
        method = _IBAN
    return Join(plan=plan, seats=seats, method=method)


def _months(random: Random, customer: Customer, seats: int) -> Iterator[tuple[float, Action]]:
    """Yield what becomes of a customer month by month, without end until it cancels."""
    went_back = False
    for month in count(1):
        (turn,) = random.choices(list(_TURNS), list(_TURNS.values()))
        later = month + random.uniform(0.2, 0.8)
        match turn:
            case "cancel":
                yield later, Cancel()
                return
            case "failing":
                yield from _failing_renewal(random, customer, month)
            case "grow" | "shrink":
                seats = max(1, seats + (random.choice((1, 1, 2)) if turn == "grow" else -1))
                yield later, ChangeSeats(seats=seats)
            case "extra":
                yield from _extra(random, customer, later)
            case "refund" | "dispute" if not went_back:
                went_back = True
                yield from _money_back(random, later, refund=turn == "refund")


def _money_back(random: Random, later: float, *, refund: bool) -> Iterator[tuple[float, Action]]:
    if refund:
        yield later, Refund(percent=random.choice((100, 50, 25)))
        return
    yield later, Dispute()
    yield later + 0.6, CloseDispute(won=_happens(random, 50))


def _happens(random: Random, percent: int) -> bool:
    return random.randrange(100) < percent


def _failing_renewal(
    random: Random, customer: Customer, month: int
) -> Iterator[tuple[float, Action]]:
    """Make the next renewal fail; most customers of Stripe then give another card in time."""
    if customer.provider == "mollie":
        yield month + 0.9, DeclineNext()
        return
    yield month + 0.5, ReplaceMethod(method=random.choice(_BAD_CARDS))
    if _happens(random, 65):
        yield month + 1.13, ReplaceMethod(method="pm_card_visa")


def _extra(random: Random, customer: Customer, later: float) -> Iterator[tuple[float, Action]]:
    """Bill something once; half of Stripe's customers get an invoice with days to pay."""
    description, amount_minor = random.choice(_EXTRAS)
    if customer.provider == "mollie" or _happens(random, 50):
        yield later, Bill(amount_minor=amount_minor, description=description)
        return
    due_days = random.choice((14, 30))
    yield later, Bill(amount_minor=amount_minor, description=description, due_days=due_days)
    if _happens(random, 80):
        yield later + random.uniform(0.1, 1.2), PayOpen(method="pm_card_mastercard")
