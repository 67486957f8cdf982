"""Commands on the catalogue: frozen and already validated."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.core.calendar import Interval


@dataclass(frozen=True, kw_only=True)
class SetPrice:
    """Make or replace a catalogue price; without an interval it is paid once."""

    app_id: UUID
    price_id: str
    name: str | None
    currency: str
    amount_minor: int
    interval: Interval | None
    interval_count: int
    actor: str


@dataclass(frozen=True, kw_only=True)
class SetTaxRate:
    """Make or replace a tax rate; `rate_ppm` in millionths."""

    app_id: UUID
    tax_rate_id: str
    name: str | None
    rate_ppm: int
    inclusive: bool
    actor: str
