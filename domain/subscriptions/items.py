"""Items, requested lines and agreed terms of a subscription, as its view has them.

Events store each of them as a dictionary of the same fields. Reading one never fails: a field that
an older event lacks gets its default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from domain.catalogue.pricing import Charge, ChargeLine


@dataclass(frozen=True, slots=True)
class RequestedPrice:
    """A line of a requested change; `price`: its name, or the provider's id."""

    price: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ScheduledItem:
    """An item of a later phase; `quantity` None: billed by usage."""

    price: str
    quantity: int | None


@dataclass(frozen=True, slots=True)
class LaterPhase:
    """A later phase of a schedule; `starts_at` in Unix seconds."""

    starts_at: int
    items: list[ScheduledItem]


@dataclass(frozen=True, slots=True)
class ScheduledChange:
    """Our own change that waits for the next period; `at` None: the period's end is unknown."""

    lines: list[RequestedPrice]
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribedItem:
    """An item; `amount_minor` is for one unit and one period, None where it is not a whole one.

    `amount_decimal`: the exact amount where it has a fraction. `usage_based`: no amount is agreed.
    """

    id: str | None = None
    price: str | None = None
    name: str | None = None
    quantity: int | None = None
    amount_minor: int | None = None
    amount_decimal: str | None = None
    currency: str | None = None
    interval: str | None = None
    interval_count: int | None = None
    usage_based: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The charge each period, where the provider keeps only the sum. `rate_ppm` None: untaxed."""

    currency: str
    interval: str
    interval_count: int
    rate_ppm: int | None
    inclusive: bool
    lines: list[ChargeLine]

    @property
    def every(self) -> tuple[str, int]:
        """Return the interval and its count."""
        return self.interval, self.interval_count

    @property
    def charge(self) -> Charge:
        """Return the charge of each period."""
        return Charge(
            currency=self.currency,
            lines=tuple(self.lines),
            rate_ppm=self.rate_ppm,
            inclusive=self.inclusive,
            interval=self.every,
        )


@dataclass(frozen=True, slots=True)
class NextTerms:
    """Terms that apply from `starts_at` on, in Unix seconds."""

    terms: Terms
    starts_at: int


def has_lines(items: Sequence[SubscribedItem], lines: Iterable[RequestedPrice]) -> bool:
    """Return whether a subscription with these items already has the requested ones."""
    usage_based = {item.price for item in items if item.usage_based}
    has = sorted(
        (item.price or "", 0 if item.usage_based else item.quantity or 0) for item in items
    )
    return has == sorted(
        (line.price, 0 if line.price in usage_based else line.quantity) for line in lines
    )


_ITEM_FIELDS: Final = frozenset(field.name for field in fields(SubscribedItem))


def read_items(stored: Iterable[Mapping[str, Any]]) -> list[SubscribedItem]:
    """Read the items of an event."""
    return [
        SubscribedItem(**{name: value for name, value in item.items() if name in _ITEM_FIELDS})
        for item in stored
    ]


def read_requested(stored: Iterable[Mapping[str, Any]]) -> list[RequestedPrice]:
    """Read the lines of a requested or scheduled change."""
    return [RequestedPrice(line.get("price") or "", line.get("quantity", 1)) for line in stored]


def read_phases(stored: Iterable[Mapping[str, Any]]) -> list[LaterPhase]:
    """Read the later phases of a schedule."""
    return [
        LaterPhase(
            phase.get("starts_at", 0),
            [
                ScheduledItem(item.get("price") or "", item.get("quantity"))
                for item in phase.get("items", ())
            ],
        )
        for phase in stored
    ]


def read_terms(stored: Mapping[str, Any]) -> Terms:
    """Read agreed terms."""
    return Terms(
        currency=stored.get("currency", ""),
        interval=stored.get("interval", "month"),
        interval_count=stored.get("interval_count", 1),
        rate_ppm=stored.get("rate_ppm"),
        inclusive=stored.get("inclusive", False),
        lines=[_read_line(line) for line in stored.get("lines", ())],
    )


def _read_line(stored: Mapping[str, Any]) -> ChargeLine:
    amount = stored.get("amount_minor", 0)
    return ChargeLine(
        name=stored.get("name", ""),
        price=stored.get("price"),
        quantity=stored.get("quantity", 1),
        amount_minor=amount,
        gross_minor=stored.get("gross_minor", amount),
        tax_minor=stored.get("tax_minor", 0),
    )
