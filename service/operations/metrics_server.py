"""Serve `/metrics` on an address of its own, beside the API, from the process that starts it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eventlog.process.supervise import end_process
from projections.engine.pool import open_pool
from projections.operations.system_state import read_state
from service.http.server import QuietServer
from service.operations.metrics import counts_in
from service.operations.system_metrics import system_metrics
from service.operations.system_watch import SystemWatch
from service.settings import Settings

_log = structlog.get_logger("billhook.service")


def start_metrics_server(settings: Settings, *, folder: Path) -> None:
    """Serve in a thread with an event loop and a database session of its own.

    So that neither a slow scrape delays the API nor a busy API a scrape. The process ends if the
    server does, or cannot listen.
    """
    threading.Thread(
        target=_serve, args=(settings, folder), name="metrics server", daemon=True
    ).start()


def create_metrics_app(settings: Settings, *, folder: Path) -> Starlette:
    """Return the application: `/metrics` alone."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        dsn = settings.database_url.get_secret_value()
        async with await open_pool(dsn, max_size=1) as pool:
            app.state.watch = SystemWatch(
                lambda: read_state(pool), max_age_s=settings.metrics_max_age_s
            )
            yield

    async def metrics(request: Request) -> Response:
        counts = await asyncio.to_thread(counts_in, folder)
        text = counts + system_metrics(await request.app.state.watch.state())
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return Starlette(routes=[Route("/metrics", metrics)], lifespan=lifespan)


def _serve(settings: Settings, folder: Path) -> None:
    try:
        config = uvicorn.Config(
            create_metrics_app(settings, folder=folder),
            host=settings.metrics_host,
            port=settings.metrics_port or 0,
            loop="uvloop",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        QuietServer(config).run()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the process's edge
        _log.critical("metrics_server_ended", error=type(error).__name__)
    finally:
        end_process()
