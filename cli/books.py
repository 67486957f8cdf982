"""`billhook reconcile books`: prove amounts, day by day, against the provider's own lists."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from cli.common import Operator, fail, operating, table, vault, worker_settings
from cli.drift import query
from cli.known_apps import app_named
from domain.apps.connection import Connection
from eventlog.errors import LogUnavailable
from projections.reports.queries import ReportFilter, ReportQueries, RevenueRow
from projections.work.sessions import WorkUnavailable
from service.invoices.csv_export import harmless

if TYPE_CHECKING:
    from workers.reconciliation.books import Sums
    from workers.reconciliation.read_books import ReadBooks

App = Annotated[str, typer.Option("--app", help="The app: slug or id.")]
From = Annotated[
    datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day (UTC).")
]
To = Annotated[
    datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The day after the last (UTC).")
]
Name = Annotated[str | None, typer.Option("--connection", help="Only this connection.")]
Fees = Annotated[
    bool,
    typer.Option("--fees", help="Also print Stripe's fees, which are not recorded here."),
]
LookBack = Annotated[
    int | None,
    typer.Option(
        "--look-back",
        min=0,
        help="Only read objects that were created up to so many days before --from.",
    ),
]
Format = Annotated[Literal["table", "csv", "json"], typer.Option("--format", help="Output.")]
_FEES: Final = "fees"
RevenueDay = dict[str, int]
# Of one query of the reports.
_QUERY_DAYS: Final = 366
_OURS: Final = {
    "charged": "collected_minor",
    "refunded": "refunded_minor",
    "disputed": "disputed_minor",
}
COLUMNS: Final = (
    "day", "connection", "mode", "currency", "kind", "oursMinor", "theirsMinor", "differenceMinor",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Line:
    """An amount of one day, connection, mode and currency, by us and by the provider."""

    day: date
    connection: str
    mode: str
    currency: str
    kind: str
    ours_minor: int | None
    theirs_minor: int

    @property
    def difference_minor(self) -> int | None:
        """Return what the provider has more than we; None for what is not recorded here."""
        return None if self.ours_minor is None else self.theirs_minor - self.ours_minor

    def cells(self) -> dict[str, str | int | None]:
        """Return the columns."""
        return dict(
            zip(
                COLUMNS,
                (
                    self.day.isoformat(),
                    self.connection,
                    self.mode,
                    self.currency,
                    self.kind,
                    self.ours_minor,
                    self.theirs_minor,
                    self.difference_minor,
                ),
                strict=True,
            )
        )


def books(
    *,
    app: App,
    from_: From,
    to: To,
    connection: Name = None,
    fees: Fees = False,
    look_back: LookBack = None,
    output: Format = "table",
) -> None:
    """Compare charges, refunds and disputes with the provider's; exits with 1 if any differs.

    Amounts are exact sums by day (UTC), connection, mode and currency: ours from the reports, the
    provider's from its lists of invoices or payments, refunds and disputes. Objects of any age are
    read, as an old invoice may have been paid in the period; --look-back reads less.
    """
    first, end = from_.date(), to.date()
    if first >= end:
        fail("--to must be after --from: it is the day after the last one")
    lines: list[Line] = []
    unreadable = 0
    with operating() as operator:
        app_id = app_named(operator, app)
        chosen = [one for one in operator.connections(app_id) if connection in (None, one.name)]
        if not chosen:
            fail(f"the app has no connection {connection or ''}".rstrip())
        for one in chosen:
            read = _read_provider(operator, one, first, end, fees=fees, look_back=look_back)
            unreadable += read.unreadable
            lines += _lines(one, _ours(one, first, end), read.sums)
    _print(lines, output)
    differing = [line for line in lines if line.difference_minor]
    if unreadable:
        typer.echo(f"{unreadable} objects could not be read", err=True)
    if differing or unreadable:
        typer.echo(f"{len(differing)} of {len(lines)} amounts differ", err=True)
        raise typer.Exit(1)
    compared = [line for line in lines if line.difference_minor is not None]
    typer.echo(f"{len(compared)} amounts agree", err=True)


def _read_provider(
    operator: Operator,
    connection: Connection,
    first: date,
    end: date,
    *,
    fees: bool,
    look_back: int | None,
) -> ReadBooks:
    # Imported here: it loads the providers' SDKs.
    from workers.providers.retry import Span  # noqa: PLC0415
    from workers.reconciliation.read_books import read_books  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(connection.name, total=1.0)
        try:
            return read_books(
                worker_settings(),
                connection,
                Span(start=_unix(first), end=_unix(end)),
                log=operator.log,
                billing=operator.billing,
                vault=vault(),
                report=lambda share: progress.update(task, completed=share),
                with_fees=fees,
                look_back_days=look_back,
            )
        except (LogUnavailable, WorkUnavailable) as error:
            fail(f"the database is not available ({error})")


def _ours(connection: Connection, first: date, end: date) -> dict[tuple[date, str], RevenueDay]:
    """Read our sums of a connection, by day and currency; a long period is read in parts."""
    found: dict[tuple[date, str], RevenueDay] = {}
    while first < end:
        until = min(first + timedelta(days=_QUERY_DAYS), end)
        found |= _ours_of_days(connection, first, until)
        first = until
    return found


def _ours_of_days(
    connection: Connection, first: date, end: date
) -> dict[tuple[date, str], RevenueDay]:
    days = [first + timedelta(days=number) for number in range((end - first).days)]
    filters = ReportFilter(
        app_id=connection.app_id, mode=connection.mode, connection=connection.name
    )
    rows: list[RevenueRow] = query(
        lambda pool: ReportQueries(pool).revenue(
            filters, begins=[_start(day) for day in days], end=_start(end)
        )
    )
    return {
        (day, row.currency): {kind: getattr(bucket, name) for kind, name in _OURS.items()}
        for row in rows
        for day, bucket in zip(days, row.buckets, strict=True)
    }


def _lines(
    connection: Connection, ours: dict[tuple[date, str], RevenueDay], theirs: Sums
) -> Iterator[Line]:
    """Yield the amounts that either side has."""
    for day, currency in sorted(ours.keys() | theirs.keys()):
        mine: RevenueDay = ours.get((day, currency), {})
        provider = {str(kind): sum_ for kind, sum_ in theirs.get((day, currency), {}).items()}
        for kind in (*_OURS, _FEES):
            amounts = mine.get(kind, 0), provider.get(kind, 0)
            if amounts != (0, 0):
                yield Line(
                    day=day,
                    connection=connection.name,
                    mode=connection.mode,
                    currency=currency,
                    kind=kind,
                    ours_minor=None if kind == _FEES else amounts[0],
                    theirs_minor=amounts[1],
                )


def _print(lines: list[Line], output: str) -> None:
    rows = [line.cells() for line in lines]
    match output:
        case "json":
            typer.echo(json.dumps(rows))
        case "csv":
            writer = csv.writer(sys.stdout)
            writer.writerow(COLUMNS)
            writer.writerows([harmless(row[name]) for name in COLUMNS] for row in rows)
        case _:
            table([{name: _text(value) for name, value in row.items()} for row in rows])


def _text(value: str | int | None) -> str:
    return "-" if value is None else str(value)


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _unix(day: date) -> int:
    return int(_start(day).timestamp())
