"""`python -m service`: the API, in as many processes as the settings say.

This file alone reads settings, also in uvicorn's worker processes, which import it anew.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from types import FrameType
from typing import cast

from starlette.applications import Starlette

from eventlog.process.log_setup import configure_logging
from eventlog.process.read_settings import read_settings
from service.operations.metrics_folder import metrics_folder
from service.recording.waits import Waits
from service.serve import serve
from service.settings import Settings

_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def main() -> None:
    """Serve until a signal; who waits for an outcome then is answered at once."""
    settings = read_settings(Settings)
    configure_logging(settings.log_format, level=settings.log_level)
    # uvicorn raises the signal again after shutdown; exit without a traceback even then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with metrics_folder() as folder:
        # The library chooses its storage at import: nothing above may import it.
        os.environ[_METRICS_FOLDER] = str(folder)
        if settings.metrics_port is not None:
            from service.operations.metrics_server import start_metrics_server  # noqa: PLC0415

            start_metrics_server(settings, folder=folder)
        serve("service.__main__:make_app", settings)


def make_app() -> Starlette:
    """Make the application of this process; uvicorn calls it on the loop that will serve."""
    from service.app import create_app  # noqa: PLC0415 - see _METRICS_FOLDER

    settings = Settings(metrics_folder=os.environ[_METRICS_FOLDER])
    configure_logging(settings.log_format, level=settings.log_level)
    app = create_app(settings)
    loop = asyncio.get_running_loop()
    _end_with_parent(loop)
    _end_waits_first(loop, cast("Waits", app.state.waits))
    return app


def _end_with_parent(loop: asyncio.AbstractEventLoop) -> None:
    """Stop when the process that started this worker is gone, or it would hold the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        loop.add_reader(parent.sentinel, _stop_once, loop, parent.sentinel)


def _stop_once(loop: asyncio.AbstractEventLoop, sentinel: int) -> None:
    loop.remove_reader(sentinel)
    signal.raise_signal(signal.SIGTERM)


def _end_waits_first(loop: asyncio.AbstractEventLoop, waits: Waits) -> None:
    """End all waits on a signal, before uvicorn's handler, which is installed already, runs."""
    for number in (signal.SIGINT, signal.SIGTERM):
        known = signal.getsignal(number)

        def handle(number: int, frame: FrameType | None, known: object = known) -> None:
            loop.call_soon_threadsafe(waits.end_all)
            if callable(known):
                known(number, frame)

        signal.signal(number, handle)


if __name__ == "__main__":
    main()
