"""Tell which lists of one filter are read in their order, without bitmaps."""

from typing import Final

from projections.invoices.lists.bitmaps import bitmap_values
from projections.invoices.lists.list_plan import IDS
from projections.invoices.lists.list_sql import InvoiceFilter, has_facet, skipped_rows
from projections.invoices.lists.ordered_ranges import has_few_ranges
from projections.invoices.lists.read_plan import ReadPlan

_MOST_FIT: Final = 4
"""Invoices of the app for one of the list's facets, at most."""
_MOST_READ: Final = 1_500
"""Invoices of days and months of payment that are read in the list's order, at most."""


def is_of_one_value(filters: InvoiceFilter, plan: ReadPlan) -> bool:
    """Return whether a first page is one of a word or an id, and of facets that most invoices have.

    The value's first rows fill it, but where its invoices are not those of the facets.
    """
    if len(plan.sources) != 1 or not has_facet(filters) or not _do_most_fit(plan):
        return False
    if skipped_rows(filters) or not filters.sort.endswith("createdAt"):
        return False
    (one,) = plan.sources
    return one.name in IDS or (one.term is not None and has_few_ranges(plan.sizes[one.name]))


def _do_most_fit(plan: ReadPlan) -> bool:
    return _MOST_FIT * plan.facets.items >= plan.facets.of_app


def is_in_order(filters: InvoiceFilter, plan: ReadPlan) -> bool:
    """Return whether an index has the invoices of a list in its order, and most of them fit."""
    (first, *others) = plan.sources
    is_alone = not others and first.name != "amount" and filters.sort.endswith("createdAt")
    if not is_alone or not _do_most_fit(plan) or is_of_one_value(filters, plan):
        return False
    if first.name != "paid":
        return True
    # Of each day and month a page is read, until enough of its invoices fit.
    read = bitmap_values.payment_ranges(plan.sizes) * needed(filters) * plan.facets.of_app
    return read <= _MOST_READ * plan.facets.items


def needed(filters: InvoiceFilter) -> int:
    """Return how many rows of a list a page needs: to its end, and one more."""
    return skipped_rows(filters) + filters.limit + 1
