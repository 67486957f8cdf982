"""What the operator's commands on apps, keys and connections share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, cast
from uuid import UUID, uuid4

import typer

from domain.app import App
from domain.base import Fact
from domain.billing import Billing
from domain.errors import Contradiction, NotFound
from eventlog import persistence
from eventlog.codec import Codec
from eventlog.errors import LogUnavailable, VaultError
from eventlog.log import Log
from eventlog.vault import Vault
from service.cli_settings import database_url, fail

BY: Final = "operator"
_PAGE: Final = 1000

AppId = Annotated[UUID, typer.Argument(metavar="APP", help="The app's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]


@dataclass(frozen=True, kw_only=True)
class Operator:
    """The log of the installation, and the domain on it."""

    log: Log
    billing: Billing
    codec: Codec

    def app(self, app_id: UUID) -> App:
        """Load an app; ends the command where there is none."""
        found = self.billing.find(App, app_id)
        return fail(f"there is no app {app_id}") if found is None else found

    def events(self, *topics: str) -> Iterator[Fact]:
        """Give all events of some topics, in order."""
        position = 0
        while recorded := self.log.read(position, _PAGE, topics):
            yield from (cast("Fact", self.codec.decode(entry.stored())) for entry in recorded)
            position = recorded[-1].position

    def stream(self, stream: UUID) -> Iterator[Fact]:
        """Give all events of one stream."""
        for entry in self.log.stream(stream):
            yield cast("Fact", self.codec.decode(entry.stored()))


@contextmanager
def operating() -> Iterator[Operator]:
    """Open the log for a command; what the domain refuses ends the command with its reason."""
    log = Log.open(database_url(), application_name="billhook operator")
    name = f"operator-{uuid4()}"
    persistence.register(name, log)
    env = {"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": name}
    try:
        yield Operator(log=log, billing=Billing(env=env), codec=Codec())
    except (Contradiction, NotFound) as error:
        fail(str(error))
    except LogUnavailable as error:
        fail(f"{error}; try: billhook doctor")
    finally:
        persistence.register(name, None)
        log.close()


def vault() -> Vault:
    """Take the master keys; ends the command with advice where there are none."""
    keys = [key.strip() for key in os.environ.get("BILLHOOK_MASTER_KEYS", "").split(",")]
    try:
        return Vault([key for key in keys if key])
    except VaultError as error:
        fail(f"{error}: set BILLHOOK_MASTER_KEYS, the same as the running system's")


def now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


def table(rows: list[dict[str, str]]) -> None:
    """Print rows of equal keys in columns."""
    if not rows:
        typer.echo("none")
        return
    lines = [{name: name for name in rows[0]}, *rows]
    widths = {name: max(len(line[name]) for line in lines) for name in rows[0]}
    for line in lines:
        typer.echo("  ".join(line[name].ljust(widths[name]) for name in line).rstrip())
