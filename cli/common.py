"""Shared parts of the operator's commands: the running system's settings, log, vault, output."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn, cast
from uuid import UUID, uuid4

import typer

from cli.local.files import saved_settings
from domain.apps.app import App
from domain.apps.connection import Connection, ConnectionCreated
from domain.billing import Billing
from domain.core import ids
from domain.core.aggregate import DomainEvent
from domain.core.errors import DomainError
from domain.events import ENDING_TOPICS
from domain.gateway.errors import GatewayError
from eventlog import persistence
from eventlog.codec import Codec
from eventlog.errors import EventsDetached, LogUnavailable, VaultError
from eventlog.log import Log
from eventlog.security.vault import Vault
from workers.errors import OperatorError

if TYPE_CHECKING:
    from workers.settings import Settings

DataDir = Annotated[
    Path,
    typer.Option(
        envvar="BILLHOOK_DATA_DIR",
        help="Data folder of `billhook up`.",
        resolve_path=True,
    ),
]
DEFAULT_DATA_DIR = Path(".billhook")


def adopt_running_system(data_dir: Path) -> None:
    """Read the settings of the system that `billhook up` runs here, unless a database is set.

    All or none: the key of one system with the database of another would make secrets unreadable.
    """
    if "BILLHOOK_DATABASE_URL" not in os.environ:
        os.environ.update(saved_settings(data_dir))


def database_url() -> str:
    """Return the database URL; ends the command with advice if there is none."""
    url = os.environ.get("BILLHOOK_DATABASE_URL")
    if not url:
        fail("no database: set BILLHOOK_DATABASE_URL, or start one with: billhook up")
    return url


def fail(message: str) -> NoReturn:
    """Print an error to stderr and end the command with code 1."""
    typer.echo(f"billhook: {message}", err=True)
    raise typer.Exit(1)


BY: Final = "operator"
_PAGE: Final = 1000

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@dataclass(frozen=True, kw_only=True)
class Operator:
    """The installation's log and the domain's commands on it."""

    log: Log
    billing: Billing
    codec: Codec

    def app(self, app_id: UUID) -> App:
        """Load an app; ends the command if it does not exist."""
        found = self.billing.find(App, app_id)
        return fail(f"there is no app {app_id}") if found is None else found

    def connection(self, app_id: UUID, name: str) -> Connection:
        """Load an app's connection; ends the command if it does not exist or is deleted."""
        found = self.billing.find(Connection, ids.for_connection(app_id, name))
        if found is None or found.deleted:
            fail(f"the app has no connection {name!r}")
        return found

    def connections(self, app_id: UUID) -> list[Connection]:
        """Load an app's connections, without deleted ones."""
        known = (
            self.billing.get(Connection, event.originator_id)
            for event in self.events(ConnectionCreated.TOPIC)
            if isinstance(event, ConnectionCreated) and event.app_id == app_id
        )
        return [connection for connection in known if not connection.deleted]

    def events(self, *topics: str) -> Iterator[DomainEvent]:
        """Read all events of some topics, in the order of the log.

        Those of apps, connections and others that never end are kept of detached partitions.
        """
        position, are_kept = 0, not set(topics) & set(ENDING_TOPICS)
        while recorded := self.log.read(position, _PAGE, topics, kept_whole=are_kept):
            yield from (
                cast("DomainEvent", self.codec.decode(entry.stored())) for entry in recorded
            )
            position = recorded[-1].position

    def stream(self, stream: UUID) -> Iterator[DomainEvent]:
        """Read all events of one stream."""
        for entry in self.log.stream(stream):
            yield cast("DomainEvent", self.codec.decode(entry.stored()))


@contextmanager
def operating() -> Iterator[Operator]:
    """Open the log for a command; an expected error ends the command with its message."""
    log = Log.open(database_url(), application_name="billhook operator")
    name = f"operator-{uuid4()}"
    persistence.register(name, log)
    env = {"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": name}
    try:
        yield Operator(log=log, billing=Billing(env=env), codec=Codec())
    except (OperatorError, DomainError, GatewayError, VaultError, EventsDetached) as error:
        fail(str(error))
    except LogUnavailable as error:
        fail(f"{error}; try: billhook doctor")
    finally:
        persistence.register(name, None)
        log.close()


def vault() -> Vault:
    """Open the vault with BILLHOOK_MASTER_KEYS; ends the command with advice if none are set."""
    keys = [key.strip() for key in os.environ.get("BILLHOOK_MASTER_KEYS", "").split(",")]
    try:
        return Vault([key for key in keys if key])
    except VaultError as error:
        fail(f"{error}: set BILLHOOK_MASTER_KEYS, the same as the running system's")


def worker_settings() -> Settings:
    """Read the settings of the workers; ends the command if one is missing or invalid."""
    # Imported here: few commands need them, and they take a while.
    from eventlog.process.read_settings import read_settings  # noqa: PLC0415
    from workers.settings import Settings  # noqa: PLC0415

    return read_settings(Settings)


def now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


def table(rows: list[dict[str, str]]) -> None:
    """Print rows in columns; all rows have the same keys."""
    if not rows:
        typer.echo("none")
        return
    lines = [{name: name for name in rows[0]}, *rows]
    widths = {name: max(len(line[name]) for line in lines) for name in rows[0]}
    for line in lines:
        typer.echo("  ".join(line[name].ljust(widths[name]) for name in line).rstrip())


def print_findings(findings: Iterable[tuple[str, str | None]]) -> None:
    """Print (text, remedy) pairs; ends the command with code 1 if any has a remedy."""
    failed = False
    for text, remedy in findings:
        typer.echo(f"{'ok   ' if remedy is None else 'WRONG'}  {text}")
        if remedy is not None:
            typer.echo(f"       -> {remedy}")
            failed = True
    if failed:
        raise typer.Exit(1)
