import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import structlog
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response

from projections.engine.errors import ReadModelUnavailable
from projections.work.breakers import OpenBreaker
from projections.work.queries import WorkQueries
from service.http.envelope import Rendered
from service.http.responses import answer, document
from service.operations.context import context_of
from service.operations.response_schemas import Health, Readiness

_log = structlog.get_logger("billhook.service")
_TIMEOUT_S: Final = 5.0


async def healthz(_: Request) -> Response:
    """Return 200 while the process runs."""
    return document(Health(status="ok"))


async def readyz(request: Request) -> Response:
    """Return whether the service can serve requests, and the failed checks."""
    ready, checks = await context_of(request).readiness.checks()
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return answer(Rendered(status=status, document=Readiness(ready=ready, checks=checks)))


async def metrics(request: Request) -> Response:
    """Return the metrics of all processes of this service, in Prometheus's text format."""
    context = context_of(request)
    followers = await context.readiness.followers_or_none()
    gave_up, breakers = await _work_state(context.work)
    text = context.metrics.exposition(followers, gave_up=gave_up, breakers=breakers)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def _work_state(queries: WorkQueries) -> tuple[int | None, Sequence[OpenBreaker]]:
    """Return the work that waits for an operator (None if unknown) and the open breakers."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await queries.count_given_up(), await queries.open_breakers()
    except (ReadModelUnavailable, TimeoutError) as error:
        _log.warning("work_unknown", error=type(error).__name__)
        return None, ()
