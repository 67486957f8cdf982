"""Collect the values of the fields of provider objects that carry money, counts or states.

Paths: `invoice.amount_due`, `line_item.taxes[].amount`. An object inside another is named by its
own type. Times, ids and texts are left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Json = Mapping[str, Any]

_STATES: Final = frozenset({"status", "interval", "round", "duration", "billing_scheme"})
_TIMES: Final = re.compile(
    r"(^|_)(at|date|end|start|created|anchor|due_by|before|on|period|time|year|month)(_|$)"
)
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_LEFT_OUT: Final = frozenset({"metadata", "created", "_links", "livemode"})


class FieldValues:
    """The values that were seen of each field."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = defaultdict(set)

    def add(self, objects: Iterable[Json]) -> None:
        """Add all fields of some objects."""
        for one in objects:
            for path, value in _leaves(str(one.get("object") or one.get("resource")), one):
                self.seen[path].add(value)

    def require(self, varied: frozenset[str], constant: Mapping[str, str]) -> None:
        """Require that each field is in one of the tables, and that the first ones were varied."""
        known = varied | constant.keys()
        unknown, missing = self.seen.keys() - known, known - self.seen.keys()
        assert not unknown, f"varied by no course: {sorted(unknown)}"
        assert not missing, f"of no object: {sorted(missing)}"
        same = [path for path in sorted(varied) if len(self.seen[path]) < 2]
        assert not same, f"always the same: {same}"


def _leaves(prefix: str, node: Json) -> Iterator[tuple[str, str]]:
    for name, value in node.items():
        if name not in _LEFT_OUT:
            yield from _values(f"{prefix}.{name}", name, value)


def _values(path: str, name: str, value: object) -> Iterator[tuple[str, str]]:
    if name == "currency_options" and isinstance(value, Mapping):
        yield from _values(path, "", list(value.values()))
    elif isinstance(value, Mapping):
        kind = value.get("object") or value.get("resource")
        if kind == "list":
            yield from _values(path, name, value["data"])
        else:
            yield from _leaves(path if kind is None else str(kind), value)
    elif isinstance(value, list):
        for one in value:
            yield from _values(f"{path}[]", name, one)
    elif _is_counted(name, value):
        yield path, str(value)


def _is_counted(name: str, value: object) -> bool:
    if isinstance(value, bool) or _TIMES.search(_snake(name)):
        return False
    if isinstance(value, int | float) or name in _STATES:
        return value is not None
    is_amount = name == "value" or name.endswith("_decimal")
    return is_amount and isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
