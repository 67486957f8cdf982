"""Define what the providers' contracts share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True)
class ContractOperation:
    """An operation of a contract. ``name`` is its method and path template."""

    name: str
    pattern: re.Pattern[str]
    request: Json
    answer: Json


class Contract(Protocol):
    """A provider's contract: finds operations, and says what of a message does not fit."""

    def operation(self, method: str, path: str) -> ContractOperation | None: ...

    def faults_of_request(self, operation: ContractOperation, form: str) -> Iterator[str]: ...

    def faults_of_answer(self, operation: ContractOperation, body: Json) -> Iterator[str]: ...

    def faults_of_error(self, body: Json) -> Iterator[str]: ...

    def faults_of_event(self, event: Json) -> Iterator[str]: ...


def deepest(error: Any) -> Any:
    """Returns, of a complaint about alternatives (an id or its object), the one that says most."""
    while error.context:
        error = max(error.context, key=_shown)
    return error


def _shown(error: Any) -> tuple[int, bool]:
    return len(error.absolute_path), error.validator != "type"
