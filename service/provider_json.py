"""JSON that a provider sent: read, cleaned, secrets cut, before anything is stored."""

import json
import re
from typing import Any, Final

import orjson

from service.text import cleaned

_DEEPEST: Final = 100
# What the quick way may not meet: escapes (of control characters, of surrogates), raw DEL and C1,
# and secrets. Stripe's whitespace between values is none of these.
_NEEDS_CARE: Final = re.compile(rb"\\[bfnrtu]|\x7f|\xc2[\x80-\x9f]|secret")
_SECRET_IN_URL: Final = re.compile(r"(client_secret=)[^&#\s]*")
_SECRET_VALUE: Final = re.compile(r"\b(?:pi|seti|src|cs|pm|ek)_\w*_secret_\w*")
_SECRET_KEYS: Final = frozenset({"client_secret"})


class Unreadable(ValueError):
    """It is no JSON object that we can keep; says nothing of its content."""


def read_object(raw: bytes) -> tuple[dict[str, Any], bytes]:
    """Give a JSON object, and the bytes to store of it. Raises Unreadable."""
    quick = _NEEDS_CARE.search(raw) is None
    try:
        parsed = orjson.loads(raw) if quick else json.loads(raw)
        safe = without_secrets(parsed)
        if not isinstance(safe, dict):
            raise Unreadable("no object")
        return safe, raw if quick else _dumped(safe)
    except (ValueError, RecursionError) as error:
        raise Unreadable(type(error).__name__) from None


def without_secrets(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Give JSON cleaned and without what opens anything. Raises Unreadable."""
    return _safe(value, depth=0)


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _safe(value: Any, *, depth: int) -> Any:  # noqa: ANN401 - any JSON
    if depth > _DEEPEST:
        raise Unreadable("too deep")
    if isinstance(value, str):
        return _cut(cleaned(value))
    if isinstance(value, list):
        return [_safe(item, depth=depth + 1) for item in value]
    if isinstance(value, dict):
        return {
            cleaned(key): _safe(item, depth=depth + 1)
            for key, item in value.items()
            if key not in _SECRET_KEYS
        }
    return value


def _cut(text: str) -> str:
    if "secret" not in text:
        return text
    return _SECRET_VALUE.sub("[cut]", _SECRET_IN_URL.sub(r"\1[cut]", text))
