"""Keys that open an app: how they look, and what we keep of them."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Final

from domain.apps.commands import KeyKind

KEY_BYTES: Final = 32
_SHOWN: Final = 6


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key as its holder sees it once; we keep `sha256` (hex) and `prefix`."""

    text: str = field(repr=False)
    sha256: str
    prefix: str


def new_key(kind: KeyKind, randomness: bytes) -> NewKey:
    """Make a key of 256 random bits: `bh_write_…`."""
    assert len(randomness) == KEY_BYTES, "a key takes 32 random bytes"  # noqa: S101 - guards every caller
    text = f"bh_{kind}_{urlsafe_b64encode(randomness).rstrip(b'=').decode()}"
    return NewKey(text=text, sha256=digest(text), prefix=text[: len(f"bh_{kind}_") + _SHOWN])


def digest(text: str) -> str:
    """Return what is stored of a key, and what a caller's key is looked up by: SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
