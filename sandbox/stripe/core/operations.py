"""API operations: method, path, parameter model, response type and handler."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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


def match(
    operations: Sequence[Operation], method: str, path: str
) -> tuple[Operation, dict[str, str]] | None:
    """Finds the operation of a request and its path parameters."""
    for candidate in operations:
        found = candidate.pattern.fullmatch(path) if candidate.method == method else None
        if found:
            return candidate, found.groupdict()
    return None
