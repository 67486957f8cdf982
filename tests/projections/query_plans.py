"""Query plans as PostgreSQL executed them."""

from collections.abc import Iterator
from typing import Any

from psycopg.sql import SQL, Composed

from eventlog.database.connect import connect
from projections.engine.pool import READ_SETTINGS


def explained(dsn: str, query: SQL | Composed, parameters: Any) -> dict[str, Any]:
    """Run a query with the settings of a reader's session; return its plan with the actual rows."""
    with connect(dsn, application_name="test", settings=READ_SETTINGS) as connection:
        explain = SQL("EXPLAIN (ANALYZE, TIMING off, FORMAT json) ") + query
        found = connection.execute(explain, parameters).fetchone()
    assert found is not None
    plan: dict[str, Any] = found[0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def read_at_most(plan: dict[str, Any]) -> int:
    return max(
        int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in nodes(plan)
    )
