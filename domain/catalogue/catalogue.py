"""Prices and tax rates: the catalogue of an app, for providers that keep none (Mollie)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.catalogue.commands import SetPrice, SetTaxRate
from domain.core import ids
from domain.core.aggregate import AggregateRoot, DomainEvent


class CatalogueEvent(DomainEvent):
    """Base class of the catalogue's events."""


class PriceEvent(CatalogueEvent):
    """Base class of a price's events."""


class PriceCreated(PriceEvent, Aggregate.Created):
    """A unit costs so much: once, or every `interval_count` intervals where there is one."""

    TOPIC: ClassVar[str] = "price.created"
    app_id: UUID
    price_id: str
    name: str | None
    currency: str
    amount_minor: int
    interval: str | None
    interval_count: int


class PriceChanged(PriceEvent):
    """The price was changed for new requests; earlier agreements keep theirs."""

    TOPIC: ClassVar[str] = "price.changed"
    app_id: UUID
    price_id: str
    name: str | None
    currency: str
    amount_minor: int
    interval: str | None
    interval_count: int


class TaxRateEvent(CatalogueEvent):
    """Base class of a tax rate's events."""


class TaxRateCreated(TaxRateEvent, Aggregate.Created):
    """A tax of `rate_ppm` millionths (19 % is 190,000), contained in amounts or added to them."""

    TOPIC: ClassVar[str] = "tax_rate.created"
    app_id: UUID
    tax_rate_id: str
    name: str | None
    rate_ppm: int
    inclusive: bool


class TaxRateChanged(TaxRateEvent):
    """The tax rate of new requests was changed."""

    TOPIC: ClassVar[str] = "tax_rate.changed"
    app_id: UUID
    tax_rate_id: str
    name: str | None
    rate_ppm: int
    inclusive: bool


class Price(AggregateRoot):
    """Price of one unit, under the id that an app chose. `interval` None: a one-time price."""

    TOPIC: ClassVar[str] = "price"
    Event = PriceEvent
    Created = PriceCreated

    app_id: UUID
    price_id: str
    name: str | None
    currency: str
    amount_minor: int
    interval: str | None
    interval_count: int

    def __init__(self) -> None:
        """Accept no arguments: the library would otherwise require the annotated fields."""

    @classmethod
    def create(cls, command: SetPrice, *, occurred_at: datetime) -> Price:
        """Make a price."""
        return cls._create(
            PriceCreated,
            id=ids.for_price(command.app_id, command.price_id),
            timestamp=occurred_at,
            actor=command.actor,
            app_id=command.app_id,
            price_id=command.price_id,
            **_price_terms(command),
        )

    def change(self, command: SetPrice, *, occurred_at: datetime) -> None:
        """Replace what is asked; the same again leaves no event."""
        terms = _price_terms(command)
        if terms != _price_terms(self):
            self.record_event(
                PriceChanged,
                occurred_at=occurred_at,
                actor=command.actor,
                app_id=self.app_id,
                price_id=self.price_id,
                **terms,
            )

    def apply_event(self, event: PriceCreated | PriceChanged) -> None:
        """Assign the fields of an event; runs again on every replay."""
        self.app_id, self.price_id, self.name = event.app_id, event.price_id, event.name
        self.currency, self.amount_minor = event.currency, event.amount_minor
        self.interval, self.interval_count = event.interval, event.interval_count


class TaxRate(AggregateRoot):
    """Tax rate of a line, under the id that an app chose."""

    TOPIC: ClassVar[str] = "tax_rate"
    Event = TaxRateEvent
    Created = TaxRateCreated

    app_id: UUID
    tax_rate_id: str
    name: str | None
    rate_ppm: int
    inclusive: bool

    def __init__(self) -> None:
        """Accept no arguments: the library would otherwise require the annotated fields."""

    @classmethod
    def create(cls, command: SetTaxRate, *, occurred_at: datetime) -> TaxRate:
        """Make a tax rate."""
        return cls._create(
            TaxRateCreated,
            id=ids.for_tax_rate(command.app_id, command.tax_rate_id),
            timestamp=occurred_at,
            actor=command.actor,
            app_id=command.app_id,
            tax_rate_id=command.tax_rate_id,
            **_tax_terms(command),
        )

    def change(self, command: SetTaxRate, *, occurred_at: datetime) -> None:
        """Replace how it is taxed; the same again leaves no event."""
        terms = _tax_terms(command)
        if terms != _tax_terms(self):
            self.record_event(
                TaxRateChanged,
                occurred_at=occurred_at,
                actor=command.actor,
                app_id=self.app_id,
                tax_rate_id=self.tax_rate_id,
                **terms,
            )

    def apply_event(self, event: TaxRateCreated | TaxRateChanged) -> None:
        """Assign the fields of an event; runs again on every replay."""
        self.app_id, self.tax_rate_id = event.app_id, event.tax_rate_id
        self.name, self.rate_ppm, self.inclusive = event.name, event.rate_ppm, event.inclusive


def _price_terms(of: SetPrice | Price) -> dict[str, Any]:
    return {
        "name": of.name,
        "currency": of.currency,
        "amount_minor": of.amount_minor,
        "interval": of.interval,
        "interval_count": of.interval_count,
    }


def _tax_terms(of: SetTaxRate | TaxRate) -> dict[str, Any]:
    return {"name": of.name, "rate_ppm": of.rate_ppm, "inclusive": of.inclusive}
