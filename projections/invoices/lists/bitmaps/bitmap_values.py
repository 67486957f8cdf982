"""Name the bitmaps of a list's filters: of each filter, values any of which an invoice may have."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg.sql import SQL, Composed

from projections.engine.keyset import Parameters
from projections.invoices.lists.amount_groups import (
    MOST_AMOUNTS,
    amount_groups,
    first_of_group,
    has_amount,
)
from projections.invoices.lists.bitmaps.total_groups import FOUR
from projections.invoices.lists.list_plan import BEGINNING, MOST_RANGES, Size
from projections.invoices.lists.list_sql import InvoiceFilter
from projections.invoices.lists.payment_days import divide
from projections.invoices.search_terms import query_terms

_IDS: Final = ("tenant_id", "user_id", "customer", "subscription_id")
_OF_FACET: Final = ("provider", "connection", "mode", "type", "origin", "currency")
_LENGTHS: Final = (6, BEGINNING)
"""Numbers of characters of a term that have bitmaps as its beginning."""
_NUMBERED: Final = ["numbered"]


_COMMON: Final = SQL(
    "SELECT value FROM read.invoice_common_values"
    " WHERE app_id = %(app_id)s AND value = ANY(%(values)s)"
)


@dataclass(frozen=True)
class Filters:
    """What a list is filtered by: of each filter the values, any of which an invoice may have.

    `sure`: of each filter those that only invoices have which fit it. `is_complete`: every id and
    term of the list has bitmaps. `exact_words`: words of the search, counted from 0, that every
    numbered invoice with their bits has.
    """

    values: list[list[str]]
    sure: list[list[str]]
    is_complete: bool = True
    exact_words: frozenset[int] = frozenset()

    @property
    def is_sure(self) -> bool:
        """Return whether each filter has values that only invoices have which fit."""
        return self.is_complete and all(self.sure)


def known_values(filters: InvoiceFilter) -> list[str]:
    """Return the ids and the beginnings of words of a list that may have bitmaps.

    Terms themselves may, too: those that begin with a word of the search.
    """
    words = query_terms(filters.q or "")
    return [*(one for word in words for one in _beginnings(word)), *_of_ids(filters)]


def common_query(
    filters: InvoiceFilter, sizes: Mapping[str, Size], by_email: Collection[int]
) -> tuple[Composed, Parameters] | None:
    """Write the statement that tells which terms and ids have bitmaps; None without any.

    `by_email`: words of the search, counted from 0, that e-mails have as well.
    """
    values = [
        *(
            value
            for choices in _of_terms(filters, sizes, by_email)
            for one in choices
            for value in one
        ),
        *_of_ids(filters),
    ]
    if not values:
        return None
    return SQL("{}").format(_COMMON), {"app_id": filters.app_id, "values": values}


def usable(
    filters: InvoiceFilter,
    sizes: Mapping[str, Size],
    common: Collection[str],
    by_email: Collection[int],
) -> Filters | None:
    """Return the values of a list's filters that have bitmaps; None without two of them.

    In the order of totals a period of creation counts as one: it leaves blocks out.
    """
    rows = [*_of_row(filters)]
    found = [*rows, *_of_amounts(filters), *_of_payments(sizes)]
    sure = [*rows, *_sure_amounts(filters), *_sure_payments(filters, sizes)]
    words, known = query_terms(filters.q or ""), set(common)
    exact, missing = set[int](), int(has_amount(filters) and not [*_of_amounts(filters)])
    choices = [*_of_terms(filters, sizes, by_email), *([[one]] for one in _of_ids(filters))]
    for number, values in enumerate(choices):
        chosen = next((one for one in values if one and known.issuperset(one)), None)
        if chosen is None:
            missing += 1
            continue
        is_word = number < len(words)
        is_exact = not is_word or _have_word(chosen, words[number])
        found.append(chosen)
        sure.append(chosen if is_exact else [])
        if is_word and is_exact:
            exact.add(number)
    several = Filters(
        values=[_NUMBERED, *found],
        sure=[_NUMBERED, *sure],
        is_complete=not missing,
        exact_words=frozenset(exact),
    )
    leaves_blocks_out = filters.created_from is not None or filters.created_to is not None
    is_by_total = filters.sort.endswith("totalMinor")
    return several if len(found) + (leaves_blocks_out and is_by_total) > 1 else None


def _have_word(values: Collection[str], word: str) -> bool:
    """Return whether each term, or beginning of terms, begins with a word of the search."""
    return all(value.partition("=")[2].startswith(word) for value in values)


def _of_row(filters: InvoiceFilter) -> Iterator[list[str]]:
    for name in _OF_FACET:
        value = getattr(filters, name)
        if value is not None:
            yield [f"{name}={value}"]
    if filters.status:
        yield [f"status={one}" for one in filters.status]
    if filters.at_provider:
        yield ["at_provider"]
    if filters.unassigned:
        yield ["unassigned"]


def _of_ids(filters: InvoiceFilter) -> list[str]:
    return [
        f"{name}={getattr(filters, name)}" for name in _IDS if getattr(filters, name) is not None
    ]


def _of_amounts(filters: InvoiceFilter) -> Iterator[list[str]]:
    """Yield the groups of a range of amounts, or fours of groups, if they are few."""
    if has_amount(filters):
        chosen = _amount_values(*amount_groups(filters))
        if chosen:
            yield chosen


def _sure_amounts(filters: InvoiceFilter) -> Iterator[list[str]]:
    """Yield the groups of which every total is in a range of amounts."""
    if not [*_of_amounts(filters)]:
        return
    values = _amount_values(*amount_groups(filters))
    is_one = values[0].startswith("amount=")
    yield [one for one in values if _has_amounts(filters, one, several=1 if is_one else FOUR)]


def _has_amounts(filters: InvoiceFilter, value: str, *, several: int) -> bool:
    """Return whether every total of some groups is in a range of amounts."""
    first = several * int(value.partition("=")[2])
    # Totals below zero are in the group of one.
    least = first_of_group(first) if first > 0 else -math.inf
    return (filters.amount_min is None or filters.amount_min <= least) and (
        filters.amount_max is None or first_of_group(first + several) - 1 <= filters.amount_max
    )


def _amount_values(first: int, last: int) -> list[str]:
    """Return the bitmaps of groups: of fours of them where they are many; none if they are most."""
    if last - first < MOST_AMOUNTS:
        return [f"amount={number}" for number in range(first, last + 1)]
    fours = range(first // FOUR, last // FOUR + 1)
    return [f"amounts={number}" for number in fours] if len(fours) <= MOST_AMOUNTS else []


def payment_ranges(sizes: Mapping[str, Size]) -> int:
    """Return how many days and months a period of payments is divided into."""
    return sum(map(len, _of_payments(sizes)))


def _of_payments(sizes: Mapping[str, Size]) -> Iterator[list[str]]:
    """Yield the days and months from the first to the last payment of a period."""
    ranges = sizes["paid"].ranges if "paid" in sizes else []
    if ranges and None not in ranges:
        first, last = (datetime.fromisoformat(at).astimezone(UTC).date() for at in ranges)
        days, months = divide(first, last)
        yield [f"paid={day}" for day in days] + [f"paid={month:%Y-%m}" for month in months]


def _sure_payments(filters: InvoiceFilter, sizes: Mapping[str, Size]) -> Iterator[list[str]]:
    """Yield the days and months of which every moment is in a period of payments."""
    for values in _of_payments(sizes):
        yield [one for one in values if _is_within(filters, one.partition("=")[2])]


def _is_within(filters: InvoiceFilter, day_or_month: str) -> bool:
    is_month = len(day_or_month) == len("2026-01")
    start = datetime.fromisoformat(f"{day_or_month}-01" if is_month else day_or_month)
    start = start.replace(tzinfo=UTC)
    days = 31 if is_month else 1
    end = (start + timedelta(days=days)).replace(day=1) if is_month else start + timedelta(days)
    return (filters.paid_from is None or filters.paid_from <= start) and (
        filters.paid_to is None or end <= filters.paid_to
    )


def _of_terms(
    filters: InvoiceFilter, sizes: Mapping[str, Size], by_email: Collection[int]
) -> Iterator[list[list[str]]]:
    """Yield the choices of each word: its terms or their beginnings, and the word's beginning."""
    for number, word in enumerate(query_terms(filters.q or "")):
        if number in by_email:
            yield []
            continue
        kind, *values = sizes[f"term {number}"].ranges or [""]
        choices = [[f"{kind}={value}" for value in values]] if len(values) <= MOST_RANGES else []
        # Ranges of beginnings have more than the word's own terms, if the word is longer.
        is_exact = kind == "term" or len(word) <= BEGINNING
        longest = [[one] for one in _beginnings(word)]
        yield choices + longest if is_exact else longest + choices


def _beginnings(word: str) -> list[str]:
    """Return the beginnings of a word that have bitmaps where they are common, longest first."""
    return [f"beginning={word[:length]}" for length in _LENGTHS if length <= len(word)]
