"""Test lists of a large inbox; its rows are inserted without a log."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from projections.engine.keyset import cursor_after
from projections.inbox.queries import DeliveryFilter, page_query
from tests.projections.harness import APP
from tests.projections.query_plans import explained, nodes, read_at_most
from tests.projections.random_events import AT
from tests.support.postgres import Server

pytestmark = pytest.mark.extended

ROWS = 100_000
INVOICE = UUID(int=16)
_FILL = """
INSERT INTO read.deliveries
SELECT md5(n::text)::uuid,
    CASE WHEN n %% 2 = 0 THEN %(app)s ELSE md5((n %% 10)::text)::uuid END,
    CASE WHEN n %% 300 = 0 THEN 'second' ELSE 'main' END, 'stripe', 'test', 'evt_' || n,
    CASE WHEN n %% 100 = 0 THEN 'charge.refunded' ELSE 'invoice.paid' END, 'invoice', 'in_' || n,
    lpad(to_hex(n / 100), 32, '0')::uuid, at, at, at, 'ab', 2,
    CASE WHEN n %% 200 = 0 THEN 'dead' WHEN n %% 150 = 0 THEN 'parked' ELSE 'applied' END,
    NULL, '[]', 1, 0, 0, n
FROM generate_series(1, %(rows)s) AS n, LATERAL (
    SELECT %(at)s::timestamptz + make_interval(secs => n) AS at
) AS known
"""
_FILL_REFUSED = """
INSERT INTO inbox.rejected_deliveries
SELECT md5(n::text)::uuid,
    CASE WHEN n %% 2 = 0 THEN %(app)s ELSE md5((n %% 10)::text)::uuid END,
    lpad(to_hex(n %% 10), 32, '0')::uuid, 'main', 'stripe', 'test',
    %(at)s::timestamptz + make_interval(secs => n), 'forged', 1, NULL, NULL, NULL, 'public'
FROM generate_series(1, 10000) AS n
"""


@pytest.fixture(scope="module")
def full(postgres_server: Server) -> Iterator[str]:
    """A database with 100,000 deliveries, half of them one app's, and 10,000 refused ones."""
    dbname = postgres_server.migrated_database()
    dsn = postgres_server.dsn(dbname)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_FILL, {"app": APP, "at": AT, "rows": ROWS})
        connection.execute(_FILL_REFUSED, {"app": APP, "at": AT})
        connection.execute("ANALYZE")
    yield dsn
    postgres_server.drop(dbname)


def plan_of(dsn: str, **filters: Any) -> dict[str, Any]:
    query = page_query(DeliveryFilter(APP, **filters))
    assert query is not None
    return explained(dsn, *query)


_RARE: list[dict[str, Any]] = [
    {"state": ("dead",)},
    {"state": ("dead", "parked")},
    {"connection": "second"},
    {"type": "charge.refunded"},
    {"invoice_id": INVOICE},
    {"provider_event_id": "evt_4712"},
    {
        "received_from": AT + timedelta(seconds=70_000),
        "received_to": AT + timedelta(seconds=70_100),
    },
    {"type": "invoice.paid", "state": ("parked",)},
]
_COMMON: list[dict[str, Any]] = [
    {},
    {"state": ("applied",)},
    {"state": ("failed",)},
    {"state": ("received", "applied", "failed")},
    {"connection": "main"},
    {"type": "invoice.paid"},
]


@pytest.mark.parametrize("filters", _RARE, ids="+".join)
def test_what_is_rare_is_found_without_reading_the_rest(full: str, filters: dict[str, Any]) -> None:
    plan = plan_of(full, **filters)
    assert not [n for n in nodes(plan) if n["Node Type"] == "Seq Scan" and "Relation Name" in n]
    assert read_at_most(plan) <= 2_500


@pytest.mark.parametrize("filters", _COMMON, ids=lambda filters: "+".join(filters) or "all")
def test_what_is_common_is_counted_up_to_the_cap_and_no_further(
    full: str, filters: dict[str, Any]
) -> None:
    plan = plan_of(full, **filters)
    assert not [n for n in nodes(plan) if n["Node Type"] == "Seq Scan" and "Relation Name" in n]
    assert read_at_most(plan) <= 21_000


def test_the_next_page_is_read_from_its_place_on(full: str) -> None:
    filters = DeliveryFilter(APP, state=("applied",))
    cursor = cursor_after(AT + timedelta(seconds=50_000), INVOICE, name=filters.list_name)
    plan = plan_of(full, state=("applied",), cursor=cursor)
    limits = [node for node in nodes(plan) if node["Node Type"] == "Limit"]
    assert sorted(read_at_most(limit) for limit in limits)[:-1] == [21, 21]
