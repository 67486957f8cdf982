"""The process that keeps every generation of every projection up to date."""

import asyncio
from typing import Final

import structlog
from psycopg.errors import LockNotAvailable

from eventlog.database import connect_async
from eventlog.follower import Follower
from eventlog.leader import keep_trying
from projections.generations import (
    Connection,
    Generation,
    drop,
    filled_generations,
    follower_of,
)
from projections.registry import PROJECTIONS

_log = structlog.get_logger("billhook.projections")

_LOOK_EVERY_S: Final = 1.0


class Running:
    """A follower at work in a task of its own."""

    def __init__(self, follower: Follower) -> None:
        self._stop = asyncio.Event()
        self.task = asyncio.ensure_future(follower.run(self._stop))

    async def end(self) -> None:
        """Let it finish its batch. Raises what it failed with."""
        self._stop.set()
        await self.task


class Projections:
    """Follows what there is to follow, takes up new generations, drops those that are over."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._running: dict[str, Running] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`. Raises what a follower fails with, other than a lost connection."""
        try:
            await keep_trying(lambda: self._look(stop), name="projections", stop=stop)
        finally:
            ending = [running.end() for running in self._running.values()]
            await asyncio.gather(*ending, return_exceptions=True)

    async def _look(self, stop: asyncio.Event) -> None:
        stopping = asyncio.ensure_future(stop.wait())
        connection = await connect_async(self._dsn, application_name="billhook projections")
        try:
            while not stop.is_set():
                await self._tend(connection)
                await asyncio.wait(
                    [stopping, *(running.task for running in self._running.values())],
                    timeout=_LOOK_EVERY_S,
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            stopping.cancel()
            await connection.close()

    async def _tend(self, connection: Connection) -> None:
        generations = [
            generation
            for generation in await filled_generations(connection)
            if generation.projection in PROJECTIONS
        ]
        wanted = {known.follower: known for known in generations if not known.is_over}
        for name in self._running.keys() - wanted.keys():
            await _end(name, self._running.pop(name))
        for name, generation in wanted.items():
            if name not in self._running:
                _log.info("following", generation=name, state=generation.state)
                self._running[name] = Running(follower_of(self._dsn, generation))
            elif self._running[name].task.done():
                await self._running.pop(name).end()
        for generation in generations:
            if generation.may_be_dropped:
                await _drop(connection, generation)
        await connection.execute("SELECT read.forget_strays()")


async def _end(name: str, running: Running) -> None:
    """Stop following a generation that is over, whatever state its tables are in by now."""
    try:
        await running.end()
    except Exception as error:  # noqa: BLE001 - its tables may be gone already
        _log.warning("ended badly", generation=name, error=type(error).__name__)
    else:
        _log.info("ended", generation=name)


async def _drop(connection: Connection, generation: Generation) -> None:
    try:
        await drop(connection, generation)
    except LockNotAvailable:
        _log.info("still being read", generation=generation.follower)
    else:
        _log.info("dropped", generation=generation.follower)
