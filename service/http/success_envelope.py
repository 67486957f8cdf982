"""Envelope and errors of seeds 000 and 001."""

from http import HTTPStatus
from typing import Any, Final, Literal

from service.http.envelope import Json, Rendered
from service.http.errors import Problem
from service.http.response_model import ResponseModel

# The contracts list 400, 401, 403 and 500; statuses that ask for a retry stay as they are.
_LISTED: Final = {
    HTTPStatus.PAYMENT_REQUIRED: HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND: HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY: HTTPStatus.BAD_REQUEST,
}


class Success(ResponseModel):
    """A successful response; its models narrow `data`."""

    success: Literal[True]
    message: str
    error: None
    data: Any


class SuccessError(ResponseModel):
    """The error document of seeds 000 and 001."""

    success: Literal[False]
    error: str
    """The code in brackets, and the messages."""
    message: None
    data: None


def render_success(data: Json, *, status: HTTPStatus, message: str) -> Rendered:
    """Render a successful response."""
    document = Success(success=True, message=message, error=None, data=data)
    return Rendered(status=status, document=document)


def render_problem(problem: Problem, *, request_id: str) -> Rendered:  # noqa: ARG001 - other dialects have it
    """Render a problem, with all its messages in one line."""
    faults = "; ".join(field_error.message for field_error in problem.faults)
    document = SuccessError(
        success=False, error=f"{problem.code} {faults}", message=None, data=None
    )
    status = HTTPStatus(problem.status)
    return Rendered(status=_LISTED.get(status, status), document=document)
