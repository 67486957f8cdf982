"""Bytes that are kept beside the log, so that they can be forgotten."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Self
from uuid import UUID

from isal import isal_zlib

from eventlog.errors import BodyDamaged

_RAW = b"\x00"
_ZLIB = b"\x01"
# The fastest of isal, which writes zlib's format: JSON of a provider becomes a sixth larger than
# at zlib's level 3, in a quarter of the time.
_LEVEL = 0


@dataclass(frozen=True)
class Body:
    """Bytes under their sha256, and the tenant whose erasure deletes them (None: nobody's)."""

    sha256: bytes
    tenant: UUID | None
    data: bytes

    @classmethod
    def of(cls, data: bytes, tenant: UUID | None) -> Self:
        """Name the bytes by their hash."""
        return cls(sha256=hashlib.sha256(data).digest(), tenant=tenant, data=data)

    @cached_property
    def packed(self) -> bytes:
        """The bytes as stored: a mark of how, then the bytes, compressed where that helps."""
        compressed = isal_zlib.compress(self.data, _LEVEL)
        if len(compressed) < len(self.data):
            return _ZLIB + compressed
        return _RAW + self.data

    def pack(self) -> None:
        """Compress now, in this thread."""
        _ = self.packed


def unpack(packed: bytes, *, sha256: bytes) -> bytes:
    """Return the bytes of a stored body. Raises BodyDamaged."""
    try:
        data = isal_zlib.decompress(packed[1:]) if packed[:1] == _ZLIB else packed[1:]
    except isal_zlib.error:  # type: ignore[misc] # declared as an instance
        data = None
    if data is None or hashlib.sha256(data).digest() != sha256:
        raise BodyDamaged(f"body {sha256.hex()} is not what was stored")
    return data
