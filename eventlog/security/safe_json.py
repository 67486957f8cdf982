"""JSON that a provider sent: read, cleaned, secrets cut, before anything is stored."""

import json
import re
from typing import Any, Final

import orjson

# NUL and the other control characters (C0, DEL, C1), and halves of surrogate pairs: PostgreSQL's
# JSON, XML, logs and terminals each choke on some of them.
UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_WHITESPACE: Final = {"\t": " ", "\n": " ", "\r": " "}
_DEEPEST: Final = 100
# Walking more would hold up the loop that all callers share; events have hundreds at most.
_MOST_OPENED: Final = 50_000
# What the quick way may not meet: escapes (of control characters, of surrogates), raw DEL and C1,
# and secrets. Stripe's whitespace between values is none of these. Each has one of the hints in
# it: a plain search for these takes a tenth of the pattern's time, and mostly finds none.
_NEEDS_CARE: Final = re.compile(rb"\\[bfnrtu]|\x7f|\xc2[\x80-\x9f]|secret")
_SECRET_IN_URL: Final = re.compile(r"(client_secret=)[^&#\s]*")
_SECRET_VALUE: Final = re.compile(r"\b(?:pi|seti|src|cs|pm|ek)_\w*_secret_\w*")
_SECRET_KEYS: Final = frozenset({"client_secret"})
# Fields as orjson writes them: not the first of their object, and the first. Quotes inside of a
# text are escaped, so that these are names of fields. Patterns that begin with a text are quick.
_SECRET_FIELD: Final = re.compile(rb',"client_secret":(?:"[^"\\]*"|null)')
_FIRST_SECRET_FIELD: Final = re.compile(rb'{"client_secret":(?:"[^"\\]*"|null),?')
# A constant: a union of types would be made anew for each value.
_WALKED: Final = (str, list, dict)


class Unreadable(ValueError):
    """The bytes are no JSON object that can be stored; the message omits its content."""


def read_object(raw: bytes) -> tuple[dict[str, Any], bytes]:
    """Return a JSON object, and the bytes to store of it. Raises Unreadable."""
    try:
        if not _needs_care(raw):
            return _shallow_object(orjson.loads(raw), raw), raw
        safe = _safe(_shallow_object(json.loads(raw), raw))
        return safe, _dumped(safe)
    except (ValueError, RecursionError) as error:
        raise Unreadable(type(error).__name__) from None


def cleaned(text: str) -> str:
    """Replace what may not be stored: line ends by blanks, the rest by U+FFFD."""
    if text.isprintable():
        return text
    return UNSAFE.sub(lambda found: _WHITESPACE.get(found[0], "\ufffd"), text)


def without_secrets(value: dict[str, Any]) -> dict[str, Any]:
    """Return JSON cleaned and without secrets: the value itself where there is nothing to do."""
    try:
        # Writing it takes a twentieth of the time of walking all of it.
        raw = orjson.dumps(value)
        # Mostly a payment's secret is all there is: then reading the rest again is quick.
        cut = (
            _FIRST_SECRET_FIELD.sub(b"{", _SECRET_FIELD.sub(b"", raw)) if b"secret" in raw else raw
        )
        if not _needs_care(cut):
            return value if cut == raw else _object_in(cut)
    except (TypeError, orjson.JSONDecodeError):
        pass  # what orjson does not write, as halves of surrogate pairs, is walked
    safe: dict[str, Any] = _safe(value)
    return safe


def _object_in(raw: bytes) -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(raw)
    return read


def _needs_care(raw: bytes) -> bool:
    has_hint = b"\\" in raw or b"\x7f" in raw or b"\xc2" in raw or b"secret" in raw
    return has_hint and _NEEDS_CARE.search(raw) is not None


def _shallow_object(parsed: object, raw: bytes) -> dict[str, Any]:
    """Pass on an object that is nested no deeper than can be walked. Raises Unreadable."""
    if not isinstance(parsed, dict):
        raise Unreadable("no object")
    opened = raw.count(b"{") + raw.count(b"[")
    if opened <= _DEEPEST:
        return parsed  # what opens so few cannot be deeper than that
    if opened > _MOST_OPENED:
        raise Unreadable("too many objects and lists")
    level: list[Any] = [parsed]
    for _ in range(_DEEPEST):
        inner = [node.values() if isinstance(node, dict) else node for node in level]
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return parsed
    raise Unreadable("too deep")


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _safe(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return _safe_text(value)
    if isinstance(value, list):
        return [_safe(item) for item in value]
    if isinstance(value, dict):
        return {
            # Numbers, truth values and null are most of the values: no call for them.
            key if key.isprintable() else cleaned(key): (
                _safe(item) if isinstance(item, _WALKED) else item
            )
            for key, item in value.items()
            if key not in _SECRET_KEYS
        }
    return value


def _safe_text(text: str) -> str:
    """Return a text as it is, unless it may have a secret or a character that UNSAFE matches."""
    if text.isprintable() and "secret" not in text:
        return text
    return _cut(cleaned(text))


def _cut(text: str) -> str:
    if "secret" not in text:
        return text
    return _SECRET_VALUE.sub("[cut]", _SECRET_IN_URL.sub(r"\1[cut]", text))
