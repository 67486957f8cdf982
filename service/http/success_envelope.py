"""The envelope that seeds 000 and 001 share."""

from http import HTTPStatus
from typing import Final

from service.http.envelope import Json, Rendered
from service.http.errors import Problem

# The documents list 400, 401, 403 and 500 alone; what tells a caller to come back stays.
_LISTED: Final = {
    HTTPStatus.PAYMENT_REQUIRED: HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND: HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY: HTTPStatus.BAD_REQUEST,
}


def render_success(data: Json, *, status: HTTPStatus, message: str) -> Rendered:
    """Answer with what was asked for."""
    document = {"success": True, "message": message, "error": None, "data": data}
    return Rendered(status=status, document=document)


def render_problem(problem: Problem, *, request_id: str) -> Rendered:  # noqa: ARG001 - others print it
    """Answer with what is wrong, all faults in one line."""
    faults = "; ".join(fault.message for fault in problem.faults)
    document = {
        "success": False,
        "error": f"{problem.code} {faults}",
        "message": None,
        "data": None,
    }
    status = HTTPStatus(problem.status)
    return Rendered(status=_LISTED.get(status, status), document=document)
