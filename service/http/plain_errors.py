"""Errors of seeds 003 and 004, whose contracts define no error document."""

from typing import Annotated

from pydantic import Field

from service.http.envelope import Rendered
from service.http.errors import Problem
from service.http.response_model import ResponseModel


class PlainErrorDetails(ResponseModel):
    """The errors of a request, and the request's id in the logs."""

    code: Annotated[str, Field(pattern=r"^\[E[0-9]{4}\]$")]
    message: str
    request_id: str


class PlainError(ResponseModel):
    """The error document of seeds 003 and 004."""

    error: PlainErrorDetails


def render_problem(problem: Problem, *, request_id: str) -> Rendered:
    """Render a problem, with all its messages in one line."""
    message = "; ".join(field_error.message for field_error in problem.faults)
    error = PlainErrorDetails(code=problem.code, message=message, request_id=request_id)
    return Rendered(status=problem.status, document=PlainError(error=error))
