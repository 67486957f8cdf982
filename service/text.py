"""Strings from outside: refused in requests, cleaned in what providers send."""

import re
from typing import Final

# NUL and the other control characters (C0, DEL, C1), and halves of surrogate pairs: PostgreSQL's
# JSON, XML, logs and terminals each choke on some of them.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_WHITESPACE: Final = {"\t": " ", "\n": " ", "\r": " "}
_LONGEST_PATH: Final = 200


def is_safe(text: str) -> bool:
    """Tell whether a string may be stored as it is."""
    return _UNSAFE.search(text) is None


def cleaned(text: str) -> str:
    """Give the string without what may not be stored: blanks for line ends, U+FFFD for the rest."""
    return _UNSAFE.sub(lambda found: _WHITESPACE.get(found[0], "\ufffd"), text)


def field_path(parts: tuple[int | str, ...]) -> str:
    """Name a field as callers write it: `lineItems.3.amountMinor`. Keys may be a caller's own."""
    return cleaned(".".join(str(part) for part in parts))[:_LONGEST_PATH]
