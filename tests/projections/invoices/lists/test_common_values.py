"""Terms and ids that are common enough for bitmaps when invoices are numbered."""

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.projections.harness import APP
from tests.projections.invoices.lists.numbered_invoices import NUMBER, TRACKED, fill

_ROWS = 3_100
_COMMON = """
WITH given AS (
    SELECT 'term=' || term AS value FROM read.invoice_search_terms
    UNION ALL
    SELECT 'beginning=' || substr(term, 1, 4) FROM read.invoice_search_terms
    UNION ALL
    SELECT 'beginning=' || substr(term, 1, 6) FROM read.invoice_search_terms
    WHERE length(term) >= 6
    UNION ALL
    SELECT unnest(ARRAY['tenant_id=' || tenant_id, 'user_id=' || user_id, 'customer=' || customer])
    FROM read.invoices
)
SELECT value, count(*) AS items FROM given GROUP BY value HAVING count(*) > 1000
"""
_BITS = """
SELECT value, sum(bit_count(bits))::bigint AS items FROM read.invoice_bitmaps
JOIN read.invoice_common_values USING (app_id, value) GROUP BY value
"""


@pytest.mark.parametrize("numbered", [[_ROWS], [900, 2_000, _ROWS]])
def test_terms_and_ids_of_more_than_a_thousand_invoices_have_bitmaps(
    database: str, numbered: list[int]
) -> None:
    with psycopg.connect(database, autocommit=True, row_factory=dict_row) as connection:
        fill(connection, rows=_ROWS)
        connection.execute("UPDATE read.invoices SET user_id = 'one' WHERE position % 5 < 2")
        for first, last in zip([0, *numbered], numbered, strict=False):
            connection.execute(TRACKED, [first + 1, last + 1])
            connection.execute(NUMBER, [APP])
        expected = connection.execute(_COMMON).fetchall()
        found = connection.execute(_BITS).fetchall()
    kinds = {row["value"].partition("=")[0] for row in expected}
    assert kinds == {"term", "beginning", "user_id"}
    assert sorted(found, key=str) == sorted(expected, key=str)
