"""An invoice on its way into the rows, with what its newest events change elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date
from operator import attrgetter
from typing import Final, NamedTuple, Self, TypeVar
from uuid import UUID

from domain.invoices.events import (
    CheckoutOpened,
    InvoiceDrafted,
    InvoiceEvent,
    InvoiceImported,
    InvoiceIssued,
    InvoiceRequested,
    ProviderInvoiceCreated,
    ProviderStateConfirmed,
    StepStarted,
)
from domain.invoices.fold import fold
from domain.invoices.view import InvoiceView
from projections.engine.errors import VersionGap
from projections.engine.tables import Row, Table
from projections.invoices import search_terms
from projections.invoices.facets import Facet, facet_of
from projections.invoices.search_terms import Sources
from projections.reports import invoice_sums
from projections.reports.invoice_sums import NAMED, Amount, Change, Part
from projections.reports.time_units import Unit, units_of

_Key = TypeVar("_Key")

# Every invoice has several of them. They change nothing that terms, facets and sums are made of.
_CONFIRMING: Final = frozenset({ProviderStateConfirmed, StepStarted})
# The only ones that change what terms are made of.
_NAMING: Final = frozenset(
    {
        InvoiceRequested,
        InvoiceImported,
        ProviderInvoiceCreated,
        InvoiceDrafted,
        CheckoutOpened,
        InvoiceIssued,
    }
)
# What lists are filtered by, besides facets and terms.
_filtered_by: Final = attrgetter(
    "tenant_id", "user_id", "customer", "subscription_id", "total_minor", "paid_at"
)
DAYS: Final = Table(
    "invoice_days",
    key=("app_id", "connection", "day"),
    columns=("app_id", "connection", "day", "at_provider", "position"),
)


@dataclass(slots=True)
class InvoiceAccumulator:
    """An invoice, and how far its stream has been folded.

    `terms` (with the position that brought each), `changes` and `counted` (facets with a step and
    its position) are what the events taken since it was loaded changed. `facet` is the current one.
    """

    view: InvoiceView | None = None
    version: int = 0
    position: int = 0
    facet: Facet | None = None
    terms: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    counted: list[tuple[Facet, int, int]] = field(default_factory=list)
    # What was derived from the view before its next event: most events leave it as it is.
    _sources: Sources | None = None
    _parts: dict[Part, Amount] = field(default_factory=dict)
    _loaded_filters: tuple[object, ...] | None = None

    @classmethod
    def loaded(cls, view: InvoiceView, *, version: int, position: int) -> Self:
        """Go on from a row."""
        loaded = cls(view, version, position, facet=facet_of(view))
        loaded._sources = search_terms.term_sources(view)
        loaded._parts = invoice_sums.parts_of(view)
        loaded._loaded_filters = _filtered_by(view)
        return loaded

    @property
    def app_id(self) -> UUID:
        """The app that it belongs to; known from the first event on."""
        assert self.view is not None, "nothing was folded"  # noqa: S101 - STYLE: assert what must hold
        return self.view.app_id

    @property
    def is_new(self) -> bool:
        """Whether its first event was taken here: it has no rows yet."""
        return self._loaded_filters is None

    @property
    def is_filtered_anew(self) -> bool:
        """Whether it is new, or lists that left it out before may have it now, or the reverse."""
        return (
            bool(self.counted or self.terms)
            or self.view is None
            or _filtered_by(self.view) != self._loaded_filters
        )

    def take(self, event: InvoiceEvent, *, position: int) -> None:
        """Apply one event. Raises VersionGap unless it is the stream's next."""
        if event.originator_version != self.version + 1:
            raise VersionGap(
                event.originator_id, version=self.version, offered=event.originator_version
            )
        self.view = view = fold(self.view, event)
        self.version = event.originator_version
        self.position = position
        kind = type(event)
        if kind in _CONFIRMING:
            return
        if kind in _NAMING:
            self._take_terms(view)
        facet = facet_of(view)
        if facet is not self.facet and facet != self.facet:
            self.counted += [] if self.facet is None else [(self.facet, -1, position)]
            self.counted.append((facet, 1, position))
            self.facet = facet
        parts = invoice_sums.parts_of(view)
        if parts != self._parts:
            self.changes += invoice_sums.changes(self._parts, parts, position=position)
            self._parts = parts
        if refused := invoice_sums.refusal_in(event, view):
            self.changes += invoice_sums.changes({}, refused, position=position)

    def _take_terms(self, view: InvoiceView) -> None:
        sources = search_terms.term_sources(view)
        if sources == self._sources:
            return
        for term in search_terms.new_terms(self._sources, sources):
            self.terms.setdefault(term, self.position)
        self._sources = sources


class SumKey(NamedTuple):
    """Key of a sum: an app, its mode, provider and connection."""

    app_id: UUID
    mode: str
    provider: str
    connection: str


