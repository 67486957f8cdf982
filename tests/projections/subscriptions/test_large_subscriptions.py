"""Test lists of many subscriptions; their rows are inserted without a log."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from projections.engine.view_codec import SUBSCRIPTIONS as VIEWS
from projections.subscriptions.queries import (
    SUBSCRIPTION_BY_PROVIDER_ID,
    SubscriptionFilter,
    page_query,
)
from tests.projections.query_plans import explained, nodes, read_at_most
from tests.projections.random_events import AT
from tests.projections.subscriptions.random_events import APP, started
from tests.support.postgres import Server

pytestmark = pytest.mark.extended

ROWS = 50_000
TENANT = UUID(int=17)
_FILL = """
INSERT INTO read.subscriptions (subscription_id, app_id, tenant_id, provider, mode, connection,
    status, user_id, customer, provider_subscription_id, created_at, has_earned, version,
    position, view)
SELECT md5(n::text)::uuid,
    CASE WHEN n %% 2 = 0 THEN %(app)s ELSE md5((n %% 10)::text)::uuid END,
    CASE WHEN n %% 600 <> 0 THEN lpad(to_hex(n %% 500), 32, '0')::uuid END,
    CASE WHEN n %% 300 = 0 THEN 'mollie' ELSE 'stripe' END,
    CASE WHEN n %% 200 = 0 THEN 'live' ELSE 'test' END,
    CASE WHEN n %% 300 = 0 THEN 'second' ELSE 'main' END,
    CASE WHEN n %% 50 = 0 THEN 'past_due' WHEN n %% 7 = 0 THEN 'canceled' ELSE 'active' END,
    'user_' || n %% 1000, 'cus_' || n %% 1000, 'sub_' || n,
    %(at)s::timestamptz + make_interval(secs => n), true, 2, n, %(view)s::jsonb
FROM generate_series(1, %(rows)s) AS n
"""
_RARE: list[dict[str, Any]] = [
    {"tenant_id": TENANT},
    {"unassigned": True},
    {"status": ("past_due",)},
    {"status": ("past_due", "unpaid", "paused")},
    {"provider": "mollie"},
    {"mode": "live"},
    {"connection": "second"},
    {"user_id": "user_16"},
    {"customer": "cus_16"},
    {"created_from": AT + timedelta(seconds=40_000), "created_to": AT + timedelta(seconds=40_100)},
    {"tenant_id": TENANT, "status": ("active",), "mode": "test"},
]
_COMMON: list[dict[str, Any]] = [{}, {"mode": "test"}, {"status": ("active", "canceled")}]


@pytest.fixture(scope="module")
def full(postgres_server: Server) -> Iterator[str]:
    """A database with 50,000 subscriptions, half of them one app's."""
    dbname = postgres_server.migrated_database()
    dsn = postgres_server.dsn(dbname)
    with psycopg.connect(dsn, autocommit=True) as connection:
        view = VIEWS.to_json(started().view).decode()
        connection.execute(_FILL, {"app": APP, "at": AT, "rows": ROWS, "view": view})
        connection.execute("ANALYZE")
    yield dsn
    postgres_server.drop(dbname)


def label(filters: dict[str, Any]) -> str:
    return "+".join(filters) + "-many" * (len(filters.get("status", ())) > 1) or "all"


@pytest.mark.parametrize("filters", _RARE, ids=label)
@pytest.mark.parametrize("sort", ["-createdAt", "createdAt"])
def test_what_is_rare_is_found_without_reading_the_rest(
    full: str, filters: dict[str, Any], sort: Any
) -> None:
    plan = explained(full, *page_query(SubscriptionFilter(APP, **filters, sort=sort)))
    assert not [n for n in nodes(plan) if n["Node Type"] == "Seq Scan"]
    assert read_at_most(plan) <= 1_500


@pytest.mark.parametrize("filters", _COMMON, ids=label)
@pytest.mark.parametrize("sort", ["-createdAt", "createdAt"])
def test_what_is_common_is_counted_up_to_the_cap_and_no_further(
    full: str, filters: dict[str, Any], sort: Any
) -> None:
    plan = explained(full, *page_query(SubscriptionFilter(APP, **filters, sort=sort)))
    assert not [n for n in nodes(plan) if n["Node Type"] == "Seq Scan"]
    assert read_at_most(plan) <= 15_000


def test_the_providers_id_leads_straight_to_the_row(full: str) -> None:
    filters = {"app_id": APP, "provider_subscription_id": "sub_4712"}
    assert read_at_most(explained(full, SUBSCRIPTION_BY_PROVIDER_ID, filters)) <= 1
