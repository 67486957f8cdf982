"""Strings from callers: refused where they may not be stored, named where they are at fault."""

from typing import Final

from eventlog.safe_json import UNSAFE, cleaned

_LONGEST_PATH: Final = 200


def is_safe(text: str) -> bool:
    """Tell whether a string may be stored as it is."""
    return UNSAFE.search(text) is None


def field_path(parts: tuple[int | str, ...]) -> str:
    """Name a field as callers write it: `lineItems.3.amountMinor`. Keys may be a caller's own."""
    return cleaned(".".join(str(part) for part in parts))[:_LONGEST_PATH]
