"""Prices and tax rates: what an app sells and how it is taxed."""

from collections.abc import Sequence
from typing import Any, Final

from domain.catalogue.catalogue import (
    CatalogueEvent,
    PriceChanged,
    PriceCreated,
    TaxRateChanged,
    TaxRateCreated,
)
from domain.events import topics_of
from eventlog.codec import Codec
from eventlog.follow.handler import Cursor, Handle
from eventlog.reading import RecordedEvent
from projections.engine.tables import Rows, Table, load, upsert

NAME: Final = "catalogue"
TOPICS: Final = topics_of(CatalogueEvent)

_SHARED: Final = ("created_at", "updated_at", "version", "position")
_PRICE: Final = (
    "app_id", "price_id", "name", "currency", "amount_minor", "interval", "interval_count"
)  # fmt: skip
_TAX_RATE: Final = ("app_id", "tax_rate_id", "name", "rate_ppm", "inclusive")

PRICES: Final = Table("prices", key=("id",), columns=("id", *_PRICE, *_SHARED))
TAX_RATES: Final = Table("tax_rates", key=("id",), columns=("id", *_TAX_RATE, *_SHARED))


def handler(schema: str) -> Handle:
    """Return what folds batches into one generation's tables."""
    codec = Codec()

    async def handle(cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        events = [(recorded.position, codec.decode(recorded)) for recorded in batch]
        changed = {
            kind: [(event.originator_id,) for _, event in events if isinstance(event, kind)]
            for kind in (PriceChanged, TaxRateChanged)
        }
        prices = await load(cursor, PRICES, changed[PriceChanged], schema=schema)
        tax_rates = await load(cursor, TAX_RATES, changed[TaxRateChanged], schema=schema)
        for position, event in events:
            match event:
                case PriceCreated() | PriceChanged():
                    _take(prices, event, _PRICE, position=position)
                case TaxRateCreated() | TaxRateChanged():
                    _take(tax_rates, event, _TAX_RATE, position=position)
                case _:
                    raise AssertionError(
                        f"{type(event).__name__} is not an event of this projection"
                    )
        await upsert(cursor, PRICES, list(prices.values()), schema=schema)
        await upsert(cursor, TAX_RATES, list(tax_rates.values()), schema=schema)

    return handle


def _take(
    rows: Rows,
    event: PriceCreated | PriceChanged | TaxRateCreated | TaxRateChanged,
    terms: Sequence[str],
    *,
    position: int,
) -> None:
    """Put what the event says in the row's place; each says all of it."""
    key = (event.originator_id,)
    created_at = rows[key]["created_at"] if key in rows else event.timestamp
    row: dict[str, Any] = {name: getattr(event, name) for name in terms}
    rows[key] = {
        "id": event.originator_id,
        **row,
        "created_at": created_at,
        "updated_at": event.timestamp,
        "version": event.originator_version,
        "position": position,
    }
