"""Fill the tables of a new generation from the log, in several processes.

Each process takes the streams whose ids are in its part of all ids: they are hashes or random, so
that the parts are equally large, and each stream is folded as a whole and written once.
"""

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.connection import Connection, wait
from typing import Final
from uuid import UUID

from eventlog.process.describe_error import describe
from projections.engine.errors import RebuildError

OnEvents = Callable[[int], None]

_IDS: Final = 2**128
_WORTH_A_PROCESS: Final = 10_000
MOST_PROCESSES: Final = 8
_END_WITHIN_S: Final = 10


@dataclass(frozen=True)
class Part:
    """Part of a filling: the streams with ids from `first` to `last`, up to a position."""

    dsn: str
    schema: str
    up_to_position: int
    first: UUID
    last: UUID


Fill = Callable[[Part, OnEvents], None]
"""Folds a part into tables that have no index yet; reports how many more events it has folded."""


def parts(dsn: str, schema: str, up_to_position: int, *, number: int) -> list[Part]:
    """Divide the ids of all streams into equal ranges."""
    bounds = [index * _IDS // number for index in range(number + 1)]
    return [
        Part(dsn, schema, up_to_position, UUID(int=first), UUID(int=end - 1))
        for first, end in pairwise(bounds)
    ]


def processes_for(events: int) -> int:
    """Return how many processes fill from so many events: no more than cores that they may use."""
    cores = len(os.sched_getaffinity(0))
    return max(1, min(cores, MOST_PROCESSES, events // _WORTH_A_PROCESS))


def run(fill: Fill, work: Sequence[Part], on_events: OnEvents) -> None:
    """Fill each part in a process of its own; a single one in this process.

    Raises RebuildError if a process fails; the others are ended then.
    """
    if len(work) == 1:
        with _rare_collections():
            fill(work[0], on_events)
        return
    # A fork of a process with other threads may inherit a lock that nobody will release.
    context = (
        multiprocessing.get_context("fork")
        if threading.active_count() == 1
        else multiprocessing.get_context("spawn")
    )
    readers: dict[Connection, multiprocessing.process.BaseProcess] = {}
    try:
        for part in work:
            reader, writer = context.Pipe(duplex=False)
            process = context.Process(
                target=_fill_part, args=(fill, part, writer, os.getpid()), daemon=True
            )
            process.start()
            writer.close()
            readers[reader] = process
        _wait_for(readers, on_events)
    finally:
        for started in readers.values():
            started.terminate()
            started.join(_END_WITHIN_S)


def _wait_for(
    readers: dict[Connection, multiprocessing.process.BaseProcess], on_events: OnEvents
) -> None:
    """Pass on what the processes report until each has ended. Raises RebuildError."""
    running = set(readers)
    while running:
        for reader in wait(list(running)):
            assert isinstance(reader, Connection)  # noqa: S101 - only connections are waited for
            try:
                report = reader.recv()
            except EOFError:
                raise RebuildError("a process that fills the tables has died") from None
            if isinstance(report, str):
                raise RebuildError(f"a process that fills the tables has failed: {report}")
            if report is None:
                running.remove(reader)
            else:
                on_events(report)


def _fill_part(fill: Fill, part: Part, writer: Connection, parent: int) -> None:
    """Fill a part; runs in a process of its own, which ends soon after the parent has died."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def report(events: int) -> None:
        if os.getppid() != parent:
            raise RebuildError("the rebuild has died")
        writer.send(events)

    with _rare_collections(), suppress(BrokenPipeError):
        try:
            fill(part, report)
        except Exception as error:  # noqa: BLE001 - the parent raises it
            writer.send(describe(error))
        else:
            writer.send(None)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Collect cyclic garbage rarely: a fold makes none, and its many rows are searched in vain."""
    known = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*known)
