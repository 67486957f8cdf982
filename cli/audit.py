"""`billhook reconcile run`: audit a connection on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from cli.common import fail, now, operating, table, vault, worker_settings
from cli.known_apps import app_named
from domain.apps.connection import Connection
from eventlog.errors import LogUnavailable
from projections.work.sessions import WorkUnavailable

if TYPE_CHECKING:
    from workers.reconciliation.audit_run import AuditCheckpoint
    from workers.reconciliation.inbox import Finding

ConnectionName = Annotated[
    str, typer.Option("--connection", help="The connection, such as stripe-1.")
]
App = Annotated[str, typer.Option("--app", help="The app: slug or id.")]
From = Annotated[
    datetime,
    typer.Option("--from", formats=["%Y-%m-%d"], help="First day (UTC) of the objects' creation."),
]
To = Annotated[
    datetime | None,
    typer.Option("--to", formats=["%Y-%m-%d"], help="Last day (UTC); without it: until now."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print what differs.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print findings and progress as JSON lines.")]


def run(
    *,
    connection: ConnectionName,
    app: App,
    start: From,
    end: To = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Audit a connection: compare all its objects created in a period, of any age.

    What is missing or different is fetched and recorded by the workers, as after a webhook;
    nothing is written at the provider. A run that was stopped or killed continues when the same
    command is run again.
    """
    vault()
    start_s, end_s = _seconds(start), None if end is None else _seconds(end + timedelta(days=1))
    if start_s > now().timestamp() or (end_s is not None and end_s <= start_s):
        fail("--from must be in the past, and before --to")
    try:
        with operating() as operator:
            known = operator.connection(app_named(operator, app), connection)
        output = _JsonLines() if as_json else _ProgressBar(dry_run=dry_run)
        with output.shown():
            done = _audit(known, (start_s, end_s), output, dry_run=dry_run)
        output.finish(done)
    except KeyboardInterrupt:
        fail("stopped; run the same command again to continue")


def _seconds(day: datetime) -> int:
    """Return the start of a day (UTC) in Unix seconds."""
    return int(day.replace(tzinfo=UTC).timestamp())


def _audit(
    connection: Connection, period: tuple[int, int | None], output: _Output, *, dry_run: bool
) -> AuditCheckpoint:
    # Imported here: it loads the providers' SDKs.
    from workers.reconciliation.on_demand import audit_connection  # noqa: PLC0415

    try:
        return audit_connection(
            worker_settings(),
            connection,
            start_s=period[0],
            end_s=period[1],
            found=output.found,
            progress=output.progress,
            dry_run=dry_run,
        )
    except (LogUnavailable, WorkUnavailable) as error:
        fail(f"the database is not available ({error}); run the same command again to continue")


class _Output:
    """Output of a run."""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress meanwhile."""
        yield

    def found(self, finding: Finding) -> None:
        """Show a finding."""
        raise NotImplementedError

    def progress(self, checkpoint: AuditCheckpoint, share: float) -> None:
        """Show the progress after a page."""
        raise NotImplementedError

    def finish(self, done: AuditCheckpoint) -> None:
        """Show the result."""
        raise NotImplementedError


class _JsonLines(_Output):
    def found(self, finding: Finding) -> None:
        typer.echo(json.dumps({"event": "found", **asdict(finding)}))

    def progress(self, checkpoint: AuditCheckpoint, share: float) -> None:
        line = {"event": "progress", "list": checkpoint.phase, "share": round(share, 4)}
        typer.echo(json.dumps(line | {"checked": checkpoint.checked, "found": checkpoint.found}))

    def finish(self, done: AuditCheckpoint) -> None:
        line = {"event": "finished", "checked": done.checked, "found": done.found}
        typer.echo(json.dumps(line | {"unreadable": done.unreadable}))


@dataclass
class _ProgressBar(_Output):
    """Show a bar on stderr, and what was found in a table on stdout."""

    dry_run: bool
    update: Callable[[AuditCheckpoint, float], None] = lambda *_: None
    findings: list[dict[str, str]] = field(default_factory=list)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[checked]} objects"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("audit", total=1.0, checked=0)

            def update(checkpoint: AuditCheckpoint, share: float) -> None:
                checked = sum(checkpoint.checked.values())
                progress.update(
                    task, description=checkpoint.phase, completed=share, checked=checked
                )

            self.update = update
            yield

    def found(self, finding: Finding) -> None:
        """Print the finding as a line."""
        typer.echo(f"{finding.object_type} {finding.object_id}: {finding.difference}")

    def progress(self, checkpoint: AuditCheckpoint, share: float) -> None:
        """Move the bar."""
        self.update(checkpoint, share)

    def finish(self, done: AuditCheckpoint) -> None:
        """Print the numbers by list."""
        table(
            [
                {"list": name, "checked": str(number), "differ": str(done.found.get(name, 0))}
                for name, number in done.checked.items()
            ]
        )
        if done.unreadable:
            typer.echo(f"{done.unreadable} objects could not be read")
        note = "nothing was recorded" if self.dry_run else "the workers record what differs"
        typer.echo(note)