class SumDeltas:
    """Changes of several invoices in counts and sums, added up."""

    def __init__(self) -> None:
        self._facets: dict[tuple[UUID, Facet], list[int]] = {}
        self._days: dict[tuple[UUID, str, date], list[int]] = {}
        self._quarters: dict[tuple[SumKey, Part], list[int]] = {}
        self._named: dict[tuple[SumKey, Part], list[int]] = {}

    def __len__(self) -> int:
        return len(self._quarters) + len(self._facets) + len(self._days)

    def take(self, invoice: InvoiceAccumulator) -> None:
        """Add the changes of one invoice's events."""
        view = invoice.view
        if view is None:
            return
        app_id = view.app_id
        day = view.created_at.astimezone(UTC).date()
        for facet, step, position in invoice.counted:
            _add(self._facets, (app_id, facet), step, position)
            if facet.at_provider:
                _add(self._days, (app_id, facet.connection, day), step, position)
        if not invoice.changes:
            return
        books = SumKey(app_id, view.mode, view.provider, view.connection)
        for part, amount_minor, items, position in invoice.changes:
            if items and part.kind in NAMED:
                # Also where they cancel out: a row is there however events come together.
                _add(self._named, (books, part), items, position)
            tally = self._quarters.get((books, part))
            if tally is None:
                self._quarters[books, part] = [amount_minor, items, position]
            else:
                tally[0] += amount_minor
                tally[1] += items
                tally[2] = max(tally[2], position)

    def clear(self) -> None:
        """Clear what was written."""
        self._facets.clear()
        self._days.clear()
        self._quarters.clear()
        self._named.clear()

    def facet_rows(self) -> list[Row]:
        """Return what to add to FACETS."""
        return [
            {"app_id": app_id, "facet": facet.number, **facet._asdict()}
            | {"items": step, "position": position}
            for (app_id, facet), (step, position) in self._facets.items()
        ]

    def day_rows(self) -> list[Row]:
        """Return what to add to DAYS."""
        return [
            {"app_id": app_id, "connection": connection, "day": day}
            | {"at_provider": step, "position": position}
            for (app_id, connection, day), (step, position) in self._days.items()
        ]

    def sum_rows(self) -> list[Row]:
        """Return what to add to SUMS: the changes of all names, by each unit of time."""
        sums: dict[tuple[SumKey, str, str, Unit, int], tuple[int, int, int]] = {}
        for (books, part), (amount_minor, items, position) in self._quarters.items():
            for unit, number in units_of(part.quarter):
                key = books, part.currency, part.kind, unit, number
                known_minor, known_items, last = sums.get(key, (0, 0, 0))
                sums[key] = known_minor + amount_minor, known_items + items, max(last, position)
        return [
            _sum_row(books, currency, kind, sums=summed) | {"unit": unit, "number": number}
            for (books, currency, kind, unit, number), summed in sums.items()
        ]

    def share_rows(self) -> list[Row]:
        """Return what to add to SHARES: the numbers of items by name, by each unit of time."""
        shares: dict[tuple[SumKey, str, str, Unit, int, str], tuple[int, int]] = {}
        for (books, part), (items, position) in self._named.items():
            for unit, number in units_of(part.quarter):
                key = (books, part.currency, part.kind, unit, number, part.name)
                known, last = shares.get(key, (0, 0))
                shares[key] = known + items, max(last, position)
        return [
            {
                **books._asdict(),
                "currency": currency,
                "kind": kind,
                "unit": unit,
                "number": number,
                "name": name,
                "items": items,
                "position": position,
            }
            for (books, currency, kind, unit, number, name), (items, position) in shares.items()
        ]

    def total_rows(self) -> list[Row]:
        """Return what to add to TOTALS: the quarters' changes by kind."""
        totals: dict[tuple[SumKey, str, str], list[int]] = {}
        for (books, part), (amount_minor, items, position) in self._quarters.items():
            total = totals.setdefault((books, part.currency, part.kind), [0, 0, 0])
            total[:] = total[0] + amount_minor, total[1] + items, max(total[2], position)
        return [
            _sum_row(books, currency, kind, sums=sums)
            for (books, currency, kind), sums in totals.items()
        ]


def _add(counts: dict[_Key, list[int]], key: _Key, step: int, position: int) -> None:
    count = counts.get(key)
    if count is None:
        counts[key] = [step, position]
    else:
        count[0] += step
        count[1] = max(count[1], position)


def _sum_row(books: SumKey, currency: str, kind: str, *, sums: Sequence[int]) -> dict[str, object]:
    """Write a row of a sum. Amounts are text: JSON's integers are bounded."""
    amount_minor, items, position = sums
    return {
        **books._asdict(),
        "currency": currency,
        "kind": kind,
        "amount_minor": str(amount_minor),
        "items": items,
        "position": position,
    }
