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
    summary="Say that the process lives",
    responses={S.OK: json_response("It does.", Health, running={"status": "ok"})},
)

_READY: Final = Operation(
    method="GET",
    path="/readyz",
    id="getReadiness",
    tag=TAG,
    summary="Say whether requests would be answered",
    responses={
        S.OK: json_response(
            "They would.", Readiness, ready={"ready": True, "checks": {"database": "ok"}}
        ),
        S.SERVICE_UNAVAILABLE: json_response(
            "Not now; the checks say why.",
            Readiness,
            not_ready={"ready": False, "checks": {"database": "does not answer"}},
        ),
    },
)


def _text(path: str, name: str, summary: str, media_type: str) -> Operation:
    content = {media_type: Content(schema={"type": "string"})}
    answer = DeclaredResponse(description="The text.", content=content)
    return Operation(
        method="GET", path=path, id=name, tag=TAG, summary=summary, responses={S.OK: answer}
    )


_OPENAPI: Final = Operation(
    method="GET",
    path="/openapi.json",
    id="getOpenapi",
    tag=TAG,
    summary="This document",
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
    _text("/metrics", "getMetrics", "Counts, in Prometheus's text format", "text/plain"),
    _OPENAPI,
    _text("/docs", "getDocs", "Show this document as a page", "text/html"),
    _text(
        "/docs/redoc.standalone.js",
        "getDocsViewer",
        "The script of the documentation page",
        "text/javascript",
    ),
)
