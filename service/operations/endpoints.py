from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response

from service.context import context_of
from service.http.responses import answer, document
from service.invoices.render import Rendered
from service.work.work import count_given_up


async def healthz(_: Request) -> Response:
    """Say that the process lives."""
    return document({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Say whether requests would be answered, and what is wrong if not."""
    ready, checks = await context_of(request).readiness.checks()
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return answer(Rendered(status=status, document={"ready": ready, "checks": checks}))


async def metrics(request: Request) -> Response:
    """Give the counts of all processes of this service, in Prometheus's text format."""
    context = context_of(request)
    followers = await context.readiness.followers_or_none()
    gave_up = await count_given_up(context.work)
    text = context.metrics.exposition(followers, gave_up=gave_up)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
