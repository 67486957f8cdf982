"""Test lists of much work; its rows are inserted without a relay."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.sql import SQL

from projections.work.queries import WorkFilter, page_query
from projections.work.scheduling import NEXT_DUE
from projections.work.table import RESEND_AFTER
from tests.projections.harness import APP
from tests.projections.query_plans import explained, nodes, read_at_most
from tests.support.postgres import Server

pytestmark = pytest.mark.extended

_FILL = """
INSERT INTO work.jobs (key, app, queue, actor, args, gave_up_at)
SELECT 'invoice:' || md5(n::text)::uuid,
    CASE WHEN n %% 2 = 0 THEN %(app)s ELSE md5((n %% 10)::text)::uuid END,
    'requests', 'charge_invoice', jsonb_build_object('invoice_id', md5(n::text)::uuid),
    CASE WHEN n %% 100 = 0 THEN '2026-01-01Z'::timestamptz + make_interval(secs => n) END
FROM generate_series(1, 50000) AS n
"""


@pytest.fixture(scope="module")
def piled(postgres_server: Server) -> Iterator[str]:
    """A database with 50,000 rows of work, 500 of which one app waits for."""
    dbname = postgres_server.migrated_database()
    dsn = postgres_server.dsn(dbname)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_FILL, {"app": APP})
        connection.execute("ANALYZE")
    yield dsn
    postgres_server.drop(dbname)


def test_what_gave_up_is_found_without_reading_what_is_open(piled: str) -> None:
    plan = explained(piled, *page_query(WorkFilter(app_id=APP, state="gave_up")))
    assert {node.get("Index Name") for node in nodes(plan)} >= {"jobs_given_up"}
    assert read_at_most(plan) <= 501


def test_a_page_of_what_is_open_ends_where_the_page_does(piled: str) -> None:
    plan = explained(piled, *page_query(WorkFilter(app_id=APP, state="open", limit=20)))
    page, count = sorted(read_at_most(node) for node in nodes(plan) if node["Node Type"] == "Limit")
    assert page <= 100
    assert count <= 25_000, "the count stops at its cap"


def test_what_is_due_next_is_found_without_reading_what_waits(piled: str) -> None:
    plan = explained(piled, SQL(NEXT_DUE), {"resend": RESEND_AFTER})
    assert read_at_most(plan) <= 10
