"""Holds an answer against what a document prints."""

from __future__ import annotations

from typing import Any

from tests.contract.field_table import PARTS, TYPES, Row, fields

Json = dict[str, Any]


def rows_of(file: str) -> list[Row]:
    """Return a document's rows of the table."""
    return next(part for part in PARTS if part.file == file).rows()


def differences(file: str, answer: Any) -> list[str]:
    """Return printed fields that the response lacks or has otherwise than the table allows."""
    found = (_difference(row, answer) for row in rows_of(file))
    return [difference for difference in found if difference]


def _difference(row: Row, answer: Any) -> str | None:
    try:
        value = _at(answer, row.path)
    except (KeyError, IndexError, TypeError):
        return f"{row.path}: is missing"
    if row.same:
        return None if value == row.printed else f"{row.path}: {value!r} is not {row.printed!r}"
    if row.printed is None or isinstance(value, _type(row.printed)):
        return None
    return f"{row.path}: {value!r} is of another type than {row.printed!r}"


def _type(printed: Any) -> type:
    return TYPES.get(printed, str) if isinstance(printed, str) else type(printed)


def _at(answer: Any, path: str) -> Any:
    value = answer
    for step in path.split("."):
        name = step.removesuffix("[]")
        value = value[name]
        if step != name:
            value = value[0]
    return value


def paths(answer: Any) -> set[str]:
    """Name the fields of an answer."""
    return {path for path, _ in fields(answer)}
