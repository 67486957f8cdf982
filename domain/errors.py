"""What the domain refuses. Facts are attributes; no error here knows HTTP.

DomainError
├── UnknownCurrency
├── InvalidAmount
├── NotFound
├── Contradiction
│   └── CustomerTaken
└── StaleWrite
"""

from __future__ import annotations


class DomainError(Exception):
    """The root of all refusals; keyword facts become attributes."""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(", ".join(f"{name}={value!r}" for name, value in facts.items()))


class UnknownCurrency(DomainError):
    """`currency` is no lower-case ISO code that we bill in."""


class InvalidAmount(DomainError):
    """`amount` does not fit the currency or 64 bits."""


class NotFound(DomainError):
    """`kind` with `id` does not exist."""


class Contradiction(DomainError):
    """`what` was asked of something that has already decided otherwise."""


class CustomerTaken(Contradiction):
    """`customer_id` of `connection` is another tenant already."""


class StaleWrite(DomainError):
    """Others kept changing `id`; three tries did not get through."""
