"""Hold what is known of a list before its first page is read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed

from projections.engine.keyset import COUNTED_EXACTLY
from projections.invoices.lists.list_plan import Facets, Size, Source


class Fetcher(Protocol):
    """Runs one statement, as a pool of readers does."""

    async def fetch(
        self,
        query: SQL | Composed,
        parameters: Sequence[object] | Mapping[str, object] = (),
        *,
        is_generic: bool = False,
    ) -> list[DictRow]:
        """Return the rows. `is_generic`: one plan suits any values."""

    async def copy_csv(
        self, query: SQL | Composed, parameters: Sequence[object] | Mapping[str, object] = ()
    ) -> list[bytes]:
        """Return the rows as lines of CSV."""


@dataclass(frozen=True)
class ReadPlan:
    """Facets, sources and their sizes of a filter, read once before its first page.

    `common`: its terms and ids that have bitmaps; None: not known yet. `most_of_index`: so many
    invoices of a source with an index of its own are read at once, at most.
    """

    emails: Collection[str]
    facets: Facets
    sources: Sequence[Source]
    sizes: Mapping[str, Size]
    most_few: int
    some: int
    common: Collection[str] | None = None
    most_of_index: int = COUNTED_EXACTLY

    @property
    def few(self) -> Source | None:
        """Return the source that leaves the fewest invoices, if they are few."""
        few = [one for one in self.sources if self.sizes[one.name].items <= self._most_of(one)]
        return min(few, key=lambda one: self.sizes[one.name].items, default=None)

    def _most_of(self, source: Source) -> int:
        return self.most_of_index if source.is_of_index else self.most_few

    @property
    def counted(self) -> int | None:
        """Return how many invoices fit, up to the cap; None where no index has the number."""
        if not self.sources:
            return self.facets.items
        whole = next((one for one in self.sources if one.is_whole), None)
        return None if whole is None else self.sizes[whole.name].items

    @property
    def is_counted(self) -> bool:
        """Return whether the number of invoices that fit needs no bitmaps.

        It is known exactly, or the list is one of amounts, of which more are not counted.
        """
        counted = self.counted
        if counted is None:
            return False
        return counted <= COUNTED_EXACTLY or [one.name for one in self.sources] == ["amount"]
