from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from projections.work.queries import WorkQueries
from service.operations.metrics import Metrics
from service.operations.readiness import Readiness


@dataclass(frozen=True, kw_only=True)
class OperationsContext:
    """Dependencies of the health and metrics endpoints."""

    public_url: str
    readiness: Readiness
    metrics: Metrics
    work: WorkQueries


def context_of(request: Request) -> OperationsContext:
    """Return the operations context of the application that serves the request."""
    return cast("OperationsContext", request.app.state.context.operations)
