"""`python -m projections` keeps the read model up to date; `… rebuild NAME` fills it anew."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable

import psycopg
import uvloop

from projections import logs
from projections.running import Projections
from projections.settings import Settings


def main() -> int:
    """Read the settings and do what the arguments ask for."""
    arguments = _parser().parse_args()
    settings = Settings()
    logs.configure(settings.log_format)
    run: Callable[[Settings, argparse.Namespace], int] = arguments.run
    try:
        return run(settings, arguments)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        sys.stderr.write("the database is not up to date: run `billhook migrate`\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m projections", description=__doc__)
    parser.set_defaults(run=_follow)
    return parser


def _follow(settings: Settings, _: argparse.Namespace) -> int:
    uvloop.run(_until_stopped(Projections(settings.database_url)))
    return 0


async def _until_stopped(projections: Projections) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await projections.run(stop)


if __name__ == "__main__":
    sys.exit(main())
