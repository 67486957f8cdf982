"""What a dialect calls the canonical API's fields."""

from collections.abc import Mapping
from dataclasses import replace

from service.http.errors import FieldError, Problem


def renamed(problem: Problem, names: Mapping[str, str]) -> Problem:
    """Name a provider's refusal by the dialect's own fields; one it does not have is not named."""
    return replace(problem, faults=tuple(_renamed(fault, names) for fault in problem.faults))


def _renamed(fault: FieldError, names: Mapping[str, str]) -> FieldError:
    if fault.path is None:
        return fault
    name = names.get(fault.path)
    if name is None:
        return replace(fault, path=None)
    return replace(fault, path=name, message=f"{name}: {fault.message}")
