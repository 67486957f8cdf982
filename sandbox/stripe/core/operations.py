"""API operations: method, path, parameter model, response type and handler."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from re import Pattern

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.forms import Form
from sandbox.stripe.core.params import P, Params, read


@dataclass(frozen=True)
class Operation:
    """An API operation. ``returns`` is the object's type, ``list:<type>`` for lists."""

    method: str
    path: str
    pattern: Pattern[str]
    returns: str
    prepare: Callable[[Form], tuple[Params, Callable[[Call], Json]]]

    @property
    def name(self) -> str:
        """Returns method and path template."""
        return f"{self.method} {self.path}"


def operation(
    method: str, path: str, returns: str, model: type[P], handler: Callable[[Call, P], Json]
) -> Operation:
    """Declares an operation; ``{name}`` in the path matches one segment."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))

    def prepare(form: Form) -> tuple[Params, Callable[[Call], Json]]:
        params = read(model, form)
        return params, lambda call: handler(call, params)

    return Operation(method, path, pattern, returns, prepare)


class OperationTable:
    """Finds the operation of a request among those with its method, resource and path length."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._by_shape: defaultdict[tuple[str, str, int], list[Operation]] = defaultdict(list)
        for one in operations:
            self._by_shape[_shape(one.method, one.path)].append(one)

    def match(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """Returns the first operation that matches, and its path parameters."""
        for candidate in self._by_shape.get(_shape(method, path), ()):
            found = candidate.pattern.fullmatch(path)
            if found:
                return candidate, found.groupdict()
        return None


def _shape(method: str, path: str) -> tuple[str, str, int]:
    """Returns method, resource and number of segments of a path ``/v1/resource/…``."""
    segments = path.split("/", 3)
    return method, segments[2] if len(segments) > 2 else "", path.count("/")  # noqa: PLR2004
