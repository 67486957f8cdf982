"""Divide totals into groups, which have bitmaps: eighths of powers of two."""

import math
from typing import Final

from domain.core.money import MAX_SUM_MINOR
from projections.invoices.lists.list_sql import InvoiceFilter

MOST_AMOUNTS: Final = 8
"""Bitmaps of groups that a range of amounts unites, at most."""


def has_amount(filters: InvoiceFilter) -> bool:
    """Return whether a list is one of a range of amounts."""
    return filters.amount_min is not None or filters.amount_max is not None


def amount_groups(filters: InvoiceFilter) -> tuple[int, int]:
    """Return the first and the last group of a range of amounts."""
    last = MAX_SUM_MINOR if filters.amount_max is None else filters.amount_max
    return amount_group(filters.amount_min or 0), amount_group(last)


def has_wide_amounts(filters: InvoiceFilter) -> bool:
    """Return whether a range of amounts has at least a power of two."""
    first, last = amount_groups(filters)
    return last - first >= MOST_AMOUNTS


def first_of_group(group: int) -> int:
    """Return the smallest total of a group but the first one."""
    power, eighth = divmod(group, 8)
    return -(-((8 + eighth) << power) // 8)


def amount_group(total_minor: int) -> int:
    """Return the group of a total, as the function `read.amount_group` of the database."""
    fraction, power = math.frexp(max(total_minor, 1))
    return 8 * power + math.floor(16 * fraction) - 16
