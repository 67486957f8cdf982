"""`python -m projections` keeps the read model up to date; `… rebuild NAME` fills it anew."""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from eventlog.errors import EventsDetached
from eventlog.process.heartbeat import beat
from eventlog.process.log_setup import configure_logging
from eventlog.process.read_settings import read_settings
from projections.engine.errors import RebuildError
from projections.engine.fill import MOST_PROCESSES
from projections.generations.rebuild import rebuild
from projections.generations.runner import Projections
from projections.registry import PROJECTIONS
from projections.settings import Settings

# As the shell reports a process that Ctrl-C ended.
_INTERRUPTED: Final = 130


def main() -> int:
    """Read the settings and do what the arguments ask for."""
    arguments = _parser().parse_args()
    settings = read_settings(Settings)
    configure_logging(settings.log_format)
    run: Callable[[Settings, argparse.Namespace], int] = arguments.run
    try:
        return run(settings, arguments)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        sys.stderr.write("the database is not up to date: run `billhook migrate`\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m projections", description=__doc__)
    parser.set_defaults(run=_follow)
    commands = parser.add_subparsers(metavar="rebuild")
    rebuilding = commands.add_parser("rebuild", help="rebuild a projection while it serves reads")
    rebuilding.add_argument("name", choices=sorted(PROJECTIONS))
    rebuilding.add_argument(
        "--accept-changes",
        action="store_true",
        help="also where the new rows differ from the old ones",
    )
    rebuilding.add_argument(
        "--processes",
        type=int,
        choices=range(1, MOST_PROCESSES + 1),
        metavar="N",
        help="processes that fill the tables (default: as many as there are cores)",
    )
    rebuilding.set_defaults(run=_rebuild)
    return parser


def _follow(settings: Settings, _: argparse.Namespace) -> int:
    # Folds make no cyclic garbage, and a batch has tens of thousands of objects to be searched.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvloop.run(_until_stopped(Projections(settings.database_url), settings.heartbeat_file))
    return 0


def _rebuild(settings: Settings, arguments: argparse.Namespace) -> int:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(stderr=True)
    try:
        with Progress(
            *columns,
            console=console,
            transient=True,
            disable=not console.is_terminal,
            auto_refresh=False,  # by a thread, beside which no process may be forked
        ) as progress:
            task = progress.add_task("filling", total=1.0)
            done = rebuild(
                settings.database_url,
                arguments.name,
                keep_old_for_s=settings.keep_old_generation_s,
                accept_changes=arguments.accept_changes,
                processes=arguments.processes,
                report=lambda phase, share: progress.update(
                    task, description=phase, completed=share, refresh=True
                ),
            )
    except (RebuildError, EventsDetached) as error:
        sys.stderr.write(f"not rebuilt: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command starts again\n")
        return _INTERRUPTED
    except psycopg.OperationalError as error:
        if error.sqlstate is not None:
            raise
        sys.stderr.write("not rebuilt: the database of BILLHOOK_DATABASE_URL does not answer\n")
        return 1
    sys.stdout.write(
        f"{done.projection}: generation {done.generation} answers, {done.events} events in"
        f" {done.seconds:.1f} s, {done.differing} rows differ from the old one\n"
    )
    return 0


async def _until_stopped(projections: Projections, heartbeat_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await asyncio.gather(projections.run(stop), beat(heartbeat_file, stop=stop))


if __name__ == "__main__":
    sys.exit(main())
