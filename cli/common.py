"""What the operator's commands on apps, keys and connections share."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, cast
from uuid import UUID, uuid4

import typer

from cli.local.files import kept_settings
from domain.apps.app import App
from domain.billing import Billing
from domain.core.aggregate import DomainEvent
from domain.core.errors import Contradiction, NotFound
from eventlog import persistence
from eventlog.codec import Codec
from eventlog.errors import LogUnavailable, VaultError
from eventlog.log import Log
from eventlog.security.vault import Vault

DataDir = Annotated[
    Path,
    typer.Option(
        envvar="BILLHOOK_DATA_DIR",
        help="Where `billhook up` keeps its data.",
        resolve_path=True,
    ),
]
DEFAULT_DATA_DIR = Path(".billhook")


def adopt_running_system(data_dir: Path) -> None:
    """Take the settings of the system that `billhook up` runs here, where none are given.

    All or none: the key of one system beside the database of another would spoil its secrets.
    """
    if "BILLHOOK_DATABASE_URL" not in os.environ:
        os.environ.update(kept_settings(data_dir))


def database_url() -> str:
    """Give the database of this command; ends the command with advice where there is none."""
    url = os.environ.get("BILLHOOK_DATABASE_URL")
    if not url:
        fail("no database: set BILLHOOK_DATABASE_URL, or start one with: billhook up")
    return url


def fail(message: str) -> NoReturn:
    """Say what is wrong on stderr and end the command with code 1."""
    typer.echo(f"billhook: {message}", err=True)
    raise typer.Exit(1)


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

    def events(self, *topics: str) -> Iterator[DomainEvent]:
        """Give all events of some topics, in order."""
        position = 0
        while recorded := self.log.read(position, _PAGE, topics):
            yield from (
                cast("DomainEvent", self.codec.decode(entry.stored())) for entry in recorded
            )
            position = recorded[-1].position

    def stream(self, stream: UUID) -> Iterator[DomainEvent]:
        """Give all events of one stream."""
        for entry in self.log.stream(stream):
            yield cast("DomainEvent", self.codec.decode(entry.stored()))


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


# What the command line has the workers do, who alone speak to providers.


def answer_of(role: str, *arguments: str, given: str = "", timeout_s: float = 120) -> Any:  # noqa: ANN401 - their JSON
    """Give the one answer of a worker's role; `given` is its standard input, for secrets."""
    command = [sys.executable, "-m", "workers", role, *arguments]
    try:
        ended = subprocess.run(
            command,
            input=given,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        answer = json.loads(ended.stdout)
    except (ValueError, subprocess.TimeoutExpired):
        fail(f"python -m workers {role} gave no answer; its own words are on standard error")
    if "error" in answer:
        fail(answer["error"])
    return answer


def lines_of(role: str, *arguments: str) -> Iterator[dict[str, Any]]:
    """Give the JSON lines of a worker's role as they come; ends the command where it fails."""
    command = [sys.executable, "-m", "workers", role, *arguments]
    # In a session of its own: Ctrl-C is ours to pass on.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            for text in process.stdout or ():
                line = json.loads(text)
                if "error" in line:
                    fail(line["error"])
                yield line
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        fail(f"python -m workers {role} failed; its own words are on standard error")
