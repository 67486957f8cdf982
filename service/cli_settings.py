import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from service.up_files import kept_settings

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
