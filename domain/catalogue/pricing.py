"""Compute charges from an app's own catalogue, for providers without one (Mollie).

Every sum is exact before the provider is called: a charge that the provider would refuse, or
compute differently, is refused here with the path of the caller's field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from domain.core import money
from domain.core.errors import DomainError


class NotChargeable(DomainError):
    """The request can't be charged; `path` names the field at fault, `code` says why."""

    def __init__(self, *, code: str, message: str, path: str) -> None:
        super().__init__(code=code, message=message, path=path)
        self.code, self.message, self.path = code, message, path


class PriceTerms(Protocol):
    """Terms of a price in a catalogue."""

    @property
    def name(self) -> str | None:
        """Name shown on the line."""

    @property
    def currency(self) -> str:
        """Lower-case ISO code."""

    @property
    def amount_minor(self) -> int:
        """Amount of one unit."""

    @property
    def interval(self) -> str | None:
        """None: a one-time price."""

    @property
    def interval_count(self) -> int:
        """Number of intervals between charges."""


class TaxTerms(Protocol):
    """Terms of a tax rate in a catalogue."""

    @property
    def rate_ppm(self) -> int:
        """Rate in millionths."""

    @property
    def inclusive(self) -> bool:
        """Amounts contain the tax."""


@dataclass(frozen=True, kw_only=True)
class ChargeLine:
    """A line. `amount_minor`: as asked; `gross_minor`: with the tax, `tax_minor`, in it."""

    name: str
    price: str | None
    quantity: int
    amount_minor: int
    gross_minor: int
    tax_minor: int


@dataclass(frozen=True, kw_only=True)
class Charge:
    """All lines; the total is the sum of their gross amounts. `rate_ppm` None: untaxed.

    `inclusive`: amounts as asked contain the tax. `interval`: what it is asked for every so often,
    with how many of them; None: once.
    """

    currency: str
    lines: tuple[ChargeLine, ...]
    rate_ppm: int | None = None
    inclusive: bool = False
    interval: tuple[str, int] | None = None

    @property
    def total_minor(self) -> int:
        """Return the amount that the customer pays."""
        return sum(line.gross_minor for line in self.lines)

    @property
    def tax_minor(self) -> int:
        """Return the tax contained in the total."""
        return sum(line.tax_minor for line in self.lines)


@dataclass(frozen=True, kw_only=True)
class _Unit:
    name: str
    currency: str
    amount_minor: int
    path: str
    interval: tuple[str, int] | None = None


def charge_for(
    lines: Sequence[Mapping[str, Any]],
    *,
    prices: Mapping[str, PriceTerms],
    tax: TaxTerms | None,
    recurring: bool = False,
) -> Charge:
    """Compute a charge; `lines` as in InvoiceRequested. Raises NotChargeable."""
    units = [_unit(line, index, prices, recurring=recurring) for index, line in enumerate(lines)]
    _require_one(units, [unit.currency for unit in units], "currencies_mixed", "currency")
    intervals = [str(unit.interval) for unit in units]
    _require_one(units, intervals, "intervals_mixed", "interval")
    currency = units[0].currency
    step_minor = money.step_minor("mollie", currency)
    charged = [
        _line(line, unit, tax, step_minor=step_minor)
        for line, unit in zip(lines, units, strict=True)
    ]
    return Charge(
        currency=currency,
        lines=tuple(charged),
        rate_ppm=None if tax is None else tax.rate_ppm,
        inclusive=tax is not None and tax.inclusive,
        interval=units[0].interval,
    )


def _require_one(units: Sequence[_Unit], named: Sequence[str], code: str, what: str) -> None:
    other = next((index for index, name in enumerate(named) if name != named[0]), None)
    if other is not None:
        message = f"All lines must have one {what}; these have {', '.join(sorted(set(named)))}."
        raise NotChargeable(code=code, message=message, path=units[other].path)


def _unit(
    line: Mapping[str, Any], index: int, prices: Mapping[str, PriceTerms], *, recurring: bool
) -> _Unit:
    path = f"lineItems.{index}"
    if line["price"] is None:
        return _ad_hoc_unit(line, path, recurring=recurring)
    price_id, path = line["price"], f"{path}.price"
    price = prices.get(price_id)
    if price is None:
        message = f"The app's catalogue has no price {price_id}."
        raise NotChargeable(code="price_unknown", message=message, path=path)
    if price.interval is not None and not recurring:
        message = f"{price_id} is a recurring price; type payment takes one-time prices."
        raise NotChargeable(code="price_recurring", message=message, path=path)
    if price.interval is None and recurring:
        message = f"{price_id} is a one-time price; type subscription takes recurring prices."
        raise NotChargeable(code="price_not_recurring", message=message, path=path)
    return _Unit(
        name=line["name"] or price.name or "Item",
        currency=price.currency,
        amount_minor=price.amount_minor,
        path=path,
        interval=None if price.interval is None else (price.interval, price.interval_count),
    )


def _ad_hoc_unit(line: Mapping[str, Any], path: str, *, recurring: bool) -> _Unit:
    if recurring:
        message = "A subscription's lines have recurring prices."
        raise NotChargeable(code="price_missing", message=message, path=f"{path}.price")
    return _Unit(
        name=line["name"] or "Item",
        currency=line["currency"],
        amount_minor=line["amount_minor"],
        path=f"{path}.amountMinor",
    )


def _line(
    line: Mapping[str, Any], unit: _Unit, tax: TaxTerms | None, *, step_minor: int
) -> ChargeLine:
    if (fault := money.step_fault(unit.amount_minor, "mollie", unit.currency)) is not None:
        message = f"Amounts {fault} at Mollie."
        raise NotChargeable(code="amount_invalid", message=message, path=unit.path)
    amount = money.line_total(unit.amount_minor, line["quantity"])
    tax_minor, gross = 0, amount
    if tax is not None and tax.inclusive:
        tax_minor = money.tax_within(amount, tax.rate_ppm, step_minor=step_minor)
    elif tax is not None:
        tax_minor = money.tax_on(amount, tax.rate_ppm, step_minor=step_minor)
        gross = money.line_total(amount + tax_minor, 1)
    return ChargeLine(
        name=unit.name,
        price=line["price"],
        quantity=line["quantity"],
        amount_minor=amount,
        gross_minor=gross,
        tax_minor=tax_minor,
    )
