"""API operations: method, path, parameter model and handler."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from re import Pattern

from sandbox.common.store import Json
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.params import P, read

Run = Callable[[Call], Json | None]


@dataclass(frozen=True)
class Operation:
    """An API operation. A handler that returns None gives a response without a body."""

    method: str
    path: str
    pattern: Pattern[str]
    status: int
    prepare: Callable[[Mapping[str, object]], Run]


def operation(
    method: str,
    path: str,
    model: type[P],
    handler: Callable[[Call, P], Json | None],
    *,
    status: int | None = None,
) -> Operation:
    """Declares an operation; ``{name}`` in the path matches one segment."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
    usual = {"GET": 200, "POST": 201, "PATCH": 200, "DELETE": 204}[method]

    def prepare(given: Mapping[str, object]) -> Run:
        params = read(model, given, query=method == "GET")
        return lambda call: handler(call, params)

    return Operation(method, path, pattern, status or usual, prepare)


def match(
    operations: Sequence[Operation], method: str, path: str
) -> tuple[Operation, dict[str, str]] | None:
    """Finds the operation of a request and its path parameters."""
    for candidate in operations:
        found = candidate.pattern.fullmatch(path) if candidate.method == method else None
        if found:
            return candidate, found.groupdict()
    return None
