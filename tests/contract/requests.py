"""Check that a form fits the contract's schema of the operation's parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_SCALARS = {
    "integer": re.compile(r"-?\d+"),
    "number": re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?"),
    "boolean": re.compile("true|false"),
    "string": re.compile(".*", re.DOTALL),
}


def misfits(
    schema: Json, value: object, components: Json, *, occurred_at: str = ""
) -> Iterator[str]:
    """Return parameters that are unknown, missing or of another type than in the schema."""
    if "$ref" in schema:
        schema = components[schema["$ref"].rsplit("/", 1)[-1]]
    if "anyOf" in schema:
        tries = [
            list(misfits(item, value, components, occurred_at=occurred_at))
            for item in schema["anyOf"]
        ]
        if all(tries):
            yield from min(tries, key=len)
    elif schema.get("type") == "object":
        yield from _object(schema, value, components, occurred_at=occurred_at)
    elif schema.get("type") == "array":
        yield from _array(schema, value, components, occurred_at=occurred_at)
    elif not isinstance(value, str) or not _SCALARS[schema["type"]].fullmatch(value):
        yield f"{occurred_at}: {value!r} is no {schema['type']}"
    elif "enum" in schema and not schema.get("x-open-enum") and value not in schema["enum"]:
        yield f"{occurred_at}: {value!r} is not one of {schema['enum'][:10]}"


def _object(schema: Json, value: object, components: Json, *, occurred_at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{occurred_at}: {value!r} is no hash"
        return
    known = schema.get("properties", {})
    more = schema.get("additionalProperties")
    for name, item in value.items():
        place = f"{occurred_at}[{name}]" if occurred_at else name
        if name in known:
            yield from misfits(known[name], item, components, occurred_at=place)
        elif isinstance(more, dict):
            yield from misfits(more, item, components, occurred_at=place)
        else:
            yield f"unknown parameter {place}"
    for name in set(schema.get("required", ())) - set(value):
        yield (
            f"missing parameter {occurred_at}[{name}]"
            if occurred_at
            else f"missing parameter {name}"
        )


def _array(schema: Json, value: object, components: Json, *, occurred_at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{occurred_at}: {value!r} is no list"
        return
    for index, item in enumerate(value):
        yield from misfits(schema["items"], item, components, occurred_at=f"{occurred_at}[{index}]")
