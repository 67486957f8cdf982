"""Write PNG pictures of pages with a palette: a third of their size, with the standard library."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLORS: Final = 256
_FREQUENT: Final = 192
_CHANNELS: Final = {2: 3, 6: 4}  # by colour type: RGB, RGBA
_PALETTE_TYPE: Final = 3

Color = tuple[int, ...]


def with_palette(png: bytes) -> bytes:
    """Reduce an 8-bit RGB or RGBA picture without transparency to 256 colours.

    Others, most of them at the edges of letters, become the nearest of these. Source: the
    PNG specification, filtering.
    """
    chunks = list(_chunks(png))
    width, height, depth, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    if depth != 8 or kind not in _CHANNELS:
        raise ValueError("not an 8-bit RGB picture")
    data = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    rows = [
        [tuple(row[at : at + 3]) for at in range(0, len(row), _CHANNELS[kind])]
        for row in _unfiltered(data, stride=width * _CHANNELS[kind], step=_CHANNELS[kind])
    ]
    index = _index(Counter(color for row in rows for color in row))
    palette = list(dict.fromkeys(sorted(index, key=lambda color: index[color])))
    packed = b"".join(b"\0" + bytes(index[color] for color in row) for row in rows)
    colors = {index[color]: color for color in reversed(palette)}
    header = struct.pack(">IIBBBBB", width, height, 8, _PALETTE_TYPE, 0, 0, 0)
    table = b"".join(bytes(colors[number]) for number in range(len(colors)))
    parts = ((b"IHDR", header), (b"PLTE", table), (b"IDAT", zlib.compress(packed, 9)))
    return _SIGNATURE + b"".join(_chunk(*part) for part in (*parts, (b"IEND", b"")))


def _index(found: Counter[Color]) -> dict[Color, int]:
    """Number the colours that are kept, and give each other one the number of its nearest.

    Kept are the most frequent, and then those that differ most from all that are kept: a dot of a
    few pixels stays green.
    """
    kept = [color for color, _ in found.most_common(_FREQUENT)]
    others = set(found) - set(kept)
    nearest = {
        color: min((_distance(color, one), number) for number, one in enumerate(kept))
        for color in others
    }
    while nearest and len(kept) < _COLORS:
        farthest = max(nearest, key=lambda color: (nearest[color], color))
        del nearest[farthest]
        kept.append(farthest)
        for color, known in nearest.items():
            nearest[color] = min(known, (_distance(color, farthest), len(kept) - 1))
    index = {color: number for number, color in enumerate(kept)}
    return index | {color: number for color, (_, number) in nearest.items()}


def _distance(one: Color, other: Color) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _unfiltered(data: bytes, *, stride: int, step: int) -> Iterator[bytearray]:
    """Yield the rows of a picture's filtered bytes."""
    above = bytearray(stride)
    for start in range(0, len(data), stride + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + stride])
        for at in range(stride) if kind else ():
            left = row[at - step] if at >= step else 0
            corner = above[at - step] if at >= step else 0
            row[at] = (row[at] + _predicted(kind, left, above[at], corner)) & 255
        yield row
        above = row


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    """Predict a byte by the row's filter: 1 left, 2 above, 3 mean, 4 Paeth."""
    if kind == 1:
        return left
    if kind == 2:
        return up
    if kind == 3:
        return (left + up) // 2
    near = left + up - corner
    return min((left, up, corner), key=lambda value: abs(near - value))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += size + 12


def _chunk(name: bytes, body: bytes) -> bytes:
    crc = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc)
