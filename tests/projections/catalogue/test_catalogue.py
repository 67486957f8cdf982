import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from domain.catalogue.catalogue import Price, TaxRate
from domain.catalogue.commands import SetPrice, SetTaxRate
from projections.catalogue.queries import CatalogueQueries
from tests.projections.harness import APP, append, projecting, reading
from tests.projections.random_events import AT

LATER = AT + timedelta(hours=1)


def set_price(**changes: Any) -> SetPrice:
    terms: dict[str, Any] = {
        "app_id": APP,
        "price_id": "price_pro",
        "name": "Pro Plan",
        "currency": "eur",
        "amount_minor": 1999,
        "interval": "month",
        "interval_count": 1,
    }
    return SetPrice(**terms | changes, actor="key:1")


def set_tax_rate(**changes: Any) -> SetTaxRate:
    terms: dict[str, Any] = {
        "app_id": APP,
        "tax_rate_id": "txr_standard",
        "name": "VAT",
        "rate_ppm": 190_000,
        "inclusive": False,
    }
    return SetTaxRate(**terms | changes, actor="key:1")


def test_a_price_reads_as_it_was_last_set_whether_folded_at_once_or_one_by_one(
    database: str,
) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            catalogue = CatalogueQueries(books.pool)
            price = Price.create(set_price(), occurred_at=AT)
            position = await append(books.log, price)
            assert await books.invoices.wait_for("catalogue", position, 10)
            known = await catalogue.price(APP, "price_pro")
            assert known is not None
            assert (known.amount_minor, known.interval, known.created_at) == (1999, "month", AT)
            price.change(set_price(amount_minor=2500, interval=None), occurred_at=LATER)
            price.change(set_price(amount_minor=3000, interval=None), occurred_at=LATER)
            position = await append(books.log, price)
            assert await books.invoices.wait_for("catalogue", position, 10)
            known = await catalogue.price(APP, "price_pro")
            assert known is not None
            assert (known.amount_minor, known.interval) == (3000, None)
            assert (known.created_at, known.updated_at, known.position) == (AT, LATER, position)

    asyncio.run(scenario())


def test_a_tax_rate_reads_as_it_was_last_set(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            catalogue = CatalogueQueries(books.pool)
            tax_rate = TaxRate.create(set_tax_rate(), occurred_at=AT)
            tax_rate.change(set_tax_rate(rate_ppm=77_500, inclusive=True), occurred_at=LATER)
            position = await append(books.log, tax_rate)
            assert await books.invoices.wait_for("catalogue", position, 10)
            known = await catalogue.tax_rate(APP, "txr_standard")
            assert known is not None
            assert (known.rate_ppm, known.inclusive, known.name) == (77_500, True, "VAT")
            assert (known.created_at, known.updated_at) == (AT, LATER)

    asyncio.run(scenario())


def test_each_app_has_a_catalogue_of_its_own(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            catalogue = CatalogueQueries(books.pool)
            await append(books.log, Price.create(set_price(app_id=UUID(int=2)), occurred_at=AT))
            position = await append(
                books.log, Price.create(set_price(amount_minor=5), occurred_at=AT)
            )
            assert await books.invoices.wait_for("catalogue", position, 10)
            own = await catalogue.price(APP, "price_pro")
            assert own is not None
            assert own.amount_minor == 5
            assert await catalogue.price(UUID(int=3), "price_pro") is None

    asyncio.run(scenario())


def test_a_row_that_the_log_has_gone_beyond_is_not_given(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            price = Price.create(set_price(), occurred_at=AT)
            position = await append(books.log, price)
            assert await books.invoices.wait_for("catalogue", position, 10)
        async with reading(database) as books:
            catalogue = CatalogueQueries(books.pool)
            assert await catalogue.price(APP, "price_pro") is not None
            price.change(set_price(amount_minor=1), occurred_at=LATER)
            await append(books.log, price)
            assert await catalogue.price(APP, "price_pro") is None

    asyncio.run(scenario())
