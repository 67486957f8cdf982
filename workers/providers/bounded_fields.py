"""Field types of provider objects: strict about types, and bounded by what every store can hold.

PostgreSQL's b-tree indexes refuse keys of about 2,700 bytes, its `bigint` holds 64 bits, and the
calendar ends with the year 9999. Texts for people are cut, since the whole object is stored beside
the log; ids and links that are too long are refused, since a part of one names another object.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
)

from domain.gateway.errors import ProviderObjectUnreadable
from eventlog.field_types import KEY_LENGTH
from eventlog.security.safe_json import cleaned

LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999 in Unix seconds."""
# Sums of several thousand such amounts still fit in 64 bits.
MAX_AMOUNT_MINOR: Final = 10**15
MAX_QUANTITY: Final = 10**12
MAX_INTERVAL_COUNT: Final = 10_000
TEXT_LENGTH: Final = 5_000
URL_LENGTH: Final = 5_000
MAX_METADATA_KEYS: Final = 200
_PATH_LENGTH: Final = 200
_NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f-\x{9f}]*$"


def _cut(text: str) -> str:
    return cleaned(text[:TEXT_LENGTH])


def _id_of(value: object) -> object:
    """Return the id of an object that is expanded in the place of its id."""
    return value.get("id") if isinstance(value, dict) else value


def _object_if_expanded(value: object) -> object:
    return None if isinstance(value, str) else value


def _decimal(value: object) -> object:
    """Read a JSON number, or a decimal in a string, without binary fractions."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("no decimal")  # noqa: TRY004 - pydantic turns it into a ValidationError
    if len(text := str(value)) > KEY_LENGTH:
        raise ValueError("too many digits")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("no decimal") from None


def read_metadata(value: object) -> dict[str, str]:
    """Read metadata of string values; the error's path leaves out the key, which is foreign."""
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_METADATA_KEYS:
        raise ValueError("no metadata")
    for key, item in value.items():
        if not isinstance(item, str) or len(key) > KEY_LENGTH:
            raise ValueError("no metadata")
    return {cleaned(key): _cut(item) for key, item in value.items()}


Token = Annotated[str, StringConstraints(min_length=1, max_length=KEY_LENGTH, pattern=_NO_CONTROLS)]
"""An id, code or name of the provider: 1 to 255 characters, no control characters."""

TokenOrObject = Annotated[Token, BeforeValidator(_id_of)]
"""An id, or the object that it names."""

EXPANDED: Final = BeforeValidator(_object_if_expanded)
"""Validator before a model or None: None where only the object's id is present."""

Currency = Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]
Time = Annotated[int, Field(ge=0, le=LAST_SECOND)]
"""Unix seconds inside the calendar."""

Amount = Annotated[int, Field(ge=-MAX_AMOUNT_MINOR, le=MAX_AMOUNT_MINOR)]
"""Minor units."""

DecimalAmount = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    Field(ge=-MAX_AMOUNT_MINOR, le=MAX_AMOUNT_MINOR, allow_inf_nan=False),
]
"""Minor units with a fraction."""

Count = Annotated[int, Field(ge=0, le=MAX_QUANTITY)]
IntervalCount = Annotated[int, Field(ge=1, le=MAX_INTERVAL_COUNT)]
Percentage = Annotated[Decimal, BeforeValidator(_decimal), Field(ge=0, le=100, allow_inf_nan=False)]
Text = Annotated[str, AfterValidator(_cut)]
"""A text for people, cut at 5,000 characters."""

Url = Annotated[str, StringConstraints(max_length=URL_LENGTH, pattern=_NO_CONTROLS)]
Metadata = Annotated[dict[str, str], PlainValidator(read_metadata)]


class ProviderObject(BaseModel):
    """Base of the models of provider objects: no conversions, unknown fields are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


def raw_json(data: object, *, kind: str) -> bytes:
    """Return an object's JSON as it is stored. Raises ProviderObjectUnreadable.

    Numbers beyond 64 bits and texts with lone surrogates have none.
    """
    try:
        return orjson.dumps(data)
    except TypeError:
        raise ProviderObjectUnreadable(kind) from None


@contextmanager
def reading(kind: str) -> Iterator[None]:
    """Read fields of JSON. Raises ProviderObjectUnreadable where it has another shape."""
    try:
        yield
    except (AttributeError, LookupError, StopIteration, TypeError, ValueError):
        # The cause holds the object's values.
        raise ProviderObjectUnreadable(kind) from None


AnyObject = TypeVar("AnyObject", bound=ProviderObject)


def read_as(model: type[AnyObject], data: object, *, kind: str) -> AnyObject:
    """Read an object. Raises ProviderObjectUnreadable with the path of the first unfit field."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found: Any = error.errors(include_url=False, include_input=False, include_context=False)
        path = ".".join(map(str, (kind, *found[0]["loc"])))
        # The cause holds the object's values.
        raise ProviderObjectUnreadable(path[:_PATH_LENGTH]) from None
