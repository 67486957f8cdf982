"""Random changes of JSON objects: other types, sizes and values at any path, missing fields."""

from __future__ import annotations

import copy
import random
from typing import Any, Final

Json = dict[str, Any]

_PRINTABLE: Final = range(33, 127)
_WIDE: Final = range(0x1F300, 0x1F600)  # four bytes each in UTF-8


def random_text(source: random.Random, length: int, *, wide: bool = False) -> str:
    """Make a text that no compression shortens much."""
    return "".join(chr(source.choice(_WIDE if wide else _PRINTABLE)) for _ in range(length))


def _odd_value(source: random.Random, old: Any) -> Any:
    texts = [
        *(
            "",
            " ",
            "abc",
            "0",
            "-1",
            "1e400",
            "Infinity",
            "NaN",
            "null",
            "\x00",
            "\u2028",
            "\ud800",
        ),
        *("2026-02-30", "9999-12-31T23:59:59Z", "eur", "EUR", "xyz", "active", "paid", "deleted"),
        random_text(source, source.choice([255, 256, 2_000, 9_000, 60_000])),
        random_text(source, source.choice([64, 255, 256, 3_000]), wide=True),
    ]
    numbers = [
        *(0, 1, -1, 2**31, 10**12, 10**15, 10**15 + 1, 2**53, 2**63 - 1, 2**63, -(2**63), 2**64),
        *(0.1, -1.5, 1e300, 253_402_300_799, 253_402_300_800, source.getrandbits(62)),
    ]
    shapes: list[Any] = [
        *(None, True, False, [], {}, [None], [[]], {"": ""}, [old], {"id": old}, [old] * 50),
        {"_type_": "boom", "_data_": "x"},
        {"_type_": "uuid_hex", "_data_": "x"},
        {"id": random_text(source, 9_000)},
        {random_text(source, 300): random_text(source, 300)},
        {f"key{number}": str(number) for number in range(300)},
    ]
    kinds: list[list[Any]] = [texts, numbers, shapes]
    return source.choice(source.choice(kinds))


def _places(node: Any) -> list[tuple[Any, Any]]:
    """List the containers below a node with each of their keys."""
    here = list(node) if isinstance(node, dict) else list(range(len(node)))
    found = [(node, key) for key in here]
    for key in here:
        if isinstance(node[key], dict | list):
            found += _places(node[key])
    return found


def mutated(source: random.Random, original: Json) -> Json:
    """Copy an object with one to four random changes."""
    changed = copy.deepcopy(original)
    for _ in range(source.choice([1, 1, 1, 2, 4])):
        places = _places(changed)
        if not places:
            break
        container, key = source.choice(places)
        if source.random() < 0.15:
            del container[key]
        else:
            container[key] = _odd_value(source, copy.deepcopy(container[key]))
    return changed


def stretched(source: random.Random, original: Json) -> Json:
    """Copy an object with one value of the same type, mostly one that may be accepted."""
    changed = copy.deepcopy(original)
    places = [
        (container, key)
        for container, key in _places(changed)
        if isinstance(container[key], str | int | float | dict)
    ]
    if places:
        container, key = source.choice(places)
        container[key] = _same_type(source, container[key])
    return changed


def _same_type(source: random.Random, old: Any) -> Any:
    if isinstance(old, bool):
        return not old
    if isinstance(old, int | float):
        return source.choice([0, 1, old + 1, 99_999_999, 1_000_000, 2**31])
    if isinstance(old, str):
        length = source.choice([1, 30, 64, 255, 1_000])
        return source.choice(
            [
                random_text(source, length),
                random_text(source, length, wide=True),
                "\u2028",
                "\ufdfa" * 255,  # 18 characters each once it is normalized
            ]
        )
    marked = {"_type_": "boom", "_data_": "x", random_text(source, 40): random_text(source, 250)}
    return old | marked
