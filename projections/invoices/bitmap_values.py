"""Name the bitmaps of a list's filters: of each filter, values any of which an invoice may have."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from psycopg.sql import SQL, Composed

from domain.core.money import MAX_SUM_MINOR
from projections.engine.keyset import Parameters
from projections.invoices.list_plan import BEGINNING, MOST_RANGES, Size
from projections.invoices.list_sql import InvoiceFilter
from projections.invoices.payment_days import divide
from projections.invoices.search_terms import query_terms

_IDS: Final = ("tenant_id", "user_id", "customer", "subscription_id")
_OF_FACET: Final = ("provider", "connection", "mode", "type", "origin", "currency")
_LENGTHS: Final = (6, BEGINNING)
"""Numbers of characters of a term that have bitmaps as its beginning."""
_MOST_AMOUNTS: Final = 8
_NUMBERED: Final = ["numbered"]
_COMMON: Final = SQL(
    "SELECT value FROM read.invoice_common_values"
    " WHERE app_id = %(app_id)s AND value = ANY(%(values)s)"
)


@dataclass(frozen=True)
class Filters:
    """What a list is filtered by: of each filter the values, any of which an invoice may have.

    `is_complete`: every id and term of the list has bitmaps. `exact_words`: words of the search,
    counted from 0, that every numbered invoice with their bits has.
    """

    values: list[list[str]]
    is_complete: bool = True
    exact_words: frozenset[int] = frozenset()


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
    common: set[str],
    by_email: Collection[int],
) -> Filters | None:
    """Return the values of a list's filters that have bitmaps; None without two of them."""
    found = [*_of_row(filters), *_of_amounts(filters), *_of_payments(sizes)]
    words = query_terms(filters.q or "")
    exact, missing = set[int](), 0
    choices = [*_of_terms(filters, sizes, by_email), *([[one]] for one in _of_ids(filters))]
    for number, values in enumerate(choices):
        chosen = next((one for one in values if one and common.issuperset(one)), None)
        if chosen is None:
            missing += 1
            continue
        found.append(chosen)
        if number < len(words) and _have_word(chosen, words[number]):
            exact.add(number)
    several = Filters([_NUMBERED, *found], is_complete=not missing, exact_words=frozenset(exact))
    return several if len(found) > 1 else None


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
    if filters.amount_min is None and filters.amount_max is None:
        return
    first = amount_group(filters.amount_min or 0)
    last = amount_group(MAX_SUM_MINOR if filters.amount_max is None else filters.amount_max)
    for name, groups in (("amount", 1), ("amounts", 4)):
        if (last // groups) - (first // groups) < _MOST_AMOUNTS:
            numbers = range(first // groups, last // groups + 1)
            yield [f"{name}={number}" for number in numbers]
            return


def amount_group(total_minor: int) -> int:
    """Return the group of a total, as the function `read.amount_group` of the database."""
    fraction, power = math.frexp(max(total_minor, 1))
    return 8 * power + math.floor(16 * fraction) - 16


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


def _of_terms(
    filters: InvoiceFilter, sizes: Mapping[str, Size], by_email: Collection[int]
) -> Iterator[list[list[str]]]:
    """Yield the choices of each word: its terms or their beginnings, and the word's beginning."""
    for number, word in enumerate(query_terms(filters.q or "")):
        if number in by_email:
            yield []
            continue
        kind, *values = sizes[f"term {number}"].ranges or [""]
        beginnings = [f"beginning={word[:length]}" for length in _LENGTHS if length <= len(word)]
        choices = [[f"{kind}={value}" for value in values]] if len(values) <= MOST_RANGES else []
        # Ranges of beginnings have more than the word's own terms, if the word is longer.
        is_exact = kind == "term" or len(word) <= BEGINNING
        longest = [[one] for one in beginnings]
        yield choices + longest if is_exact else longest + choices
