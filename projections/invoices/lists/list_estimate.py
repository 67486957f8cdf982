"""Estimate by the planner how many invoices fit a list whose every filter leaves many."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from psycopg.sql import SQL, Composed

from projections.engine.keyset import Parameters
from projections.invoices.lists import list_sql as sql
from projections.invoices.lists import page_parts as parts
from projections.invoices.lists.list_plan import Facets
from projections.invoices.lists.list_sql import InvoiceFilter

_AND: Final = SQL(" AND ")
_ESTIMATE: Final = SQL(
    "EXPLAIN (FORMAT JSON) SELECT FROM read.invoices AS invoice WHERE {conditions}"
)


def estimate_query(
    filters: InvoiceFilter, facets: Facets, emails: Collection[str]
) -> tuple[Composed, Parameters]:
    """Write the statement that estimates how many invoices fit, of all facets."""
    conditions = [
        *sql.column_conditions(filters, is_estimate=True),
        *sql.term_conditions(filters, emails, is_estimate=True),
    ]
    return _ESTIMATE.format(conditions=_AND.join(conditions)), parts.parameters(filters, facets)


def read_estimate(explained: Mapping[str, Any], facets: Facets) -> int:
    """Read the answer of `estimate_query`: as many of the facets as of all invoices."""
    planned = int(explained["QUERY PLAN"][0]["Plan"]["Plan Rows"])
    return planned * facets.items // max(facets.of_app, 1)
