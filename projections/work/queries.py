"""Query open jobs, and those that gave up and wait for an operator."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed

from projections.engine import cursors, keyset
from projections.engine.keyset import COUNTED_EXACTLY, Page
from projections.engine.pool import ReadPool

OPEN: Final = "open"
GAVE_UP: Final = "gave_up"
State = Literal["open", "gave_up"]
STATES: Final = get_args(State)


@dataclass(frozen=True, kw_only=True)
class WorkFilter:
    """Filter and page of an app's work. What gave up: oldest first. `limit`: 1..100.

    All other work in the order in which it was requested.
    """

    app_id: UUID
    state: State | None = None
    limit: int = 20
    cursor: str | None = None

    @property
    def list_name(self) -> str:
        """Name the list that this is a page of."""
        return keyset.list_name("work", self)


@dataclass(frozen=True, kw_only=True)
class WorkRow:
    """A row of the work table. `step`: what gave up of what it is for, None while it is tried."""

    id: int
    key: str
    args: dict[str, Any]
    opened_at: datetime
    due_at: datetime
    gave_up_at: datetime | None
    tries: int
    last_error: str | None
    step: str | None

    @property
    def kind(self) -> str:
        """Return the kind of work, as in charge_invoice, refund, provider_event."""
        return self.key.partition(":")[0]


WorkPage = Page[WorkRow]


# What gave up has its index. Other lists read by number: the table holds what is not done and is
# short, and another index would cost each job more than it spares an operator.
# An invoice knows which step of it gave up; a refund's step is its key, a setup has a key for each.
_COLUMNS: Final = SQL(
    """
SELECT job.id, job.key, job.args, job.opened_at, job.due_at, job.gave_up_at, job.tries,
    job.last_error, CASE
        WHEN job.gave_up_at IS NULL THEN NULL
        WHEN job.args ? 'refund_id' THEN job.key
        WHEN job.key LIKE 'start_subscription:%%' THEN 'begin'
        WHEN job.key LIKE 'setup:%%' THEN 'open'
        WHEN job.key LIKE 'setup_completion:%%' THEN 'default'
        ELSE invoice.view #>> '{{gave_up,step}}'
    END AS step
FROM {jobs} AS job
LEFT JOIN read.invoices AS invoice ON invoice.invoice_id = (job.args ->> 'invoice_id')::uuid
"""
)
_PAGE: Final = SQL(
    """
WITH page AS (
    SELECT * FROM work.jobs WHERE {filter} AND {after} ORDER BY {order} LIMIT %(rows)s
), total AS (
    SELECT count(*) AS total FROM (
        SELECT id FROM work.jobs WHERE {filter} LIMIT %(most)s
    ) AS counted
), found AS ({columns})
SELECT total.total, found.* FROM total LEFT JOIN found ON true ORDER BY {order}
"""
)
_CONDITIONS: Final = {
    None: SQL("app = %(app_id)s"),
    OPEN: SQL("app = %(app_id)s AND gave_up_at IS NULL"),
    GAVE_UP: SQL("app = %(app_id)s AND gave_up_at IS NOT NULL"),
}
_AFTER: Final = {
    None: SQL("id > %(after)s"),
    OPEN: SQL("id > %(after)s"),
    GAVE_UP: SQL("(gave_up_at, id) > (%(after)s, %(after_id)s)"),
}
_GET: Final = _COLUMNS.format(jobs=SQL("work.jobs")) + SQL("WHERE job.app = %s AND job.key = %s")


class WorkQueries:
    """Questions about work. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def list_work(self, filters: WorkFilter) -> WorkPage:
        """Return a page of an app's work. Raises BadCursor."""
        query, parameters = page_query(filters)
        return keyset.page_of(
            await self._pool.fetch(query, parameters),
            row_id="id",
            limit=filters.limit,
            row=_row,
            next_cursor=lambda last: _cursor(last, filters),
        )

    async def get_work(self, app_id: UUID, key: str) -> WorkRow | None:
        """Return an app's work by its key, while it is not done."""
        found = await self._pool.fetch(_GET, [app_id, key])
        return _row(found[0]) if found else None


def page_query(filters: WorkFilter) -> tuple[Composed, dict[str, object]]:
    """Write the one statement that answers with a page (and one row more) and the total."""
    given_up = filters.state == GAVE_UP
    parameters: dict[str, object] = asdict(filters)
    parameters |= {"rows": filters.limit + 1, "most": COUNTED_EXACTLY + 1}
    after = SQL("true")
    if filters.cursor is not None:
        page_key = cursors.read(filters.cursor, list_name=filters.list_name)
        parameters |= {"after": page_key.value, "after_id": page_key.id.int}
        if given_up:
            parameters["after"] = cursors.from_microseconds(page_key.value)
        after = _AFTER[filters.state]
    query = _PAGE.format(
        filter=_CONDITIONS[filters.state],
        after=after,
        order=SQL("gave_up_at, id" if given_up else "id"),
        columns=_COLUMNS.format(jobs=SQL("page")),
    )
    return query, parameters


def _cursor(last: DictRow, filters: WorkFilter) -> str:
    """Write the cursor after a row; its number takes the place of a UUID."""
    key = last["gave_up_at"] if filters.state == GAVE_UP else last["id"]
    return keyset.cursor_after(key, UUID(int=last["id"]), name=filters.list_name)


def _row(row: DictRow) -> WorkRow:
    return WorkRow(**{name: row[name] for name in WorkRow.__dataclass_fields__})
