"""OpenAPI operations for health checks, metrics and the documentation."""

from http import HTTPStatus as S
from typing import Final

from service.openapi.declare import JSON, Content, DeclaredResponse, Operation, json_response
from service.operations.response_schemas import Health, Readiness

TAG: Final = "Service"
_HEALTH: Final = Operation(
    method="GET",
    path="/healthz",
    id="getHealth",
    tag=TAG,
    summary="Check that the process is alive",
    responses={S.OK: json_response("The process is alive.", Health, running={"status": "ok"})},
)

_READY: Final = Operation(
    method="GET",
    path="/readyz",
    id="getReadiness",
    tag=TAG,
    summary="Check that the service can answer requests",
    responses={
        S.OK: json_response(
            "The service is ready.", Readiness, ready={"ready": True, "checks": {"database": "ok"}}
        ),
        S.SERVICE_UNAVAILABLE: json_response(
            "The service is not ready; `checks` has the reasons.",
            Readiness,
            not_ready={"ready": False, "checks": {"database": "does not answer"}},
        ),
    },
)


def _text(path: str, name: str, summary: str, media_type: str) -> Operation:
    content = {media_type: Content(schema={"type": "string"})}
    answer = DeclaredResponse(description="The metrics.", content=content)
    return Operation(
        method="GET", path=path, id=name, tag=TAG, summary=summary, responses={S.OK: answer}
    )


_OPENAPI: Final = Operation(
    method="GET",
    path="/openapi.json",
    id="getOpenapi",
    tag=TAG,
    summary="Retrieve this OpenAPI document",
    responses={
        S.OK: DeclaredResponse(
            description="OpenAPI 3.1.",
            content={JSON: Content(schema={"type": "object", "required": ["openapi", "paths"]})},
        )
    },
)

OPERATIONS: Final = (
    _HEALTH,
    _READY,
    _text("/metrics", "getMetrics", "Retrieve metrics in Prometheus's text format", "text/plain"),
    _OPENAPI,
    _text("/docs", "getDocs", "Show this document as a page", "text/html"),
    _text(
        "/docs/redoc.standalone.js",
        "getDocsScript",
        "Retrieve the script of the documentation page",
        "text/javascript",
    ),
)
