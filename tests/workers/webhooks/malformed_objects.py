"""Provider objects with one value of another type, size or range, as a signed webhook may have."""

from __future__ import annotations

import copy
import random
from typing import Any, Final

Json = dict[str, Any]
Path = tuple[str | int, ...]

MARKED: Final = {"_type_": "boom", "_data_": "x"}


def long_text(seed: int, length: int = 9_000) -> str:
    """Text that PostgreSQL can't compress below the limit of a b-tree index."""
    source = random.Random(seed)  # noqa: S311 - a repeatable text
    return "".join(chr(source.randrange(33, 126)) for _ in range(length))


def changed(event: Json, path: Path, value: Any, *, event_id: str) -> Json:
    """Copy an event, with another id and another value at a path below its object."""
    copied = copy.deepcopy(event) | {"id": event_id}
    node: Any = copied["data"]["object"]
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return copied
