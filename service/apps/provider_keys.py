"""Formats of providers' secret keys and of connection names."""

import re
from typing import Final

from domain.core.providers import Mode, Provider

CONNECTION_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEYS: Final[dict[Provider, re.Pattern[str]]] = {
    "stripe": re.compile(r"(?:sk|rk)_(?P<mode>live|test)_[\x21-\x7e]+"),
    "mollie": re.compile(r"(?P<mode>live|test)_[A-Za-z0-9_]+"),
}


def mode_of(provider: Provider, key: str) -> Mode | None:
    """Return the mode of a provider's key; None if it is not a key of this provider."""
    found = _KEYS[provider].fullmatch(key)
    if found is None:
        return None
    return "live" if found["mode"] == "live" else "test"
