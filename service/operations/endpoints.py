from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response

from service.http.envelope import Rendered
from service.http.errors import NotFound
from service.http.responses import answer, document
from service.operations.context import context_of
from service.operations.response_schemas import Health, Readiness
from service.operations.system_metrics import system_metrics


async def healthz(_: Request) -> Response:
    """Return that the process is running."""
    return document(Health(status="ok"))


async def readyz(request: Request) -> Response:
    """Return whether this process can serve requests, and the failed checks."""
    ready, checks = await context_of(request).readiness.checks()
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return answer(Rendered(status=status, document=Readiness(ready=ready, checks=checks)))


async def metrics(request: Request) -> Response:
    """Return the counts of all processes of this service and the state of the system.

    Raises NotFound where a port of their own serves the metrics.
    """
    context = context_of(request)
    if context.metrics_port is not None:
        raise NotFound
    text = context.metrics.exposition() + system_metrics(await context.watch.state())
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
