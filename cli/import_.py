"""`billhook import tenants FILE`, `billhook import stripe` and `billhook import mollie`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from cli.common import BY, Operator, fail, now, operating, table, vault, worker_settings
from cli.known_apps import app_named
from cli.tenants_file import BadFile, Imported, RejectedRow, TenantsImport, read_rows
from domain.apps.connection import Connection, ConnectionCreated
from domain.core import ids
from eventlog.errors import LogUnavailable
from projections.work.sessions import WorkUnavailable

if TYPE_CHECKING:
    from workers.history.import_run import ImportCheckpoint

imports = typer.Typer(no_args_is_help=True, help="Import tenants, and a provider's history.")

App = Annotated[str, typer.Option("--app", help="The app: slug or id.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print what would be done.")]
Since = Annotated[
    datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day (UTC) to import.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print progress as JSON, one line a page.")]
_OUTCOMES = ("new", "changed", "known", "unassigned", "ours", "elsewhere", "skipped", "unreadable")
Report = Callable[["ImportCheckpoint", float], None]


@imports.command("tenants")
def import_tenants(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV in UTF-8.")],
    *,
    app: App,
    dry_run: DryRun = False,
) -> None:
    """Create the tenants of a file, or replace their data.

    Columns: tenant_uuid; name, email, country, vat_id; and customer:CONNECTION for the tenant's
    customer id at a connection's provider. Of a known tenant, a column that the file lacks leaves
    its value; an empty cell removes it, but for customers. Each error names its line and column;
    the other lines are imported. A second run changes nothing.
    """
    counts: Counter[str] = Counter()
    with operating() as operator, file.open(encoding="utf-8-sig", newline="") as lines:
        app_id = app_named(operator, app)
        rows = read_rows(lines, connections=_connections(operator, app_id))
        importing = TenantsImport(
            billing=operator.billing,
            stored_body=operator.log.body,
            app_id=app_id,
            occurred_at=now(),
            actor=BY,
            dry_run=dry_run,
        )
        try:
            for result in importing.run(rows):
                counts[_outcome(result)] += 1
        except BadFile as error:
            fail(f"{file.name}: {error}")
    would = "would be " if dry_run else ""
    for outcome in ("new", "changed", "known", "wrong"):
        typer.echo(f"{would}{outcome:<8} {counts[outcome]}")
    if counts["wrong"]:
        raise typer.Exit(1)


@imports.command("stripe")
def import_stripe(
    *,
    connection: Annotated[str, typer.Option(help="The connection, such as stripe-1.")],
    app: App,
    since: Since,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import a Stripe account's catalogue, subscriptions, invoices, payments and refunds.

    Nothing is written at Stripe. An import that was stopped or killed continues when the same
    command is run again; a second run adds nothing.
    """
    _import("stripe", connection, app=app, since=since, dry_run=dry_run, as_json=as_json)


@imports.command("mollie")
def import_mollie(
    *,
    connection: Annotated[str, typer.Option(help="The connection, such as mollie-1.")],
    app: App,
    since: Since,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import a Mollie account's subscriptions, payments, refunds and chargebacks.

    Nothing is written at Mollie. An import that was stopped or killed continues when the same
    command is run again; a second run adds nothing. Unpaid payments are left out.
    """
    _import("mollie", connection, app=app, since=since, dry_run=dry_run, as_json=as_json)


def _import(
    provider: str,
    connection: str,
    *,
    app: str,
    since: datetime,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import an account's history; ends the command with code 1 when it is interrupted."""
    since_s = int(since.replace(tzinfo=UTC).timestamp())
    if since_s > now().timestamp():
        fail("--since is in the future")
    vault()
    try:
        with operating() as operator:
            known = operator.connection(app_named(operator, app), connection)
            if known.provider != provider:
                fail(f"the connection {known.name!r} is to {known.provider}")
            if as_json:
                _import_with_json_lines(operator, known, since_s, dry_run=dry_run)
            else:
                _import_with_progress_bar(operator, known, since_s, dry_run=dry_run)
    except KeyboardInterrupt:
        fail("stopped; run the same command again to continue")


def run_import(
    operator: Operator, connection: Connection, since_s: int, *, dry_run: bool, report: Report
) -> ImportCheckpoint:
    """Import a connection's account; ends the command if the database is not available."""
    # Imported here: it loads the providers' SDKs.
    from workers.history.import_account import import_account  # noqa: PLC0415

    try:
        return import_account(
            worker_settings(),
            connection,
            known=operator.connections(connection.app_id),
            billing=operator.billing,
            vault=vault(),
            since_s=since_s,
            report=report,
            dry_run=dry_run,
        )
    except (LogUnavailable, WorkUnavailable) as error:
        fail(f"the database is not available ({error}); run the same command again to continue")


def _import_with_json_lines(
    operator: Operator, connection: Connection, since_s: int, *, dry_run: bool
) -> None:
    def report(checkpoint: ImportCheckpoint, share: float) -> None:
        line = {"event": "progress", "phase": checkpoint.phase, "share": round(share, 4)}
        typer.echo(json.dumps(line | {"counts": checkpoint.counts}))

    started_at = now()
    end = run_import(operator, connection, since_s, dry_run=dry_run, report=report)
    line = {"event": "finished", "until": _iso(end.until), "seconds": _seconds_since(started_at)}
    typer.echo(json.dumps(line | {"counts": end.counts}))


def _import_with_progress_bar(
    operator: Operator, connection: Connection, since_s: int, *, dry_run: bool
) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[imported]} invoices"),
        TimeElapsedColumn(),
    )
    started_at = now()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("catalogue", total=1.0, imported=0)

        def report(checkpoint: ImportCheckpoint, share: float) -> None:
            imported = sum(checkpoint.counts.get("invoices", {}).values())
            progress.update(task, description=checkpoint.phase, completed=share, imported=imported)

        end = run_import(operator, connection, since_s, dry_run=dry_run, report=report)
    table(
        [
            {"what": phase} | {name: str(counts.get(name, 0)) for name in _OUTCOMES}
            for phase, counts in end.counts.items()
        ]
    )
    note = "nothing was recorded" if dry_run else "a second run adds nothing"
    typer.echo(f"read up to {_iso(end.until)} in {_seconds_since(started_at)} s; {note}")


def _iso(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat()


def _seconds_since(started_at: datetime) -> float:
    return round((now() - started_at).total_seconds(), 1)


def _outcome(result: Imported | RejectedRow) -> str:
    """Return the outcome to count; prints the errors of a rejected row."""
    if isinstance(result, Imported):
        return result.outcome
    for error in result.errors:
        typer.echo(f"line {result.line}: {error}", err=True)
    return "wrong"


def _connections(operator: Operator, app_id: UUID) -> list[str]:
    """Return the names of an app's connections that are not deleted."""
    created = [
        event.name
        for event in operator.events(ConnectionCreated.TOPIC)
        if isinstance(event, ConnectionCreated) and event.app_id == app_id
    ]
    found = [operator.billing.get(Connection, ids.for_connection(app_id, name)) for name in created]
    return [connection.name for connection in found if not connection.deleted]
