"""Errors of the domain. Details are attributes; HTTP is unknown here.

DomainError
├── UnknownCurrency
├── InvalidAmount
├── NotFound
├── IdOfOtherKind
├── Contradiction
│   ├── CustomerTaken
│   └── NotPossible
└── StaleWrite
"""

from __future__ import annotations


class DomainError(Exception):
    """Base class of the domain's errors; `facts` holds the details by name."""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(", ".join(f"{name}={value!r}" for name, value in facts.items()))


class UnknownCurrency(DomainError):
    """`currency` is no lower-case ISO code that we bill in."""


class InvalidAmount(DomainError):
    """`amount` does not fit the currency or 64 bits."""


class NotFound(DomainError):
    """`kind` with `id` does not exist."""


class IdOfOtherKind(DomainError):
    """`id` is that of an aggregate of another kind than `kind`."""


class Contradiction(DomainError):
    """The request contradicts an earlier one about `what`."""


class CustomerTaken(Contradiction):
    """`customer_id` of `connection` belongs to another tenant already."""


class NotPossible(Contradiction):
    """`action` is not possible for `reason`; `path` names the field that caused it, if any."""

    def __init__(self, *, action: str, reason: str, path: str | None = None) -> None:
        super().__init__(action=action, reason=reason, path=path)
        self.action, self.reason, self.path = action, reason, path


class StaleWrite(DomainError):
    """Three tries to write `id` conflicted with other writers."""
