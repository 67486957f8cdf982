"""Groups of totals are computed equally here and in the database, and grow with the total."""

from itertools import pairwise

import psycopg

from domain.core.money import MAX_SUM_MINOR
from projections.invoices.lists.amount_groups import amount_group

BOUNDARIES = [eighth << power >> 3 for power in range(63) for eighth in range(8, 16)]
TOTALS = sorted(
    total
    for total in {
        *(boundary + step for boundary in BOUNDARIES for step in (-1, 0, 1)),
        *(-MAX_SUM_MINOR, MAX_SUM_MINOR),
    }
    if total <= MAX_SUM_MINOR
)


def test_both_group_each_boundary_and_its_neighbours_alike(database: str) -> None:
    groups = [amount_group(total) for total in TOTALS]
    assert all(later - earlier >= 0 for earlier, later in pairwise(groups))
    assert (groups[0], groups[-1]) == (0, 8 * 63)
    with psycopg.connect(database) as connection:
        found = connection.execute(
            "SELECT read.amount_group(total) FROM unnest(%s::bigint[]) WITH ORDINALITY"
            " AS given (total, number) ORDER BY number",
            [TOTALS],
        ).fetchall()
        assert [group for (group,) in found] == groups
