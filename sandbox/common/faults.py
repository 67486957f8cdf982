"""Fault injection: fault definitions, and the choice of the fault for a request."""

from __future__ import annotations

from collections.abc import MutableSequence
from fnmatch import fnmatchcase
from typing import Literal, TypeVar

from pydantic import Field

from sandbox.common.clock import StrictModel


class RequestMatch(StrictModel):
    """The requests that a fault applies to: a method (any if absent) and a path with wildcards."""

    method: str | None = None
    path: str = "/v?/*"


class Fault(StrictModel):
    """An injected fault.

    refuse_before: closes the connection before execution. lose_answer: executes the request, then
    closes the connection. delay: waits ``ms`` before or after execution. status: an error response
    instead of execution; ``stored`` stores it under the idempotency key like a real failure.
    """

    id: str = ""
    match: RequestMatch = RequestMatch()
    kind: Literal["refuse_before", "lose_answer", "delay", "status"]
    ms: int = Field(default=0, ge=0)
    when: Literal["before", "after"] = "before"
    stored: bool = False
    times: int = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)


F = TypeVar("F", bound=Fault)


def take(faults: MutableSequence[F], method: str, path: str) -> tuple[F | None, bool]:
    """Returns the first matching fault whose ``skip`` is used up, and whether counters changed.

    A matching fault is counted down: first its ``skip``, then its ``times``.
    """
    changed = False
    for fault in faults:
        wanted = fault.match.method or method
        if wanted.upper() != method or not fnmatchcase(path, fault.match.path):
            continue
        changed = True
        if fault.skip:
            fault.skip -= 1
            continue
        fault.times -= 1
        if not fault.times:
            faults.remove(fault)
        return fault, True
    return None, changed
