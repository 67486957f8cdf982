"""Moving in: `billhook import tenants FILE`, `billhook import stripe` and `… mollie`."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from cli.apps import app_named
from cli.common import BY, Operator, fail, lines_of, now, operating, table, vault
from cli.tenants_file import BadFile, Taken, TenantsImport, Wrong, read_rows
from domain.apps.connection import Connection, ConnectionCreated
from domain.core import ids

imports = typer.Typer(no_args_is_help=True, help="Move in: tenants, and a provider's history.")

App = Annotated[str, typer.Option("--app", help="Whose: the app's slug or id.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Since = Annotated[
    datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day (UTC) of what is wanted.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Say how far it is in JSON, a line a page.")]
_OUTCOMES = ("new", "changed", "known", "unassigned", "ours", "elsewhere", "skipped")


@imports.command("tenants")
def import_tenants(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV in UTF-8.")],
    *,
    app: App,
    dry_run: DryRun = False,
) -> None:
    """Make the tenants of a file, or replace what is known of them.

    Columns: tenant_uuid; name, email, country, vat_id; and customer:CONNECTION for the customer
    that a tenant is at a connection's provider. What is wrong with a line is said with the column;
    the others are taken in. Run again, what is known is left alone.
    """
    counts: Counter[str] = Counter()
    with operating() as operator, file.open(encoding="utf-8-sig", newline="") as lines:
        app_id = app_named(operator, app)
        rows = read_rows(lines, connections=_connections(operator, app_id))
        taking = TenantsImport(
            billing=operator.billing, app_id=app_id, occurred_at=now(), actor=BY, dry_run=dry_run
        )
        try:
            for done in taking.take(rows):
                counts[_tell(done)] += 1
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
    connection: Annotated[str, typer.Option(help="The connection, like stripe-1.")],
    app: App,
    since: Since,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take in what a Stripe account has had: its catalogue, subscriptions, invoices and money.

    Nothing is written at Stripe. Stopped or killed, it goes on where it was when the same is run
    again; run once more, it adds nothing.
    """
    _import("stripe", connection, app=app, since=since, dry_run=dry_run, as_json=as_json)


@imports.command("mollie")
def import_mollie(
    *,
    connection: Annotated[str, typer.Option(help="The connection, like mollie-1.")],
    app: App,
    since: Since,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take in what a Mollie account has had: its subscriptions, payments and what went back.

    Nothing is written at Mollie. Stopped or killed, it goes on where it was when the same is run
    again; run once more, it adds nothing. Payments that nobody made are left out.
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
    from_day = since.replace(tzinfo=UTC)
    if from_day > now():
        fail("--since lies ahead")
    vault()
    with operating() as operator:
        known = _connection(operator, app_named(operator, app), connection)
    role, arguments = f"import-{provider}", ["--app", str(known.app_id), "--connection", known.name]
    arguments += ["--since", str(int(from_day.timestamp())), *(["--dry-run"] if dry_run else [])]
    try:
        if as_json:
            for line in lines_of(role, *arguments):
                typer.echo(json.dumps(line))
        else:
            _show(role, arguments, dry_run=dry_run)
    except KeyboardInterrupt:
        fail("stopped; run the same again to go on")


def _show(role: str, arguments: list[str], *, dry_run: bool) -> None:
    """Draw how far it is, then print what came of it."""
    ended: dict[str, Any] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[taken]} invoices"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("catalogue", total=1.0, taken=0)
        for line in lines_of(role, *arguments):
            ended = line
            if line["event"] == "progress":
                taken = sum(line["counts"].get("invoices", {}).values())
                progress.update(
                    task, description=line["phase"], completed=line["share"], taken=taken
                )
    rows = [
        {"what": phase} | {name: str(counts.get(name, 0)) for name in _OUTCOMES}
        for phase, counts in ended["counts"].items()
    ]
    table(rows)
    said = "nothing was recorded" if dry_run else "run it again and it adds nothing"
    typer.echo(f"read up to {ended['until']} in {ended['seconds']} s; {said}")


def _tell(done: Taken | Wrong) -> str:
    if isinstance(done, Taken):
        return done.outcome
    for why in done.why:
        typer.echo(f"line {done.line}: {why}", err=True)
    return "wrong"


def _connections(operator: Operator, app_id: UUID) -> list[str]:
    made = [
        event.name
        for event in operator.events(ConnectionCreated.TOPIC)
        if isinstance(event, ConnectionCreated) and event.app_id == app_id
    ]
    found = [operator.billing.get(Connection, ids.for_connection(app_id, name)) for name in made]
    return [connection.name for connection in found if not connection.deleted]


def _connection(operator: Operator, app_id: UUID, name: str) -> Connection:
    found = operator.billing.find(Connection, ids.for_connection(app_id, name))
    if found is None or found.deleted:
        fail(f"the app has no connection {name!r}")
    return found
