"""`billhook reconcile status` and `billhook reconcile report`."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeVar

import typer

from cli.common import AsJson, database_url, fail, now, operating, table
from cli.known_apps import app_named
from domain.inbox.commands import FoundBy
from projections.engine.errors import ReadModelUnavailable
from projections.engine.pool import ReadPool, open_pool
from projections.operations.reconciliation_state import ConnectionState, read_connections
from projections.reconciliation.queries import DriftFilter, DriftQueries, DriftRow
from service.http.envelope import Json
from service.invoices.csv_export import harmless
from service.reports.drift import COLUMNS, item, sums

App = Annotated[str, typer.Option("--app", help="The app: slug or id.")]
AnyApp = Annotated[
    str | None, typer.Option("--app", help="Only this app: slug or id; all apps if omitted.")
]
Connection = Annotated[str | None, typer.Option(help="Only this connection, such as stripe-1.")]
State = Annotated[Literal["open", "resolved"] | None, typer.Option(help="Only these.")]
Cause = Annotated[FoundBy | None, typer.Option(help="Only what this part of reconciliation found.")]
Format = Annotated[Literal["table", "csv", "json"], typer.Option("--format", help="Output.")]
_DEFAULT_DAYS: Final = 30
_SHOWN: Final = ("detectedAt", "connection", "objectId", "field", "ours", "theirs", "foundBy")
T = TypeVar("T")


def status(*, app: AnyApp = None, as_json: AsJson = False) -> None:
    """Show, for each connection, how far reconciliation is and whether webhooks arrive."""
    app_id = None
    if app is not None:
        with operating() as operator:
            app_id = app_named(operator, app)
    found = query(lambda pool: read_connections(pool, app_id))
    rows = [_state(one) for one in found]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table([{name: _text(value) for name, value in row.items()} for row in rows])


def report(
    *,
    app: App,
    from_: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="The first day (UTC); 30 days ago."),
    ] = None,
    to: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="The day after the last (UTC); tomorrow."),
    ] = None,
    connection: Connection = None,
    found_by: Cause = None,
    field: Annotated[
        str | None, typer.Option(help="Only this field; `refunds` stands for all refunds.")
    ] = None,
    state: State = None,
    output: Format = "table",
) -> None:
    """List what reconciliation found to differ, with counts and times to heal."""
    with operating() as operator:
        app_id = app_named(operator, app)
    end = _utc(to) or now() + timedelta(days=1)
    filters = DriftFilter(
        app_id=app_id,
        connection=connection,
        found_by=found_by,
        field_root=field,
        state=() if state is None else (state,),
        detected_from=_utc(from_) or end - timedelta(days=_DEFAULT_DAYS),
        detected_to=end,
    )
    query(lambda pool: _print_report(DriftQueries(pool), filters, output))


def query(read: Callable[[ReadPool], Awaitable[T]]) -> T:
    """Query the read model; ends the command if the database is not available."""

    async def run() -> T:
        async with await open_pool(database_url(), max_size=1) as pool:
            return await read(pool)

    try:
        return asyncio.run(run())
    except ReadModelUnavailable as error:
        fail(f"the database does not answer: {error}; try: billhook doctor")


async def _print_report(queries: DriftQueries, filters: DriftFilter, output: str) -> None:
    """Print a page after the other, in constant memory; the table ends with the sums."""
    chunks = queries.stream_drift(filters)
    summed = [sums(row).to_json() for row in await queries.sums(filters)]
    match output:
        case "csv":
            await _write_csv(chunks)
        case "json":
            typer.echo(json.dumps({"event": "sums", "sums": summed}))
            async for rows in chunks:
                for row in rows:
                    typer.echo(json.dumps({"event": "drift"} | item(row).to_json()))
        case _:
            async for rows in chunks:
                if rows:
                    table([_shown(row) for row in rows])
            table([{name: _text(value) for name, value in row.items()} for row in summed])


async def _write_csv(chunks: AsyncIterator[Sequence[DriftRow]]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    async for rows in chunks:
        for row in rows:
            known = item(row).to_json()
            writer.writerow([harmless(known[name]) for name in COLUMNS])


def _shown(row: DriftRow) -> dict[str, str]:
    known = item(row).to_json()
    healed = known["timeToHealMs"]
    return {name: _text(known[name]) for name in _SHOWN} | {
        "healed": "open" if healed is None else f"{healed / 1000:.0f} s",
        "reason": _text(known["reason"]),
    }


def _state(one: ConnectionState) -> Json:
    share = one.found_share
    return {
        "app": str(one.app_id),
        "connection": one.connection,
        "mode": one.mode,
        "catchUpLagS": _whole(one.catch_up_lag_s),
        "auditAgeS": _whole(one.audit_age_s),
        "unresolved": one.unresolved,
        "oldestUnresolvedS": _whole(one.oldest_unresolved_s),
        "webhookEndpoint": one.health,
        "problems": "; ".join(one.problems),
        "lastWebhookAt": None if one.last_delivered_at is None else _iso(one.last_delivered_at),
        "foundShare": None if share is None else round(share, 4),
    }


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _utc(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _text(value: Any) -> str:  # noqa: ANN401 - a JSON value
    return "-" if value is None else str(value)
