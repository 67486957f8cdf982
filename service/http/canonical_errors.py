"""Errors of the canonical API (seed 002)."""

from typing import Annotated, Literal

from pydantic import Field

from service.http.envelope import Rendered
from service.http.errors import FieldError, Problem
from service.http.response_model import ResponseModel, optional_field


class ErrorEntry(ResponseModel):
    """An error of a request."""

    validation: Literal["error"]
    code: Annotated[str, Field(pattern=r"^\[E[0-9]{4}\]$")]
    message: str
    path: str = optional_field()
    """The field, as in `lineItems.0.price`."""
    provider_code: str = optional_field()
    decline_code: str = optional_field()


class Errors(ResponseModel):
    """All errors of a request."""

    errors: Annotated[list[ErrorEntry], Field(min_length=1)]


def render_problem(problem: Problem) -> Rendered:
    """Render a problem, one entry per error."""
    entries = [_entry(field_error, code=problem.code) for field_error in problem.faults]
    return Rendered(status=problem.status, document=Errors(errors=entries))


def _entry(field_error: FieldError, *, code: str) -> ErrorEntry:
    optional = {
        "path": field_error.path,
        "provider_code": field_error.provider_code,
        "decline_code": field_error.decline_code,
    }
    known = {name: value for name, value in optional.items() if value is not None}
    return ErrorEntry(validation="error", code=code, message=field_error.message, **known)
