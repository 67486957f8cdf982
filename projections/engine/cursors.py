"""Encode the end of a page as an opaque cursor that only the same list accepts."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson

from projections.engine.errors import BadCursor

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LONGEST: Final = 300
_BIGINT: Final = 2**63


@dataclass(frozen=True)
class PageKey:
    """The last row of a page: the value that the list is ordered by, and the id."""

    value: int
    id: UUID


def fingerprint(*parts: object) -> str:
    """Name a list by its filter and order."""
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:16]


def write(key: PageKey, *, list_name: str) -> str:
    """Write a cursor."""
    packed = orjson.dumps([list_name, key.value, key.id])
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read(cursor: str, *, list_name: str) -> PageKey:
    """Read a cursor. Raises BadCursor for a broken one and for another list's."""
    if len(cursor) > _LONGEST:
        raise BadCursor("too long")
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        name, value, row_id = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        key = PageKey(value=value, id=UUID(row_id))
    except (binascii.Error, ValueError, TypeError, AttributeError) as error:
        raise BadCursor("broken") from error
    if name != list_name:
        raise BadCursor("of another list")
    if type(value) is not int or not -_BIGINT <= value < _BIGINT:
        raise BadCursor("broken")
    return key


def to_microseconds(moment: datetime) -> int:
    """Count the microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the cursor's time. Raises BadCursor beyond the calendar."""
    try:
        return _EPOCH + count * _MICROSECOND
    except OverflowError as error:
        raise BadCursor("broken") from error
