"""Read by one statement what is known of a list before its page is.

These are its facets, the words that e-mails have, the sizes of its other filters, and which of its
terms and ids have bitmaps.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed

from projections.engine.keyset import Parameters
from projections.invoices import bitmap_values, list_plan
from projections.invoices.list_plan import Facets, Size, Source
from projections.invoices.list_sql import InvoiceFilter

_LIST: Final = "list"
_COMMON: Final = "common"
_KNOWN_FACETS: Final = SQL(
    "app_id = %(app_id)s AND facet = ANY((SELECT numbers FROM known)::bigint[])"
)
_SURVEY: Final = SQL(
    """
WITH known AS MATERIALIZED ({facets}), sizes AS MATERIALIZED ({sizes})
SELECT 'list' AS name, NULL::bigint AS items,
    ARRAY[numbers, several::text, items::text, of_app::text] || emails AS ranges FROM known
UNION ALL SELECT * FROM sizes
UNION ALL SELECT 'common', NULL, ARRAY(
    SELECT value FROM read.invoice_common_values
    WHERE app_id = %(app_id)s AND value = ANY(%(values)s::text[] || ARRAY(
        SELECT concat(ranges[1], '=', term)
        FROM sizes CROSS JOIN LATERAL unnest(ranges[2:]) AS term WHERE starts_with(name, 'term ')
    ))
)
"""
)


@dataclass(frozen=True)
class Survey:
    """What is known of a list: `emails` are words that e-mails have, `common` has bitmaps."""

    facets: Facets
    emails: Collection[str]
    sizes: dict[str, Size]
    common: set[str]


def survey_query(
    filters: InvoiceFilter, emails: Collection[str], *, few: int
) -> tuple[Composed, Parameters, bool]:
    """Write the statement, its parameters, and whether one plan suits any of these.

    `emails`: words of which it is known that e-mails have them.
    """
    of = list_plan.sources(filters, emails, of_facets=_KNOWN_FACETS)
    facets, parameters = list_plan.facets_query(filters)
    sizes = list_plan.size_selects(filters, of, few=few, with_ranges=True)
    query = _SURVEY.format(facets=facets, sizes=SQL(" UNION ALL ").join(sizes))
    values = bitmap_values.known_values(filters)
    return query, parameters | {"values": values}, _suits_any_values(of)


def read_survey(found: Sequence[DictRow]) -> Survey:
    """Read the answer of `survey_query`."""
    ranges: dict[str, list[Any]] = {row["name"]: row["ranges"] or [] for row in found}
    numbers, several, items, of_app, *emails = ranges[_LIST]
    sizes = {row["name"]: row for row in found if row["name"] not in (_LIST, _COMMON)}
    return Survey(
        Facets(numbers, int(several), int(items), int(of_app)),
        set(emails),
        list_plan.read_sizes(list(sizes.values())),
        set(ranges[_COMMON]),
    )


def _suits_any_values(of: Sequence[Source]) -> bool:
    """Return whether only one index has each source in its order, whatever the values are."""
    return all(one.term is not None for one in of)
