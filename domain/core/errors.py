"""What the domain refuses. Facts are attributes; no error here knows HTTP.

DomainError
├── UnknownCurrency
├── InvalidAmount
├── NotFound
├── Contradiction
│   ├── CustomerTaken
│   └── NotPossible
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


class NotPossible(Contradiction):
    """`action` can't be asked of an invoice for `reason`; `path` names the field, if one is."""

    def __init__(self, *, action: str, reason: str, path: str | None = None) -> None:
        super().__init__(action=action, reason=reason, path=path)
        self.action, self.reason, self.path = action, reason, path


class StaleWrite(DomainError):
    """Others kept changing `id`; three tries did not get through."""
