from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from service.operations.metrics import Metrics
from service.operations.readiness import Readiness
from service.operations.system_watch import SystemWatch


@dataclass(frozen=True, kw_only=True)
class OperationsContext:
    """Dependencies of the health and metrics endpoints."""

    public_url: str
    metrics_port: int | None
    readiness: Readiness
    metrics: Metrics
    watch: SystemWatch


def context_of(request: Request) -> OperationsContext:
    """Return the operations context of the application that serves the request."""
    return cast("OperationsContext", request.app.state.context.operations)
