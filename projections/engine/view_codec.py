"""Views to JSON and back."""

from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Any, Final, Generic, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson

from domain.invoices.view import InvoiceView
from domain.subscriptions.view import SubscriptionView
from projections.engine.binary_values import in_order_of_jsonb

Json = dict[str, Any]
View = TypeVar("View", bound=InvoiceView | SubscriptionView)
Reader = Callable[[Any], Any]


class _Written:
    """The fields of a kind of object that are written: those that have not their defaults.

    They are written in the order in which PostgreSQL stores them, which saves it sorting them.
    """

    def __init__(self, kind: type[Any]) -> None:
        defaults = {field.name: _default_of(field) for field in fields(kind)}
        # Objects that have a default themselves have fields that are optional, most of them unset.
        self._inner = {
            name: _Written(type(default))
            for name, default in defaults.items()
            if is_dataclass(default) and not isinstance(default, type)
        }
        self._names = tuple(in_order_of_jsonb(defaults))
        self._values = attrgetter(*self._names)
        self._defaults = tuple(
            _NO_DEFAULT if name in self._inner else defaults[name] for name in self._names
        )

    def of(self, value: object) -> Json:
        """Return the fields to write."""
        written = {
            name: value
            for name, value, default in zip(
                self._names, self._values(value), self._defaults, strict=True
            )
            if value is not default and value != default
        }
        for name, inner in self._inner.items():
            if of := inner.of(written[name]):
                written[name] = of
            else:
                del written[name]
        return written


class ViewCodec(Generic[View]):
    """Writes and reads the views of one kind, by the types of their fields."""

    def __init__(self, kind: type[View], *, only: frozenset[str] | None = None) -> None:
        """`only`: fields to be read; all others get their defaults."""
        self._read = _object_reader(kind, only)  # type: ignore[arg-type] # mypy: a class is hashable
        self._written = _Written(kind)

    def to_json(self, view: View) -> bytes:
        """Write a view and the request in it, without the fields that have their defaults.

        Those are half of most views. What is left of them is short enough not to be compressed,
        which takes PostgreSQL longer than all else that a row needs.
        Raises TypeError for integers beyond 64 bits and for lone surrogates.
        """
        return orjson.dumps(self._written.of(view), default=_named_tuple_as_list)

    def from_json(self, stored: bytes | str | Json) -> View:
        """Read a view; absent fields get their defaults, unknown fields are dropped.

        So a version with more or fewer fields than the one that wrote the row can still read it.
        """
        loaded: Json = orjson.loads(stored) if isinstance(stored, bytes | str) else stored
        view: View = self._read(loaded)
        return view


_NO_DEFAULT: Final = object()


def _default_of(field: Field[Any]) -> object:
    if field.default is not MISSING:
        return field.default
    return _NO_DEFAULT if field.default_factory is MISSING else field.default_factory()


def _named_tuple_as_list(value: object) -> list[Any]:
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(type(value).__name__)


@cache
def _object_reader(kind: type[Any], only: frozenset[str] | None = None) -> Reader:
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind) if only is None or field.name in only]
    readers = {name: _reader(hints[name]) for name in names}

    def read(stored: Json) -> Any:  # noqa: ANN401 - an instance of `kind`
        known = {}
        for name, value in stored.items():
            if name in readers:
                reader = readers[name]
                known[name] = value if reader is None or value is None else reader(value)
        return kind(**known)

    return read


def _reader(hint: Any) -> Reader | None:  # noqa: ANN401 - any type hint
    """Return the function that reads a value of a type from JSON; None where it stays as it is."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return next(_reader(argument) for argument in arguments if argument is not type(None))
    if origin is list:
        item = _reader(arguments[0])
        return None if item is None else lambda stored: [item(value) for value in stored]
    if origin is dict:
        entry = _reader(arguments[1])
        return None if entry is None else lambda stored: {k: entry(v) for k, v in stored.items()}
    if is_dataclass(hint):
        return _object_reader(hint)  # type: ignore[arg-type] # a class, as every hint is
    if isinstance(hint, type) and issubclass(hint, tuple):
        return lambda stored: hint(*stored)
    return _SCALARS.get(hint)


_SCALARS: Final[dict[Any, Reader]] = {UUID: UUID, datetime: datetime.fromisoformat}

_INVOICES: Final = ViewCodec(InvoiceView)
SUBSCRIPTIONS: Final = ViewCodec(SubscriptionView)

to_json = _INVOICES.to_json
from_json = _INVOICES.from_json
