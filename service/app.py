"""The Starlette application: routes, middleware, error handlers and lifespan."""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from service.auth.access_cache import AccessCache
from service.compose import open_context
from service.dashboard.own_port import OwnPort
from service.dashboard.routes import DASHBOARD_ROUTES
from service.http.cors import Cors
from service.http.direct import DIRECT_ENDPOINT
from service.http.errors import HANDLED_ERRORS
from service.http.limits import Limits
from service.http.responses import error_response, problem_within
from service.operations.metrics import Metrics
from service.operations.request_log import RequestLog
from service.recording.waits import Waits
from service.routes import ROUTES, WEBHOOKS_ROUTE
from service.settings import Settings
from service.webhooks.direct import DirectDeliveries


def create_app(settings: Settings) -> Starlette:
    """Build the application; connections are opened when it starts."""
    metrics = Metrics(folder=settings.metrics_folder)
    waits = Waits()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
        async with AsyncExitStack() as stack:
            stack.callback(metrics.flush)
            context = await open_context(settings, stack, metrics=metrics, waits=waits)
            app.state.context = context
            # Modules and models stay: to search them for cycles would hold up all requests.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
            yield {DIRECT_ENDPOINT: DirectDeliveries(context.webhooks, route=WEBHOOKS_ROUTE)}

    def access() -> AccessCache:
        return cast("AccessCache", app.state.context.auth.access)

    app = _Application(
        routes=[*ROUTES, *DASHBOARD_ROUTES],
        middleware=[
            Middleware(Cors, origins=access),
            Middleware(RequestLog, metrics=metrics),
            Middleware(Limits, settings=settings),
            *_own_port(settings),
        ],
        exception_handlers=dict.fromkeys((HTTPException, *HANDLED_ERRORS), _refuse),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.waits = waits
    return app


class _Application(Starlette):
    def build_middleware_stack(self) -> ASGIApp:
        """Leave out Starlette's handler of unexpected errors: `RequestLog` handles all of them."""
        app: ASGIApp = ExceptionMiddleware(self.router, handlers=dict(self.exception_handlers))
        for middleware in reversed(self.user_middleware):
            app = middleware.cls(app, *middleware.args, **middleware.kwargs)
        return app


def _own_port(settings: Settings) -> list[Middleware]:
    port = settings.dashboard_port
    return [] if port is None else [Middleware(OwnPort, port=port)]


async def _refuse(request: Request, error: Exception) -> Response:
    return error_response(problem_within(request.scope, error), request.scope)
