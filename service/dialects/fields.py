"""Names of the canonical API's fields in a dialect."""

from collections.abc import Mapping
from dataclasses import replace

from service.http.errors import FieldError, Problem


def renamed(problem: Problem, names: Mapping[str, str]) -> Problem:
    """Replace the paths of a problem by the dialect's field names; drop those without a name."""
    return replace(
        problem, faults=tuple(_renamed(field_error, names) for field_error in problem.faults)
    )


def _renamed(field_error: FieldError, names: Mapping[str, str]) -> FieldError:
    if field_error.path is None:
        return field_error
    name = names.get(field_error.path)
    if name is None:
        return replace(field_error, path=None)
    return replace(field_error, path=name, message=f"{name}: {field_error.message}")
