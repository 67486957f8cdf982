import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace as changed
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from cli.common import BY, AsJson, database_url, fail, now, operating, table
from cli.known_apps import app_named
from domain.core.errors import NotPossible
from domain.inbox.dead_letters import replay_dead_letters
from projections.engine.errors import ReadModelUnavailable
from projections.engine.pool import ReadPool, open_pool
from projections.inbox.dead_letters import DeadLetterFilter, DeadLetterQueries
from projections.work.queries import State, WorkFilter, WorkQueries, WorkRow
from service.http.envelope import Json
from service.work.work import item, resend

work = typer.Typer(
    no_args_is_help=True, help="List unfinished work and dead letters, and resend them."
)

App = Annotated[str, typer.Option("--app", help="The app: slug or id.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print how many there are.")]
T = TypeVar("T")
_COLUMNS = ("id", "state", "step", "tries", "openedAt", "gaveUpAt", "lastError")
_PAGE = 100
_MOST = 10_000
_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@work.command("list")
def list_work(
    *,
    app: App,
    state: Annotated[State | None, typer.Option(help="Only work in this state.")] = None,
    as_json: AsJson = False,
) -> None:
    """List an app's unfinished work; work that used up its retries can be resent."""
    with operating() as operator:
        app_id = app_named(operator, app)
    rows = [item(row).to_json() for row in _query(lambda queries: _all(queries, app_id, state))]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        table([_texts(row) for row in rows])


@work.command("resend")
def resend_work(
    work_id: Annotated[
        str, typer.Argument(metavar="ID", help="The work's id, as listed by `work list`.")
    ],
    *,
    app: App,
) -> None:
    """Resend work that used up its retries; it gets a new set of retries."""
    with operating() as operator:
        app_id = app_named(operator, app)
        row = _query(lambda queries: queries.get_work(app_id, work_id))
        if row is None:
            fail(f"the app has no unfinished work {work_id!r}")
        try:
            resend(operator.billing, row, actor=BY, occurred_at=now())
        except NotPossible as error:
            fail(f"{work_id} cannot be sent again: {error.reason}")
    typer.echo(f"sent again {work_id}")


@work.command("replay")
def replay(
    *,
    app: App,
    reason: Annotated[
        str | None, typer.Option(help="Only with this reason, without its details after the colon.")
    ] = None,
    connection: Annotated[str | None, typer.Option(help="Only of this connection.")] = None,
    from_: Annotated[
        datetime | None,
        typer.Option("--from", formats=_TIMES, help="Received then or later."),
    ] = None,
    to: Annotated[
        datetime | None, typer.Option("--to", formats=_TIMES, help="Received before then (UTC).")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print how many there are.")
    ] = False,
) -> None:
    """Replay an app's dead letters: provider events that could not be applied.

    Each is applied like a new delivery; one that fails again is a dead letter again.
    """
    with operating() as operator:
        filters = DeadLetterFilter(
            app_id=app_named(operator, app),
            reason=reason,
            connection=connection,
            received_from=None if from_ is None else from_.replace(tzinfo=UTC),
            received_to=None if to is None else to.replace(tzinfo=UTC),
        )
        letters, total = _run(lambda pool: DeadLetterQueries(pool).find(filters, limit=_MOST))
        if dry_run:
            typer.echo(f"{total} dead letters")
            return
        requested = replay_dead_letters(operator.billing, letters, actor=BY, occurred_at=now())
    typer.echo(f"requested {requested} replays; {total - len(letters)} dead letters are left")


def _query(query: Callable[[WorkQueries], Coroutine[None, None, T]]) -> T:
    """Run a query on the work table; ends the command if the database is not available."""
    return _run(lambda pool: query(WorkQueries(pool)))


def _run(read: Callable[[ReadPool], Coroutine[None, None, T]]) -> T:
    async def run() -> T:
        async with await open_pool(database_url(), max_size=1) as pool:
            return await read(pool)

    try:
        return asyncio.run(run())
    except ReadModelUnavailable as error:
        fail(f"the database does not answer: {error}; try: billhook doctor")


async def _all(queries: WorkQueries, app_id: UUID, state: State | None) -> list[WorkRow]:
    work_filter = WorkFilter(app_id=app_id, state=state, limit=_PAGE)
    found: list[WorkRow] = []
    while True:
        page = await queries.list_work(work_filter)
        found += page.rows
        if page.next_cursor is None:
            return found
        work_filter = changed(work_filter, cursor=page.next_cursor)


def _texts(row: Json) -> dict[str, str]:
    return {name: "" if row[name] is None else str(row[name]) for name in _COLUMNS}
