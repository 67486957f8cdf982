"""Render invoices of lists from the JSON of their rows, in the shape of the response models.

A list's rows are not made into views and models first, which took four fifths of rendering. What
is written is derived from the models and from the view's types when a process starts; a field of a
type that is not known here is refused then.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints, is_typeddict
from uuid import UUID

from domain.core.failures import Failure
from domain.invoices.view import InvoiceView, Line, NextAction, RequestedLine
from service.http.envelope import Json, moment
from service.http.response_model import ResponseModel
from service.invoices import response_schemas as schemas
from service.invoices.render import RENAMED

Writer = Callable[[Any], Any]
_UTC: Final = "+00:00"
_WITH_SECONDS: Final = len("2026-01-31T12:00:00+00:00")
_WITH_MICROSECONDS: Final = len("2026-01-31T12:00:00.000000+00:00")
_AS_STORED: Final = (str, int, bool, UUID)
_REQUESTED: Final = "request"


def item(stored: Json, *, position: int, document_url: str | None) -> Json:
    """Render an invoice of a list; the same as `render.item` of its view."""
    found = _write_invoice(stored)
    found[_LINES] = _requested_lines(stored)
    found[_DOCUMENT_URL] = document_url
    found[_POSITION] = position
    return found


def stored_moment(text: str | None) -> str | None:
    """Write a stored time with milliseconds."""
    if text is None:
        return None
    if text.endswith(_UTC):
        if len(text) == _WITH_SECONDS:
            return f"{text[:19]}.000Z"
        if len(text) == _WITH_MICROSECONDS:
            return f"{text[:23]}Z"
    return moment(datetime.fromisoformat(text))


def _requested_lines(stored: Json) -> list[Json]:
    if stored["origin"] != _REQUESTED:
        return [_write_line(line) for line in stored.get("lines", ())]
    return [_write_requested_line(line) for line in stored.get("request", {}).get("lines", ())]


def _object_writer(
    model: type[ResponseModel], kind: type[Any], *, without: tuple[str, ...] = ()
) -> Callable[[Json], Json]:
    """Return the function that writes stored JSON of a type as its model is serialized.

    `without`: fields that keep their place, to be filled by the caller.
    """
    hints, defaults = get_type_hints(kind), _defaults_of(kind)
    columns: list[tuple[str, str, Any, Writer | None]] = []
    for name, known in model.model_fields.items():
        alias = known.alias or name
        stored_as = RENAMED.get(name, name)
        if name in without:
            columns.append((alias, name, None, _as_null))
        else:
            columns.append((alias, stored_as, defaults.get(stored_as), writer_of(hints[stored_as])))
    every = tuple(columns)

    def write(stored: Json) -> Json:
        get = stored.get
        return {
            alias: get(name, default) if write_value is None else write_value(get(name, default))
            for alias, name, default, write_value in every
        }

    return write


def _as_null(_: object) -> None:
    """Leave a place for a value that is not stored under the field's name."""


def _defaults_of(kind: type[Any]) -> Mapping[str, Any]:
    """Return what absent fields of a type stand for; all other fields are null."""
    if not is_dataclass(kind):
        return {}
    found: dict[str, Any] = {}
    for one in fields(kind):
        if one.default is not MISSING:
            found[one.name] = one.default
        elif one.default_factory is not MISSING:
            found[one.name] = one.default_factory()
    return found


def writer_of(hint: Any) -> Writer | None:  # noqa: ANN401 - any type hint
    """Return the function that writes a stored value; None where it is written as stored."""
    if get_origin(hint) in (Union, UnionType):
        (inner,) = (one for one in get_args(hint) if one is not type(None))
        return writer_of(inner)
    if hint in _AS_STORED or hint == dict[str, str]:
        return None
    if hint is datetime:
        return stored_moment
    if (is_dataclass(hint) or is_typeddict(hint)) and hint in _MODELS:
        write = _object_writer(_MODELS[hint], hint)
        return lambda stored: None if stored is None else write(stored)
    raise TypeError(f"no writer of {hint!r}")


_MODELS: Final[Mapping[Any, type[ResponseModel]]] = {
    Failure: schemas.Failure,
    NextAction: schemas.NextAction,
}
_FIELDS: Final = schemas.Invoice.model_fields
_LINES, _DOCUMENT_URL, _POSITION = (
    _FIELDS[name].alias or name for name in ("line_items", "document_url", "position")
)
_write_invoice: Final = _object_writer(
    schemas.Invoice, InvoiceView, without=("line_items", "document_url", "position")
)
_write_line: Final = _object_writer(schemas.RequestedLine, Line)
_write_requested_line: Final = _object_writer(schemas.RequestedLine, RequestedLine)
