"""Read by one statement what is known of a list of words alone before its page is.

These are its facets, the words that e-mails have, the number of invoices of each word, and which of
its terms have bitmaps. Lists with other filters take two or three statements, whose plans suit the
facets: one alone takes longer to plan than it saves.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed

from projections.engine.keyset import Parameters
from projections.invoices.lists import list_plan
from projections.invoices.lists.bitmaps import bitmap_values
from projections.invoices.lists.list_plan import Facets, Size
from projections.invoices.lists.list_sql import InvoiceFilter

_LIST: Final = "list"
_COMMON: Final = "common"
_UNION: Final = SQL(" UNION ALL ")
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
        FROM sizes CROSS JOIN LATERAL unnest(ranges[2:]) AS term
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


def survey_query(filters: InvoiceFilter, *, few: int) -> tuple[Composed, Parameters]:
    """Write the statement of a list of words, as if no e-mail had them."""
    facets, parameters = list_plan.facets_query(filters)
    sizes = list_plan.size_selects(
        filters, list_plan.sources(filters, ()), few=few, with_ranges=True
    )
    query = _SURVEY.format(facets=facets, sizes=_UNION.join(sizes))
    return query, parameters | {"values": bitmap_values.known_values(filters)}


def read_survey(found: Sequence[DictRow]) -> Survey:
    """Read the answer of `survey_query`."""
    (known,) = (row["ranges"] for row in found if row["name"] == _LIST)
    numbers, several, items, of_app, *emails = known
    rest = [row for row in found if row["name"] not in (_LIST, _COMMON)]
    (common,) = (row["ranges"] for row in found if row["name"] == _COMMON)
    return Survey(
        Facets(numbers, int(several), int(items), int(of_app)),
        set(emails),
        list_plan.read_sizes(rest),
        set(common),
    )
